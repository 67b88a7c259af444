"""The REST face: HTTP in, gateway verbs out, and their answers as JSON."""

from idlebell.rest.options import RestOptions
from idlebell.rest.server import RestServer

__all__ = ["RestOptions", "RestServer"]
