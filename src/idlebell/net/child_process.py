"""Commands of the operator's own, run for a message: the only programs that the gateway starts besides the ones that print a
password."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from contextlib import suppress

from idlebell.push.exchange import CommandEnded, CommandInput, CommandRun, NoResponse

INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TZ", "USER", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY",
             "DBUS_SESSION_BUS_ADDRESS")  # fmt: skip
"""What a command sees of our environment; the rest may hold our own configuration, secrets among it."""
REAP_SECONDS = 5.0


async def run(command: CommandRun, *, timeout_seconds: float) -> CommandEnded | NoResponse:
    """Runs the command once for each input, one after another, through ``sh -c``, and says how it went: the first status
    that is not 0, else 0. NoResponse: it could not be started, or took longer than ``timeout_seconds`` in all (then it is
    killed, with all that it started)."""
    status = 0
    try:
        async with asyncio.timeout(timeout_seconds):
            for given in command.inputs:
                status = status or await _run_once(command.command, given)
    except TimeoutError:
        return NoResponse("timeout", f"the command ran longer than {timeout_seconds:g} s and was ended")
    except OSError as error:
        return NoResponse("broken", f"the command could not be started: {error.strerror}")
    return CommandEnded(status)


async def _run_once(command: str, given: CommandInput) -> int:
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        command,
        stdin=asyncio.subprocess.PIPE,
        env={**_inherited(), **dict(given.environment)},
        start_new_session=True,
    )
    try:
        # A command that does not read its input may end before it is written.
        with suppress(BrokenPipeError, ConnectionResetError):
            await child.communicate(given.stdin)
        return await child.wait()
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            with suppress(TimeoutError):
                async with asyncio.timeout(REAP_SECONDS):
                    await child.wait()


def _inherited(names: Iterable[str] = INHERITED) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}
