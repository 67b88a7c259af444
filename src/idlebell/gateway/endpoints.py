"""Endpoints as apps give them, checked and turned into the model's. Pure: what an address is and whether a webhook answers
is found out elsewhere (:mod:`idlebell.gateway.reach`, ``verify_webhook``)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from idlebell.gateway.endpoint_shapes import (
    ApnsShape,
    AppriseShape,
    DeclarativeShape,
    EndpointShape,
    EndpointsShape,
    FcmShape,
    MwiShape,
    SimplePushShape,
    WebhookShape,
    WebPushShape,
)
from idlebell.gateway.policy import Offered
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import EndpointsView, EndpointView, ProblemView
from idlebell.model.authority import bracketed
from idlebell.model.endpoint import (
    ApnsEndpoint,
    AppriseEndpoint,
    Declarative,
    Endpoint,
    Endpoints,
    Failing,
    FcmEndpoint,
    MwiEndpoint,
    Provable,
    PushUrl,
    Role,
    SimplePushEndpoint,
    WebhookEndpoint,
    WebPushEndpoint,
    same_endpoint,
    takes_unseen,
)
from idlebell.model.proof import UNPROVEN
from idlebell.model.secret import Secret
from idlebell.model.shown_text import shown
from idlebell.model.subscription import Payload, Subscription
from idlebell.model.trail import told_at
from idlebell.net.host_name import BadHost, parse_host
from idlebell.push.declarative import TITLE_CHARACTERS
from idlebell.push.sip.uri import BadSipUri
from idlebell.push.sip.uri import parse as parse_sip_uri

BELLS_MAX: Final = 5
"""In a list of new_mail: a way for each kind of device somebody has, and no more than anybody waits for."""
URL_BYTES: Final = 1_000
"""As UnifiedPush bounds an endpoint; SimplePush URLs and webhooks are shorter."""
NAVIGATE_BYTES: Final = 500
"""It goes with each push, and takes the place of mail there."""
P256DH_BYTES: Final = 65
AUTH_BYTES: Final = 16
WEBHOOK_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
WEBHOOK_SECRET_BYTES: Final = (24, 64)

NOTHING_MORE: Final = Offered()
NOT_OFFERED: Final = "is not offered by this installation"
_FCM_TOKEN: Final = re.compile(r"[A-Za-z0-9_:\-]{20,1000}")
_APNS_TOKEN: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){32,100}")
"""32 bytes today; Apple says that they may become more, up to 100."""
_VISIBLE: Final = re.compile(r"[!-~]+")
_SCHEMA: Final = re.compile(r"[A-Za-z0-9]{1,20}")
_URL: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
"""RFC 3986 section 2, without ``#``: a fragment is never sent, so two URLs that differ in it only would be one."""


def read_endpoints(
    faults: Faults,
    shape: EndpointsShape,
    *,
    allow_plaintext: bool,
    offered: Offered = NOTHING_MORE,
    at: str = "/endpoints",
) -> Endpoints:
    """The endpoints, or faults with pointers; after a fault what is returned is of no use."""

    def read(given: EndpointShape, at: str) -> Endpoint:
        return read_endpoint(faults, given, at, allow_plaintext=allow_plaintext, offered=offered)

    found: dict[str, Any] = {
        role.value: read(given, f"{at}/{role.value}")
        for role in Role
        if role is not Role.NEW_MAIL and (given := getattr(shape, role.value)) is not None
    }
    if isinstance(shape.new_mail, list):
        bells = [read(one, f"{at}/new_mail/{place}") for place, one in enumerate(shape.new_mail[:BELLS_MAX])]
        if not 1 <= len(shape.new_mail) <= BELLS_MAX:
            faults.add(f"{at}/new_mail", f"must name 1 to {BELLS_MAX} endpoints")
        for place, one in enumerate(bells):
            if (one.kind, one.url) in [(other.kind, other.url) for other in bells[:place]]:
                faults.add(f"{at}/new_mail/{place}", "is in the list already")
    else:
        bells = [read(shape.new_mail, f"{at}/new_mail")]
    if shape.reconnect is None and bells and not bells[0].carries_body:
        faults.add(f"{at}/reconnect", f"is missing: with {bells[0].kind} it is the only way to ask for credentials")
    for role in Role:
        if role is not Role.NEW_MAIL and isinstance(found.get(role.value), MwiEndpoint):
            faults.add(f"{at}/{role.value}/type", "must not be mwi: a lamp tells of new mail only")
    return Endpoints(bells[0] if bells else None, **found, fallbacks=tuple(bells[1:]))


