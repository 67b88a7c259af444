"""``idlebell demo``"""

from __future__ import annotations

import click

from idlebell.cli.configured import run


@click.command()
def demo() -> None:
    """Everything in one terminal: a built-in IMAP server, the gateway, and a prompt to deliver a mail."""
    from idlebell import demo as whole

    run(whole.run())
