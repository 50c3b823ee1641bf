"""Small changes to the package, one at a time, and whether the tests see them.

`python -m tests.mutate COUNT [SEED] [FOLDER...] [--out FILE]` copies the tree, runs all fast tests
once and keeps how long each took and which functions it entered: twenty minutes. Then it makes
COUNT changes, as many in each folder (all of `FOLDERS` if none is named), and runs for each those
tests that entered the changed function, the quickest of the nearest file first, and others of that
file until `BUDGET` seconds are spent. A change that no test sees asks for a test, or is none: read
it. `--again FILE` makes those changes once more that nobody saw, with `--slow` for the slow tests.
`test_mutate.py` says what kinds of changes there are.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("functions", "optimizers", "runs", "studies", "render")
#: Seconds of tests that a change is given, measured without it, and when it counts as a hang.
BUDGET, LIMIT = 45, 150
#: What only tunes looks, speed or help, and what no reader of a picture would miss.
LOOKS = {
    "alpha", "antialiased", "capsize", "description", "edgecolor", "edgecolors", "fontsize", "help",
    "hspace", "interpolation", "joinstyle", "labelpad", "linewidth", "linewidths", "lw", "marker",
    "markersize", "maxsize", "mew", "ms", "pad", "rasterized", "s", "slots", "strict", "wspace",
    "zorder", "markeredgewidth", "markeredgecolor", "clip_on", "pil_kwargs", "encoding",
    "stacklevel", "repr", "frozen",
}  # fmt: skip
COMPARE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==",
           "is": "is not", "is not": "is", "in": "not in", "not in": "in"}  # fmt: skip
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "**": "*", "//": "/", "%": "*"}
TWINS = (
    "min max", "any all", "minimum maximum", "fmin fmax", "nanmin nanmax", "argmin argmax",
    "nanargmin nanargmax", "median mean", "nanmedian nanmean", "floor ceil", "isfinite isnan",
    "ones zeros", "log10 log", "cumsum cumprod", "sum prod", "sin cos",
)  # fmt: skip
CALLS = {a: b for pair in TWINS for a, b in (pair.split(), pair.split()[::-1])}


@dataclass(frozen=True)
class Change:
    """One change: the text between two offsets (in bytes) of a file becomes another."""

    file: str
    line: int
    kind: str
    begin: int
    end: int
    before: str
    after: str
    #: First line of the innermost function around it, 0 at the level of the module.
    function: int

    def apply(self, source: bytes) -> bytes:
        return source[: self.begin] + self.after.encode() + source[self.end :]


class Finder(ast.NodeVisitor):
    """Collects what can be changed in a file; `changes` has each once."""

    def __init__(self, file: str, source: bytes) -> None:
        self.file, self.source = file, source
        self.starts = [0, *(m.end() for m in re.finditer(rb"\n", source))]
        self.functions: list[ast.FunctionDef] = []
        self.changes: list[Change] = []
        for statement in ast.parse(source).body:
            self.visit(statement)

    def at(self, line: int, column: int) -> int:
        return self.starts[line - 1] + column

    def span(self, node: Any) -> tuple[int, int]:
        begin = self.at(node.lineno, node.col_offset)
        return begin, self.at(node.end_lineno, node.end_col_offset)

    def text(self, node: ast.AST) -> str:
        begin, end = self.span(node)
        return self.source[begin:end].decode()

    def add(self, kind: str, begin: int, end: int, after: str) -> None:
        before = self.source[begin:end].decode()
        line = 1 + self.source.count(b"\n", 0, begin)
        function = self.functions[-1] if self.functions else None
        first = 0 if function is None else min(
            [function.lineno, *(d.lineno for d in function.decorator_list)]
        )  # fmt: skip
        change = Change(self.file, line, kind, begin, end, before, after, first)
        if before != after:
            self.changes.append(change)

    def between(self, kind: str, left: ast.expr, right: ast.expr, table: dict[str, str]) -> None:
        """An operator: its place is not in the tree, but it is alone between its operands."""
        begin, end = self.span(left)[1], self.span(right)[0]
        words = "|".join(re.escape(w) for w in sorted(table, key=len, reverse=True))
        gap = self.source[begin:end].decode()
        found = re.search(words, gap)
        if found and "#" not in gap:
            place = begin + len(gap[: found.start()].encode())
            self.add(kind, place, place + len(found[0].encode()), table[found[0]])

    # What is passed over: types, messages, what is only read by people who write Python.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name == "__repr__":
            return
        self.functions.append(node)
        for value in (*node.args.defaults, *node.args.kw_defaults, *node.body):
            if value is not None:
                self.visit(value)
        self.functions.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        for part in ast.walk(node.annotation):  # bounds of settings: Annotated[int, Field(ge=1)]
            if isinstance(part, ast.Call):
                self.visit(part)
        if node.value:
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) != "TYPE_CHECKING":
            begin, end = self.span(node.test)
            self.add("condition", begin, end, f"not ({self.text(node.test)})")
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None: ...
    def visit_Assert(self, node: ast.Assert) -> None: ...
    def visit_Import(self, node: ast.Import) -> None: ...
    def visit_ImportFrom(self, node: ast.ImportFrom) -> None: ...

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:
        # Before Python 3.12 places inside f-strings may be wrong.
        with suppress(SyntaxError, UnicodeDecodeError, IndexError):
            text = self.text(node.value)
            if text and ast.dump(ast.parse(text, mode="eval").body) == ast.dump(node.value):
                self.visit(node.value)

    # What is changed.

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, right in zip([node.left, *node.comparators], node.comparators, strict=False):
            self.between("comparison", left, right, COMPARE)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        text = (ast.Constant, ast.JoinedStr)
        sides = [s for s in (node.left, node.right) if isinstance(s, text)]
        if not any(isinstance(getattr(s, "value", ""), str) for s in sides):
            self.between("arithmetic", node.left, node.right, ARITHMETIC)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.between("and, or", left, right, {"and": "or", "or": "and"})
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        begin, end = self.span(node)
        operand = self.text(node.operand)
        if isinstance(node.op, ast.Not):
            self.add("dropped not", begin, end, operand)
        elif isinstance(node.op, ast.USub):
            # -1 is an index from the end, or a number whose sign matters.
            self.add("dropped minus", begin, end, "0" if operand == "1" else operand)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.add("constant", *self.span(node), str(not value))
        elif isinstance(value, int):
            self.add("constant", *self.span(node), str(value + 1))
        elif isinstance(value, float):
            self.add("constant", *self.span(node), "0.5" if value == 0.9 else repr(value * 10))

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        end = self.span(node.func)[1]
        if name in CALLS and self.text(node.func).endswith(name):
            self.add("call", end - len(name), end, CALLS[name])
        for keyword in node.keywords:
            if keyword.arg and keyword.arg not in LOOKS:
                begin, end = self.span(keyword)
                comma = re.match(rb",?\s*", self.source[end:])
                self.add("dropped keyword", begin, end + (comma.end() if comma else 0), "")
        self.visit(node.func)
        for value in node.args:
            self.visit(value)
        for keyword in node.keywords:
            if keyword.arg not in LOOKS:
                self.visit(keyword.value)

    def visit_Return(self, node: ast.Return) -> None:
        match node.value:
            case ast.Name(name) if self.functions:
                arguments = [a.arg for a in self.functions[-1].args.args]
                others = [n.id for n in ast.walk(self.functions[-1]) if isinstance(n, ast.Name)
                          and isinstance(n.ctx, ast.Store)]  # fmt: skip
                for other in dict.fromkeys([*others, *arguments]):
                    if other not in (name, "self", "cls", "_"):
                        self.add("returned", *self.span(node.value), other)
            case ast.Tuple([first, second]):
                swapped = f"{self.text(second)}, {self.text(first)}"
                begin, end = self.span(first)[0], self.span(second)[1]
                self.add("returned", begin, end, swapped)
        self.generic_visit(node)

    def visit_Slice(self, node: ast.Slice) -> None:
        for bound in (node.lower, node.upper):
            if bound is not None:
                begin, end = self.span(bound)
                self.add("slice", begin, end, f"{self.text(bound)} + 1")
        self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple | ast.List) -> None:
        numbers = [isinstance(e, ast.Constant) and isinstance(e.value, float) for e in node.elts]
        if len(numbers) > 1 and all(numbers):
            begin, end = self.span(node.elts[0])[0], self.span(node.elts[-1])[1]
            self.add("order", begin, end, ", ".join(self.text(e) for e in node.elts[::-1]))
        self.generic_visit(node)

    visit_List = visit_Tuple  # noqa: N815

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.add("condition", *self.span(node.test), f"(not ({self.text(node.test)}))")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.add("dropped statement", *self.span(node), "pass")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self.add("dropped statement", *self.span(node), "pass")
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Continue(self, node: ast.Continue | ast.Break) -> None:
        self.add("dropped statement", *self.span(node), "pass")

    visit_Break = visit_Continue  # noqa: N815


def sampled(folders: list[str], count: int, rng: random.Random) -> Iterator[Change]:
    """The folders in turn; in each, every kind of change is as likely as the others."""
    kinds: dict[str, dict[str, list[Change]]] = {}
    for folder in folders:
        for path in sorted((ROOT / "optviz" / folder).glob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for change in Finder(name, path.read_bytes()).changes:
                kinds.setdefault(folder, {}).setdefault(change.kind, []).append(change)
    for k in range(count):
        of = kinds[folders[k % len(folders)]]
        while True:
            kind = rng.choice(sorted(of))
            # A file with ten times as much to change comes up about three times as often.
            sizes = Counter(c.file for c in of[kind])
            change = rng.choices(of[kind], [sizes[c.file] ** -0.5 for c in of[kind]])[0]
            of[kind].remove(change)
            if not of[kind]:
                del of[kind]
            with suppress(SyntaxError):
                ast.parse(change.apply((ROOT / change.file).read_bytes()))
                break
        yield change


def files_of_tests() -> list[str]:
    """All files with fast tests, and those of the package, which have examples."""
    found = [*(ROOT / "tests").glob("test_*.py"), *(ROOT / "optviz").rglob("*.py")]
    return [path.relative_to(ROOT).as_posix() for path in sorted(found)]


def distance(test: str, file: str) -> int:
    """How far a test is from a file: its own examples, tests of its name, of its folder, others."""
    where, stem, folder = test.split("::", 1)[0], Path(file).stem, Path(file).parent.name
    if where == file:
        return 0
    return 1 if where == f"tests/test_{stem}.py" else 2 if folder in where else 3


class Selected:
    """A pytest plugin: runs `wanted` (all if None) and tells of each test what it did."""

    def __init__(self, tree: Path, wanted: list[str] | None) -> None:
        self.package, self.root = f"{tree}/optviz/", f"{tree}/"
        self.wanted = wanted
        self.seconds: dict[str, float] = {}
        self.entered: dict[str, set[str]] = {}
        self.failed: list[str] = []
        self._now: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.wanted is not None:
            place = {name: k for k, name in enumerate(self.wanted)}
            items[:] = [i for i in items if i.nodeid in place]
            items.sort(key=lambda item: place[item.nodeid])

    def _trace(self, frame: FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        if code.co_filename.startswith(self.package):
            self._now.add(f"{code.co_filename.removeprefix(self.root)}:{code.co_firstlineno}")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._now = set()
        if self.wanted is None:
            sys.settrace(self._trace)
        yield
        sys.settrace(None)
        self.entered[item.nodeid] = self._now

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(f"{report.nodeid} (collection)")

    def told(self) -> dict[str, Any]:
        entered = {name: sorted(places) for name, places in self.entered.items()}
        return {"failed": self.failed, "seconds": self.seconds, "entered": entered}


class Copy:
    """A copy of the tree with a cache of its own, put back as it was after each change."""

    def __init__(self, folder: Path, marked: str) -> None:
        self.folder, self.tree, self.marked = folder, folder / "tree", marked
        self.cache, self.warm = folder / "cache", folder / "warm"
        listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT,
                                capture_output=True, text=True, check=True).stdout  # fmt: skip
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree / name)
        self.changed = 0

    def base(self, files: list[str]) -> dict[str, Any]:
        """All tests without a change, in two children at a time: what `Selected` tells."""
        halves = [self.begin(files[k::2], None, f"half-{k}") for k in range(2)]
        parts = [self.end(*half, 7200) for half in halves]
        failed = [name for part in parts for name in part["failed"]]
        if any("seconds" not in part for part in parts):
            return {"failed": failed}
        both = {key: {**parts[0][key], **parts[1][key]} for key in ("seconds", "entered")}
        return {"failed": failed, **both}

    def begin(self, files: list[str], wanted: list[str] | None, name: str) -> tuple[int, Path]:
        """The tests in a child of this process, which has Numba and Matplotlib loaded."""
        told = self.folder / f"{name}.json"
        told.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                self._test(files, wanted, told)
            os._exit(0)
        return child, told

    def end(self, child: int, told: Path, limit: float) -> dict[str, Any]:
        """What it told, at most so many seconds later."""
        until = time.monotonic() + limit
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > until:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return {"failed": [f"more than {limit:.0f} s"]}
            time.sleep(0.02)
        return json.loads(told.read_text()) if told.exists() else {"failed": ["the process died"]}

    def _test(self, files: list[str], wanted: list[str] | None, told: Path) -> None:
        os.setsid()
        log = os.open(told.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(self.tree)
        os.environ.update(OPTVIZ_CACHE_DIR=str(self.cache), PYTHONPATH=str(self.tree))
        sys.path[:] = [str(self.tree), *(p for p in sys.path if Path(p).resolve() != ROOT)]
        for name in [n for n in sys.modules if n.split(".")[0] in ("optviz", "tests")]:
            del sys.modules[name]
        plugin = Selected(self.tree, wanted)
        options = ["-q", "-p", "no:cacheprovider", *(["-x"] if wanted else [])]
        code = pytest.main([*options, "-m", self.marked, *files], plugins=[plugin])
        result = plugin.told()
        if code not in (0, 1, 5) and not result["failed"]:
            result["failed"] = [f"pytest ended with {code}"]
        told.write_text(json.dumps(result))

    def with_change(self, change: Change, files: list[str], wanted: list[str]) -> str | None:
        """The first test that sees the change."""
        path = self.tree / change.file
        source, kept = path.read_bytes(), path.stat()
        shutil.rmtree(self.cache, ignore_errors=True)
        # Caches replace their files and never write into them, so links will do.
        shutil.copytree(self.warm, self.cache, copy_function=os.link)
        try:
            path.write_bytes(change.apply(source))
            # Bytecode and machine code are kept by size and time, to the second.
            self.changed += 1
            stamp = int(kept.st_mtime) + 10 * self.changed
            os.utime(path, (stamp, stamp))
            failed = self.end(*self.begin(files, wanted, "told"), LIMIT)["failed"]
        finally:
            path.write_bytes(source)
            os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
        return failed[0] if failed else None


def users(file: str) -> list[str]:
    """The files of the package in whose text a module's name is, its own among them."""
    name = re.compile(rf"\b{Path(file).stem}\b")
    return [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "optviz").rglob("*.py"))
            if path == ROOT / file or name.search(path.read_text(encoding="utf-8"))]  # fmt: skip


