"""What can go wrong between us and a peer, as types without I/O. ``socket``, ``ssl``, resolver and HTTP exceptions are mapped
to these where they arise (:mod:`.foreign_errors`); nothing above ``net`` sees a foreign one.

Every error has a ``reason``, a stable word for metrics and tests, and a ``detail``, a sentence for the operator. Neither
holds a secret. Of :class:`Unreachable` neither may reach a user: that would let anyone scan a network through us.
"""

from __future__ import annotations

from dataclasses import dataclass

from idlebell.imap.responses import StatusResponse


class TransportError(Exception):
    """A connection could not be made or is finished. Never raised itself."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Unreachable(TransportError):  # noqa: N818
    """Nothing was connected. ``reason`` is private: ``refused``, ``timeout``, ``no-route``, ``no-such-name``, ``dns`` (the
    resolver failed), ``not-allowed`` (our own rules), ``bad-host`` (no host name), ``local`` (our own lack of descriptors
    or memory), ``no-port`` (all of ours to that address are taken), ``no-source`` (we have none of the addresses that we are to
    use), ``failed`` (anything else)."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Of the certificate that the server showed. ``not_after``: ISO 8601, UTC."""

    subject: str
    issuer: str
    not_before: str
    not_after: str
    names: tuple[str, ...]
    """At most ten of its DNS names and addresses."""
    spki_sha256: bytes = b""
    """Of its public key (RFC 7469 section 2.4): what a pin is compared with."""
    strong: bool = True
    """Is the key long enough to be pinned?"""

    def __str__(self) -> str:
        names = ", ".join(self.names) or "no name"
        return f"{self.subject or '(no subject)'}, for {names}, by {self.issuer}, valid until {self.not_after}"


class TlsFailed(TransportError):  # noqa: N818
    """No TLS that we accept. ``reason`` names the check that failed: a value of
    :data:`~idlebell.net.foreign_errors.VERIFY_REASONS`, ``untrusted``, ``old-protocol``, ``no-common-cipher``, ``not-tls``,
    ``handshake``, ``alert``, ``other-key`` (not one of those pinned, or not the one of the first session),
    ``client-certificate`` (the server refuses ours), ``own-certificate`` (its files cannot be used); for STARTTLS
    ``starttls-missing``, ``starttls-refused``, ``starttls-injected`` or ``preauth-in-clear``. ``certificate`` is None where
    none was shown. This may be told to the user."""

    def __init__(self, reason: str, detail: str = "", certificate: CertificateFacts | None = None) -> None:
        super().__init__(reason, detail)
        self.certificate = certificate

    @property
    def check(self) -> str:
        """The check that failed: :attr:`reason` by its name in the interface."""
        return self.reason


class ConnectionLost(TransportError):  # noqa: N818
    """It was there and is gone. ``reason``: ``eof`` (closed without a word), ``truncated`` (closed without TLS's
    close_notify), ``reset``, ``timeout`` (the kernel gave up: keep-alive or TCP_USER_TIMEOUT), ``tls`` (a record that does
    not decrypt, an alert), ``closed`` (by ourselves), ``failed``."""


class ServerSaidBye(TransportError):  # noqa: N818
    """The server ended the session with BYE (RFC 9051 section 7.1.5), in its greeting or later. ``reason`` is ``bye``."""

    def __init__(self, bye: StatusResponse, *, greeting: bool = False) -> None:
        super().__init__("bye", bye.text[:200])
        self.bye = bye
        self.greeting = greeting


class SubmissionRefused(TransportError):  # noqa: N818
    """An SMTP server said no. ``reason`` is what it said no to: ``greeting``, ``hello``, ``login``, ``sender``,
    ``recipient``, ``content``; or ``no-login`` (no AUTH mechanism that we know), ``protocol`` (no SMTP at all). ``status``
    is its reply code (RFC 5321 section 4.2), None where it gave none."""

    def __init__(self, reason: str, detail: str = "", status: int | None = None) -> None:
        super().__init__(reason, detail)
        self.status = status

    @property
    def login_refused(self) -> bool:
        """For good (5yz), so the same password has no place in another try."""
        return self.reason == "login" and self.status is not None and 500 <= self.status < 600


class TimedOut(TransportError):  # noqa: N818
    """The peer did not do it within its deadline. ``reason`` says what: ``greeting``, ``tls``, ``IDLE``, ``DONE``, ``smtp``,
    or the name of a command."""


class NotImap(TransportError):  # noqa: N818
    """What answers there does not speak IMAP."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("not-imap", detail)
