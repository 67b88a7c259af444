"""The command line: one file a group. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from importlib import import_module

import click

from idlebell import __version__

COMMANDS = {
    "serve": "idlebell.cli.serve",
    "watch": "idlebell.cli.watch",
    "demo": "idlebell.cli.demo",
    "check": "idlebell.cli.check",
    "keys": "idlebell.cli.keys",
    "subscriptions": "idlebell.cli.subscriptions",
    "why": "idlebell.cli.why",
    "doctor": "idlebell.cli.doctor",
    "backup": "idlebell.cli.backup",
    "restore": "idlebell.cli.backup",
    "cost": "idlebell.cli.cost",
}
"""Name of a command, and the module that holds it under that name."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        assert isinstance(found, click.Command)
        return found


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 done, 1 failed, 2 wrong usage.",
)
@click.version_option(__version__, prog_name="idlebell", message="%(prog)s %(version)s")
def main() -> None:
    """A self-hosted push gateway for IMAP: it holds the connection a phone cannot afford and rings when mail arrives."""
