"""What the operator allows, as the verbs need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from idlebell.model.account import Retention
from idlebell.model.proof import USUAL_DEMANDS, Demands
from idlebell.model.secret import Secret
from idlebell.model.source import Source
from idlebell.net.egress import Egress


def as_it_came(secret: Secret) -> Secret:
    return secret


@dataclass(frozen=True, slots=True)
class Offered:
    """Kinds of endpoints that an installation has or has not."""

    apprise: frozenset[str] = frozenset()
    """Schemas of Apprise's URLs; empty: it is not installed, or switched off."""
    fcm: bool = False
    apns: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """Filled from the configuration by ``compose``; the defaults are the configuration's."""

    egress: Egress = field(default_factory=Egress)
    registration_open: bool = True
    retentions: frozenset[Retention] = frozenset({Retention.SESSION, Retention.KEYS, Retention.MEMORY})
    max_mailboxes: int = 100
    max_endpoints_per_account: int = 10
    demands: Demands = USUAL_DEMANDS
    """What endpoints have to show before they are used."""
    max_per_day: int = 50
    """To an endpoint that reaches a person; 0: any number."""
    vapid_subject: bool = False
    """There is one: ``push.vapid_subject`` or ``server.public_url``."""
    registrations_per_minute: int = 60
    """From one address without an API key; 0: none."""
    subscriptions_per_key: int = 0
    """0: none."""
    endpoints_per_key: int = 0
    """Of all subscriptions of an API key; 0: none."""
    requests_per_minute_of_key: int = 0
    """0: none."""
    trust_first_use: bool = False
    """May an app have the key of the first session trusted?"""

    offered: Offered = Offered()
    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    """Mail servers that report deliveries, by id."""
    claim: Callable[[Secret], Secret] = as_it_came
    """Makes of a credential in a request the one that is used: where another process keeps it, what stands for it."""

    @property
    def allow_plaintext(self) -> bool:
        return self.egress.allow_plaintext
