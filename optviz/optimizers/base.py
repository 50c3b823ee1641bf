"""What every optimizer shares: checked hyperparameters, the compiled kernel, and state.

The rules themselves are in `catalogue.py`, ranges of hyperparameters in `hyper.py`.
"""

from __future__ import annotations

import functools
import inspect
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import jit, sources
from optviz.optimizers.hyper import Hyper, ranges_of
from optviz.optimizers.rule import (
    STEP,
    SUMS,
    Arguments,
    Program,
    RuleError,
    kernel_source,
    program_of,
)
from optviz.optimizers.schedules import Own, Schedule
from optviz.optimizers.state import ArrayState, check_pairs, known_keys, step_together
from optviz.optimizers.state_text import read_state, state_text
from optviz.optimizers.wrappers import AVERAGE, OWNERS, WRAPPERS, wrapped
from optviz.shared.text import did_you_mean, listed, number

Setting = float | bool | Schedule
Array = NDArray[Any]


class Optimizer:
    """An update rule with its settings and, once it has stepped, its state.

    A subclass gives `defaults` and a `rule` (see `rule.py` for what a rule may hold); it
    then works everywhere a built-in optimizer does.

    Parameters
    ----------
    *args, **settings
        Hyperparameters in the order of `defaults`, by position or name. `lr` may be a number, a
        schedule from `optviz.schedules`, or any function of the step (from 0) that gives a rate.
    convention
        Whose formula and defaults: one of `conventions`; "book" unless told.
    clip_norm : float > 0
        Every optimizer takes this and the following, and has none of them unless told: gradients
        whose norm, over all arrays together, is larger are shortened to it (Pascanu et al., 2013).
    lookahead : int ≥ 1
        Every so many steps the weights go back towards where they were before them, with the
        share `slow_step` (0.5) of the way (Zhang et al., 2019).
    ema : float in [0, 1)
        What the run has come to is a running mean of its points that keeps this share; gradients
        are taken where the optimizer is.
    swa : int ≥ 1
        The same with the mean of all points from this step on (Izmailov et al., 2018).

    Raises
    ------
    ValueError
        For a hyperparameter that is unknown or outside its range, or a convention that the
        optimizer does not have.

    Examples
    --------
    >>> import numpy as np, optviz as ov
    >>> class SignMomentum(ov.Optimizer):
    ...     defaults = {"lr": 0.01, "beta": 0.9}
    ...     @staticmethod
    ...     def rule(x, g, m, lr, beta):
    ...         m = beta * m + (1 - beta) * g
    ...         return x - lr * np.sign(m), m
    >>> params = {"w": np.array([1.0, -2.0])}
    >>> SignMomentum(lr=0.5).update(params, {"w": np.array([3.0, -3.0])})
    >>> params["w"]
    array([ 0.5, -1.5])
    """

    #: Default hyperparameters, or a mapping of convention to them. `share(0.9)` and its like from
    #: `hyper.py` say the range as well.
    defaults: ClassVar[Mapping[str, Any]] = {}
    #: The rule of each convention; a subclass with one rule calls it `rule` instead.
    rules: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    #: What slots start from: a number or the name of a hyperparameter (0 unless told).
    initial: ClassVar[Mapping[str, str | float]] = {}
    #: The update as an equation in one line, for tables and pictures.
    equation: ClassVar[str] = ""
    #: The colour of its paths, `#rrggbb`; pictures choose one unless it is given.
    color: ClassVar[str] = ""
    #: The hyperparameter that is tuned, scanned and scheduled.
    rate_name: ClassVar[str] = "lr"
    #: Whether the rule divides by its rate, which then may not be 0.
    divides_by_rate: ClassVar[bool] = False
    #: The slot of what a run has come to, where that is not the place of the gradients.
    comes_to: ClassVar[str] = ""
    #: Whether `clip_norm`, `lookahead`, `ema` and `swa` can stand around it.
    takes_wrappers: ClassVar[bool] = True
    #: Whether its kernel can be handed to compiled loops.
    is_compiled: ClassVar[bool] = True
    _ranges: ClassVar[Mapping[str, Hyper]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not all(isinstance(value, Mapping) for value in cls.defaults.values()):
            cls.defaults = {"book": cls.defaults}
        cls._ranges = ranges_of(cls.defaults.values(), cls.rate_name)
        if rule := cls.__dict__.get("rule"):
            cls.rules = dict.fromkeys(cls.defaults, rule)
            if inspect.isfunction(rule):  # of an instance it would be a method, and x the optimizer
                cls.rule = staticmethod(rule)  # type: ignore[method-assign]
        book: Mapping[str, Any] = next(iter(cls.defaults.values()), {})
        kind = inspect.Parameter
        parameters = [kind("self", kind.POSITIONAL_ONLY)]
        parameters += [
            kind(name, kind.POSITIONAL_OR_KEYWORD, default=value) for name, value in book.items()
        ]
        parameters.append(kind("convention", kind.KEYWORD_ONLY, default="book"))
        signature = inspect.Signature(parameters[1:])
        cls.__signature__ = signature  # type: ignore[attr-defined]

    def __init__(self, *args: Setting, convention: str = "book", **settings: Setting) -> None:
        kind = type(self).__name__
        if not self.defaults:
            raise ValueError(f"{kind} has no defaults: give them in the class")
        if not self.rules:
            raise ValueError(f"{kind} has no rule: give it one in the class")
        if convention not in self.defaults:
            raise ValueError(
                f"{kind} has no convention {convention!r}; it has {listed(self.defaults)}"
            )
        defaults = self.defaults[convention]
        if len(args) > len(defaults):
            raise ValueError(f"{kind} takes at most {len(defaults)}: {listed(defaults)}")
        for name, value in zip(defaults, args, strict=False):
            if name in settings:
                raise ValueError(f"{kind}: {name} is given twice")
            settings[name] = value
        for name in settings:
            if name not in defaults and name not in OWNERS:
                hint = did_you_mean(name, [*defaults, *OWNERS])
                around = f", and as all have {listed(OWNERS)}" if self.takes_wrappers else ""
                raise ValueError(
                    f"{kind} in the {convention} convention has no {name!r}{hint}; "
                    f"it has {listed(defaults)}{around}"
                )
        self.convention = convention
        self._hyper: dict[str, Setting] = {}
        self._wrappers = self._wrappers_of(settings)
        defaults = {**defaults, **self._around}
        for name, default in defaults.items():
            self._set(name, settings.get(name, default))
        self._states: dict[str, ArrayState] = {}
        self._steps = 0
        if self._wrappers:
            self._check_wrappers()

    def _check_wrappers(self) -> None:
        """Whether what stands around the rule goes with it."""
        kind, names = type(self).__name__, listed(self._wrappers)
        if not self.takes_wrappers:
            raise ValueError(f"{kind} makes its own way: {names} is not for it")
        if self.comes_to and (average := {"ema", "swa"} & set(self._wrappers)):
            raise ValueError(f"{kind} keeps an average of its own: leave {listed(average)} out")
        if self.is_compiled and "clip_norm" in self._wrappers and self._rule_sums_all:
            try:
                kernel_source(self._program)
            except RuleError:
                raise ValueError(
                    f"{kind} sums over all arrays itself, and cannot have clip_norm: leave it out"
                ) from None

    def _wrappers_of(self, settings: Mapping[str, Setting]) -> tuple[str, ...]:
        """What stands around the rule, by the settings that were given."""
        kind, own = type(self).__name__, self.defaults[self.convention]
        given = {name for name in settings if name not in own}
        found = tuple(name for name in WRAPPERS if name in given)
        for name in sorted(given):
            if (owner := OWNERS[name]) not in found:
                raise ValueError(f"{kind}: {name} goes with {owner}=, which is missing")
        if {"ema", "swa"} <= given:
            raise ValueError(f"{kind}: ema and swa are two averages: give one of them")
        return found

    @property
    def _around(self) -> dict[str, Hyper]:
        """The settings of its wrappers."""
        return {k: v for name in self._wrappers for k, v in WRAPPERS[name].settings.items()}

    def _set(self, name: str, value: Setting) -> None:
        kind = type(self).__name__
        if isinstance(value, Schedule) or callable(value):
            if name != self.rate_name:
                raise ValueError(f"{kind}: only {self.rate_name} can be a schedule, not {name}")
            self._hyper[name] = value if isinstance(value, Schedule) else Own(value)
            return
        declared = self._around.get(name) or self._ranges[name]
        self._hyper[name] = declared.checked(f"{kind}: {name} must be", value)

    # Settings are read and changed as attributes: `opt.lr *= 0.5` works in a training loop.

    def __getattr__(self, name: str) -> Any:
        hyper = self.__dict__.get("_hyper", {})
        if name in hyper:
            return hyper[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("_hyper", {}):
            self._set(name, value)
            for state in self._states.values():
                state.hyper[: len(self._hyper)] = self.hyper_vector()[: len(self._hyper)]
        elif "_steps" in self.__dict__ and not (name.startswith("_") or hasattr(type(self), name)):
            # A slip would change nothing, and nobody would see it.
            hint = did_you_mean(name, self._hyper)
            raise AttributeError(
                f"{type(self).__name__} has no setting {name!r}{hint}; it has "
                f"{listed(self._hyper)} (another attribute is declared in the class)"
            )
        else:
            super().__setattr__(name, value)

    # -- what it is --------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name on the command line: the class's, in lower case."""
        return type(self).__name__.lower()

    @property
    def conventions(self) -> tuple[str, ...]:
        """The conventions that this optimizer has."""
        return tuple(self.defaults)

    @classmethod
    def hyperparameters(cls, convention: str = "book") -> dict[str, Hyper]:
        """Each hyperparameter's default, as a number that knows its range and that of sweeps.

        >>> import optviz as ov
        >>> beta2 = ov.Adam.hyperparameters()["beta2"]
        >>> beta2, beta2.expected, beta2.sweep
        (0.999, 'a number in [0, 1)', (0.0, 0.999, False))
        """
        return {
            name: cls._ranges[name].with_default(v.first() if isinstance(v, Schedule) else v)
            for name, v in cls.defaults[convention].items()
        }

    @property
    def declared(self) -> dict[str, Hyper]:
        """What `hyperparameters` says of each that this one has, those of wrappers too."""
        return {**self.hyperparameters(self.convention), **self._around}

    @property
    def told(self) -> tuple[str, ...]:
        """The hyperparameters that are to be told: the rate, what turns a wrapper on, and what is
        not as usual."""
        usual = {**self.defaults[self.convention], **self._around}
        return tuple(
            name for name, value in self._hyper.items()
            if value != usual[name] or name in (self.rate_name, *self._wrappers)
        )  # fmt: skip

    @property
    def hyper(self) -> dict[str, Setting]:
        """All hyperparameters by name."""
        return dict(self._hyper)

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the rows of the kernel's state, such as ("m", "v")."""
        return self._arguments.slots

    @property
    def shown_slot(self) -> int:
        """The row of the state that holds what a run has come to; −1 if that is its place."""
        slots = self.slots
        for name in (AVERAGE, self.comes_to):
            if name in slots:
                return slots.index(name)
        return -1

    @property
    def steps(self) -> int:
        """How many steps `update` has made."""
        return self._steps

    @property
    def schedule(self) -> Schedule | None:
        """The schedule of the rate, if it has one."""
        rate = self._hyper.get(self.rate_name)
        return rate if isinstance(rate, Schedule) else None

    def fresh(self, **changes: Setting) -> Optimizer:
        """Another of the same settings (but for `changes`), which has made no step."""
        return type(self)(convention=self.convention, **{**self._hyper, **changes})

    def spec(self) -> str:
        """Its text, as the command line takes it: every setting that is not the default.

        >>> import optviz as ov
        >>> ov.Adam(lr=0.3, beta1=0.9, convention="torch").spec()
        'adam:lr=0.3,convention=torch'
        """
        parts = [f"{name}={_plain(self._hyper[name])}" for name in self.told]
        parts += [f"convention={self.convention}"] if self.convention not in ("book", "") else []
        return f"{self.name}:{','.join(parts)}" if parts else self.name

    def __repr__(self) -> str:
        settings = self.spec().removeprefix(self.name).removeprefix(":")
        settings = re.sub(r"convention=(\w+)", r"convention='\1'", settings)
        return f"{type(self).__name__}({settings.replace(',', ', ')})"

    # -- the kernel --------------------------------------------------------------------------

    @property
    def rule(self) -> Callable[..., Any]:
        """The update of one coordinate in this convention: a plain Python function."""
        rule = self.rules[self.convention]
        function: Callable[..., Any] = getattr(rule, "__func__", rule)
        return function

    @property
    def _program(self) -> Program:
        return _program(self.rule, tuple(self._hyper), self._wrappers)

    @property
    def _arguments(self) -> Arguments:
        return self._program.arguments

    @property
    def is_elementwise(self) -> bool:
        """Whether the rule sees one coordinate only, and sums nothing."""
        return not (self.sums_each_array or self.grand_totals)

    @property
    def sums_each_array(self) -> bool:
        """Whether the rule sums over an array, so that parts of one may not step apart."""
        return self._program.totals > 0

    @property
    def _rule_sums_all(self) -> bool:
        """Whether the rule itself, not what stands around it, sums over all arrays."""
        own = tuple(name for name in self._hyper if name not in self._around)
        return _program(self.rule, own, ()).grand_totals > 0

    @property
    def grand_totals(self) -> int:
        """How many sums over all arrays the rule wants."""
        return self._program.grand_totals

    def kernel_source(self) -> str:
        """The Python text of the kernel that the rule becomes."""
        return kernel_source(self._program)

    def kernel(
        self, dtype: Any = np.float64, fastmath: frozenset[str] | None = None
    ) -> Callable[..., Any]:
        """The compiled `step(x (n,), grad (n,), state (slots, n), hyper, t)`; all in place.

        `t` counts from 1. `hyper` comes from `hyper_vector`; the kernel keeps its running powers
        there, so that a state belongs to one `hyper`. Other flags for the compiler than the usual
        ones are `fastmath`.
        """
        return _kernel(self._program, "step", np.dtype(dtype).name, fastmath)

    def kernels_among(self, dtype: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Of a rule that sums over all arrays, `sums(x, grad, state, hyper, t, out)`, which adds
        what is one array's to `out`, and the step that finds what was summed behind `hyper`."""
        kind = np.dtype(dtype).name
        return _kernel(self._program, "sums", kind), _kernel(self._program, "step_among", kind)

    def hyper_vector(self) -> NDArray[np.float64]:
        """The kernel's settings in their order, then 1.0 for each running power.

        A scheduled rate stands there as its first value.
        """
        values = [v(0) if isinstance(v, Schedule) else v for v in self._hyper.values()]
        return np.array([*values, *[1.0] * len(self._arguments.powers)], dtype=np.float64)

    def initial_state(self, n: int, dtype: Any = np.float64) -> Array:
        """The state (slots, n) before the first step."""
        state = np.zeros((len(self.slots), n), dtype)
        for slot, value in self.initial.items():
            if slot in self.slots:
                # A convention without that hyperparameter starts at zero.
                start = self._hyper.get(value, 0.0) if isinstance(value, str) else value
                state[self.slots.index(slot)] = start
        return state

    # -- a training loop of one's own --------------------------------------------------------

    def update(
        self, params: Mapping[str, Array], grads: Mapping[str, Any], undecayed: Iterable[str] = ()
    ) -> None:
        """One step, in place, of every array in `params` along its gradient in `grads`.

        Parameters
        ----------
        params
            Arrays of any shape, float32 or float64, contiguous or not. Each has its own state;
            one that is first seen later starts with fresh state.
        grads
            For each key of `params`, the gradient in the same shape.
        undecayed
            Keys on which the optimizer's own `weight_decay` does not fall, such as biases.

        Raises
        ------
        ValueError
            If keys, shapes or types do not fit, or a parameter's shape or type has changed since
            the last step. Nothing has been changed then.

        Examples
        --------
        >>> import numpy as np, optviz as ov
        >>> params = {"W": np.ones((2, 2)), "b": np.zeros(2)}
        >>> ov.SGD(lr=0.1).update(params, {"W": np.ones((2, 2)), "b": np.ones(2)})
        >>> params["W"][0, 0], params["b"][0]
        (np.float64(0.9), np.float64(-0.1))
        """
        check_pairs(params, grads)
        undecayed = known_keys(undecayed, params)
        states = self._states
        work = []
        for key, x in params.items():
            state = states.get(key) or ArrayState(self, key, x)
            if key not in states:
                self.check_latecomer(f"params[{key!r}]", bool(states))
            work.append((key, x, state.checked_gradient(key, x, grads[key]), state))
        rate = None if self.schedule is None else float(self.schedule(self._steps))
        for key, _, _, state in work:
            if rate is not None:
                state.hyper[list(self._hyper).index(self.rate_name)] = rate
            self._spare(state, key in undecayed)
            states[key] = state
        step_together([(state, x, grad) for _, x, grad, state in work])
        self._steps += 1

    def _spare(self, state: ArrayState, is_undecayed: bool) -> None:
        if is_undecayed and "weight_decay" in self._hyper:
            state.hyper[list(self._hyper).index("weight_decay")] = 0.0

    def states_for_loop(
        self, params: Mapping[str, Array], undecayed: Iterable[str] = ()
    ) -> list[ArrayState] | None:
        """The states of arrays that `update` has stepped, for a loop that calls `kernel` itself
        and says at the end what it `took`; None where a step is more than the kernel."""
        pairs = [(self._states.get(key), x) for key, x in params.items()]
        known = [state for state, x in pairs if state is not None and len(state.chunks) == 1
                 and (state.shape, state.dtype) == (x.shape, x.dtype)]  # fmt: skip
        is_whole = type(self).update is Optimizer.update and type(self).kernel is Optimizer.kernel
        if not (is_whole and self.is_elementwise and len(known) == len(pairs)):
            return None
        for key, state in zip(params, known, strict=True):
            self._spare(state, key in undecayed)
        return known

    def took(self, steps: int, states: Iterable[ArrayState]) -> None:
        """So many steps were made of each of these."""
        for state in states:
            state.t += steps
        self._steps += steps

    def check_latecomer(self, what: str, has_begun: bool) -> None:
        """Whether an array may be first seen now that others have stepped.

        Raises
        ------
        ValueError
            If the rule remembers what it has summed over all of them.
        """
        if has_begun and self.slots and self._rule_sums_all:
            raise ValueError(
                f"{what} appears after the first step, and {type(self).__name__} remembers sums "
                "over all arrays: give all of them from the first, or begin anew"
            )

    def evaluation(self, params: Mapping[str, Array]) -> dict[str, Array]:
        """What the steps have come to, to be evaluated: copies of `params`, or, where the optimizer
        keeps an average (`ema`, `swa`, or a rule that averages), the averages.

        >>> import numpy as np, optviz as ov
        >>> opt, params = ov.SGD(lr=1.0, swa=1), {"w": np.zeros(1)}
        >>> for _ in range(3):
        ...     opt.update(params, {"w": np.ones(1)})
        >>> params["w"], opt.evaluation(params)["w"]  # of −1, −2, −3 the mean
        (array([-3.]), array([-2.]))
        """
        row = self.shown_slot
        return {
            key: np.array(x) if row < 0 or key not in self._states else self._shown(key, row)
            for key, x in params.items()
        }

    def _shown(self, key: str, row: int) -> Array:
        return self._states[key].slot_array(row)

    def state_dict(self) -> dict[str, Any]:
        """All that a later run needs to go on to the bit: a flat dict of arrays and numbers.

        Keys are `kind` (a number that stands for name and convention), `steps`, `hyper/NAME`,
        and for each parameter `KEY/t`, `KEY/powers` and
        `KEY/SLOT`; the arrays are copies. `numpy.savez(file, **opt.state_dict())` keeps it, and
        `state_json` makes one text of it.

        >>> import numpy as np, optviz as ov
        >>> opt, params = ov.Momentum(), {"w": np.zeros(2)}
        >>> opt.update(params, {"w": np.ones(2)})
        >>> sorted(opt.state_dict())
        ['hyper/lr', 'hyper/momentum', 'kind', 'steps', 'w/powers', 'w/t', 'w/v']
        """
        out: dict[str, Any] = {"kind": self._kind(), "steps": self._steps}
        for name, value in self._hyper.items():
            if not isinstance(value, Schedule):
                out[f"hyper/{name}"] = value
        for key, state in self._states.items():
            out[f"{key}/t"] = state.t
            out[f"{key}/powers"] = state.hyper[len(self._hyper) :].copy()
            for slot, array in zip(self.slots, state.slot_arrays(), strict=True):
                out[f"{key}/{slot}"] = array
        return out

    def state_json(self) -> str:
        """`state_dict` as JSON text, from which `load_state_json` goes on to the bit.

        Arrays stand there as {"dtype": "float64", "shape": [2], "base64": "..."}, little-endian.

        >>> import numpy as np, optviz as ov
        >>> opt, params = ov.Adam(lr=0.1), {"w": np.zeros(2, np.float32)}
        >>> opt.update(params, {"w": np.ones(2)})
        >>> again = ov.Adam()
        >>> again.load_state_json(opt.state_json())
        >>> again, again.steps
        (Adam(lr=0.1), 1)
        """
        return state_text(self.state_dict())

    def load_state_json(self, text: str) -> None:
        """Go on from what `state_json` returned; nothing changes if it does not fit.

        Raises
        ------
        ValueError
            If it is damaged, or as `load_state_dict`.
        """
        self.load_state_dict(read_state(text))

    def _kind(self) -> int:
        return zlib.crc32(f"{self.name}/{self.convention}".encode())

    def load_state_dict(self, d: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned; nothing changes if it does not fit.

        Raises
        ------
        ValueError
            If entries are missing, unknown, or of another optimizer.
        """
        if not isinstance(d, Mapping):
            raise ValueError(f"a state_dict is a dict, not {type(d).__name__}")
        rest = dict(d)
        kind = type(self).__name__
        if any(isinstance(value, list | Mapping) for value in rest.values()):
            raise ValueError(
                f"{kind}: a state_dict holds arrays, and this one what JSON holds: give the "
                "text to load_state_json"
            )
        if "steps" not in rest:
            raise ValueError(f"{kind}: this is no state_dict: it has no 'steps'")
        if rest.pop("kind", None) != self._kind():
            raise ValueError(f"{kind}: this is the state of another optimizer or convention")
        steps = _count("steps", rest.pop("steps"))
        hyper = {name: rest.pop(f"hyper/{name}") for name in self._hyper if f"hyper/{name}" in rest}
        wanted = {"t", "powers", *self.slots}
        entries: dict[str, dict[str, Any]] = {}
        for path, value in rest.items():
            key, _, entry = path.rpartition("/")
            if entry not in wanted or key == "hyper":
                raise ValueError(f"{kind} has no state {path!r}: is it another optimizer's?")
            entries.setdefault(key, {})[entry] = value
        for key, found in entries.items():
            _count(f"{key}/t", found.get("t", 0))
            if missing := wanted - found.keys():
                raise ValueError(f"{kind}: the state of {key!r} lacks {listed(sorted(missing))}")
        loaded = self.fresh(**{k: v.item() if hasattr(v, "item") else v for k, v in hyper.items()})
        states = {key: ArrayState.loaded(loaded, key, found) for key, found in entries.items()}
        self._hyper, self._states, self._steps = loaded._hyper, states, steps


@functools.cache
def _program(
    rule: Callable[..., Any], hyper: tuple[str, ...], wrappers: tuple[str, ...]
) -> Program:
    around = {k for name in wrappers for k in WRAPPERS[name].settings}
    own = tuple(name for name in hyper if name not in around)
    return wrapped(replace(program_of(rule, own), hyper=hyper), wrappers)


@functools.cache
def _kernel(
    program: Program, which: str, dtype: str, fastmath: frozenset[str] | None = None
) -> Callable[..., Any]:
    usual = jit.FASTMATH_FLOAT32 if dtype == "float32" else jit.FASTMATH
    flags = fastmath or usual
    source = kernel_source(program)
    name = program.name.replace("<locals>.", "").replace(".", "_").lower()
    # Numba's cache tells one file from another, but not one set of flags.
    key = source + ",".join(sorted(flags))
    module = sources.source_module(name, key, lambda: source)
    takes = SUMS if which == "sums" else STEP
    return jit.compiled(getattr(module, which), takes, dtype, flags)


def _count(name: str, value: Any) -> int:
    """A number of steps from a state."""
    number = np.asarray(value)
    if number.shape != () or number.dtype.kind not in "iu" or number < 0:
        raise ValueError(f"the state's {name} must be a whole number ≥ 0, not {value!r}")
    return int(number)


def _plain(value: Setting) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, Schedule) else number(value)
