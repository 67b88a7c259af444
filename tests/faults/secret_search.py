"""A gateway's life with secrets in it, and the search for them in what it writes and in its cores."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway_process import GatewayProcess, subscription
from idlebell.testing.certificate import Authority
from idlebell.testing.habits import Habits
from idlebell.testing.imap_server import ImapServer
from idlebell.testing.push_service import PushService

CHUNK_BYTES = 65_536
ZEROES = bytes(CHUNK_BYTES)


def random_word() -> str:
    return f"zQ7{os.urandom(9).hex()}Kp"


def spellings(secret: bytes) -> list[bytes]:
    """Of a secret: as it is, and as it stands inside the base64 of anything, whatever comes before it."""
    found = [secret, secret.hex().encode()]
    for before in range(3):
        coded = base64.b64encode(b"x" * before + secret)
        # The first and the last group hold something of what is around it.
        found.append(coded[4 if before else 0 : len(coded) - 4])
    return [*found, *(one.replace(b"+", b"-").replace(b"/", b"_") for one in found[2:] if b"+" in one or b"/" in one)]


def password_spellings(user: str, password: str) -> list[bytes]:
    plain = base64.b64encode(f"\0{user}\0{password}".encode())
    wide = [password.encode("utf-16-le"), password.encode("utf-32-le")]
    return [*spellings(password.encode()), plain.rstrip(b"="), *wide]


def count_in(data: bytes, needles: list[bytes]) -> int:
    found = 0
    for needle in dict.fromkeys(needles):
        at = data.find(needle)
        while at >= 0:
            found += 1
            at = data.find(needle, at + 1)
    return found


@dataclass
class Life:
    gateway: GatewayProcess
    server: ImapServer
    service: PushService
    answers: list[str] = field(default_factory=list)

    async def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        status, answer = await self.gateway.call(method, path, body, token=token)
        shown = dict(answer)
        shown.pop("token", None)  # told once, to whom it belongs
        self.answers.append(f"{status} {shown}")
        return status, answer

    async def subscribe(self, user: str, password: str, endpoints: dict[str, Any], **more: Any) -> tuple[int, Any]:
        body = subscription(self.server.tls_port, user, password, endpoints, **more)
        return await self.call("POST", "/v1/subscriptions", body)


@asynccontextmanager
async def life(folder: Path, more: str = "") -> AsyncIterator[Life]:
    authority = Authority()
    (folder / "ca.pem").write_bytes(authority.ca_pem)
    async with (
        ImapServer(habits=Habits(tls_context=authority.server_context())) as server,
        PushService() as service,
        GatewayProcess(folder, folder / "ca.pem", level="debug", more=more) as gateway,
    ):
        yield Life(gateway, server, service)


async def core_of(pid: int, folder: Path) -> bytes:
    """All that is not zero in a core. Not dumpable means: not by itself and not by others of its user. Root may."""
    await asyncio.to_thread(
        subprocess.run, ["gcore", "-o", str(folder / "core"), str(pid)], check=True, capture_output=True
    )
    (core,) = folder.glob("core.*")
    try:
        with core.open("rb") as file:
            chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
            return b"".join(chunk for chunk in chunks if chunk != ZEROES)
    finally:
        core.unlink()
