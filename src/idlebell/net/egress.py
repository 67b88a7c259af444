"""What may be dialled. The one place that decides it, for IMAP servers and endpoints alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final

from idlebell.net.addresses import Address, Network, Standing, Verdict, classify_face, faces
from idlebell.net.errors import Unreachable

FACES_KEPT: Final = 1_024
"""Addresses whose verdict is known. Each dial asks three times, and to compare an address with all blocks takes longer than all
else about it."""


class Purpose(Enum):
    """Why a connection is made."""

    IMAP = "imap"
    """IMAP under TLS, implicit or by STARTTLS."""
    IMAP_PLAINTEXT = "imap without tls"
    HTTPS = "https"
    HTTP = "http"
    SMTP = "smtp"
    """Submission under TLS, implicit or by STARTTLS. Only the operator's configuration names such a server."""
    SMTP_PLAINTEXT = "smtp without tls"
    SIP = "sip without tls"
    """To a phone in a network that the operator allows; ``allow_plaintext`` is not asked, for nothing of a mail is in it."""
    SIP_TLS = "sip"

    @property
    def encrypted(self) -> bool:
        return self in (Purpose.IMAP, Purpose.HTTPS, Purpose.SMTP, Purpose.SIP_TLS)

    @property
    def imap(self) -> bool:
        return self in (Purpose.IMAP, Purpose.IMAP_PLAINTEXT)


@dataclass(frozen=True, slots=True)
class Egress:
    """The operator's rules. The defaults let nothing but the public Internet be reached, under TLS, on the usual ports.

    ``allow``: networks that may be reached although they are not public; there on any port, and without TLS where
    ``allow_plaintext`` is set. ``only_hosts``: the IMAP servers that may be reached at all; empty: any.
    """

    allow: tuple[Network, ...] = ()
    imap_ports: frozenset[int] = frozenset({143, 993})
    endpoint_ports: frozenset[int] = frozenset({443})
    allow_plaintext: bool = False
    only_hosts: frozenset[str] = frozenset()
    _judge: Callable[[Address], Verdict] = field(
        default_factory=lambda: lru_cache(FACES_KEPT)(classify_face), init=False, repr=False, compare=False
    )

    def allowed_network(self, address: Address) -> bool:
        """Whether ``address``, and every address inside it, lies in a network that the operator allows by name."""
        return all(self._named(face) for face in faces(address))

    def check_host(self, host: str, purpose: Purpose) -> None:
        """``host`` in the form of :func:`~idlebell.net.host_name.parse_host`. Unreachable ``not-allowed``: it is none of
        ``only_hosts``."""
        if purpose.imap and self.only_hosts and host not in self.only_hosts:
            raise Unreachable("not-allowed", f"{host} is not among imap.only_hosts")

    def check_address(self, address: Address, port: int, purpose: Purpose) -> None:
        """Unreachable ``not-allowed``: it must not be dialled. The detail names the rule."""
        named = True
        for face in faces(address):
            if self._named(face):
                continue
            named = False
            verdict = self._judge(face)
            if not verdict.public:
                inside = "" if face == address else f" (inside {address})"
                raise Unreachable("not-allowed", f"{face}{inside} is not public: {verdict.block}")
        if named:
            if not (purpose.encrypted or self.allow_plaintext or purpose is Purpose.SIP):
                raise Unreachable("not-allowed", "no TLS, and network.allow_plaintext is off")
            return
        if not purpose.encrypted:
            raise Unreachable("not-allowed", f"no TLS, and {address} is not in network.allow")
        if purpose is Purpose.SMTP:
            return  # the operator wrote down which port it is
        ports = self.imap_ports if purpose.imap else self.endpoint_ports
        if port not in ports:
            raise Unreachable("not-allowed", f"port {port} is not for {purpose.value}")

    def permits(self, address: Address, port: int, purpose: Purpose) -> bool:
        """:meth:`check_address` as a question."""
        try:
            self.check_address(address, port, purpose)
        except Unreachable:
            return False
        return True

    def _named(self, face: Address) -> bool:
        standing = self._judge(face).standing
        if standing is Standing.NEVER:
            return False
        holders = [network for network in self.allow if face in network]
        if standing is Standing.METADATA:
            # Allowing the network around a metadata service is rarely meant to open the service itself.
            return any(network.num_addresses == 1 for network in holders)
        return bool(holders)
