"""For whoever makes a mail app: asks a gateway to watch an account, keeps that going, and reads what it pushes.

In: an address of a gateway, credentials, endpoints. Out: typed answers, and :class:`ApiError` with the gateway's own words
where it says no. :class:`Client` waits for each answer, :class:`AsyncClient` is the same for asyncio. What arrives at an
endpoint is read by :class:`WebPushKeys` and :func:`read_webhook`; :mod:`~idlebell.client.upkeep` says what is to be done next.
Nothing here keeps anything: an app stores its :class:`Handle` and its keys as it stores passwords.
"""

from idlebell.client.async_client import AsyncClient
from idlebell.client.client import Client
from idlebell.client.events import Event
from idlebell.client.logins import Provider, ScramClient, SignedIn, SignIn, SignIns
from idlebell.client.problems import ApiError, GatewayUnreachableError, GoneError, NotGenuineError
from idlebell.client.received import Message, Push, WebPushKeys, read_push, read_webhook
from idlebell.client.shapes import (
    AccessToken,
    Apns,
    Apprise,
    Auth,
    Endpoint,
    Fcm,
    Handle,
    MailServer,
    Mwi,
    Password,
    RefreshToken,
    SimplePush,
    Subscription,
    TestResult,
    Webhook,
    WebPush,
)
from idlebell.client.upkeep import Step, next_step, renew_at, step_after

__all__ = [
    "AccessToken",
    "ApiError",
    "Apns",
    "Apprise",
    "AsyncClient",
    "Auth",
    "Client",
    "Endpoint",
    "Event",
    "Fcm",
    "GatewayUnreachableError",
    "GoneError",
    "Handle",
    "MailServer",
    "Message",
    "Mwi",
    "NotGenuineError",
    "Password",
    "Provider",
    "Push",
    "RefreshToken",
    "ScramClient",
    "SignIn",
    "SignIns",
    "SignedIn",
    "SimplePush",
    "Step",
    "Subscription",
    "TestResult",
    "WebPush",
    "WebPushKeys",
    "Webhook",
    "next_step",
    "read_push",
    "read_webhook",
    "renew_at",
    "step_after",
]
