"""One place dials, under the rules of egress; whatever else connects is named here with what makes it harmless."""

from __future__ import annotations

import ast

from arch.source import MODULES, Module

DIALS = {
    "cli/reach.py": {"tools.connect"},  # the connector's, as parts hands it out
    "net/apprise_guard.py": {"socket.getaddrinfo"},  # puts itself before those of a process of Apprise's
    "net/connector.py": {"sock.connect", "asyncio.get_running_loop().sock_connect"},
    "net/dns.py": {"self._channel().getaddrinfo"},  # c-ares, to the name servers of the system
    "net/outbound.py": {"sock.connect"},  # a datagram socket that sends nothing: it shows our own address
    "net/own_door.py": {
        "asyncio.open_connection"
    },  # an operator's command asks its own gateway, at the address configured
    "net/smtp_client.py": {"client.connect"},  # aiosmtplib's, over a socket that the connector made
    "store/sqlite/opening.py": {"sqlite3.connect"},
    "store/sqlite/snapshot.py": {"sqlite3.connect"},
}
"""Calls that connect, by the module in which they stand."""

OVER_A_SOCKET = {"asyncio.open_connection", "loop.create_connection", "asyncio.get_running_loop().create_connection"}
"""asyncio's: they dial unless they are given ``sock``."""

STANDS_OUTSIDE = ("client/", "testing/", "demo/")
"""What is used by apps and tests, not by a gateway."""

OWN = ("connector.connect", "_connector.connect")
"""The one that asks egress."""


def connects(module: Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, last = ast.unparse(node.func), node.func.attr
        if name.endswith(OWN):
            continue
        given = {keyword.arg for keyword in node.keywords}
        over = name in OVER_A_SOCKET and "sock" in given
        if (
            last in ("connect", "connect_ex", "sock_connect", "create_connection", "open_connection", "sendto")
            and not over
        ):
            found.add(name)
        if last in ("urlopen", "ClientSession", "create_datagram_endpoint", "open_unix_connection", "getaddrinfo"):
            found.add(name)
    return found


def test_nothing_dials_but_what_asks_egress() -> None:
    """S1."""
    found = {one.path: names for one in MODULES if not one.path.startswith(STANDS_OUTSIDE) and (names := connects(one))}
    assert {path: names - DIALS.get(path, set()) for path, names in found.items()} == {path: set() for path in DIALS}
