"""Oddities of real servers that the code allows for, each with a name, so that it can be found and deleted one day.

A quirk that needs to be told beforehand has a way to be recognised (:func:`detect`); the others show themselves, and the
code that meets them names them in a comment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Quirk:
    """One departure from the RFCs. It is recognised by any one of its marks; one without marks shows itself."""

    name: str
    servers: str
    sentence: str
    against: str
    """The rule that it breaks, or why it matters."""
    greeting: tuple[str, ...] = ()
    """Texts in the greeting, in any case."""
    capabilities: frozenset[str] = frozenset()
    """Upper-cased; any of them."""
    hosts: tuple[str, ...] = ()
    """Domains of the server's name."""

    def fits(self, greeting_text: str, capabilities: frozenset[str], host: str) -> bool:
        """Whether a server with this greeting, these capabilities and this name has it."""
        greeting_text, host = greeting_text.lower(), host.lower().rstrip(".")
        return (
            any(mark.lower() in greeting_text for mark in self.greeting)
            or not self.capabilities.isdisjoint(capabilities)
            or any(host == domain or host.endswith(f".{domain}") for domain in self.hosts)
        )


ID_BEFORE_SELECT: Final = Quirk(
    "id-before-select",
    "NetEase (163.com, 126.com, yeah.net, 188.com)",
    "Without ID after the login SELECT and EXAMINE are refused with 'Unsafe Login'.",
    "RFC 2971 section 2: a server must not refuse service for a missing ID",
    greeting=("Coremail",),
    hosts=("163.com", "126.com", "yeah.net", "188.com", "vip.163.com"),
)
ENABLE_WITHOUT_ENABLED: Final = Quirk(
    "enable-without-enabled",
    "iCloud",
    "ENABLE is answered OK without an ENABLED response; all that was asked for and is listed counts as enabled.",
    "RFC 5161 section 3.2: ENABLED lists what was enabled",
    capabilities=frozenset({"XAPPLEPUSHSERVICE"}),
    hosts=("mail.me.com", "icloud.com"),
)
BYE_REPEATED: Final = Quirk(
    "bye-repeated",
    "Yandex",
    "BYE is sent again and again until the client closes; the first one is the end.",
    "RFC 9051 section 7.1.5: the server closes after BYE",
    greeting=("Yandex",),
    hosts=("yandex.ru", "yandex.com", "yandex.net"),
)
AUTHENTICATED_NOT_CONNECTED: Final = Quirk(
    "authenticated-not-connected",
    "Exchange Online, Outlook.com",
    "A login succeeds and the next command is refused with 'User is authenticated but not connected', for throttling, a"
    " wrong mailbox or a wrong password alike; wait long before the next try.",
    "RFC 9051 section 6.2.2: OK means that the user may go on",
    greeting=("Microsoft Exchange IMAP4",),
    hosts=("outlook.com", "office365.com", "hotmail.com"),
)
NO_UIDNEXT: Final = Quirk(
    "no-uidnext",
    "Courier",
    "SELECT and EXAMINE give no UIDNEXT; it is found by UID FETCH of the last message.",
    "RFC 9051 section 6.3.2 requires UIDNEXT; RFC 3501 let it be missing",
    greeting=("Courier-IMAP",),
)
BADEVENT_WITHOUT_LIST: Final = Quirk(
    "badevent-without-list",
    "Dovecot",
    "BADEVENT names the events that are not supported, without parentheses.",
    "RFC 5465 section 8: it lists the supported ones in parentheses",
    greeting=("Dovecot",),
)
NIL_FOR_STRING: Final = Quirk(
    "nil-for-string",
    "GMX, web.de",
    "NIL stands where the grammar has a string; it counts as the empty one.",
    "RFC 9051 section 9: string is not nstring",
    hosts=("gmx.net", "gmx.com", "gmx.de", "web.de"),
)

QUIRKS: Final[tuple[Quirk, ...]] = (
    ID_BEFORE_SELECT,
    ENABLE_WITHOUT_ENABLED,
    BYE_REPEATED,
    AUTHENTICATED_NOT_CONNECTED,
    NO_UIDNEXT,
    BADEVENT_WITHOUT_LIST,
    NIL_FOR_STRING,
)


def detect(greeting_text: str, capabilities: frozenset[str], host: str) -> frozenset[Quirk]:
    """The quirks of the server at ``host`` that greeted so and lists these capabilities (upper-cased)."""
    return frozenset(quirk for quirk in QUIRKS if quirk.fits(greeting_text, capabilities, host))
