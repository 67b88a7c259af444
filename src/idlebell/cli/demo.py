"""``idlebell demo``"""

from __future__ import annotations

import sys

import click

from idlebell.cli.configured import run


@click.command(short_help="See a mail ring: everything in one terminal.")
@click.option("--once", is_flag=True, help="Deliver one mail, show its way, and end.")
def demo(once: bool) -> None:
    """Everything in one terminal: a built-in IMAP server, the gateway, and a prompt to deliver a mail."""
    from idlebell import demo as whole

    sys.exit(run(whole.run(once=once)))
