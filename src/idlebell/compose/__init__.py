"""Builds everything and runs it: settings in, a gateway out. What it stands on knows nothing of it."""

from idlebell.compose.engine import Engine
from idlebell.compose.parts import egress_of, post_of
from idlebell.compose.serving import Running, follow_configuration, running, serve, watch_one

__all__ = ["Engine", "Running", "egress_of", "follow_configuration", "post_of", "running", "serve", "watch_one"]
