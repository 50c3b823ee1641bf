"""Ours and the peers, side by side: `python -m benchmarks` (extras `test`, `peers`, `suites`).

That is `pytest benchmarks`, with the options of pytest-benchmark, `--rounds` and `--task`, and
then the table: `report.py` makes it of `results.json`. A task (`tasks.py`) has engines
(`*_engines.py`); each runs in a worker (`worker.py` is its inside, `remote.py` its outside),
and `rounds.py` asks them in turn.
"""
