"""The form of 2013 as the requests of today. Pure."""

from __future__ import annotations

import re
from typing import Final, Literal

from idlebell.gateway.endpoint_shapes import EndpointsShape, SimplePushShape
from idlebell.gateway.legacy_shapes import RegisterRequest, UnregisterRequest
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import ImapShape, PasswordAuth, SubscriptionRequest
from idlebell.model.secret import Secret

WAIT_SECONDS: Final = 10
_SERVER: Final = re.compile(r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")


def registration(request: RegisterRequest) -> SubscriptionRequest:
    return SubscriptionRequest(
        imap=_imap(request.imap_server, request.username, request.password),
        endpoints=EndpointsShape(
            new_mail=SimplePushShape(url=request.new_mail_url), reconnect=SimplePushShape(url=request.reconnect_url)
        ),
        retention="session",
        wait_seconds=WAIT_SECONDS,
    )


def registration_to_end(request: UnregisterRequest) -> SubscriptionRequest:
    """As what it was registered, as far as its key needs it."""
    url = SimplePushShape(url=request.new_mail_url)
    return SubscriptionRequest(
        imap=_imap(request.imap_server, request.username, request.password),
        endpoints=EndpointsShape(new_mail=url, reconnect=url),
        wait_seconds=WAIT_SECONDS,
    )


def _imap(server: str, username: str, password: Secret | None) -> ImapShape:
    """``host[:port]``: 993 is implicit TLS, and what is left out; 143 is STARTTLS; another port is implicit TLS."""
    found = _SERVER.fullmatch(server)
    if found is None:
        faults = Faults()
        faults.add("/IMAPServer", "must be a host, or a host and a port as in imap.example.org:993")
        faults.raise_any()
    assert found is not None
    port = int(found["port"] or 993)
    tls: Literal["implicit", "starttls"] = "starttls" if port == 143 else "implicit"
    auth = None if password is None else PasswordAuth(password=password)
    return ImapShape(host=found["literal"] or found["name"], port=port, tls=tls, username=username, auth=auth)