def chosen(change: Change, base: dict[str, Any]) -> list[str]:
    """The tests for a change: those that entered its function, near and quick ones first; then
    others of its own file of tests."""
    place = f"{change.file}:{change.function}"
    # What is compiled is entered unseen: then those count that enter a file which names this one.
    is_seen = any(place in places for places in base["entered"].values())
    around = () if is_seen else tuple(f"{file}:" for file in users(change.file))

    def rank(name: str) -> tuple[bool, bool, int, float]:
        seconds = base["seconds"][name]
        return not enters(name), seconds > 1.5, distance(name, change.file), seconds

    def enters(name: str) -> bool:
        # What stands in no function is run when its module is imported, by all.
        if not change.function:
            # Defaults and bounds stand in no function, and one test has them all.
            return is_near(name) or "test_defaults" in name
        return place in base["entered"][name] or any(
            p.startswith(around) for p in base["entered"][name]
        )

    def is_near(name: str) -> bool:
        places = base["entered"][name]
        return distance(name, change.file) < 2 or any(
            p.startswith(f"{change.file}:") for p in places
        )

    names, spent = [], 0.0
    for name in sorted((n for n in base["seconds"] if n not in base["failed"]), key=rank):
        if not (enters(name) or distance(name, change.file) < 2):
            break
        if spent + base["seconds"][name] <= BUDGET:
            names.append(name)
            spent += base["seconds"][name]
    return names


