"""What studies of a data set share: its name, and that a specification names no files."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field

from optviz.data import is_made_here, made_here
from optviz.shared.spec import SpecError
from optviz.shared.text import listed
from optviz.studies.settings import Option
from optviz.studies.study import Drawn


class OnData(Drawn):
    """A study of a data set."""

    data: Annotated[
        str, Option("DATA", completes="data"),
        Field(description="A data set's name, NAME:key=value, or a file."),
    ] = "digits"  # fmt: skip

    @classmethod
    def from_data(cls, data: Any) -> Self:
        """As every study; a specification comes from a stranger, and may name no files."""
        text = data.get("data")
        if isinstance(text, str) and not is_made_here(text):
            raise SpecError(
                f"data {text!r} is neither built in nor generated: only such data are replayed "
                f"({listed(made_here())})"
            )
        made = super().from_data(data)
        assert isinstance(made, cls)
        return made

    @property
    def data_name(self) -> str:
        """The data set's name without its settings."""
        return self.data.partition(":")[0]
