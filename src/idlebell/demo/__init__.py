"""``idlebell demo``: a mail server, the gateway and an app in one process, with no account and no network. Deliver a mail and
see each step of its way to the bell, with its time."""

from idlebell.demo.play import run

__all__ = ["run"]
