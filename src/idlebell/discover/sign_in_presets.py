"""How one signs in at the large providers by OAuth 2: addresses, scopes, and what each wants said besides. Pure; a table.

The client is the operator's: none of these lets a program in that it does not know. No provider was asked when this was
written; addresses and scopes are those that each one documents and that mail programs use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from idlebell.discover.providers import of_host


@dataclass(frozen=True, slots=True)
class SignInPreset:
    """``scopes``: always asked for. ``offline_scopes`` and ``offline_parameters``: where a refresh token is wanted, too.
    ``issuer``: what ``iss`` of an answer has to be, where there is one (RFC 9207); empty: not known. ``hosts``: IMAP servers
    that take its tokens, domains of names included."""

    title: str
    authorization_url: str
    token_url: str
    issuer: str
    scopes: tuple[str, ...]
    hosts: tuple[str, ...]
    offline_scopes: tuple[str, ...] = ()
    offline_parameters: tuple[tuple[str, str], ...] = ()


def _servers(host: str) -> tuple[str, ...]:
    found = of_host(host)
    assert found is not None
    return found.server_names


PRESETS: Final[Mapping[str, SignInPreset]] = MappingProxyType(
    {
        "google": SignInPreset(
            "Google",
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://oauth2.googleapis.com/token",
            "https://accounts.google.com",
            ("https://mail.google.com/",),
            _servers("imap.gmail.com"),
            # A refresh token comes with the first consent only, unless consent is asked for again.
            offline_parameters=(("access_type", "offline"), ("prompt", "consent")),
        ),
        "microsoft": SignInPreset(
            "Microsoft",
            "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
            "https://login.microsoftonline.com/common/oauth2/v2.0/token",
            "",  # one for each tenant
            ("https://outlook.office.com/IMAP.AccessAsUser.All",),
            _servers("outlook.office365.com"),
            offline_scopes=("offline_access",),
        ),
        "yahoo": SignInPreset(
            "Yahoo",
            "https://api.login.yahoo.com/oauth2/request_auth",
            "https://api.login.yahoo.com/oauth2/get_token",
            "https://api.login.yahoo.com",
            ("mail-r",),
            _servers("imap.mail.yahoo.com"),
        ),
        "fastmail": SignInPreset(
            "Fastmail",
            "https://api.fastmail.com/oauth/authorize",
            "https://api.fastmail.com/oauth/refresh",
            "https://api.fastmail.com",
            ("https://www.fastmail.com/dev/protocol-imap",),
            _servers("imap.fastmail.com"),
            offline_scopes=("offline_access",),
        ),
    }
)
"""By the NAME of ``[oauth.NAME]``."""
