"""What the tests may ask of every real server."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import trustme

from servers.sandbox import Sandbox, free_port

CONNECT_SECONDS = 5


@dataclass(frozen=True)
class User:
    name: str
    password: str


@dataclass(frozen=True)
class Ports:
    """All on 127.0.0.1. ``lmtp`` is 0 where the server has none."""

    imap: int
    imaps: int
    lmtp: int = 0


class MailServer(Protocol):
    host: str
    ports: Ports
    ca_file: Path

    def add_user(self, name: str | None = None, password: str = "apass") -> User: ...
    def deliver(self, user: str, message: bytes, mailbox: str = "INBOX") -> None: ...
    def spell(self, *names: str) -> str: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class SandboxedServer:
    """The common half: a sandbox, ports, a certificate of its own authority, users. ``with`` starts and surely ends it."""

    host = "localhost"
    title: str
    """Name and version, for tables."""

    def __init__(self, sandbox: Sandbox, *, lmtp: bool = True) -> None:
        self.sandbox = sandbox
        self.ports = Ports(free_port(), free_port(), free_port() if lmtp else 0)
        self.users: dict[str, User] = {}
        self._serial = count(1)
        authority = trustme.CA()
        leaf = authority.issue_cert("localhost", "127.0.0.1")
        self.ca_file = sandbox.write("ca.pem", authority.cert_pem.bytes())
        self.certificate = sandbox.write("server.pem", b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        self.key = sandbox.write("server.key", leaf.private_key_pem.bytes())
        self.both = sandbox.write("both.pem", leaf.private_key_and_cert_chain_pem.bytes())

    def client_context(self) -> ssl.SSLContext:
        """A context that trusts this server and nothing else."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def deliver(self, user: str, message: bytes, mailbox: str = "INBOX") -> None:
        """Hand over a message by LMTP (RFC 2033), as a mail server would; returns when the server has taken it. Another
        mailbox than INBOX is named by the detail of the address (RFC 5233), and is there already."""
        self.deliver_all(user, [message], mailbox)

    def deliver_all(self, user: str, messages: Iterable[bytes], mailbox: str = "INBOX") -> None:
        """One after another over one connection."""
        recipient = user if mailbox == "INBOX" else f"{user}+{mailbox}"
        with smtplib.LMTP("127.0.0.1", self.ports.lmtp, local_hostname="localhost", timeout=CONNECT_SECONDS) as lmtp:
            for message in messages:
                lmtp.sendmail("sender@example.net", [recipient], message)

    def spell(self, *names: str) -> str:
        """How this server calls a mailbox of the user's own: ``spell("Work", "Old")``."""
        return "/".join(names)

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """SIGTERM, and wait for the end. The mail stays; :meth:`start` brings the same server back."""
        self.sandbox.stop()

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        self.sandbox.kill()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.sandbox.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sandbox.stop()
        self.sandbox.close()

    def add_user(self, name: str | None = None, password: str = "apass") -> User:
        """A new user with an empty INBOX; without a name, one that nobody has."""
        raise NotImplementedError

    def add_users(self, count: int) -> list[User]:
        """Several at once."""
        return [self.add_user() for _ in range(count)]

    def _name(self, name: str | None) -> str:
        return name if name is not None else f"user{next(self._serial)}"

    def _greets(self) -> bool:
        """Whether both what speaks IMAP and what takes mail is up."""
        for port, word in ((self.ports.imap, b"* OK"), (self.ports.lmtp, b"220")):
            if not port:
                continue
            try:
                with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS) as probe:
                    probe.settimeout(CONNECT_SECONDS)
                    if not probe.recv(512).startswith(word):
                        return False
            except OSError:
                return False
        return True
