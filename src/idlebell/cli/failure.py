"""How a command fails: one line on standard error for each thing that is wrong, and status 1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

import click


class Failure(click.ClickException):
    """``lines``: each names a cause and its mend."""

    exit_code = 1

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines: Iterable[str] = lines

    def show(self, file: IO[Any] | None = None) -> None:
        for line in self.lines:
            click.echo(f"idlebell: {' '.join(line.split())}", err=True)
