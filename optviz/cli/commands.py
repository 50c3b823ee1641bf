"""A command for each study, built from its fields: options, help, completion, checks.

Click splits the words; what they mean, and whether they fit, the study says itself.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from optviz.cli.console import hints, import_meanwhile, say_written, show_progress
from optviz.cli.parsing import Command
from optviz.shared.text import number
from optviz.studies.catalogue import LISTED
from optviz.studies.lookup import studies
from optviz.studies.settings import THEMES
from optviz.studies.study import Study, default_text, expected, kind_of, option_of


def study_command(name: str) -> click.Command:
    """The command of a study."""
    cls = studies[name]
    fields = cls.model_fields
    params = [p for field in _in_order(cls) for p in params_of(cls, field, fields[field])]
    lines = (cls.__doc__ or "").strip().splitlines()
    text = "\n".join(line.strip() for line in lines)
    examples = "\n".join(f"optviz {line}" for line in cls.examples)
    return StudyCommand(
        name, params=[*params, *_output_params()], callback=_run(cls), no_args_is_help=False,
        help=f"{LISTED[name].summary}\n\n{text}\n\n\b\n{examples}",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )  # fmt: skip


class StudyCommand(Command):
    """A command that knows whose option one of an optimizer's settings is."""

    def hint(self, option: str) -> str:
        """Where a setting of an optimizer is given; else the nearest option."""
        from optviz.optimizers import optimizers
        from optviz.optimizers.wrappers import WRAPPERS

        name = option.lstrip("-").replace("-", "_")
        name = "lr" if name in ("rate", "learning_rate") else name
        owners = [o for o, kind in optimizers.items() if name in kind.hyperparameters()]
        if not (owners or name in WRAPPERS) or not self._takes_optimizers():
            return super().hint(option)
        if owners:
            owner = "adam" if "adam" in owners else owners[0]
            default = number(optimizers[owner].hyperparameters()[name])
        else:  # as all have
            owner, default = "adam", number(WRAPPERS[name].settings[name])
        value = "0.1" if name == "lr" else default
        return f": it is a setting of an optimizer, written behind its name: {owner}:{name}={value}"

    def place_of_words(self) -> str:
        """The option of the study that takes several of them, if there is one."""
        many = [
            p.opts[0]
            for p in self.params
            if isinstance(p, click.Option) and p.multiple and p.name != "numbers"
        ]
        return f": give it behind {many[0]}" if many else ""

    def _takes_optimizers(self) -> bool:
        return any((param.name or "").startswith("optimizer") for param in self.params)


def _in_order(cls: type[Study]) -> list[str]:
    """The study's own fields first, then its look."""
    looks = {"size", "theme", "title", "subtitle", "font", "transparent", "dpi", "fps"}
    names = list(cls.model_fields)
    return [n for n in names if n not in looks] + [n for n in names if n in looks]


def params_of(cls: type[Study], name: str, field: FieldInfo) -> list[click.Parameter]:
    """The options of a field, or the argument that it is."""
    option = option_of(field)
    default = default_text(cls, name)
    complete = _completer(option.completes, field)
    if option.positional:
        many = get_origin(kind_of(field)) is tuple
        return [click.Argument([name], nargs=-1 if many else 1, required=False,
                               metavar=f"[{option.metavar}]", shell_complete=complete)]  # fmt: skip
    flag = option.name or f"--{name.replace('_', '-')}"
    told = _help(field, default)
    if kind_of(field) is bool:
        words = f"{flag}/--no-{flag[2:]}" if field.default else flag
        return [click.Option([words, name], is_flag=True, default=None, help=told)]
    if option.flags:
        return [
            click.Option([words, f"{name}_{value}"], is_flag=True, default=False,
                         help=_flag_help(field, k, option.flags))
            for k, (value, words) in enumerate(option.flags)
        ]  # fmt: skip
    metavar = option.metavar or _metavar(field)
    return [click.Option([flag, name], multiple=option.many, default=None, metavar=metavar,
                         help=told, shell_complete=complete)]  # fmt: skip


def _metavar(field: FieldInfo) -> str:
    kind = kind_of(field)
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    return {int: "N", float: "NUMBER", str: "TEXT", Path: "FILE"}.get(kind, "FILE")


def _help(field: FieldInfo, default: Any) -> str:
    """What it is, its range and its default."""
    what = (field.description or "").rstrip(".")
    ranged = expected(field) if kind_of(field) in (int, float) else ""
    ranged = re.sub(r"^a (whole )?number ?", "", ranged)
    shown = ",".join(default) if isinstance(default, list) else default
    notes = [ranged, "" if default in (None, False, True, []) else f"{shown} unless given"]
    return f"{what}{''.join(f'; {note}' for note in notes if note)}."


