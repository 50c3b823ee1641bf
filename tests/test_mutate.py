from __future__ import annotations

import ast

import pytest

from tests.mutate import FOLDERS, ROOT, Finder, distance, files_of_tests

KINDS = [
    ("a < b", "a <= b"),
    ("a == b", "a != b"),
    ("a not in b", "a in b"),
    ("é[0] + b", "é[0] - b"),
    ("(a) ** 2", "(a) * 2"),
    ("a[1]", "a[2]"),
    ("f(0.9)", "f(0.5)"),
    ("a[-1]", "a[0]"),
    ("np.nanmedian(a)", "np.nanmean(a)"),
    ("min(a)", "max(a)"),
    ("a and b", "a or b"),
    ("not a", "a"),
    ("f(a, n=3)", "f(a, )"),
    ("f(on=True)", "f(on=False)"),
    ("a[k:]", "a[k + 1:]"),
    ("(0.1, 0.9)", "(0.9, 0.1)"),
    ("a += b", "pass"),
    ("b if a else c", "b if (not (a)) else c"),
    ("f'{a - b}'", "f'{a + b}'"),
    ("def f(a):\n    b = a\n    return b", "def f(a):\n    b = a\n    return a"),
    ("def f(a, *, on=True): pass", "def f(a, *, on=False): pass"),
    ("defaults = {'lr': 0.9}", "defaults = {'lr': 0.5}"),
]


def changed(text: str) -> list[str]:
    source = text.encode()
    return [change.apply(source).decode() for change in Finder("a.py", source).changes]


@pytest.mark.parametrize(("before", "after"), KINDS)
def test_what_is_changed(before: str, after: str) -> None:
    assert after in changed(before)


@pytest.mark.parametrize("text", [
    "'''9 < 10'''", "def f(a: Literal[1]) -> Literal[2]: pass", "raise ValueError(f'{1 + 2}')",
    "if TYPE_CHECKING:\n    a = 1", "def __repr__(self): return a < b", "a = line(zorder=3, s=4)",
])  # fmt: skip
def test_what_is_not(text: str) -> None:
    assert changed(text) == []


def test_changes_lie_where_they_say() -> None:
    for folder in FOLDERS:
        for path in sorted((ROOT / "optviz" / folder).glob("*.py")):
            source = path.read_bytes()
            finder = Finder(path.relative_to(ROOT).as_posix(), source)
            assert finder.changes or path.name in ("__init__.py", "catalogue.py")
            for change in finder.changes[::40]:
                assert change.before == source[change.begin : change.end].decode()
                assert change.apply(source) != source
            tree = ast.parse(source)
            functions = {min([f.lineno, *(d.lineno for d in f.decorator_list)])
                         for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)}  # fmt: skip
            assert {c.function for c in finder.changes} <= {0, *functions}


def test_tests_of_a_file_come_before_others() -> None:
    files = files_of_tests()
    assert {"tests/test_race.py", "optviz/runs/race.py"} <= set(files)
    near = sorted(files, key=lambda name: distance(f"{name}::test", "optviz/runs/race.py"))
    assert near[:2] == ["optviz/runs/race.py", "tests/test_race.py"]
