"""The gateway as its users run it: ``idlebell serve`` in a process of its own, on files of its own, to be killed at will.

It is forked off a process that has done nothing but import Idlebell: half of what a test of it would cost is importing.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from servers.sandbox import free_port

START_SECONDS = 30.0
STOP_SECONDS = 30.0
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "gateway_process",
        "idlebell.cli.serve",
        "idlebell.compose.serving",
        "uvloop",
        "litestar.plugins.attrs",  # Litestar takes these where they are installed, as they are for the tests
        "litestar.plugins.pydantic",
    ]
)
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
flood_per_minute = 0
{push}
[network]
allow = ["127.0.0.0/8", "::1/128"]
allow_plaintext = true
[limits]
{limits}
[log]
level = "{level}"
{more}
"""
_NO_LIMITS = "registrations_per_minute = 0\nrequests_per_minute = 0\nconnections_per_address = 0"


class GatewayProcess:
    """``async with`` starts it and surely ends it. ``folder`` holds database, key and log, over all restarts. ``before`` is
    Python that runs in the process first: bounds that no setting undercuts can be made shorter there. However much comes, each
    mail rings by itself.
    ``bounded``: who calls is held to the limits of the defaults; else it is to none."""

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
        bounded: bool = False,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "idlebell.log"
        self.config = folder / "idlebell.toml"
        self._text = _CONFIGURATION.format(
            port=self.port,
            folder=folder,
            ca_file=ca_file,
            server=server,
            imap=imap,
            push=push,
            limits="" if bounded else _NO_LIMITS,
            more=more,
            level=level,
        )
        self.config.write_text(self._text)
        self._program = f"{before}\nfrom idlebell.cli import main; main()"
        self._process: multiprocessing.process.BaseProcess | None = None
        self._http: aiohttp.ClientSession | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    def add_to_config(self, text: str) -> None:
        self.config.write_text(self._text + text)

    async def start(self) -> None:
        arguments = ["serve", "--config", str(self.config)]
        self._process = _FORKS.Process(
            target=_be_gateway, args=(self._program, arguments, str(self.log), dict(os.environ)), daemon=True
        )
        self._process.start()
        deadline = time.monotonic() + START_SECONDS
        while not await self._healthy():
            if self._process.exitcode is not None or time.monotonic() > deadline:
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
        self._process.join()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> int:
        """SIGTERM; the exit status. TimeoutError where it does not end."""
        assert self._process is not None
        self._process.terminate()
        self._process.join(STOP_SECONDS)
        if self._process.exitcode is None:
            raise TimeoutError(f"the gateway did not end:\n{self.log.read_text()[-4000:]}")
        return self._process.exitcode

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
        return await self.metric('idlebell_sessions{form="parked"}')

    async def metric(self, series: str) -> int:
        _, answer = await self.call("GET", "/metrics")
        (line,) = (one for one in answer["text"].splitlines() if one.startswith(f"{series} "))
        return int(float(line.rsplit(" ", 1)[1]))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()
        if self._process is not None and self._process.exitcode is None:
            try:
                await asyncio.to_thread(self.stop)  # its peers, in this loop, must be able to let go of it
            except TimeoutError:
                self.kill()
                raise


def _be_gateway(program: str, arguments: list[str], log: str, environment: dict[str, str]) -> None:
    """In the forked process."""
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["idlebell", *arguments]
    exec(program, {"__name__": "__main__"})


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