def read_endpoint(
    faults: Faults, shape: EndpointShape, at: str, *, allow_plaintext: bool, offered: Offered = NOTHING_MORE
) -> Endpoint:
    if isinstance(shape, AppriseShape):
        fault = apprise_fault(shape.url, offered.apprise)
        if fault is not None:
            faults.add(f"{at}/url" if offered.apprise else f"{at}/type", fault)
        return AppriseEndpoint(PushUrl(shape.url))
    if isinstance(shape, FcmShape):
        if not offered.fcm:
            faults.add(f"{at}/type", NOT_OFFERED)
        elif _FCM_TOKEN.fullmatch(shape.token) is None:
            faults.add(f"{at}/token", "must be a registration token of FCM's")
        return FcmEndpoint(shape.token)
    if isinstance(shape, ApnsShape):
        if not offered.apns:
            faults.add(f"{at}/type", NOT_OFFERED)
        elif _APNS_TOKEN.fullmatch(shape.token) is None:
            faults.add(f"{at}/token", "must be a device token of Apple's, in hexadecimal")
        return ApnsEndpoint(shape.token.lower(), shape.sandbox)
    if isinstance(shape, MwiShape):
        if (fault := sip_fault(shape.url)) is not None:
            faults.add(f"{at}/url", fault)
        return MwiEndpoint(PushUrl(shape.url))
    text = _url_of(faults, shape, at)
    fault = None if text is None else url_fault(text, allow_plaintext=allow_plaintext)
    if fault is not None:
        faults.add(f"{at}/url", fault)
    url = PushUrl(text or "")
    match shape:
        case SimplePushShape():
            return SimplePushEndpoint(url)
        case WebPushShape(keys=keys, declarative=wish, application_server_key=ours):
            point, auth = decoded(keys.p256dh), decoded(keys.auth.text())
            if point is None or not _on_curve(point):
                faults.add(
                    f"{at}/keys/p256dh", f"must be base64url of an uncompressed P-256 point, {P256DH_BYTES} bytes"
                )
            if auth is None or len(auth) != AUTH_BYTES:
                faults.add(f"{at}/keys/auth", f"must be base64url of {AUTH_BYTES} bytes")
            declarative = None if wish is None else _declarative(faults, wish, f"{at}/declarative")
            key = None if ours is None else decoded(ours)
            if ours is not None and (key is None or not _on_curve(key)):
                faults.add(f"{at}/application_server_key", "must be a key as GET /v1/vapid shows it")
            named = None if key is None else _base64url(key)
            return WebPushEndpoint(url, point or b"", Secret(auth or b""), UNPROVEN, declarative, named)
        case WebhookShape(secret=given):
            secret = webhook_secret(given.text())
            if secret is None:
                least, most = WEBHOOK_SECRET_BYTES
                faults.add(f"{at}/secret", f"must be whsec_ and the base64 of {least} to {most} bytes")
            return WebhookEndpoint(url, Secret(secret or b""))


def _declarative(faults: Faults, shape: DeclarativeShape, at: str) -> Declarative:
    url, title = shape.navigate, shape.title
    bare, _, fragment = url.partition("#")  # of an app that is one page the fragment is the place in it
    if len(url.encode("utf-8", "replace")) > NAVIGATE_BYTES:
        faults.add(f"{at}/navigate", f"must have at most {NAVIGATE_BYTES} bytes")
    elif (fault := url_fault(bare, allow_plaintext=False)) is not None:
        faults.add(f"{at}/navigate", fault)
    elif fragment and _URL.fullmatch(fragment) is None:
        faults.add(f"{at}/navigate", "must be a URL in ASCII; spell other characters with %")
    if title is not None and (title != shown(title, TITLE_CHARACTERS) or not title):
        faults.add(f"{at}/title", f"must be 1 to {TITLE_CHARACTERS} characters on one line")
    return Declarative(url, title)


