"""Accounts of the configuration file (``[[watch]]``): subscriptions that follow the file instead of an app.

They have no token, no lease and no ``reconnect``: the operator's word is their proof, and the operator's log is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

from idlebell.gateway.credentials import copied
from idlebell.gateway.endpoints import apprise_fault, url_fault, webhook_secret
from idlebell.gateway.means import Means
from idlebell.gateway.shapes import SubscriptionView
from idlebell.gateway.standing import verdict
from idlebell.gateway.verbs import Gateway
from idlebell.login.own_tokens import refresh_token_of
from idlebell.login.password_source import NoPassword, password_of
from idlebell.model.account import (
    CertificateCredentials,
    ClientCertificate,
    CommandedCredentials,
    Credentials,
    FiledCredentials,
    ImapTarget,
    PasswordCredentials,
    RenewableCredentials,
    Retention,
)
from idlebell.model.endpoint import (
    AppriseEndpoint,
    CanaryEndpoint,
    CommandEndpoint,
    Endpoint,
    Endpoints,
    PushUrl,
    SimplePushEndpoint,
    TerminalEndpoint,
    WebhookEndpoint,
)
from idlebell.model.ids import ID_ENTROPY_BYTES, ApiKeyId, SubscriptionId, subscription_id
from idlebell.model.problem import PROBLEMS, Blame, Fault
from idlebell.model.proof import PROVEN
from idlebell.model.secret import Secret
from idlebell.model.subscription import LEASE_SECONDS_MAX, Payload, Phase, Subscription
from idlebell.store.contract import ConflictError
from idlebell.telemetry.status import AccountStatus

AT_ONCE: Final = 16
"""Accounts whose passwords are read together: commands wait for each other's disks, and what is stored shares a commit."""
SIMPLEPUSH_PREFIX: Final = "simplepush+"
_PAGE: Final = 1_000
_WAITED_SECONDS: Final = 3_600.0
"""In one go, for something that may never come."""
_OWNER: Final = ApiKeyId("declared")
"""In the key only, so that an app's registration of the same account and endpoint is another one."""


@dataclass(frozen=True, slots=True)
class RefreshTokenFile:
    """``client``: the name of ``[oauth.NAME]``."""

    file: Path
    client: str


@dataclass(frozen=True, slots=True)
class DeclaredAccount:
    """One ``[[watch]]``. ``command``: run for each notification; empty: none."""

    target: ImapTarget
    username: str
    mailboxes: tuple[str, ...] = ("INBOX",)
    notify: tuple[PushUrl, ...] = ()
    command: str = field(default="", repr=False)
    filter: str | None = None
    """As a subscription keeps it."""
    password_file: Path | None = None
    password_command: str = field(default="", repr=False)
    ask: Callable[[], Secret] | None = field(default=None, repr=False)
    """Gives the password where neither a file nor a command does."""
    terminal: bool = False
    """A line for each message, too."""
    canary: bool = False
    """The operator's canary: the gateway itself is told."""
    certificate: ClientCertificate | None = None
    """Shown in the handshake; without a password it is the login, by SASL EXTERNAL."""
    names_user: bool = True
    """To a server that is shown a certificate only."""
    token_command: str = field(default="", repr=False)
    """Prints an access token."""
    refresh_token: RefreshTokenFile | None = None

    @property
    def has_password(self) -> bool:
        return self.password_file is not None or bool(self.password_command) or self.ask is not None

    def __str__(self) -> str:
        return f"{self.username} at {self.target}"


ReadPassword: TypeAlias = Callable[[DeclaredAccount], Awaitable[Secret]]


