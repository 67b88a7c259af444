"""The password of an account of the configuration: the first line of a file, or of what a command prints."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Final

from idlebell.model.secret import Secret

PASSWORD_SECONDS: Final = 10.0
"""For ``password_command``."""
PASSWORD_BYTES: Final = 65_536


class NoPassword(Exception):  # noqa: N818 - what is the matter, said to the operator
    """The sentence says why; it holds nothing that the file or the command gave."""


async def password_of(file: Path | None, command: str) -> Secret:
    """NoPassword says why there is none."""
    if file is not None:
        try:
            content = await asyncio.to_thread(_read, file)
        except OSError as error:
            raise NoPassword(f"password_file cannot be read: {error.strerror}") from None
    elif command:
        content = await output_of(command, "password_command", PASSWORD_SECONDS)
    else:
        raise NoPassword("neither password_file nor password_command is given")
    line = content.split(b"\n", 1)[0].rstrip(b"\r")
    if not line:
        raise NoPassword("the first line of the password's source is empty")
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        raise NoPassword("the password is not UTF-8") from None
    return Secret(line)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(PASSWORD_BYTES)


async def output_of(command: str, name: str, seconds: float) -> bytes:
    """Without a shell; what it says on standard error goes where ours goes. ``name``: of the setting. NoPassword."""
    try:
        words = shlex.split(command)
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
    except (OSError, ValueError):
        raise NoPassword(f"{name} cannot be started") from None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(seconds):
            content = bytearray()
            while len(content) < PASSWORD_BYTES and (part := await process.stdout.read(PASSWORD_BYTES - len(content))):
                content += part
            status = await process.wait()
    except TimeoutError:
        raise NoPassword(f"{name} did not end within {seconds:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status != 0:
        raise NoPassword(f"{name} failed with status {status}")
    return bytes(content)
