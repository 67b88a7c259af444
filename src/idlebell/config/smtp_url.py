"""How a submission server is named in ``[canary]``: ``smtps://mail.example.org``.

Three schemes for the three ways, as :mod:`~idlebell.config.imap_url` has them: ``smtps`` (TLS from the first byte, 465),
``smtp`` (STARTTLS, 587) and ``smtp+plain`` (no TLS and so no login, 25). User and password are the account's own.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from idlebell.model.account import Tls
from idlebell.model.smtp import SMTP_PORTS, SmtpTarget
from idlebell.net.host_name import BadHost, parse_host

SCHEMES = {"smtps": Tls.IMPLICIT, "smtp": Tls.STARTTLS, "smtp+plain": Tls.NONE}


def parse_smtp_url(text: str) -> SmtpTarget:
    """ValueError, with a message that holds nothing of the text, where it is not such a URL."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not a URL like smtps://HOST") from None
    tls = SCHEMES.get(parts.scheme)
    if tls is None:
        raise ValueError("the URL must begin with smtps://, smtp:// (STARTTLS) or smtp+plain:// (no TLS, no login)")
    if "@" in parts.netloc:
        raise ValueError("the URL names no user; the login is that of canary.account")
    if not host:
        raise ValueError("the URL names no host; write smtps://HOST")
    if port == 0:
        raise ValueError("the port must be 1 to 65535")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("the URL must end with the host or its port")
    try:
        return SmtpTarget(parse_host(host), port or SMTP_PORTS[tls], tls)
    except BadHost:
        raise ValueError("the host name is not valid") from None