def unseen(file: Path) -> list[Change]:
    """The changes that nobody saw, of those whose place is as it was."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    fields = Change.__dataclass_fields__
    found = [Change(**{name: line[name] for name in fields}) for line in lines if not line["by"]]
    return [
        c
        for c in found
        if (ROOT / c.file).read_bytes()[c.begin : c.end].decode(errors="replace") == c.before
    ]


def shown(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) < 70 else text[:69] + "…"


def main(words: list[str]) -> None:
    reader = argparse.ArgumentParser("tests.mutate")
    reader.add_argument("count", type=int)
    reader.add_argument("seed", type=int, nargs="?", default=0)
    reader.add_argument("folders", nargs="*", choices=[[], *FOLDERS])
    reader.add_argument("--again", type=Path, help="results: what nobody saw is tried again")
    reader.add_argument("--slow", action="store_true", help="by the slow tests instead")
    reader.add_argument("--out", type=Path, help="results, appended as lines of JSON")
    given = reader.parse_args(words)
    folders = given.folders or list(FOLDERS)
    for name in ("matplotlib.figure", "mpmath", "numba", "scipy.optimize"):
        importlib.import_module(name)  # once, for all children of this process

    table: dict[str, Counter[str]] = {folder: Counter() for folder in folders}
    with tempfile.TemporaryDirectory() as temporary:
        speed = "slow" if given.slow else "not slow"
        copy = Copy(Path(temporary).resolve(), f"{speed} and not peers and not browser")
        changes = list(sampled(folders, given.count, random.Random(given.seed)))
        if given.again:
            changes = unseen(given.again)[: given.count]
        begun = time.monotonic()
        base = copy.base(files_of_tests())
        if "seconds" not in base:
            sys.exit("\n".join([*base["failed"], *(
                log.read_text()[-3000:] for log in copy.folder.glob("*.log"))]))  # fmt: skip
        print(f"{len(base['seconds'])} tests, {time.monotonic() - begun:.0f} s", flush=True)
        if base["failed"]:
            print("failing without any change, left out:", *base["failed"], sep="\n  ", flush=True)
        copy.cache.rename(copy.warm)
        for change in changes:
            begun, names = time.monotonic(), chosen(change, base)
            files = list(dict.fromkeys(name.split("::", 1)[0] for name in names))
            by = copy.with_change(change, files, names) if names else None
            seconds = time.monotonic() - begun
            what = f"{shown(change.before)} → {shown(change.after) or 'nothing'}"
            where = f"{change.file}:{change.line}"
            print(f"{seconds:4.0f} s  {where}  {what}  {by or f'UNSEEN by {len(names)}'}",
                  flush=True)  # fmt: skip
            table.setdefault(Path(change.file).parent.name, Counter())[
                "seen" if by else "unseen"
            ] += 1
            if given.out:
                line = {**asdict(change), "by": by, "seconds": round(seconds, 1), "tests": names}
                with given.out.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(line, ensure_ascii=False) + "\n")
    for folder, told in table.items():
        print(
            f"{folder:<12} {told.total():>4} tried {told['seen']:>4} seen {told['unseen']:>4} not"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