class Declared:
    """``read``: :func:`read_password`, or another process's, which keeps what it reads."""

    def __init__(self, gateway: Gateway, read: ReadPassword | None = None) -> None:
        self._means: Means = gateway.means
        self._read = read or read_password
        self._turn = asyncio.Lock()
        self._accounts: Sequence[DeclaredAccount] = ()

    async def follow(self, accounts: Sequence[DeclaredAccount]) -> tuple[str, ...]:
        """Makes what is subscribed fit ``accounts``; passwords are read anew. Gives a sentence for each thing that could not
        be done, for the operator; the rest is done. StoreError is the caller's."""
        self._accounts = accounts
        shown = {one.certificate.certificate for one in accounts if one.certificate is not None}
        await self._means.door.certificates.mind(shown)
        async with self._turn:
            known = await self._known()
            complaints: list[str] = []
            kept: set[SubscriptionId] = set()
            for start in range(0, len(accounts), AT_ONCE):
                some = accounts[start : start + AT_ONCE]
                for ids, faults in await asyncio.gather(*map(self._follow_account, some)):
                    kept.update(ids)
                    complaints += faults
            for subscription in known:
                if subscription.id not in kept:
                    await self._means.forget(subscription)
            return tuple(complaints)

    async def again(self) -> tuple[str, ...]:
        """As :meth:`follow`, with what was followed last: the passwords that were read are gone."""
        return await self.follow(self._accounts)

    async def _follow_account(self, account: DeclaredAccount) -> tuple[list[SubscriptionId], list[str]]:
        """Its subscriptions, and a sentence for each thing that could not be done."""
        endpoints, faults = endpoints_of(account, self._means)
        complaints = [f"{account}: {fault}" for fault in faults]
        try:
            credentials = await self._credentials(account)
        except NoPassword as error:
            complaints.append(f"{account}: {error}")
            credentials = None
        kept = False
        try:
            found = [await self._follow(account, endpoint, credentials) for endpoint in endpoints]
            if isinstance(credentials, RenewableCredentials) and found:
                kept = self._keep_once(found, credentials)
            return [one.id for one in found], complaints
        finally:
            if credentials is not None and not kept:
                credentials.wipe()

    def _keep_once(self, subscriptions: Sequence[Subscription], credentials: RenewableCredentials) -> bool:
        """What is renewed is there once, whichever of the account's ``subscriptions`` has it, or two would use one refresh
        token. False: what is held already goes on, with the tokens that it has come to."""
        keyring, first = self._means.keyring, subscriptions[0]
        ids = {one.id for one in subscriptions}
        held = {one: own for one, own in keyring.sets(first.account_id) if one in ids}
        if any(isinstance(own, RenewableCredentials) and _goes_on(own, credentials) for own in held.values()):
            return False
        for one in held.keys() - {first.id}:
            keyring.drop(one)
        keyring.keep(first.id, first.account_id, credentials)
        self._means.nudge(first.account_id)
        return True

    async def _credentials(self, account: DeclaredAccount) -> Credentials:
        """NoPassword says why there are none."""
        if account.token_command:
            return CommandedCredentials(account.token_command)
        if account.refresh_token is not None:
            return await self._filed(account.refresh_token)
        if account.certificate is not None and not account.has_password:
            return CertificateCredentials(account.certificate, names_user=account.names_user)
        password = await self._read(account)
        if account.certificate is not None:
            return CertificateCredentials(account.certificate, password)
        return PasswordCredentials(password)

    async def _filed(self, given: RefreshTokenFile) -> FiledCredentials:
        client = self._means.sign_ins.registered(given.client)
        if client is None:
            raise NoPassword(f"there is no [oauth.{given.client}] with a client_id; it is read at the start")
        token = await asyncio.to_thread(refresh_token_of, given.file)
        secret = None if client.secret is None else client.secret.again()
        return FiledCredentials(token, client.name, client.client_id, secret, given.file)

    async def standing(self, account: DeclaredAccount, wait_seconds: float = 0.0) -> SubscriptionView | None:
        """How its first endpoint's subscription stands; waited for up to ``wait_seconds`` until it is being watched or
        cannot be. None: it was not followed. StoreError is the caller's."""
        means, found = self._means, await self._first_of(account)
        if found is None:
            return None
        if wait_seconds > 0:
            await means.first_verdict(found, wait_seconds)
            found = await means.store.get(found.id) or found
        return await means.view(found)

    async def unopened(self, account: DeclaredAccount) -> Fault | None:
        """Waits until its mailboxes are watched (None), or one is found not to be there, of which the fault is given. What may
        mend by itself is waited for. StoreError is the caller's."""
        means, found = self._means, await self._first_of(account)
        if found is None:
            return None

        def answer(status: AccountStatus | None) -> Fault | bool:
            said = verdict(found, status)
            mends = isinstance(said, Fault) and PROBLEMS[said.code].blame is not Blame.CLIENT
            return False if mends else said

        while (said := answer(means.status.of(found.account_id))) is False:
            await means.status.wait_for(found.account_id, lambda status: answer(status) is not False, _WAITED_SECONDS)
        return said if isinstance(said, Fault) else None

    async def _first_of(self, account: DeclaredAccount) -> Subscription | None:
        """Its first endpoint's; None: it was not followed."""
        endpoints, _ = endpoints_of(account, self._means)
        if not endpoints:
            return None
        key = self._means.key(_OWNER, account.target, account.username, endpoints[0])
        return await self._means.store.by_key(key)

    async def _follow(
        self, account: DeclaredAccount, endpoint: Endpoint, credentials: Credentials | None
    ) -> Subscription:
        means = self._means
        key = means.key(_OWNER, account.target, account.username, endpoint)
        now = means.clock.now()
        while True:
            watched = await means.store.account(account.target, account.username)
            stored = await means.store.by_key(key)
            fresh = Subscription(
                id=subscription_id(means.entropy(ID_ENTROPY_BYTES)),
                account_id=watched.id,
                key_digest=key,
                owner=None,
                mailboxes=account.mailboxes,
                endpoints=Endpoints(endpoint),
                payload=Payload.SUMMARY if endpoint.carries_body else Payload.ALERT,
                retention=Retention.MEMORY,
                lease_seconds=LEASE_SECONDS_MAX,
                created_at=now,
                expires_at=now + timedelta(seconds=LEASE_SECONDS_MAX),
                phase=Phase.ACTIVE,
                declared=True,
            )
            wanted = replace(
                stored or fresh,
                mailboxes=account.mailboxes,
                preferences=replace((stored or fresh).preferences, filter=account.filter, **_pace_of(endpoint)),
                endpoints=Endpoints(endpoint),
                phase=Phase.ACTIVE,
                over_since=None,
                problem=None,
            )
            try:
                found = wanted if wanted == stored else await means.store.put(wanted)
            except ConflictError:
                continue  # a watcher wrote to it, or the account went with its last subscription
            break
        if credentials is not None and not isinstance(credentials, RenewableCredentials):
            means.keyring.keep(found.id, watched.id, copied(credentials))
        means.nudge(watched.id)
        return found

    async def _known(self) -> list[Subscription]:
        found: list[Subscription] = []
        after: SubscriptionId | None = None
        while page := await self._means.store.page(None, after, _PAGE):
            found += [one for one in page if one.declared]
            after = page[-1].id
        return found


