"""How an account is named on the command line and in ``[[watch]]``: ``imaps://alice@imap.example.org/INBOX``.

A URL as in RFC 5092, with three schemes for the three ways of a session: ``imaps`` (TLS from the first byte),
``imap`` (STARTTLS) and ``imap+plain`` (no TLS). A password has no place in it: it would end in a shell's history and in
the list of processes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from idlebell.model.account import ImapTarget, Tls
from idlebell.model.trust import Trust
from idlebell.net.host_name import BadHost, parse_host

SCHEMES = {"imaps": Tls.IMPLICIT, "imap": Tls.STARTTLS, "imap+plain": Tls.NONE}


@dataclass(frozen=True, slots=True)
class ImapUrl:
    """``mailbox`` None: none is named, INBOX is meant. ``username`` is empty where the URL names a server only."""

    target: ImapTarget
    username: str
    mailbox: str | None

    def under(self, trust: Trust) -> ImapUrl:
        return replace(self, target=replace(self.target, trust=trust))

    def __str__(self) -> str:
        scheme = next(scheme for scheme, tls in SCHEMES.items() if tls is self.target.tls)
        return f"{scheme}://{self.username}@{self.target}"


def parse_imap_url(text: str, *, needs_user: bool = True) -> ImapUrl:
    """ValueError, with a message that holds nothing of the text, where it is not such a URL."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not a URL like imaps://USER@HOST/MAILBOX") from None
    tls = SCHEMES.get(parts.scheme)
    if tls is None:
        raise ValueError("the URL must begin with imaps://, imap:// (STARTTLS) or imap+plain:// (no TLS)")
    if not host:
        raise ValueError("the URL names no host; write imaps://USER@HOST/MAILBOX")
    if port == 0:
        raise ValueError("the port must be 1 to 65535")
    if parts.query or parts.fragment:
        raise ValueError("the URL must end with the mailbox; spell ? and # in its name as %3F and %23")
    # A user name may hold an @ of its own: the last one ends it, as urlsplit sees it too.
    userinfo = parts.netloc.rpartition("@")[0]
    if ":" in userinfo:
        raise ValueError("a password must not stand in the URL; use password_file or password_command")
    username = _decoded(userinfo)
    if needs_user and not username:
        raise ValueError("the URL names no user; write imaps://USER@HOST/MAILBOX")
    mailbox = _decoded(parts.path.removeprefix("/"))
    if any(ord(character) < 0x20 or character == "\x7f" for character in username + mailbox):
        raise ValueError("control characters have no place in the user name or the mailbox")
    try:
        name = parse_host(host)
    except BadHost:
        raise ValueError("the host name is not valid") from None
    return ImapUrl(ImapTarget(name, port or tls.default_port, tls), username, mailbox or None)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("percent-encoded characters must be UTF-8") from None
