"""Holds sessions in IDLE, as few and plain as a client can be: log in, EXAMINE, IDLE, and hear EXISTS.

One line of JSON on standard input, ``{"port", "ca_file", "sessions", "first"}`` (``ca_file`` empty: in clear; ``first``:
number of the first user), is answered when all idle.
Then each line is answered with what was heard since the last one, mailbox and monotonic time of each EXISTS.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

AT_ONCE: Final = 8
SECONDS: Final = 60


def answer(link: socket.socket, tag: bytes) -> None:
    """Reads up to the tagged response, or up to ``+``."""
    said = b""
    while not (said.endswith(b"\r\n") and said.splitlines()[-1].startswith((tag + b" ", b"+"))):
        more = link.recv(4_096)
        if not more:
            raise ConnectionError(f"the server left after {said!r}")
        said += more
    if not said.splitlines()[-1].startswith((tag + b" OK", b"+")):
        raise ConnectionError(repr(said))


def hold(number: int, port: int, context: ssl.SSLContext | None) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), SECONDS)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is not None:
        link = context.wrap_socket(link, server_hostname="127.0.0.1")
    answer(link, b"*")
    for tag, command in ((b"a", b"LOGIN user%d apass" % number), (b"b", b"EXAMINE INBOX"), (b"c", b"IDLE")):
        link.sendall(b"%s %s\r\n" % (tag, command))
        answer(link, tag)
    link.setblocking(False)
    return link


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print("loaded", flush=True)
    wish = json.loads(sys.stdin.readline())
    first = wish.get("first", 0)
    context = ssl.create_default_context(cafile=wish["ca_file"]) if wish["ca_file"] else None
    with ThreadPoolExecutor(AT_ONCE) as pool:
        links = list(
            pool.map(lambda number: hold(number, wish["port"], context), range(first, first + wish["sessions"]))
        )
    poll = select.epoll()
    held = {link.fileno(): (first + number, link) for number, link in enumerate(links)}
    for link in links:
        poll.register(link.fileno(), select.EPOLLIN)
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    print(json.dumps({"held": len(links)}), flush=True)
    heard: list[tuple[int, float]] = []
    lost = 0
    while True:
        for descriptor, _ in poll.poll():
            if descriptor not in held:
                if not sys.stdin.readline():
                    return
                print(json.dumps({"heard": heard, "lost": lost}), flush=True)
                heard = []
                continue
            try:
                number, link = held[descriptor]
                said = link.recv(4_096)
            except ssl.SSLWantReadError:
                continue
            if b" EXISTS\r\n" in said:
                heard.append((number, time.monotonic()))
            elif not said:
                lost += 1
                poll.unregister(descriptor)


if __name__ == "__main__":
    main()
