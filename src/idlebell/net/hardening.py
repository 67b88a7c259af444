"""What a process does to itself before it sees a credential."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Final

from idlebell.net.descriptors import raise_limit

PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>


def harden_process() -> tuple[str, ...]:
    """No core dump, no reading of our memory by other processes of the same user, as many descriptors as we may have.

    Gives what was done and what could not be, a short sentence each, for the log. Raises nothing.
    """
    return (_no_core(), _not_dumpable(), raise_limit())


def overwrite(data: bytes) -> None:
    """Zeroes an object that Python calls immutable: a piece of a request that held a password. Only for one that nobody
    looks at any more. Where this is not CPython nothing happens."""
    if sys.implementation.name == "cpython" and len(data) > 1:  # shorter ones are shared by all of the process
        ctypes.memset(id(data) + bytes.__basicsize__ - 1, 0, len(data))


def _no_core() -> str:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        return f"core dumps could not be switched off: {error}"
    return "core dumps are off"


def _not_dumpable() -> str:
    # Also closes /proc/PID/mem and /proc/PID/environ to the same user, and ptrace (prctl(2)).
    if sys.platform != "linux":
        return "this system has no PR_SET_DUMPABLE"
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            return f"PR_SET_DUMPABLE failed: errno {ctypes.get_errno()}"
    except (OSError, AttributeError) as error:
        return f"PR_SET_DUMPABLE failed: {error}"
    return "the process is not dumpable"
