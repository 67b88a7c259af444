from __future__ import annotations

from typing import Any

import msgspec
import pytest

from idlebell.gateway.policy import Policy
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import SubscriptionRequest
from idlebell.gateway.wish import TO_DISCOVER, Wish, read_wish
from idlebell.model.account import BearerCredentials, ImapTarget, RenewableCredentials, Retention, Tls
from idlebell.model.problem import ProblemError
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree
from idlebell.model.subscription import Payload
from idlebell.net.egress import Egress

HOOK = {"new_mail": {"type": "webhook", "url": "https://hook.example/x", "secret": "whsec_" + "A" * 32}}
PASSWORD = {"type": "password", "password": "hunter2"}


def wish(policy: Policy | None = None, imap: dict[str, Any] | None = None, **members: Any) -> Wish:
    account = {"host": "imap.example.org", "username": "alice", "auth": PASSWORD, **(imap or {})}
    body = {"imap": account, "endpoints": HOOK, **members}
    return read_wish(read(SubscriptionRequest, body), policy or Policy())


def pointers(policy: Policy | None = None, imap: dict[str, Any] | None = None, **members: Any) -> dict[str, str]:
    with pytest.raises(ProblemError) as caught:
        wish(policy, imap, **members)
    return {one.pointer: one.detail for one in caught.value.problem.errors}


def test_absent_members_are_absent() -> None:
    found = wish()
    assert (found.mailboxes, found.payload, found.retention, found.lease_seconds) == (None, None, None, None)
    assert found.target == ImapTarget("imap.example.org", 993, Tls.IMPLICIT)
    assert "hunter2" not in repr(found)


def test_host_and_port_in_the_form_of_the_key() -> None:
    found = wish(imap={"host": "IMAP.Bücher.example", "tls": "starttls"})
    assert found.target == ImapTarget("imap.xn--bcher-kva.example", 143, Tls.STARTTLS)
    assert set(pointers(imap={"host": "-", "port": 65_536})) == {"/imap/host", "/imap/port"}


def test_a_host_that_is_left_out_is_to_be_discovered_and_takes_port_and_tls_with_it() -> None:
    address = {"host": None, "username": "alice@example.org"}
    assert wish(imap=address).target == TO_DISCOVER
    assert set(pointers(imap={**address, "port": 993, "tls": "starttls"})) == {"/imap/port", "/imap/tls"}
    assert set(pointers(imap={"host": None})) == {"/imap/host"}, "alice is no address"


def test_without_tls_only_where_the_operator_allows_it() -> None:
    assert set(pointers(imap={"tls": "none"})) == {"/imap/tls"}
    allowing = Policy(egress=Egress(allow_plaintext=True))
    assert wish(allowing, imap={"tls": "none"}).target.port == 143


def test_mailboxes_are_named_once_in_their_order() -> None:
    assert wish(mailboxes=["Work", "inbox", "INBOX", "Work"]).mailboxes == ("Work", "INBOX")
    assert set(pointers(mailboxes=[])) == {"/mailboxes"}
    assert set(pointers(Policy(max_mailboxes=2), mailboxes=["a", "b", "c"])) == {"/mailboxes"}
    assert set(pointers(mailboxes=["a\n", "x" * 1_001, "b"])) == {"/mailboxes/0", "/mailboxes/1"}


@pytest.mark.parametrize(
    ("given", "selection"),
    [
        ("personal", Personal()),
        ("subscribed", Subscribed()),
        ({"subtree": "Lists"}, Subtree("Lists")),
        ({"subtree": "inbox"}, Subtree("INBOX")),
    ],
)
def test_mailboxes_may_be_named_by_what_they_are(given: Any, selection: Selection) -> None:
    assert wish(mailboxes=given).mailboxes == selection


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ("inboxes", "/mailboxes"),
        ({}, "/mailboxes"),
        ({"subtree": 7}, "/mailboxes/subtree"),
        ({"subtree": ""}, "/mailboxes/subtree"),
        ({"subtree": "x" * 1_001}, "/mailboxes/subtree"),
        ({"subtree": "Lists", "depth/1": 2}, "/mailboxes/depth~11"),
    ],
)
def test_another_form_of_mailboxes_is_a_fault(given: Any, at: str) -> None:
    assert set(pointers(mailboxes=given)) == {at}


def test_what_else_rings_is_a_list_of_known_words() -> None:
    assert wish().also is None
    assert wish(also=[]).also == frozenset()
    assert wish(also=["seen", "appended", "seen"]).also == {"seen", "appended"}
    assert set(pointers(also=["seen", "moved", "copied"])) == {"/also/1", "/also/2"}
    assert set(pointers(also="seen")) == {"/also"}


def test_heartbeats_have_a_rhythm_or_are_none() -> None:
    assert wish().heartbeat_seconds is msgspec.UNSET
    assert wish(heartbeat_seconds=None).heartbeat_seconds is None
    assert wish(heartbeat_seconds=86_400).heartbeat_seconds == 86_400
    for seconds in (0, 59, 86_401, 60.5, True, "60"):
        assert set(pointers(heartbeat_seconds=seconds)) == {"/heartbeat_seconds"}


