"""The gateway as its users run it: ``idlebell serve`` in a process of its own, on files of its own, to be killed at will."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from servers.sandbox import free_port

START_SECONDS = 30.0
_CONFIGURATION = """\
[server]
listen = "127.0.0.1:{port}"
{server}
[store]
url = "sqlite:{folder}/idlebell.db"
[imap]
ca_file = "{ca_file}"
{imap}
[push]
vapid_subject = "mailto:operator@example.org"
{push}
[network]
allow = ["127.0.0.0/8", "::1/128"]
allow_plaintext = true
[limits]
registrations_per_minute = 0
[log]
level = "{level}"
{more}
"""


class GatewayProcess:
    """``async with`` starts it and surely ends it. ``folder`` holds database, key and log, over all restarts. ``before`` is
    Python that runs in the process first: bounds that no setting undercuts can be made shorter there."""

    def __init__(
        self,
        folder: Path,
        ca_file: Path,
        *,
        server: str = "",
        imap: str = "",
        push: str = "",
        more: str = "",
        level: str = "debug",
        before: str = "",
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "idlebell.log"
        self.config = folder / "idlebell.toml"
        self._text = _CONFIGURATION.format(
            port=self.port, folder=folder, ca_file=ca_file, server=server, imap=imap, push=push, more=more, level=level
        )
        self.config.write_text(self._text)
        self._program = f"{before}\nfrom idlebell.cli import main; main()"
        self._process: subprocess.Popen[bytes] | None = None
        self._http: aiohttp.ClientSession | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def add_to_config(self, text: str) -> None:
        self.config.write_text(self._text + text)

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", self._program, "serve", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                # Compiled modules are kept: a start without them takes three times as long.
                env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            )
        deadline = time.monotonic() + START_SECONDS
        while not await self._healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the gateway did not start:\n{self.log.read_text()[-4000:]}")
            await asyncio.sleep(0.02)

    async def _healthy(self) -> bool:
        try:
            status, _ = await self.call("GET", "/healthz")
        except aiohttp.ClientError:
            return False
        return status == 200

    def kill(self) -> None:
        """SIGKILL: nothing is put in order."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(timeout=30)

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one request."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._http.request(method, self.url + path, json=body, headers=headers) as response:
            text = await response.text()
            is_json = "json" in response.content_type
            return response.status, (await response.json(content_type=None)) if text and is_json else {"text": text}

    async def parked(self) -> int:
        """Sessions that are parked now."""
        _, answer = await self.call("GET", "/metrics")
        (line,) = (one for one in answer["text"].splitlines() if one.startswith('idlebell_sessions{form="parked"}'))
        return int(float(line.rsplit(" ", 1)[1]))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()
        if self._process is not None and self._process.poll() is None:
            try:
                await asyncio.to_thread(self.stop)  # its peers, in this loop, must be able to let go of it
            except subprocess.TimeoutExpired:
                self.kill()
                raise


def subscription(
    server_port: int,
    user: str,
    password: str,
    endpoints: dict[str, Any],
    *,
    host: str = "localhost",
    **more: Any,
) -> dict[str, Any]:
    """The body of POST /v1/subscriptions."""
    return {
        "imap": {
            "host": host,
            "port": server_port,
            "tls": "implicit",
            "username": user,
            "auth": {"type": "password", "password": password},
        },
        "endpoints": endpoints,
        **more,
    }
