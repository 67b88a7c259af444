"""Habits of known servers, to play them: ``server.behave(**DOVECOT_2_3)``.

Each is what was measured or is told of that server, no more; what is not said here stays as :class:`.Habits` has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from idlebell.testing.respelling import (
    badevent_without_list,
    lower_case_conditions,
    nil_for_strings,
    no_text_after_code,
)

Kind = Mapping[str, object]

_DOVECOT: Final = {
    "greeting": "Dovecot (Debian) ready.",
    "always": ("IMAP4rev1", "SASL-IR", "LITERAL+", "ID", "ENABLE", "IDLE"),
    "after_login": (
        "NAMESPACE", "UNSELECT", "UIDPLUS", "ESEARCH", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CHILDREN",
        "CONDSTORE", "QRESYNC", "PREVIEW", "STATUS=SIZE", "NOTIFY",
    ),
    "identity": (("name", "Dovecot"),),
    "badevent_names_unsupported": True,
    "respell": (badevent_without_list,),
    "notify_sees_external": False,
    "notify_repeats": True,
    "notify_fetches_again": True,
    "notify_none_mutes": True,
    "notify_limit": 100,
}  # fmt: skip

DOVECOT_2_3: Final[Kind] = MappingProxyType(
    {**_DOVECOT, "notify_wants_both": False, "notify_selected_needs_idle": True}
)
DOVECOT_2_4: Final[Kind] = MappingProxyType({**_DOVECOT, "notify_set_again_loses": True})

CYRUS: Final[Kind] = MappingProxyType(
    {
        "greeting": "localhost Cyrus IMAP 3.12.3 server ready",
        "after_login": (
            "NAMESPACE", "UNSELECT", "UIDPLUS", "ESEARCH", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CHILDREN",
            "CONDSTORE", "QRESYNC", "OBJECTID", "PREVIEW", "STATUS=SIZE", "NOTIFY",
        ),
        "refusal_code": None,
    }
)  # fmt: skip
"""3.12; 3.6 has no NOTIFY."""

COURIER: Final[Kind] = MappingProxyType(
    {
        "greeting": "Courier-IMAP ready. Copyright 1998-2018 Double Precision, Inc.",
        "always": ("IMAP4rev1", "UIDPLUS", "CHILDREN", "NAMESPACE", "IDLE", "ENABLE"),
        "before_login": ("AUTH=PLAIN",),
        "after_login": (),
        "delimiter": ".",
        "prefix": "INBOX.",
        "uid_next": False,
        "refusal_code": None,
        "greets_at_most": 40,
    }
)

GMAIL: Final[Kind] = MappingProxyType(
    {
        "greeting": "Gimap ready for requests from 192.0.2.1",
        "always": ("IMAP4rev1", "UNSELECT", "IDLE", "NAMESPACE", "ID", "CHILDREN", "X-GM-EXT-1"),
        "before_login": ("SASL-IR", "AUTH=XOAUTH2", "AUTH=PLAIN", "AUTH=OAUTHBEARER"),
        "after_login": (
            "UIDPLUS", "ENABLE", "CONDSTORE", "ESEARCH", "LIST-EXTENDED", "LIST-STATUS", "LITERAL-", "SPECIAL-USE",
        ),
        "sessions_per_user": 15,
    }
)  # fmt: skip

EXCHANGE: Final[Kind] = MappingProxyType(
    {
        "greeting": "The Microsoft Exchange IMAP4 service is ready.",
        "always": ("IMAP4", "IMAP4rev1", "AUTH=PLAIN", "AUTH=XOAUTH2", "SASL-IR", "UIDPLUS", "MOVE", "ID", "UNSELECT",
                   "CHILDREN", "IDLE", "NAMESPACE", "LITERAL+"),
        "before_login": (),
        "after_login": (),
        "sessions_per_user": 20,
    }
)  # fmt: skip
"""With the faults NOT_CONNECTED and SERVER_UNAVAILABLE of :mod:`.faults`."""

ICLOUD: Final[Kind] = MappingProxyType(
    {
        "greeting": "iSCREAM ready to rumble",
        "always": ("XAPPLEPUSHSERVICE", "IMAP4", "IMAP4rev1", "SASL-IR"),
        "before_login": ("AUTH=ATOKEN", "AUTH=PLAIN"),
        "after_login": ("CONDSTORE", "ENABLE", "QRESYNC", "UNSELECT", "NAMESPACE", "ID", "IDLE", "UIDPLUS"),
        "says_enabled": False,
    }
)

NETEASE: Final[Kind] = MappingProxyType(
    {
        "greeting": "Coremail System IMap Server Ready(163com)",
        "always": ("IMAP4rev1", "ID", "IDLE"),
        "before_login": ("AUTH=PLAIN",),
        "after_login": (),
        "needs_id": True,
        "uid_next": False,
    }
)

GMX: Final[Kind] = MappingProxyType(
    {
        "greeting": "IMAP server ready H mieue123",
        "always": ("IMAP4rev1", "CHILDREN", "ENABLE", "ID", "IDLE", "LIST-EXTENDED", "LIST-STATUS", "LITERAL-",
                   "NAMESPACE", "SASL-IR", "SPECIAL-USE", "UIDPLUS", "UNSELECT"),
        "before_login": ("AUTH=PLAIN",),
        "after_login": (),
        "respell": (nil_for_strings, lower_case_conditions),
    }
)  # fmt: skip

YAHOO: Final[Kind] = MappingProxyType(
    {
        "greeting": "IMAP4rev1 Hello",
        "always": ("IMAP4rev1", "ID", "NAMESPACE", "UIDPLUS", "UNSELECT", "ENABLE", "CONDSTORE", "OBJECTID"),
        "before_login": ("SASL-IR", "AUTH=PLAIN", "AUTH=XOAUTH2"),
        "after_login": (),
        "line_bytes": 1_000,
    }
)
"""Without IDLE, as it was for years."""

HOODIECROW: Final[Kind] = MappingProxyType(
    {"greeting": "Hoodiecrow ready for rumble", "respell": (no_text_after_code,)}
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "dovecot-2.3": DOVECOT_2_3,
        "dovecot-2.4": DOVECOT_2_4,
        "cyrus": CYRUS,
        "courier": COURIER,
        "gmail": GMAIL,
        "exchange": EXCHANGE,
        "icloud": ICLOUD,
        "netease": NETEASE,
        "gmx": GMX,
        "yahoo": YAHOO,
        "hoodiecrow": HOODIECROW,
    }
)
