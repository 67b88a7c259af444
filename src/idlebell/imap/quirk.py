"""One departure of a real server from the RFCs, or a way of its own that matters to who watches. See :mod:`.quirks`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirk:
    """It is recognised by any one of its marks; one without marks shows itself."""

    name: str
    """Stable: comments, transcripts and the manual use it."""
    servers: str
    sentence: str
    """What the server does, and what is done about it."""
    against: str
    """The rule that it breaks; ``none`` where it breaks none."""
    greeting: tuple[str, ...] = ()
    """Texts in the greeting, in any case."""
    capabilities: frozenset[str] = frozenset()
    """Upper-cased; any of them."""
    hosts: tuple[str, ...] = ()
    """Domains of the server's name."""

    def fits(self, greeting_text: str, capabilities: frozenset[str], host: str) -> bool:
        """Whether a server with this greeting, these capabilities and this name may have it."""
        greeting_text, host = greeting_text.lower(), host.lower().rstrip(".")
        return (
            any(mark.lower() in greeting_text for mark in self.greeting)
            or not self.capabilities.isdisjoint(capabilities)
            or any(host == domain or host.endswith(f".{domain}") for domain in self.hosts)
        )
