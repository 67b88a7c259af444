"""Tokens of the operator's own accounts: printed by a command, or got by a refresh token that lies in a file.

A file has the newest refresh token at any time: where a provider gives another one with each use, that one is in the file
before anything is done with what came with it, for by then the provider takes the old one no more.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from idlebell.login.authorization import Endpoints
from idlebell.login.password_source import NoPassword, output_of
from idlebell.login.renewals import Refresh
from idlebell.login.token_endpoint import Granted, is_token, not_printed, read_printed, unavailable
from idlebell.model.account import CommandedCredentials, FiledCredentials, RenewableCredentials
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.net.hardening import overwrite
from idlebell.store.durable import sync_folder
from idlebell.store.key_file import read_key_file
from idlebell.telemetry.facts import Emit, Warned

COMMAND_SECONDS: Final = 30.0
"""For ``token_command``, which may ask a provider first."""

Print: TypeAlias = Callable[[str], Awaitable[Granted | Fault]]
"""What a command prints."""
EndpointsOf: TypeAlias = Callable[[str], Awaitable[Endpoints | str]]
"""Of a client by its name, or why they are not known."""


async def printed_by(command: str) -> Granted | Fault:
    """``token-unavailable``: another time, perhaps; why is for the operator."""
    try:
        content = await output_of(command, "token_command", COMMAND_SECONDS)
    except NoPassword as error:
        return not_printed(str(error))
    found = read_printed(content)
    overwrite(content)
    return found


def refresh_token_of(file: Path) -> Secret:
    """NoPassword says why there is none."""
    try:
        content = read_key_file(file, "refresh_token_file")
    except ValueError as error:
        raise NoPassword(str(error)) from None
    line = content.split(b"\n", 1)[0].strip().decode("ascii", "replace")
    if not is_token(line):
        raise NoPassword(f"refresh_token_file: the first line of {file} is no refresh token")
    return Secret(line)


def refresh_own(refresh: Refresh, run: Print, endpoints_of: EndpointsOf, emit: Emit) -> Refresh:
    """``refresh`` for all other credentials, too."""

    async def refreshed(credentials: RenewableCredentials) -> Granted | Fault:
        match credentials:
            case CommandedCredentials(command=command):
                return await run(command)
            case FiledCredentials():
                return await _by_file(credentials)
            case _:
                return await refresh(credentials)

    async def _by_file(credentials: FiledCredentials) -> Granted | Fault:
        endpoints = await endpoints_of(credentials.client)
        if isinstance(endpoints, str):
            return unavailable(endpoints)
        credentials.token_url = endpoints.token_url
        found = await refresh(credentials)
        if isinstance(found, Granted) and found.refresh_token is not None:
            credentials.expect(found.refresh_token)
            try:
                await asyncio.to_thread(_replace, credentials.file, found.refresh_token)
            except OSError as error:
                told = f"the new refresh token cannot be written to {credentials.file}: {error.strerror}"
                emit(Warned(f"{told}; after a restart the provider may refuse the one that is there"))
        return found

    return refreshed


def _replace(file: Path, token: Secret) -> None:
    """At once, whatever happens meanwhile; nobody else's to read from the first byte on."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(token.reveal() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.rename(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)
