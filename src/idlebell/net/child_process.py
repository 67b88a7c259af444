"""Commands of the operator's own, run for a message or for what they print: besides the ones that print a password, the only
programs that the gateway starts."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from typing import BinaryIO

from idlebell.push.exchange import CommandEnded, CommandInput, CommandRun, NoResponse

INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TZ", "USER", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY",
             "DBUS_SESSION_BUS_ADDRESS")  # fmt: skip
"""What a command sees of our environment; the rest may hold our own configuration, secrets among it."""
REAP_SECONDS = 5.0


async def run(command: CommandRun, *, timeout_seconds: float) -> CommandEnded | NoResponse:
    """Runs the command once for each input, one after another, through ``sh -c``, and says how it went: the first status
    that is not 0, else 0. One that fails keeps none of the others from running: each is of a message of its own.
    NoResponse: it could not be started, or took longer than ``timeout_seconds`` in all (then it is killed, with all that it
    started)."""
    status = 0
    try:
        async with asyncio.timeout(timeout_seconds):
            for given in command.inputs:
                ended = await _run_once(command.command, given)
                status = status or ended
    except TimeoutError:
        return NoResponse("timeout", f"the command ran longer than {timeout_seconds:g} s and was ended")
    except OSError as error:
        return NoResponse("broken", f"the command could not be started: {error.strerror}")
    return CommandEnded(status)


async def _run_once(command: str, given: CommandInput) -> int:
    with _in_memory(given.stdin) as stdin:
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            command,
            stdin=stdin,
            env={**_inherited(), **dict(given.environment)},
            start_new_session=True,
        )
    try:
        return await child.wait()
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            with suppress(TimeoutError):
                async with asyncio.timeout(REAP_SECONDS):
                    await child.wait()


def output_of(command: str, *, timeout_seconds: float) -> bytes:
    """What it prints, without a shell; what it says on standard error goes where ours goes. Blocks. TimeoutError,
    ChildProcessError with its status as ``errno``; OSError or ValueError: it cannot be started."""
    words = shlex.split(command)
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own words
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=timeout_seconds,
            env=_inherited(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    if done.returncode != 0:
        raise ChildProcessError(done.returncode, "the command failed")
    return done.stdout


def _in_memory(data: bytes) -> BinaryIO:
    """A file that is on no disk. Not a pipe: whoever writes to one must bear that a command ends without reading, which
    each event loop tells in its own way."""
    file = os.fdopen(os.memfd_create("idlebell-input"), "w+b")
    file.write(data)
    file.seek(0)
    return file


def _inherited(names: Iterable[str] = INHERITED) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}
