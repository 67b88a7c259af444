"""Thunderbird's autoconfig file (config-v1.1.xml): which IMAP servers a domain names. Pure.

The file comes from a stranger's web server. There is no DTD in the format, so one that has a DOCTYPE is refused before
anything of it counts, and with it every entity; size, depth and number of elements are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from idlebell.model.account import ImapTarget, Tls

FILE_BYTES: Final = 65_536
"""The longest file of Thunderbird's own collection has 15 kB."""
DEPTH: Final = 16
ELEMENTS: Final = 2_000
TEXT_CHARACTERS: Final = 1_000
"""Of one element."""
SERVERS: Final = 8

PATHS: Final = (
    "https://autoconfig.{domain}/mail/config-v1.1.xml",
    "https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
)
"""Where a domain keeps its file, in Thunderbird's order. Without the address in the query: it is nobody's business yet."""

_SOCKETS: Final = {"SSL": Tls.IMPLICIT, "STARTTLS": Tls.STARTTLS}  # "plain" is not used
_SERVER: Final = ("clientConfig", "emailProvider", "incomingServer")


@dataclass(frozen=True, slots=True)
class AutoconfigServer:
    """``username`` with its placeholders filled in; ``authentication`` as the file spells it, most wanted first."""

    target: ImapTarget
    username: str
    authentication: tuple[str, ...]


class BadAutoconfig(ValueError):  # noqa: N818
    """What was given is no autoconfig file. The message holds nothing of it."""


def parse(document: bytes, address: str) -> tuple[AutoconfigServer, ...]:
    """The IMAP servers under TLS, in the file's order. BadAutoconfig: no such file."""
    if len(document) > FILE_BYTES:
        raise BadAutoconfig(f"more than {FILE_BYTES} bytes")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    try:
        parser.Parse(document, True)
    except BadAutoconfig:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: of an encoding that it claims
        raise BadAutoconfig(f"not well-formed XML ({type(error).__name__})") from None
    if not reader.is_config:
        raise BadAutoconfig("its first element is not clientConfig")
    known = _placeholders(address)
    servers = (_server(one, known) for one in reader.servers)
    return tuple(one for one in servers if one is not None)[:SERVERS]


def _refuse_doctype(*_: object) -> None:
    raise BadAutoconfig("it has a document type, which the format does not know")


def _placeholders(address: str) -> Mapping[str, str]:
    local, _, domain = address.rpartition("@")
    return {"%EMAILADDRESS%": address, "%EMAILLOCALPART%": local, "%EMAILDOMAIN%": domain}


def _filled(text: str, known: Mapping[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(name, value)
    return text


def _server(found: _Found, known: Mapping[str, str]) -> AutoconfigServer | None:
    tls = _SOCKETS.get(found.members.get("socketType", ""))
    port = found.members.get("port", "")
    host = _filled(found.members.get("hostname", ""), known).lower()
    if found.kind != "imap" or tls is None or not host or not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    if not 0 < int(port) < 65_536:
        return None
    return AutoconfigServer(
        ImapTarget(host, int(port), tls),
        _filled(found.members.get("username", "%EMAILADDRESS%"), known),
        tuple(found.authentication),
    )


@dataclass(slots=True)
class _Found:
    kind: str
    members: dict[str, str] = field(default_factory=dict)
    authentication: list[str] = field(default_factory=list)


class _Reader:
    """What expat calls. Of all elements those are kept that stand directly in an ``incomingServer``."""

    __slots__ = ("_elements", "_path", "_text", "is_config", "servers")

    def __init__(self) -> None:
        self.servers: list[_Found] = []
        self.is_config = False
        self._path: list[str] = []
        self._text = ""
        self._elements = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        if self._elements > ELEMENTS or len(self._path) >= DEPTH:
            raise BadAutoconfig("too many elements, or too deep")
        if not self._path:
            self.is_config = name == _SERVER[0]
        self._path.append(name)
        self._text = ""
        if tuple(self._path) == _SERVER:
            self.servers.append(_Found(attributes.get("type", "")))

    def text(self, data: str) -> None:
        self._text = (self._text + data)[:TEXT_CHARACTERS]

    def end(self, name: str) -> None:
        path = tuple(self._path)
        self._path.pop()
        if path[:-1] == _SERVER and self.servers:
            text = self._text.strip()
            if name == "authentication":
                self.servers[-1].authentication.append(text)
            else:
                self.servers[-1].members.setdefault(name, text)
        self._text = ""