def apprise_fault(url: str, offered: frozenset[str]) -> str | None:
    """What is wrong with the form of a URL of Apprise's; None: nothing that can be told without Apprise. The answer holds
    nothing of the URL but a schema that is one."""
    if not offered:
        return NOT_OFFERED
    if len(url) > URL_BYTES or _VISIBLE.fullmatch(url) is None:
        return f"must be at most {URL_BYTES} visible ASCII characters; spell others with %"
    schema, found, _ = url.partition("://")
    if not found or _SCHEMA.fullmatch(schema) is None:
        return "must be a URL that Apprise understands, SCHEMA://…"
    if schema.lower() not in offered:
        return f"{schema.lower()}:// is not offered by this installation"
    return None


def _url_of(faults: Faults, shape: SimplePushShape | WebPushShape | WebhookShape, at: str) -> str | None:
    """None: a fault was added."""
    if not isinstance(shape, WebPushShape):
        return shape.url
    if shape.url is not None and shape.endpoint not in (None, shape.url):
        faults.add(f"{at}/endpoint", "must be the same as url, or one of both left out")
    found = shape.url if shape.url is not None else shape.endpoint
    if found is None:
        faults.add(f"{at}/url", "is missing")
    return found


def sip_fault(url: str) -> str | None:
    """What is wrong with the form of a SIP URI; None: nothing. The answer holds nothing of the URI."""
    try:
        parse_host(parse_sip_uri(url).host)
    except BadSipUri as error:
        return str(error)
    except BadHost as error:
        return f"must have a valid host: {error}"
    return None


def url_fault(url: str, *, allow_plaintext: bool) -> str | None:
    """What is wrong with the form of a push URL; None: nothing. The answer holds nothing of the URL."""
    if len(url.encode("utf-8", "replace")) > URL_BYTES:
        return f"must have at most {URL_BYTES} bytes"
    if "#" in url:
        return "must have no fragment"
    if _URL.fullmatch(url) is None:
        return "must be a URL in ASCII; spell other characters with %"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "must be a URL with a valid host and port"
    if parts.scheme != "https" and not (parts.scheme == "http" and allow_plaintext):
        return "must be an https URL"
    if "@" in parts.netloc:
        return "must have no user name or password"
    if port == 0 or parts.netloc.endswith(":"):
        return "must have a port from 1 to 65535, or none"
    # urlsplit() reads [::1]x as ::1, and [v1.x] as a name.
    if parts.netloc.lower().removeprefix(bracketed(host)).partition(":")[0]:
        return "must be a URL with a valid host and port"
    try:
        parse_host(host)
    except BadHost as error:
        return f"must have a valid host: {error}"
    return None


def payload_fault(payload: Payload, endpoints: Endpoints, *, allow_plaintext: bool) -> str | None:
    """May this much of a message go to the ``new_mail`` endpoints? Behind the first one may stand that only rings."""
    if payload is Payload.ALERT or endpoints.new_mail is None:
        return None
    if not endpoints.new_mail.carries_body:
        return f"must be alert: {endpoints.new_mail.kind} carries no body"
    hooks = [one for one in endpoints.bells if isinstance(one, WebhookEndpoint)]
    if any(one.url.scheme != "https" for one in hooks) and not allow_plaintext:
        return "must be alert: the webhook is not https"
    return None


def withdraw_fault(endpoints: Endpoints) -> str | None:
    """Can the ``new_mail`` endpoints be told that messages were read?"""
    if any(isinstance(one, AppriseEndpoint) for one in endpoints.bells):
        return "needs a new_mail that is a program: what a person was told by apprise cannot be taken back"
    if all(takes_unseen(one) for one in endpoints.bells):
        return None
    return "needs a new_mail that carries a body: simplepush has no type"


def heartbeat_fault(endpoints: Endpoints) -> str | None:
    """Is there an endpoint that takes heartbeats?"""
    found = endpoints.serving(Role.HEARTBEAT)
    if isinstance(found, WebPushEndpoint) and found.declarative is not None:
        return "needs an endpoints.heartbeat that is not declarative: a browser would show each of them"
    if found is not None:
        return None
    return "needs endpoints.heartbeat: only a new_mail that is a webhook takes them too"


