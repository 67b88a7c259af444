"""``tls_pin_sha256``: whom an account's sessions take for the server. Read, shown, exchanged, and settled at first use.

Trust is a part of what an account is: a login under a key that somebody brings proves nothing about the server that others'
sessions of the same host, port and user name trust. So another trust is another account, and a subscription of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from idlebell.gateway.policy import Policy
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import CertificateView
from idlebell.login.certificates import ends_soon
from idlebell.login.keyring import Keyring
from idlebell.model.account import Account, Retention, Tls
from idlebell.model.problem import Fault, Problem, ProblemError
from idlebell.model.subscription import Subscription
from idlebell.model.trust import AUTHORITIES, FIRST, Authorities, FirstUse, Pinned, Trust, keys_of, read_pins, spelled
from idlebell.net.errors import CertificateFacts
from idlebell.net.imap_connection import ImapConnection
from idlebell.store.contract import ConflictError, Store

MEMBER: Final = "tls_pin_sha256"
_AT: Final = f"/{MEMBER}"


def read_trust(faults: Faults, given: Any, policy: Policy, tls: Tls) -> Trust:
    """Of a member that may be absent (UNSET) or null: authorities."""
    if given is msgspec.UNSET or given is None:
        return AUTHORITIES
    if tls is Tls.NONE:
        faults.add(_AT, "needs TLS: there is no key in clear")
        return AUTHORITIES
    if given == FIRST:
        if not policy.trust_first_use:
            faults.add(_AT, 'must be fingerprints: "first" is not allowed by the operator (imap.trust_first_use)')
        return FirstUse()
    try:
        return read_pins(given)
    except ValueError as error:
        faults.add(_AT, f'{error}, a list of them, or "{FIRST}"')
        return AUTHORITIES


def trust_view(trust: Trust) -> tuple[str, ...] | Literal["first"] | None:
    match trust:
        case Authorities():
            return None
        case Pinned(pins):
            return tuple(spelled(pin) for pin in pins)
        case FirstUse():
            return "first"


def certificate_view(trust: Trust, shown: CertificateFacts | None, now: datetime) -> CertificateView | None:
    """What the latest session's server showed. Of trust on first use the key is known also before the process has seen it."""
    keys = keys_of(trust)
    if shown is not None and keys and shown.spki_sha256 not in keys:
        shown = None  # of another account that trusts by first use, too
    if shown is None:
        seen = trust.seen if isinstance(trust, FirstUse) else None
        return None if seen is None else CertificateView(spki_sha256=spelled(seen))
    return CertificateView(
        spki_sha256=spelled(shown.spki_sha256),
        subject=shown.subject,
        issuer=shown.issuer,
        not_after=datetime.fromisoformat(shown.not_after),
        expires_soon=ends_soon(shown, now),
    )


async def settled(store: Store, account: Account, session: ImapConnection) -> Account | Fault:
    """The account as its sessions are to trust from now on: at first use it is settled by this one. A Fault where the keys were
    exchanged during the login, and this server has none of them."""
    now = await store.account_by_id(account.id)
    if now is None:
        return account  # it went with its last subscription; whoever makes it anew asks again
    key = None if session.certificate is None else session.certificate.spki_sha256
    trust = now.target.trust
    if trust == FirstUse() and key is not None:
        try:
            await store.retrust(account.id, FirstUse(), FirstUse(key))
            trust = FirstUse(key)
        except ConflictError:  # somebody else was first
            now = await store.account_by_id(account.id)
            trust = trust if now is None else now.target.trust
    if trust != account.target.trust and key not in (keys_of(trust) or ()):
        return Fault("certificate-changed", "The keys of this account were settled or exchanged during the login.")
    return replace(account, target=replace(account.target, trust=trust))


async def exchange(
    store: Store, keyring: Keyring, subscription: Subscription, patch: Mapping[str, Any], policy: Policy
) -> None:
    """PATCH. Credentials that are held are wiped unless the new keys are some of the old ones: they were given to be sent to
    the old ones alone. ProblemError ``invalid-request``, ``conflict``, ``not-found``."""
    account = await store.account_by_id(subscription.account_id)
    if account is None:
        raise ProblemError(Problem("not-found", "The subscription was ended meanwhile."))
    faults = Faults()
    after = read_trust(faults, patch[MEMBER], policy, account.target.tls)
    if patch.get("auth") is not None:
        faults.add("/auth", f"must be sent by PUT …/credentials, after {MEMBER} is changed")
    faults.raise_any()
    before = account.target.trust
    if after == before:
        return
    if any(one.id != subscription.id for one in await store.of_account(account.id)):
        detail = (
            "Other subscriptions watch this account under these keys; register anew with others, and delete this one."
        )
        raise ProblemError(Problem("conflict", detail))
    try:
        await store.retrust(account.id, before, after)
    except ConflictError:
        detail = (
            "The account is watched under these keys already, or they were changed meanwhile; register anew with them."
        )
        raise ProblemError(Problem("conflict", detail)) from None
    old, new = keys_of(before), keys_of(after)
    if not (old and new and set(new) <= set(old)):
        keyring.drop(subscription.id)
    elif subscription.retention is Retention.VAULT:
        # What is sealed names whom it was given for.
        keyring.retain(subscription.id, replace(account, target=replace(account.target, trust=after)))
        await keyring.settled(subscription.id)
