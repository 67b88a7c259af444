"""Push services under TLS, in a process of their own: they take every request and answer 201 with nothing to read.

    python bench/rig/push_receiver.py [--origins 4]

Prints a line of JSON (``{"origins", "ca_file"}``), then answers each line on standard input with what came since the last one:
``{"requests", "connections", "bytes"}``, where a request counts once it has come whole. Ends at the end of its input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvloop

from idlebell.testing.certificate import Authority

ANSWER: Final = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


class _Connection(asyncio.Protocol):
    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._pending = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._counts["connections"] += 1

    def data_received(self, data: bytes) -> None:
        self._counts["bytes"] += len(data)
        self._pending += data
        while True:
            head, end, rest = self._pending.partition(_HEAD_END)
            if not end:
                return
            _, _, tail = head.lower().partition(_LENGTH)
            length = int(tail.split(b"\r\n", 1)[0]) if tail else 0
            if len(rest) < length:
                return
            self._pending = rest[length:]
            self._counts["requests"] += 1
            self._transport.write(ANSWER)


async def serve(origins: int) -> None:
    authority = Authority()
    context = authority.server_context()
    counts: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: _Connection(counts), "127.0.0.1", 0, ssl=context, backlog=1_024)
        for _ in range(origins)
    ]
    with tempfile.NamedTemporaryFile(suffix=".pem") as ca_file:
        ca_file.write(authority.ca_pem)
        ca_file.flush()
        named = [f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
        print(json.dumps({"origins": named, "ca_file": ca_file.name}), flush=True)
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps({name: counts[name] for name in ("requests", "connections", "bytes")}), flush=True)
            counts.clear()
    for server in servers:
        server.close()


class PushReceiver:
    """The process, from outside."""

    def __init__(self, process: Any) -> None:
        self._process = process
        told = json.loads(process.stdout.readline())
        self.origins: list[str] = told["origins"]
        self.ca_file = Path(told["ca_file"])

    def came(self) -> dict[str, int]:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        counts: dict[str, int] = json.loads(self._process.stdout.readline())
        return counts


@contextmanager
def push_receiver(origins: int) -> Iterator[PushReceiver]:
    import subprocess

    command = [sys.executable, str(Path(__file__).resolve()), "--origins", str(origins)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield PushReceiver(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--origins", type=int, default=4)
    uvloop.run(serve(parser.parse_args().origins))


if __name__ == "__main__":
    main()
