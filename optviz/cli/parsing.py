"""Words of the command line that Click would misread or pass over, answered in one line."""

from __future__ import annotations

from collections import Counter

import click

from optviz.shared.text import did_you_mean


class Command(click.Command):
    """A command that answers misspelt options, and options that are given twice.

    Click lets the last of them win, and says nothing.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As Click does, with our words."""
        try:
            if not ctx.resilient_parsing:  # as when a shell completes half a line
                _, words, given = self.make_parser(ctx).parse_args(args=list(args))
                self._check(ctx, words, given)
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(
                f"{ctx.command_path} has no option {_shown(error.option_name)}"
                f"{self.hint(error.option_name)}"
            ) from None

    def _check(self, ctx: click.Context, words: list[str], given: list[click.Parameter]) -> None:
        """Refuse words that no argument takes, and options that are given twice."""
        if words:
            raise click.UsageError(
                f"{ctx.command_path} has no place for the word {_shown(words[0])}"
                f"{self.place_of_words()}"
            )
        for param, times in Counter(given).items():
            if times > 1 and isinstance(param, click.Option) and not param.multiple:
                raise click.UsageError(f"{param.opts[0]} is given {times} times: give it once")

    def place_of_words(self) -> str:
        """Where such words are given instead."""
        return ""

    def hint(self, option: str) -> str:
        """What was meant by an option that there is not."""
        flags = [flag for param in self.params for flag in (*param.opts, *param.secondary_opts)]
        return did_you_mean(option, flags)


def _shown(word: str) -> str:
    """A word that may hold anything, for the terminal."""
    return word if word.isprintable() else repr(word)
