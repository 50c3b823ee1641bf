"""No silence: what changes nothing is refused, and what was meant is told in one line."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

import optviz as ov
from optviz.cli.app import app
from optviz.cli.lists import table
from optviz.functions.formula import FUNCTIONS, FormulaError, parse
from optviz.optimizers.parse import OF_PATH
from optviz.runs.entry import OWN
from optviz.shared.settings import parse_whole
from optviz.studies.catalogue import LISTED
from optviz.studies.lookup import studies
from optviz.studies.study import Drawn, Study

#: A study in which some settings change nothing, and a value of each that asks for something.
IDLE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a function alone": ("plot", {"on": "beale"}, {
        "steps": 9, "start": "1,1", "noise": 0.5, "seed": 4, "tol": 0.1, "box": True, "tune": True,
        "runs": 3, "layout": "panels", "curve": "step", "sensitivity": True}),
    "one path without noise": ("plot", {"optimizers": "sgd:lr=0.1", "steps": 5}, {
        "seed": 4, "layout": "panels"}),
    "a surface": ("plot", {"optimizers": ["sgd:lr=0.1", "sgd:lr=0.2"], "steps": 5,
                           "view": "surface"}, {"curve": "rate", "layout": "panels", "seed": 2}),
    "first steps": ("plot", {"optimizers": ["sgd:lr=0.1", "sgd:lr=0.2"], "view": "steps"}, {
        "steps": 9, "start": "1,1", "noise": 0.5, "seed": 4, "tol": 0.1, "box": True,
        "layout": "panels", "curve": "rate"}),
    "a film of a map": ("animate", {"optimizers": "sgd:lr=0.1", "steps": 4}, {
        "turn": 30, "layout": "panels", "seed": 2}),
    "a film that lasts": ("animate", {"optimizers": "sgd:lr=0.1", "steps": 4, "duration": 1}, {
        "steps_per_frame": 3}),
    "an explanation": ("explain", {"optimizer": "sgd:lr=0.1", "steps": 3}, {"seed": 4}),
    "basins": ("basins", {"optimizers": "sgd:lr=0.01", "size": "12x9", "steps": 9}, {"seed": 4}),
    "one start": ("sensitivity", {"optimizers": "sgd", "starts": 1, "steps": 5,
                                  "rates": "0.01,1,5"}, {"seed": 4}),
    "a linear rule": ("phase", {"x": "lr=0.1,1,5", "y": "momentum=0,0.9,4", "steps": 40}, {
        "start": "1,1", "bounds": "-3,3,-3,3"}),
}  # fmt: skip


def shown(study: Study) -> list[bytes]:
    """The pixels of its picture, or of all frames."""
    result = study.run()
    if not isinstance(study, Drawn):
        return [np.asarray(frame).tobytes() for frame in study.film(result).frames()]  # type: ignore[attr-defined]
    canvas = FigureCanvasAgg(study.draw(result))
    canvas.figure.set_dpi(40)
    canvas.draw()
    return [np.asarray(canvas.buffer_rgba()).tobytes()]


@pytest.mark.parametrize("what", IDLE)
def test_what_is_refused_changes_nothing(what: str) -> None:
    name, small, asked = IDLE[what]
    plain = ov.study(name, **small)
    assert set(asked) <= plain.idle().keys()
    for setting, value in asked.items():
        with pytest.raises(ValueError, match=f"^{setting} counts only .*: ") as refusal:
            ov.study(name, **small, **{setting: value})
        assert "\n" not in str(refusal.value)
    # Not asked for by anybody, as in an older file: the picture is the same to the pixel.
    of_file = type(plain)(**small, **asked)
    assert shown(of_file) == shown(plain)
    assert of_file.command() == plain.command()


@pytest.mark.parametrize("name", LISTED)
def test_rules_name_settings_and_say_what_would_do(name: str) -> None:
    cls = studies[name]
    for rule in cls.counts:
        assert rule.names.split()
        assert set(rule.names.split()) <= cls.model_fields.keys()
        assert rule.instead
    assert not cls.counterpart or studies[cls.counterpart].counterpart == name


def test_what_counts_is_not_refused() -> None:
    for name, settings_ in (
        ("plot", {"optimizers": "adam:noise=0.1", "seed": 3}),
        ("plot", {"on": ov.function("beale", start=(2, 2))}),
        ("plot", {"on": "beale", "curve": "none", "steps": 100}),
        ("plot", {"optimizers": "adam", "view": "steps", "steps": 30}),
        ("animate", {"view": "surface", "turn": 20}),
        ("phase", {"on": "beale", "start": "1,1"}),
    ):
        assert not set(settings_) & ov.study(name, **settings_).idle().keys() - {"steps", "curve"}


def test_a_path_has_nothing_of_its_own_where_there_are_no_paths() -> None:
    assert set(OF_PATH) <= OWN.keys()
    values = {"start": "(3,4)", "box": "true"}
    for name, key in itertools.product(("basins", "sensitivity", "train", "phase"), OF_PATH):
        field = "optimizer" if name == "phase" else "optimizers"
        with pytest.raises(ValueError, match=f"{key} is a path's own"):
            ov.study(name, **{field: f"momentum:lr=0.3,{key}={values.get(key, 1)}"})
    for key in OF_PATH:
        with pytest.raises(ValueError, match=f"{key} is of a path"):
            ov.minimize("bowl", f"adam:{key}={values.get(key, 1)}")


def command(*words: str) -> tuple[int, str]:
    """Exit code and output of the command line, in this process."""
    done = CliRunner().invoke(app, words)
    says = done.output
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        assert isinstance(done.exception, ValueError), done.exception
        says, code = str(done.exception), 2
        return code, says
    return done.exit_code, says


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("plot adam --steps 3 --steps 4", "--steps is given 2 times"),
        ("plot adam -o a.png --output b.png", "--output is given 2 times"),
        ("replay a.png -o b.png -o c.png", "--output is given 2 times"),
        ("plot adam --lr 0.1", "behind its name: adam:lr=0.1"),
        ("plot --learning-rate 0.1", "behind its name: adam:lr=0.1"),
        ("train --beta2 0.9", "behind its name: adam:beta2=0.999"),
        ("plot adam -o x.gif", "optviz animate writes it"),
        ("animate adam -o x.svg", "optviz plot writes it"),
        ("basins adam -o x.gif", "'.gif' is not known here"),
        ("explain adam --fps 3 -o x.png", "fps counts only for a film"),
        ("explain adam --dpi 90 -o x.gif", "dpi counts only for a still"),
        ("animate adam --turn 30", "turn counts only for a surface: add --surface"),
        ("plot --curve gap", "curve counts only with optimizers"),
        ("plot --layout panels", "layout counts only with optimizers"),
        ("plot adam --start 100,100", "give --bounds"),
        ("plot adam --start nan,1", "start must be two numbers"),
        ("plot adam --noise 1 --runs 3 --tol 1", "tol counts only for single runs"),
        ("plot adam,sgd", "several are words of their own, adam sgd"),
        ("plot adam lr=0.1", "in one word, such as adam:lr=0.1"),
        ("plot beale", "beale is a function"),
        ("plot adam:start=(1,2", "a bracket is not closed"),
        ("plot adam --on 3", "3 is the same everywhere"),
        ("train adam", "no place for the word adam: give it behind --optimizer"),
        ("explain adam sgd", "no place for the word sgd"),
        ("sensitivity adam --rates 1", "rates must be LOW,HIGH"),
        ("list adm", "did you mean 'adam'?"),
        ("train --layers 64,10 --dropout 0.1", "dropout counts only with hidden layers"),
    ],
)
def test_command_line(words: str, says: str) -> None:
    code, told = command(*words.split())
    assert code == 2
    assert says in " ".join(told.split()), told


def test_whole_numbers_as_people_write_them() -> None:
    made = ov.study("plot", optimizers="adam:steps=1e2", steps="1e3", seed=0)
    assert made.steps == 1000  # type: ignore[attr-defined]
    assert made.optimizers[0].own["steps"] == 100  # type: ignore[attr-defined]
    for text in ("1.5", "1e-3", "1e400", "nan", "x", ""):
        with pytest.raises(ValueError, match=r"steps must be a whole number"):
            ov.study("plot", optimizers="adam", steps=text)


@given(value=st.integers(-(10**15), 10**15))
def test_a_whole_number_reads_the_same_in_every_spelling(value: int) -> None:
    assert {parse_whole(t) for t in (f"{value}", f"{value:_}", f"{value:.15e}")} == {value}


# -- formulas ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says", "column"),
    [
        ("2x^2+y^2", "write 2*x", 1),
        ("x²y", "write …²*y", 2),
        ("(x+1)(y+1)", "write …)*(…", 5),
        ("3 (x)", "write 3*(…", 2),
        ("x y", "write x*y", 2),
        ("2 + xy", "write x*y", 5),
        ("2pi*x", "write 2*pi", 1),
        ("f(x,y)=x^2+y^2", "the right side alone: write x^2+y^2", 6),
        ("z = x + y", "the right side alone: write x + y", 2),
        ("x**2 + y**2 = 1", "not an equation", 12),
        ("np.sin(x)", "write sin, not np.sin", 0),
        ("x*math.pi", "write pi, not math.pi", 2),
        ("sin x", "write sin(x)", 4),
        ("|x|", "write abs(x)", 0),
        ("x[0]**2", "the variables are x and y", 0),
        ("lambda x, y: x", "behind the colon", 0),
        ("x + # y", "no remarks", 4),
        ("x*0x10", "numbers are decimal", 2),
        ("x^2 +", "missing behind this", 4),
    ],
)
def test_slips_in_formulas_say_what_to_write(text: str, says: str, column: int) -> None:
    with pytest.raises(FormulaError) as refusal:
        parse(text)
    assert says in str(refusal.value)
    assert refusal.value.column == column


terms = st.sampled_from(["x", "y", "2", "0.5", "pi", "sin(x)", "(x + y)", "1e2"])


@given(a=terms, b=terms, space=st.sampled_from(["", " "]))
def test_a_product_without_its_sign_never_passes(a: str, b: str, space: str) -> None:
    joined = f"{a}{space}{b}"
    if (a[-1].isdigit() and b[0].isdigit()) and not space:
        return  # one number
    parse(f"{a}*{b}")
    with pytest.raises(FormulaError):
        parse(joined)
    if a[-1] in ")" or a in ("2", "0.5"):
        with pytest.raises(FormulaError, match=r"a product needs its \*"):
            parse(joined)


@pytest.mark.parametrize("text", ["3", "0*x + 2", "x - x + 1", "sin(1) + pi", "x**0"])
def test_a_constant_has_no_minimum(text: str) -> None:
    f = ov.function(text)
    assert f.is_constant
    assert f.minimum is None
    assert not len(f.minima)
    with pytest.raises(ValueError, match="the same everywhere"):
        ov.plot([], on=f)


def test_a_python_constant_has_no_minimum_either() -> None:
    assert not len(ov.function(lambda x, y: 3.0).minima)
    assert not ov.function(lambda x, y: 3.0 + 1e-9 * x).is_constant


# -- Python calls ------------------------------------------------------------------------------


def test_text_stands_for_an_optimizer_everywhere() -> None:
    adam, text = ov.Adam(lr=0.3), "adam:lr=0.3"
    calls: list[Callable[[Any], Any]] = [
        lambda o: ov.minimize("bowl", o, steps=5).points,
        lambda o: ov.ensemble("bowl", o, steps=5, runs=3, noise=0.1).points,
        lambda o: ov.sweep("bowl", o, steps=5).final,
        lambda o: ov.tune("bowl", o, steps=5, budget=6).scores,
        lambda o: ov.race("bowl", o, steps=5)[0].points,
        lambda o: ov.explain("bowl", o, steps=5).fresh,
    ]
    for call in calls:
        assert np.array_equal(call(adam), call(text))

    def trained(optimizer: Any) -> Any:
        net = ov.nn.MLP((2, 3, 2), rng=0)
        net.fit(np.eye(2), np.arange(2), optimizer, epochs=2, rng=0)
        return net.parameters

    assert np.array_equal(trained(adam), trained(text))


class Halving(ov.schedules.Schedule):
    """A rate of single steps, with an if."""

    def __call__(self, step: Any) -> Any:
        return 0.1 if step < 2 else 0.05


def test_an_own_schedule_runs_or_says_why_not() -> None:
    points = ov.minimize("sphere", ov.SGD(lr=Halving()), start=(1, 0), steps=4).points[:, 0]
    assert np.allclose(points[1:] / points[:-1], [0.8, 0.8, 0.9, 0.9])
    with pytest.raises(ValueError, match="Halving cannot be scaled"):
        ov.tune("bowl", ov.SGD(lr=Halving()), steps=4)
    with pytest.raises(ValueError, match="rate must be a number"):
        ov.schedules.Cosine("a", 3)  # type: ignore[arg-type]


def test_mistyped_attributes_raise() -> None:
    adam = ov.Adam()
    with pytest.raises(AttributeError, match=r"no setting 'lrr' \(did you mean 'lr'\?\)"):
        adam.lrr = 0.1
    adam.lr = 0.5
    assert adam.hyper["lr"] == 0.5

    class Counting(ov.SGD):
        calls = 0

    own = Counting()
    own.calls += 1
    assert own.calls == 1


def refused_updates() -> Iterator[tuple[Any, Any, Any, str]]:
    w = np.zeros(2)
    yield [w], [w], (), "params must be a dict of arrays"
    yield w, w, (), "params must be a dict of arrays"
    yield {"w": w}, [w], (), "grads must be a dict of arrays"
    yield {"w": w}, {"w": w}, ["v"], "undecayed has 'v'"
    yield {"w": w}, {"w": w}, "w", "undecayed must be keys"
    yield {"w": w}, {"w": w}, None, "undecayed must be keys"
    yield {"w": w}, {"w": [[1], [2, 3]]}, (), "rows differ in length"


@pytest.mark.parametrize(("params", "grads", "undecayed", "says"), list(refused_updates()))
def test_updates_that_cannot_be(params: Any, grads: Any, undecayed: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.AdamW().update(params, grads, undecayed=undecayed)


def test_pictures_say_what_to_do() -> None:
    t = ov.minimize("bowl", "adam:lr=0.3", steps=4)
    e = ov.explain("bowl", "adam:lr=0.3", steps=2)
    assert list(ov.animate(e).frames())
    assert ov.plot(t, on="bowl").axes
    for call, says in (
        (lambda: ov.plot("adam"), r"run it first, as ov.plot\(ov.race\("),
        (lambda: ov.plot(ov.Adam()), "run it first"),
        (lambda: ov.plot("beale"), r"ov.plot\(\[\], on=function\)"),
        (lambda: ov.plot(np.zeros((3, 2))), "from_points"),
        (lambda: ov.plot(t, on="beale"), "on is beale, but the paths ran on bowl"),
        (lambda: ov.plot(t, on=ov.function("bowl", bounds=((-1, 1), (-1, 1)))), "other bounds"),
        (lambda: ov.plot(t, view="surface", curve="rate"), "curve counts only beside maps"),
        (lambda: ov.plot(t, layout="panels"), "layout counts only for several paths"),
        (lambda: ov.plot([], on="bowl", curve="rate"), "curve counts only with optimizers"),
        (lambda: ov.plot([], on="bowl", strip=3), "strip counts only with trajectories"),
        (lambda: ov.plot(e, view="surface"), "view is for trajectories"),
        (lambda: ov.animate(t, turn=20), "turn counts only for a surface"),
        (lambda: ov.animate(e, layout="panels"), "layout is for trajectories"),
        (lambda: ov.save(ov.plot(t), None), "must be the name of a file"),
        (lambda: ov.replay(3), "must be the name of a file"),
        (lambda: ov.race("bowl", []), "a race needs at least one optimizer"),
        (lambda: ov.race("bowl", "adam:lr=1", runs=3, noise=1, tol=1), "single runs"),
        (lambda: ov.minimize("bowl", "adam", box="yes"), "box must be True or False"),
        (lambda: ov.function("x", bounds=(1, 2)), "bounds must be two pairs"),
        (lambda: ov.function("x", gradient=lambda x, y: (1, 0)), "x knows its gradient"),
        (lambda: ov.function(lambda x, y: None), "it gives None"),
        (lambda: ov.Adam().load_state_dict(None), "a state_dict is a dict"),
        (lambda: ov.parse_optimizer(3), "an optimizer's text is such as"),
        (lambda: ov.study("train", layers=(64, 10.5, 10)), "layers must be sizes"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=says) as refusal:
            call()  # type: ignore[no-untyped-call]
        assert "\n" not in str(refusal.value)


# -- lists -------------------------------------------------------------------------------------


def test_list_shows_one_of_everything() -> None:
    code, told = command("list", "adam")
    assert code == 0
    for word in (ov.Adam.equation, "Kingma and Ba", "a number in [0, 1)", *ov.Adam.defaults):
        assert word in told
    beta2 = next(line for line in told.splitlines() if line.startswith("beta2"))
    assert beta2.split()[1:5] == ["0.999"] * 4
    code, told = command("list", "beale")
    for word in ("0 at (3, 0.5)", "Beale (1958)", ov.functions["beale"].formula):
        assert word in told
    assert command("--version")[1].startswith(f"optviz {ov.__version__}\n")


words = st.text(st.sampled_from("abm̂ β₁"), min_size=1, max_size=60).map(lambda t: f"a{t}")


@given(rows=st.lists(st.tuples(words, words, words), min_size=1, max_size=4),
       width=st.integers(30, 120))  # fmt: skip
@settings(max_examples=60)
def test_tables_keep_every_word_within_the_width(rows: Any, width: int) -> None:
    lines = table(["one", "two", "three"], rows, width)
    told = "".join("".join(lines).split())
    assert sorted(told) == sorted("".join(f"onetwothree{''.join(sum(rows, ()))}".split()))
    longest = max(len(word) for row in rows for text in row for word in text.split())
    if longest <= 8:
        assert max(sum(c != "\N{COMBINING CIRCUMFLEX ACCENT}" for c in li) for li in lines) <= width
        kept = {word for line in lines for word in line.split()}
        assert {word for row in rows for text in row for word in text.split()} <= kept


@pytest.mark.parametrize("what", ["optimizers", "functions", "studies"])
def test_tables_fit_80_columns(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, told = command("list", what)
    assert code == 0
    lines = told.splitlines()
    assert max(sum(not unicodedata.combining(c) for c in line) for line in lines) <= 80


def test_functions_are_named_for_hints() -> None:
    """Every function of a formula is told apart from a product with a variable."""
    for name in FUNCTIONS:
        parse(f"{name}(x/9)")
        with pytest.raises(FormulaError, match=r"needs brackets|needs an argument"):
            parse(f"{name} x")
