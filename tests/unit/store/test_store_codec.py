"""Values to bytes and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import store_samples as samples
from idlebell.model.endpoint import (
    ApnsEndpoint,
    AppriseEndpoint,
    CanaryEndpoint,
    CommandEndpoint,
    Declarative,
    Endpoints,
    FcmEndpoint,
    PushUrl,
    Role,
    TerminalEndpoint,
)
from idlebell.model.form import Dialect, Form
from idlebell.model.ids import AccountId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail
from idlebell.model.proof import PROVEN
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree
from idlebell.model.subscription import Floor
from idlebell.store import codec
from idlebell.store.contract import StoreError
from idlebell.store.routes import EPOCH, microseconds, moment, route, routes, version_after
from idlebell.store.sealing import Sealer

text = st.text(st.characters())  # lone surrogates too
moments = st.datetimes(EPOCH.replace(tzinfo=None), timezones=st.just(UTC))
messages = st.builds(
    MessageSummary,
    st.integers(1, 2**32 - 1),
    *[st.none() | text] * 3,
    st.none() | st.integers(0, 2**63 - 1),
    st.none() | text,
    st.none() | moments,
    st.booleans(),
    st.none() | text,
    number=st.none() | st.integers(1, 2**32 - 1),
)
FINGERPRINT = Sealer(bytes(32)).fingerprint


@given(text, st.integers(0, 2**32 - 1), st.lists(messages, max_size=3))
def test_new_mail_of_any_text_comes_back(mailbox: str, number: int, described: list[MessageSummary]) -> None:
    several = ((mailbox, number), ("Work", 1)) if number % 2 else ()
    content = NewMail(mailbox, number, number + 1, None, tuple(described), several, vip=number % 3 == 0)
    encoded = codec.encode_content(content)
    assert codec.decode_content(encoded) == content


@given(moments)
def test_a_moment_comes_back_to_the_microsecond(at: datetime) -> None:
    assert moment(microseconds(at)) == at


@given(st.lists(text, max_size=4))
def test_strings_come_back(strings: list[str]) -> None:
    assert codec.decode_strings(codec.encode_strings(tuple(strings))) == tuple(strings)


@pytest.mark.parametrize(
    "endpoints",
    [
        Endpoints(None),
        Endpoints(samples.simplepush()),
        Endpoints(samples.webpush(), samples.simplepush(), samples.webhook(), samples.webhook()),
        Endpoints(replace(samples.webpush(), declarative=Declarative("https://app.example/"), proof=PROVEN)),
        Endpoints(replace(samples.webpush(), declarative=Declarative("https://app.example/", "Acme"))),
        Endpoints(replace(samples.webpush(), application_server_key="B" * 87)),
        Endpoints(replace(samples.webpush(), form=Form(Dialect.COI, "phone-000001", '{"client":"\u00fc"}'))),
        Endpoints(AppriseEndpoint(PushUrl("46elks://u:p@from/to")), AppriseEndpoint(PushUrl("ntfys://h/#a"))),
        Endpoints(FcmEndpoint("a:b"), ApnsEndpoint("ab" * 32), ApnsEndpoint("ab" * 32, sandbox=True)),
        Endpoints(CommandEndpoint("beep"), TerminalEndpoint(), CanaryEndpoint()),
    ],
)
def test_endpoints_come_back(endpoints: Endpoints) -> None:
    assert codec.decode_endpoints(codec.encode_endpoints(endpoints)) == endpoints


@given(st.sampled_from([Personal(), Subscribed()]) | st.builds(Subtree, text))
def test_a_selection_comes_back(selection: Selection) -> None:
    encoded = codec.encode_selection(selection)
    assert encoded.isascii()
    assert codec.decode_selection(encoded) == selection


def test_a_selection_of_a_newer_program_is_refused() -> None:
    with pytest.raises(StoreError, match="newer Idlebell"):
        codec.decode_selection('"inboxes"')


def test_details_hold_nothing_of_the_endpoints() -> None:
    subscription = samples.subscription(AccountId("acc_1"), floors=(Floor("INBOX", 1, 2),))
    assert "push.example.net" not in codec.encode_details(subscription)


@pytest.mark.parametrize("label", ["", "coi:ä\u2028"])
def test_a_label_comes_back_and_is_none_where_there_was_none(label: str) -> None:
    subscription = samples.subscription(AccountId("acc_1"), label=label)
    assert codec.decode_details(codec.encode_details(subscription))["label"] == label


@pytest.mark.parametrize(
    ("encoded", "words"),
    [
        (b'{"v":2,"type":"test"}', "newer Idlebell"),
        (b'{"v":1,"type":"sung"}', "unknown type sung"),
    ],
)
def test_a_content_of_a_newer_program_is_refused(encoded: bytes, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        codec.decode_content(encoded)


def test_an_endpoint_of_a_newer_program_is_refused() -> None:
    with pytest.raises(StoreError, match="unknown kind pigeon"):
        codec.decode_endpoints(b'{"v":1,"new_mail":{"kind":"pigeon","url":"https://x.example/"}}')


def test_every_role_has_a_route_its_own_or_its_stand_ins() -> None:
    endpoints = Endpoints(samples.webhook())
    found = routes(endpoints, FINGERPRINT)
    assert set(found) == set(Role)
    encoded = codec.encode_routes(found)
    assert {role: codec.decode_route(encoded, role) for role in Role} == found


def test_a_role_with_nowhere_to_go_has_no_route() -> None:
    found = codec.encode_routes(routes(Endpoints(samples.simplepush()), FINGERPRINT))
    assert codec.decode_route(found, Role.NEW_MAIL) == route(samples.simplepush(), FINGERPRINT)
    assert codec.decode_route(found, Role.RECONNECT) is None
    assert codec.decode_route(b"", Role.NEW_MAIL) is None


def test_kind_and_url_make_an_endpoint_and_the_url_alone_its_versions() -> None:
    url = "https://push.example.net/a"
    one, other = route(samples.simplepush(url), FINGERPRINT), route(samples.webhook(url), FINGERPRINT)
    assert one.endpoint != other.endpoint
    assert (one.url, one.lane) == (other.url, other.lane)
    assert (one.collapses, other.collapses) == (True, False)


@pytest.mark.parametrize(("last", "at_ms", "expected"), [(None, 5, 5), (4, 5, 5), (5, 5, 6), (9, 5, 10), (None, 0, 0)])
def test_a_version_is_the_clock_or_one_more(last: int | None, at_ms: int, expected: int) -> None:
    assert version_after(last, EPOCH + timedelta(milliseconds=at_ms)) == expected


def test_a_form_of_a_newer_program_is_refused() -> None:
    told = Endpoints(replace(samples.webpush(), form=Form(Dialect.COI, "phone-000001")))
    with pytest.raises(StoreError, match="unknown form smoke"):
        codec.decode_endpoints(codec.encode_endpoints(told).replace(b'"coi"', b'"smoke"'))