def test_heartbeats_go_to_an_endpoint_of_their_own_or_to_a_webhook() -> None:
    simple = {"type": "simplepush", "url": "https://push.example/x"}
    bare = {"new_mail": simple, "reconnect": simple}
    assert set(pointers(endpoints=bare, heartbeat_seconds=60)) == {"/heartbeat_seconds"}
    assert wish(endpoints=bare, heartbeat_seconds=None).heartbeat_seconds is None
    assert wish(endpoints={**bare, "heartbeat": simple}, heartbeat_seconds=60).heartbeat_seconds == 60


def test_payload_and_retention() -> None:
    found = wish(payload="summary", retention="memory")
    assert (found.payload, found.retention) == (Payload.SUMMARY, Retention.MEMORY)
    assert wish(payload="content").payload is Payload.CONTENT
    assert pointers(retention="vault") == {"/retention": "is not allowed by the operator"}
    assert wish(Policy(retentions=frozenset({Retention.VAULT})), retention="vault").retention is Retention.VAULT
    only_session = Policy(retentions=frozenset({Retention.SESSION}))
    assert pointers(only_session, retention="memory") == {"/retention": "is not allowed by the operator"}


def test_an_access_token_is_for_one_session() -> None:
    auth = {"type": "oauth2", "access_token": "ya29.x"}
    assert isinstance(wish(imap={"auth": auth}).credentials, BearerCredentials)
    assert set(pointers(imap={"auth": auth}, retention="memory")) == {"/retention"}
    assert set(pointers(imap={"auth": {"type": "oauth2", "access_token": "a b"}})) == {"/imap/auth/access_token"}


RENEWABLE = {
    "type": "oauth2",
    "refresh_token": "1//r",
    "token_url": "https://login.example.org/token",
    "client_id": "an app",
}


def test_a_refresh_token_is_for_what_is_kept() -> None:
    found = wish(imap={"auth": RENEWABLE}, retention="memory").credentials
    assert isinstance(found, RenewableCredentials)
    assert (found.token_url.reveal(), found.client_id, found.client_secret) == (RENEWABLE["token_url"], "an app", None)
    both = RENEWABLE | {"access_token": "ya29.x", "client_secret": "s3cret"}
    found = wish(imap={"auth": both}, retention="memory").credentials
    assert isinstance(found, RenewableCredentials)
    assert "s3cret" not in repr(found)
    assert found.access_token.text() == "ya29.x"
    assert set(pointers(imap={"auth": RENEWABLE}, retention="session")) == {"/retention"}


@pytest.mark.parametrize(
    ("auth", "at"),
    [
        ({"type": "oauth2"}, {"access_token"}),
        ({"type": "oauth2", "access_token": "a", "token_url": RENEWABLE["token_url"]}, {"token_url"}),
        ({"type": "oauth2", "access_token": "a", "client_secret": "s"}, {"client_secret"}),
        ({"type": "oauth2", "refresh_token": "r"}, {"token_url", "client_id"}),
        (RENEWABLE | {"refresh_token": "a\r\nb"}, {"refresh_token"}),
        (RENEWABLE | {"refresh_token": ""}, {"refresh_token"}),
        (RENEWABLE | {"access_token": "é"}, {"access_token"}),
        (RENEWABLE | {"client_id": "a\0"}, {"client_id"}),
        (RENEWABLE | {"client_id": "x" * 1_001}, {"client_id"}),
        (RENEWABLE | {"client_secret": ""}, {"client_secret"}),
        (RENEWABLE | {"token_url": "http://login.example.org/token"}, {"token_url"}),
        (RENEWABLE | {"token_url": "https://a@login.example.org/token"}, {"token_url"}),
        (RENEWABLE | {"token_url": "file:///etc/passwd"}, {"token_url"}),
        (RENEWABLE | {"token_url": "https://login.example.org/token#x"}, {"token_url"}),
    ],
)
def test_what_a_refresh_token_needs(auth: dict[str, Any], at: set[str]) -> None:
    retention = "memory" if "refresh_token" in auth else "session"
    assert set(pointers(imap={"auth": auth}, retention=retention)) == {f"/imap/auth/{name}" for name in at}


@pytest.mark.parametrize("seconds", [-1, 59, 90 * 86_400 + 1])
def test_leases_have_bounds(seconds: int) -> None:
    assert set(pointers(lease_seconds=seconds)) == {"/lease_seconds"}


@pytest.mark.parametrize("seconds", [-0.1, 30.1])
def test_waits_have_bounds(seconds: float) -> None:
    assert set(pointers(wait_seconds=seconds)) == {"/wait_seconds"}


@pytest.mark.parametrize("text", ["", "a\0b", "a\r\nb LOGOUT", "x" * 5_000])
def test_names_and_passwords_hold_no_control_characters(text: str) -> None:
    found = pointers(imap={"username": text, "auth": {"type": "password", "password": text}})
    assert set(found) == {"/imap/username", "/imap/auth/password"}