def _goes_on(held: RenewableCredentials, read: RenewableCredentials) -> bool:
    match held, read:
        case CommandedCredentials(), CommandedCredentials():
            return held.command == read.command
        case FiledCredentials(), FiledCredentials():
            same = (held.file, held.client, held.client_id) == (read.file, read.client, read.client_id)
            # A renewal may be between the file and what is held: a token that was read before it must not be used again.
            return same and held.has_had(read.refresh_token)
        case _:
            return False


def _pace_of(endpoint: Endpoint) -> dict[str, Any]:
    """A command is run for each message, however many come."""
    each = 0 if isinstance(endpoint, CommandEndpoint | TerminalEndpoint) else None
    return {"coalesce_seconds": each, "flood_per_minute": each}


def endpoints_of(account: DeclaredAccount, means: Means) -> tuple[list[Endpoint], list[str]]:
    """What ``notify`` and ``exec`` name, and a sentence for each that cannot be used. The kind is in the form of the URL:
    ``simplepush+https://…`` is SimplePush, ``https://…`` a webhook, its secret behind ``#`` (``#whsec_…``) or, left out,
    made of the URL and the gateway's own key; every other schema is Apprise's, where it is offered."""
    found: list[Endpoint] = []
    faults: list[str] = []
    for given in account.notify:
        if given.scheme in means.policy.offered.apprise:
            fault = apprise_fault(given.reveal(), means.policy.offered.apprise)
            if fault is None:
                found.append(AppriseEndpoint(given, PROVEN))
            else:
                faults.append(f"notify {given}: the URL {fault}")
            continue
        text, _, secret_text = given.reveal().partition("#")
        simplepush = text.startswith(SIMPLEPUSH_PREFIX)
        url = PushUrl(text.removeprefix(SIMPLEPUSH_PREFIX))
        fault = url_fault(url.reveal(), allow_plaintext=means.policy.allow_plaintext)
        if url.scheme not in ("http", "https"):
            faults.append(
                f"notify {given.scheme}://… is not offered; use https:// or {SIMPLEPUSH_PREFIX}https://, or install "
                f"idlebell[apprise] and see push.apprise_services"
            )
        elif fault is not None:
            faults.append(f"notify {url}: the URL {fault}")
        elif simplepush:
            found.append(SimplePushEndpoint(url))
        else:
            made = means.store.fingerprint(b"declared webhook\0" + url.reveal().encode("utf-8", "surrogatepass"))
            secret = webhook_secret(secret_text) if secret_text else made
            if secret is None:
                faults.append(f"notify {url}: what stands behind # is no whsec_ secret of 24 to 64 bytes")
            else:
                found.append(WebhookEndpoint(url, Secret(secret), proof=PROVEN))
    if account.command:
        found.append(CommandEndpoint(account.command))
    if account.terminal:
        found.append(TerminalEndpoint())
    if account.canary:
        found.append(CanaryEndpoint())
    if not found and not faults:
        faults.append("neither notify nor exec is given, so nobody would be told")
    return found, faults


async def read_password(account: DeclaredAccount) -> Secret:
    """The first line of the file, or of what the command prints. NoPassword says why there is none."""
    if account.ask is not None and account.password_file is None and not account.password_command:
        return await asyncio.to_thread(account.ask)
    return await password_of(account.password_file, account.password_command)
