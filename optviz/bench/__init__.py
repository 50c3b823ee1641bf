"""Which optimizer is better at what, and how sure are we: suites, a store, and a report.

>>> from optviz import bench
>>> bench.read_suite("quick").optimizers
('sgd', 'momentum', 'adagrad', 'rmsprop', 'adam')
"""

from optviz.bench.plan import Status
from optviz.bench.problems import problem
from optviz.bench.report import Report, report
from optviz.bench.results import Results, load
from optviz.bench.running import run, status
from optviz.bench.store import Store, StoreError, merge
from optviz.bench.suite import SUITES, Suite, read_suite

__all__ = [
    "SUITES",
    "Report",
    "Results",
    "Status",
    "Store",
    "StoreError",
    "Suite",
    "load",
    "merge",
    "problem",
    "read_suite",
    "report",
    "run",
    "status",
]
