"""The scripted IMAP server as a process of its own, for load: any user name is let in with one password.

Prints one line of JSON when it is ready (``{"port", "tls_port", "ca_file"}``), then obeys lines on standard input and
answers each with a line of JSON: ``deliver USER [COUNT]``, ``stats``, ``quit``. Ends at the end of its input.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import sys
import tempfile
from typing import TextIO

from idlebell.testing.imap_server import ImapServer
from idlebell.testing.mail import plausible
from idlebell.testing.mail_store import MailStore


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m idlebell.testing.imap_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="in clear, with STARTTLS; 0: any")
    parser.add_argument("--tls-port", type=int, default=0, help="implicit TLS; 0: any")
    parser.add_argument("--no-tls", action="store_true", help="in clear only: what is measured is not TLS")
    parser.add_argument("--password", default="apass", help="of every user")
    options = parser.parse_args(arguments)
    _raise_descriptor_limit()
    asyncio.run(_serve(options, sys.stdin, sys.stdout))
    return 0


def _raise_descriptor_limit() -> None:
    """As many connections as we may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(options: argparse.Namespace, source: TextIO, target: TextIO) -> None:
    store = MailStore(any_user=True, password=options.password)
    server = ImapServer(
        store=store, tls=not options.no_tls, host=options.host, port=options.port, tls_port=options.tls_port
    )
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    with tempfile.NamedTemporaryFile(suffix=".pem") as ca_file:
        ca_file.write(server.ca_pem)
        ca_file.flush()
        async with server:
            _print(target, {"port": server.port, "tls_port": server.tls_port, "ca_file": ca_file.name})
            delivered = 0
            while line := (await reader.readline()).decode().split():
                match line:
                    case ["deliver", user]:
                        uid, delivered = server.deliver(user, plausible(delivered, user)), delivered + 1
                        _print(target, {"uid": uid})
                    case ["deliver", user, count] if count.isdecimal():
                        for _ in range(int(count)):
                            uid, delivered = server.deliver(user, plausible(delivered, user)), delivered + 1
                        _print(target, {"uid": uid})
                    case ["stats"]:
                        _print(target, {
                            "sessions": len(server.sessions),
                            "idling": server.idling(),
                            "connections": server.connections,
                            "logins": len(server.logins),
                        })  # fmt: skip
                    case ["quit"]:
                        break
                    case _:
                        _print(target, {"error": "deliver USER [COUNT], stats or quit"})


def _print(target: TextIO, answer: dict[str, object]) -> None:
    target.write(json.dumps(answer) + "\n")
    target.flush()
