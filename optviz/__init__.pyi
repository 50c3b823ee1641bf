"""The public names of optviz, and where each lives."""

from . import adapters as adapters
from . import bench as bench
from . import data as data
from . import nn as nn
from .adapters.trace import Trace as Trace
from .adapters.trace import trace as trace
from .explorer.notebook import explore as explore
from .functions.base import Function as Function
from .functions.catalogue import function as function
from .functions.slices import slice as slice
from .functions.space import SpaceFunction as SpaceFunction
from .landscapes import Landscape as Landscape
from .landscapes import landscape as landscape
from .optimizers import schedules as schedules
from .optimizers.base import Optimizer as Optimizer
from .optimizers.catalogue import FTRL as FTRL
from .optimizers.catalogue import SGD as SGD
from .optimizers.catalogue import AdaDelta as AdaDelta
from .optimizers.catalogue import AdaGrad as AdaGrad
from .optimizers.catalogue import Adam as Adam
from .optimizers.catalogue import Adamax as Adamax
from .optimizers.catalogue import AdamW as AdamW
from .optimizers.catalogue import Adan as Adan
from .optimizers.catalogue import AMSGrad as AMSGrad
from .optimizers.catalogue import Lion as Lion
from .optimizers.catalogue import Momentum as Momentum
from .optimizers.catalogue import Nadam as Nadam
from .optimizers.catalogue import Nesterov as Nesterov
from .optimizers.catalogue import RAdam as RAdam
from .optimizers.catalogue import RMSProp as RMSProp
from .optimizers.parse import parse_optimizer as parse_optimizer
from .optimizers.rule import grand_total as grand_total
from .optimizers.rule import total as total
from .optimizers.schedule_free import ScheduleFree as ScheduleFree
from .optimizers.schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
from .optimizers.searches import Armijo as Armijo
from .optimizers.searches import ConjugateGradient as ConjugateGradient
from .optimizers.searches import Newton as Newton
from .optimizers.searches import Polyak as Polyak
from .optimizers.searches import Wolfe as Wolfe
from .optimizers.whole_arrays import LAMB as LAMB
from .optimizers.whole_arrays import LARS as LARS
from .optimizers.whole_arrays import BarzilaiBorwein as BarzilaiBorwein
from .optimizers.whole_arrays import Prodigy as Prodigy
from .runs.axis import Axis as Axis
from .runs.basins import Basins as Basins
from .runs.explanation import Explanation as Explanation
from .runs.paths import table as table
from .runs.race import ensemble as ensemble
from .runs.race import race as race
from .runs.sweep import Sweep as Sweep
from .runs.sweep import sweep as sweep
from .runs.trajectory import Trajectory as Trajectory
from .runs.trajectory import minimize as minimize
from .runs.tuning import Tuning as Tuning
from .runs.tuning import tune as tune
from .shared.catalogue import CatalogueModule
from .shared.progress import Progress as Progress
from .studies.basins import basins as basins
from .studies.explain import explain as explain
from .studies.files import replay as replay
from .studies.files import save as save
from .studies.lookup import study as study
from .studies.phase import PhaseDiagram as PhaseDiagram
from .studies.phase import phase as phase
from .studies.sensitivity import Sensitivity as Sensitivity
from .studies.sensitivity import sensitivity as sensitivity
from .studies.shown import animate as animate
from .studies.shown import plot as plot

__version__: str
TYPE_CHECKING: bool

if not TYPE_CHECKING:
    # Modules that are mappings as well: `ov.optimizers["adam"]`, `ov.functions["beale"]`.
    from . import functions as functions
    from . import optimizers as optimizers

optimizers: CatalogueModule[type[Optimizer]]
functions: CatalogueModule[Function]