def decoded(text: str) -> bytes | None:
    """base64url (RFC 4648 section 5) with or without padding, or the standard alphabet; None: neither."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def webhook_secret(text: str) -> bytes | None:
    """What stands behind ``whsec_``; None: it is no such secret."""
    if not text.startswith(WEBHOOK_SECRET_PREFIX):
        return None
    secret = decoded(text.removeprefix(WEBHOOK_SECRET_PREFIX))
    least, most = WEBHOOK_SECRET_BYTES
    return secret if secret is not None and least <= len(secret) <= most else None


def spelled(endpoint: Endpoint) -> dict[str, Any]:
    """The JSON of an endpoint as an app would have sent it: what a merge patch is applied to. It holds secrets."""
    found: dict[str, Any] = {"type": endpoint.kind, "url": endpoint.url.reveal()}
    match endpoint:
        case FcmEndpoint(token=token):
            return {"type": endpoint.kind, "token": token}
        case ApnsEndpoint(token=token, sandbox=sandbox):
            return {"type": endpoint.kind, "token": token, "sandbox": sandbox}
        case WebPushEndpoint(p256dh=point, auth=auth, declarative=wish):
            found["keys"] = {"p256dh": _base64url(point), "auth": _base64url(auth.reveal())}
            if wish is not None:
                found["declarative"] = {"navigate": wish.navigate, "title": wish.title}
        case WebhookEndpoint(secret=secret):
            found["secret"] = WEBHOOK_SECRET_PREFIX + base64.b64encode(secret.reveal()).decode("ascii")
        case SimplePushEndpoint() | MwiEndpoint():
            pass
    return found


def spelled_all(endpoints: Endpoints) -> dict[str, Any]:
    """All of them, by role: new_mail is a list where it was more than one."""
    found: dict[str, Any] = {role.value: spelled(own) for role, own in endpoints if role is not Role.NEW_MAIL}
    bells = [spelled(one) for one in endpoints.bells]
    return found | ({"new_mail": bells if len(bells) > 1 else bells[0]} if bells else {})


def endpoints_view(subscription: Subscription) -> EndpointsView:
    """No URL: it would be a right to ring."""
    endpoints = subscription.endpoints
    failing = {one.place: one for one in endpoints.failing}
    return EndpointsView(
        new_mail=tuple(
            EndpointView(
                type=own.kind,
                host=own.url.host,
                application_server_key=own.application_server_key if isinstance(own, WebPushEndpoint) else None,
                used=place == endpoints.place,
                problem=None if place not in failing else _trouble(failing[place]),
            )
            for place, own in enumerate(endpoints.bells)
        )
    )


def _trouble(one: Failing) -> ProblemView:
    if one.spent and one.probe_at is not None:
        code = "endpoint-spent"
        detail = f"It has had its notifications of this day, so the next one is used until {told_at(one.probe_at)}."
    else:
        code = "endpoint-failing"
        then = "the next mail tries it again"
        if one.probe_at is not None:
            then = f"it is passed over until {told_at(one.probe_at)}"
        detail = f"It did not take new mail in time; {then}."
    return ProblemView(type=f"/problems/{code}", detail=detail, since=one.since)


def with_proofs(endpoints: Endpoints, known: Endpoints | None) -> Endpoints:
    """Those that are what they were have shown what they had shown, the others nothing; a list that is what it was fails where
    it failed."""
    if known is not None and _addresses(known) == _addresses(endpoints):
        endpoints = replace(endpoints, failing=known.failing)

    def proven(own: Endpoint) -> Endpoint:
        if not isinstance(own, Provable):
            return own
        before = next((one for _, one in known or () if same_endpoint(one, own)), None)
        return replace(own, proof=before.proof if isinstance(before, Provable) else UNPROVEN)

    return endpoints.mapped(proven)


def _addresses(endpoints: Endpoints) -> list[tuple[str, PushUrl]]:
    return [(one.kind, one.url) for one in endpoints.bells]


def _on_curve(point: bytes) -> bool:
    if len(point) != P256DH_BYTES or point[0] != 4:
        return False
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except ValueError:
        return False
    return True


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
