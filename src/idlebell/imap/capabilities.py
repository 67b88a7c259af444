"""What a capability list means (RFC 9051 section 6.1.1), and how thousands of sessions hold one copy of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_REV2 = frozenset({"IMAP4REV2"})

IMPLIED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # RFC 9051 appendix E, points 1 to 4: folded into the base, so a server may leave them out of its list.
        **dict.fromkeys(
            (
                "BINARY",
                "CHILDREN",
                "ENABLE",
                "ESEARCH",
                "IDLE",
                "LIST-EXTENDED",
                "LIST-STATUS",
                "LITERAL-",
                "MOVE",
                "NAMESPACE",
                "SASL-IR",
                "SEARCHRES",
                "STATUS=SIZE",
                "UIDPLUS",
                "UNSELECT",
            ),
            _REV2,
        ),
        "CONDSTORE": frozenset({"QRESYNC"}),  # RFC 7162 section 3.2.3
        "UTF8=ACCEPT": frozenset({"UTF8=ONLY"}),  # RFC 6855 section 6
    }
)
"""A capability, and the ones that include it."""


def has(capabilities: frozenset[str], name: str) -> bool:
    """Whether the server can do ``name`` (any case), said or implied. ``capabilities`` are upper-cased."""
    if name in capabilities:
        return True
    name = name.upper()
    return name in capabilities or not capabilities.isdisjoint(IMPLIED.get(name, ()))


def speaks_utf8(capabilities: frozenset[str], enabled: frozenset[str]) -> bool:
    """Whether mailbox names and quoted strings are UTF-8: once UTF8=ACCEPT or IMAP4rev2 is enabled (RFC 6855 section 3,
    RFC 9051 appendix E), and at once where a server knows nothing older than IMAP4rev2 (RFC 9051 section 6.3.1)."""
    if not enabled.isdisjoint(("UTF8=ACCEPT", "UTF8=ONLY", "IMAP4REV2")):
        return True
    return "IMAP4REV2" in capabilities and "IMAP4REV1" not in capabilities


class SharedCapabilities:
    """One copy of each capability list for all sessions of a process: a list of 40 names costs 5 KiB, and all accounts of
    one provider have the same.

    Whoever makes the clients makes one of these and passes it to each, so no state hides in a module. It forgets the
    oldest list when it is full, and never keeps an oversized one, so a hostile server cannot fill it.
    """

    __slots__ = ("_bound", "_lists")

    LISTS = 256
    """Different lists kept; there are not so many kinds of server."""
    NAMES = 128
    """Names in a list that is kept."""
    LENGTH = 4_096
    """Characters in a list that is kept."""

    def __init__(self, bound: int = LISTS) -> None:
        self._bound = bound
        self._lists: dict[frozenset[str], frozenset[str]] = {}

    def __call__(self, capabilities: frozenset[str]) -> frozenset[str]:
        """The copy to keep: equal to ``capabilities``, and the same object for every equal argument."""
        known = self._lists.get(capabilities)
        if known is not None:
            return known
        if len(capabilities) <= self.NAMES and sum(map(len, capabilities)) <= self.LENGTH:
            if len(self._lists) >= self._bound:
                del self._lists[next(iter(self._lists))]
            self._lists[capabilities] = capabilities
        return capabilities

    def __len__(self) -> int:
        return len(self._lists)