def _flag_help(field: FieldInfo, k: int, flags: Any) -> str:
    parts = (field.description or "").rstrip(".").split("; ")
    text = parts[k] if len(parts) == len(flags) else parts[0]
    return f"{text[:1].upper()}{text[1:]}."


def _completer(catalogue: str, field: FieldInfo) -> Any:
    kind = kind_of(field)
    words = [str(word) for word in get_args(kind)] if get_origin(kind) is Literal else []

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        known = _names(catalogue) if catalogue else words
        return [name for name in known if name.lower().startswith(incomplete.lower())]

    return complete if catalogue or words else None


def _names(catalogue: str) -> list[str]:
    from optviz.data import datasets
    from optviz.functions import functions
    from optviz.optimizers import optimizers
    from optviz.optimizers.parse import EXAMPLES

    # What other libraries have is known when they are imported: an example of each.
    known: dict[str, Any] = {
        "optimizers": [*optimizers, *EXAMPLES.values()], "functions": functions, "data": datasets,
        "themes": THEMES,
    }  # fmt: skip
    return list(known[catalogue])


def _output_params() -> list[click.Parameter]:
    return [
        click.Option(["--output", "-o"], metavar="FILE", help="The file to write."),
        click.Option(["--numbers"], metavar="FILE", multiple=True,
                     help="What the picture shows as a table too: .csv, .json or .parquet."),
        click.Option(["--quiet", "-q"], is_flag=True, help="Print nothing but errors."),
        click.Option(["--open", "open_"], is_flag=True, help="Show the file when it is written."),
    ]  # fmt: skip


def _run(cls: type[Study]) -> Any:
    def run(
        output: str | None, numbers: tuple[str, ...], quiet: bool, open_: bool, **words: Any
    ) -> None:
        from optviz.studies import files

        given = settings_of(cls, words)
        study = cls(**given).refuse_idle(given)
        path = files.check_formats(study, _file_name(study) if output is None else output)
        files.refuse_idle(study, path, given)
        tables = [files.check_table(table) for table in numbers]
        _warm_up(quiet)
        _warn_of_padding(study, path)
        import_meanwhile("optviz.render.sheet")
        with show_progress("running", quiet) as progress, hints(quiet):
            result = study.run(progress)
        if not quiet and (finding := study.finding(result)):
            print(finding)
        with show_progress(f"writing {path.name}", quiet) as progress:
            files.write(study, result, path, progress)
        for table in tables:
            study.table(result).save(table)
            say_written(table, quiet, False)
        say_written(path, quiet, open_)

    return run


def settings_of(cls: type[Study], words: dict[str, Any]) -> dict[str, Any]:
    """What was given on the command line, by field."""
    given: dict[str, Any] = {}
    for name, field in cls.model_fields.items():
        option = option_of(field)
        if option.flags:
            chosen = [value for value, _ in option.flags if words.get(f"{name}_{value}")]
            if len(chosen) > 1:
                flags = [flag for _, flag in option.flags]
                raise ValueError(f"{' and '.join(flags)} are {name}s: choose one")
            given |= {name: chosen[0]} if chosen else {}
        elif words.get(name) not in (None, ()):
            given[name] = words[name]
    return given


def _file_name(study: Study) -> str:
    """A name from the study's own words, such as adam-momentum-on-beale.gif."""
    from optviz.studies.files import formats_of

    entries = getattr(study, "optimizers", None) or [getattr(study, "optimizer", None)]
    # Where the rate is a study's own, its optimizer is a text without one.
    names = [e.partition(":")[0] if isinstance(e, str) else e.optimizer.name
             for e in entries[:5] if e is not None]  # fmt: skip
    names = [name.replace(":", "-").lower() for name in names]  # torch:Adam
    prefix = [] if study.name in ("plot", "animate") else [study.name]
    if study.name == "explain":
        prefix, names = [], [f"{names[0]}-explained"]
    place = study.texts().get("on") or str(study.texts().get("data") or "").partition(":")[0]
    place = Path(place.replace("\\", "/")).stem if "data" in type(study).model_fields else place
    word = place if place.replace("-", "").replace("_", "").isalnum() else "formula"
    stem = "-".join([*prefix, *names])
    parts = [part for part in (stem, word.lower() if place else "") if part]
    return f"{'-on-'.join(parts)}{formats_of(study)[0]}"


def _warm_up(quiet: bool) -> None:
    """Say so if this will compile first."""
    from optviz.compiled import jit

    if jit.is_cold() and not quiet:
        print("first run: compiling for this machine, once (a few seconds)", file=sys.stderr)


def _warn_of_padding(study: Study, path: Path) -> None:
    from optviz.render.encode import padded_size

    size = study.size if study.name == "animate" else None
    if size is not None and (padded := padded_size(path, size)) != size:
        text = f"{path.suffix[1:]} takes even sides: {padded[0]}x{padded[1]} instead of "
        print(f"{text}{size[0]}x{size[1]}", file=sys.stderr)
