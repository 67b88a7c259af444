from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from idlebell.gateway.endpoint_shapes import EndpointsShape
from idlebell.gateway.endpoints import (
    NAVIGATE_BYTES,
    URL_BYTES,
    apprise_fault,
    decoded,
    heartbeat_fault,
    payload_fault,
    read_endpoints,
    spelled,
    spelled_all,
    url_fault,
    webhook_secret,
    with_proofs,
    withdraw_fault,
)
from idlebell.gateway.policy import Offered
from idlebell.gateway.reading import Faults, read
from idlebell.model.endpoint import (
    AppriseEndpoint,
    Declarative,
    Endpoints,
    Failing,
    PushUrl,
    SimplePushEndpoint,
    WebhookEndpoint,
    WebPushEndpoint,
)
from idlebell.model.problem import ProblemError
from idlebell.model.proof import PROVEN, UNPROVEN
from idlebell.model.secret import Secret
from idlebell.model.subscription import Payload

POINT = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
AUTH = bytes(range(16))
SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def faults_of(given: dict[str, Any]) -> dict[str, str]:
    faults = Faults()
    read_endpoints(faults, read(EndpointsShape, given), allow_plaintext=False)
    try:
        faults.raise_any()
    except ProblemError as error:
        return {one.pointer: one.detail for one in error.problem.errors}
    return {}


def webpush(**keys: str) -> dict[str, Any]:
    return {
        "new_mail": {
            "type": "webpush",
            "url": "https://push.example/x",
            "keys": {"p256dh": b64url(POINT), "auth": b64url(AUTH), **keys},
        }
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://push.example.net/a?b=c%20d&e",
        "https://push.example.net",
        "https://push.example.net:8443/",
        "https://192.0.2.7/x",
        "https://[2001:db8::7]:8443/x",
        "HTTPS://PUSH.example.net/",
    ],
)
def test_good_urls(url: str) -> None:
    assert url_fault(url, allow_plaintext=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "push.example.net/a",
        "//push.example.net/a",
        "http://push.example.net/a",
        "ftp://push.example.net/a",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "https:///a",
        "https://user@push.example.net/",
        "https://user:pass@push.example.net/",
        "https://push.example.net/#fragment",
        "https://push.example.net#",
        "https://push.example.net\\@evil.example/",
        "https://push.example.net/a b",
        "https://push.example.net/\r\nHost: x",
        "https://push.example.net/\x00",
        "https://push.example.net/ü",
        "https://push.example.net:0/",
        "https://push.example.net:/",
        "https://push.example.net:99999/",
        "https://push.example.net:x/",
        "https://127.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://[::1/",
        "https://[::1].example/",
        "https://[::1]1/",
        "https://[v1.x]/",
        "https://[fe80::1%25eth0]/",
        "https://-a.example/",
        "https://push.example.net/" + "a" * URL_BYTES,
    ],
)
def test_bad_urls(url: str) -> None:
    fault = url_fault(url, allow_plaintext=False)
    assert fault is not None
    assert "evil" not in fault, "nothing of the URL is repeated"


def test_http_only_where_the_operator_allows_it() -> None:
    assert url_fault("http://127.0.0.1:8080/a", allow_plaintext=True) is None
    assert url_fault("ftp://127.0.0.1/a", allow_plaintext=True) is not None


def test_a_subscription_of_web_push() -> None:
    faults = Faults()
    found = read_endpoints(faults, read(EndpointsShape, webpush()), allow_plaintext=False)
    faults.raise_any()
    assert isinstance(found.new_mail, WebPushEndpoint)
    assert found.new_mail.p256dh == POINT
    assert found.new_mail.auth.reveal() == AUTH


def test_a_browsers_subscription_as_it_is() -> None:
    faults = Faults()
    plain = webpush()["new_mail"]
    url = plain.pop("url")
    given = {"new_mail": {**plain, "endpoint": url, "expirationTime": None}}
    found = read_endpoints(faults, read(EndpointsShape, given), allow_plaintext=False)
    faults.raise_any()
    assert found == read_endpoints(faults, read(EndpointsShape, webpush()), allow_plaintext=False)


def test_a_subscription_has_one_url() -> None:
    two = webpush()
    two["new_mail"]["endpoint"] = "https://other.example.net/"
    assert set(faults_of(two)) == {"/endpoints/new_mail/endpoint"}
    del two["new_mail"]["endpoint"], two["new_mail"]["url"]
    assert faults_of(two) == {"/endpoints/new_mail/url": "is missing"}


def declarative(**members: Any) -> dict[str, Any]:
    given = webpush()
    given["new_mail"]["declarative"] = members
    return given


@pytest.mark.parametrize(
    "members",
    [
        {"navigate": "https://app.example/inbox"},
        {"navigate": "https://app.example/?a=b#/account/1", "title": "Acme Mail"},
        {"navigate": "https://app.example/" + "x" * (NAVIGATE_BYTES - 20), "title": "é" * 80},
    ],
)
def test_what_a_browser_is_to_show_comes_back_as_it_was_given(members: dict[str, Any]) -> None:
    faults = Faults()
    found = read_endpoints(faults, read(EndpointsShape, declarative(**members)), allow_plaintext=False)
    faults.raise_any()
    assert isinstance(found.new_mail, WebPushEndpoint)
    assert found.new_mail.declarative == Declarative(members["navigate"], members.get("title"))
    assert spelled(found.new_mail)["declarative"] == {"title": None, **members}


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"navigate": url}, "navigate")
        for url in (
            "",
            "/inbox",
            "http://app.example/",
            "javascript:alert(1)",
            "https://u:p@app.example/",
            "https://app.example/#ü",
            "https://app.example/#a#b",
            "https://app.example/" + "x" * (NAVIGATE_BYTES - 19),
            "https://app.example/#" + "\ud800" * NAVIGATE_BYTES,
        )
    ]
    + [
        ({"navigate": "https://app.example/", "title": title}, "title")
        for title in ("", " ", "a\nb", "\u202eliaM", "a" * 81, "\x00")
    ],
)
def test_a_bad_wish_of_what_to_show_is_refused(members: dict[str, Any], pointer: str) -> None:
    assert set(faults_of(declarative(**members))) == {f"/endpoints/new_mail/declarative/{pointer}"}


def test_another_wish_of_what_to_show_keeps_what_the_endpoint_has_shown() -> None:
    faults = Faults()
    known = read_endpoints(faults, read(EndpointsShape, webpush()), allow_plaintext=False)
    known = known.mapped(lambda own: replace(own, proof=PROVEN) if isinstance(own, WebPushEndpoint) else own)
    shape = read(EndpointsShape, declarative(navigate="https://app.example/"))
    found = with_proofs(read_endpoints(faults, shape, allow_plaintext=False), known).new_mail
    assert isinstance(found, WebPushEndpoint)
    assert (found.proof, found.declarative) == (PROVEN, Declarative("https://app.example/"))


@pytest.mark.parametrize("spell", [base64.b64encode, base64.urlsafe_b64encode])
def test_keys_in_either_alphabet_with_padding(spell: Any) -> None:
    assert faults_of(webpush(p256dh=spell(POINT).decode(), auth=spell(AUTH).decode())) == {}


@pytest.mark.parametrize(
    "p256dh",
    ["", "?", b64url(POINT[:-1]), b64url(b"\x04" + bytes(64)), b64url(b"\x02" + POINT[1:]), b64url(POINT[:33])],
    ids=["empty", "no base64", "one byte short", "off the curve", "wrong form", "half"],
)
def test_a_point_that_is_none_is_refused(p256dh: str) -> None:
    """A point off the curve would leak the private half of our key pair bit by bit (RFC 8291 section 7)."""
    assert set(faults_of(webpush(p256dh=p256dh))) == {"/endpoints/new_mail/keys/p256dh"}


def test_an_auth_secret_of_another_length_is_refused() -> None:
    assert set(faults_of(webpush(auth=b64url(AUTH[:-1])))) == {"/endpoints/new_mail/keys/auth"}


@pytest.mark.parametrize("size", [24, 32, 64])
def test_webhook_secrets(size: int) -> None:
    assert webhook_secret("whsec_" + base64.b64encode(bytes(size)).decode()) == bytes(size)


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_" + "A" * 30, "whsec_" + "A" * 88, "A" * 32, "whsec_" + "*" * 32]
)
def test_bad_webhook_secrets(text: str) -> None:
    given = {"new_mail": {"type": "webhook", "url": "https://hook.example/x", "secret": text}}
    assert set(faults_of(given)) == {"/endpoints/new_mail/secret"}


def test_simplepush_needs_a_way_to_ask_for_credentials() -> None:
    push = {"type": "simplepush", "url": "https://push.example/x"}
    assert set(faults_of({"new_mail": push})) == {"/endpoints/reconnect"}
    assert faults_of({"new_mail": push, "reconnect": push}) == {}
    assert faults_of({"new_mail": {"type": "webhook", "url": "https://hook.example/", "secret": SECRET}}) == {}


def test_what_may_be_said_of_a_message() -> None:
    simple = Endpoints(SimplePushEndpoint(PushUrl("https://a.example/")))
    secure = Endpoints(WebhookEndpoint(PushUrl("https://a.example/"), Secret(b"x")))
    clear = Endpoints(WebhookEndpoint(PushUrl("http://a.example/"), Secret(b"x")))
    assert payload_fault(Payload.ALERT, simple, allow_plaintext=False) is None
    assert payload_fault(Payload.SUMMARY, simple, allow_plaintext=True) is not None
    assert payload_fault(Payload.SUMMARY, secure, allow_plaintext=False) is None
    assert payload_fault(Payload.SUMMARY, clear, allow_plaintext=False) is not None
    assert payload_fault(Payload.SUMMARY, clear, allow_plaintext=True) is None
    assert payload_fault(Payload.SUMMARY, Endpoints(None), allow_plaintext=False) is None


@pytest.mark.parametrize(
    "given",
    [
        {"type": "simplepush", "url": "https://a.example/"},
        {"type": "webhook", "url": "https://a.example/", "secret": SECRET},
        webpush()["new_mail"],
    ],
)
def test_what_is_spelled_reads_as_what_it_was(given: dict[str, Any]) -> None:
    faults = Faults()
    found = read_endpoints(faults, read(EndpointsShape, {"new_mail": given, "reconnect": given}), allow_plaintext=False)
    faults.raise_any()
    assert found.new_mail is not None
    assert spelled(found.new_mail) == given


def test_a_webhook_stays_verified_only_as_long_as_it_is_the_same() -> None:
    url = PushUrl("https://a.example/")
    known = Endpoints(WebhookEndpoint(url, Secret(b"x"), proof=PROVEN))
    same = with_proofs(Endpoints(WebhookEndpoint(url, Secret(b"x"))), known)
    other = with_proofs(Endpoints(WebhookEndpoint(url, Secret(b"y"))), known)
    assert [one.proof == PROVEN for one in (same.new_mail, other.new_mail) if isinstance(one, WebhookEndpoint)] == [
        True,
        False,
    ]
    claimed = with_proofs(known, None)
    assert isinstance(claimed.new_mail, WebhookEndpoint)
    assert claimed.new_mail.proof == UNPROVEN


@pytest.mark.parametrize("text", ["*", "AAA*", "A", "ä"])
def test_what_is_no_base64(text: str) -> None:
    assert decoded(text) is None


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ntfys://ntfy.example/alice#x", None),
        ("NTFYS://[::1]:8080/alice", None),
        ("tgram://1:t/2", "tgram:// is not offered by this installation"),
        ("ntfys:/alice", "must be a URL that Apprise understands, SCHEMA://…"),
        ("ntfys+http://alice", "must be a URL that Apprise understands, SCHEMA://…"),
        ("ntfys://a b", f"must be at most {URL_BYTES} visible ASCII characters; spell others with %"),
        ("ntfys://\u00fc", f"must be at most {URL_BYTES} visible ASCII characters; spell others with %"),
        ("ntfys://" + "x" * URL_BYTES, f"must be at most {URL_BYTES} visible ASCII characters; spell others with %"),
    ],
)
def test_a_url_of_apprise_is_one_that_is_offered(url: str, fault: str | None) -> None:
    assert apprise_fault(url, frozenset({"ntfys"})) == fault


def test_apprise_is_read_where_it_is_offered_and_refused_elsewhere() -> None:
    given = {"new_mail": {"type": "apprise", "url": "ntfys://ntfy.example/alice"}}
    assert faults_of(given) == {"/endpoints/new_mail/type": "is not offered by this installation"}
    faults = Faults()
    shape = read(EndpointsShape, given)
    found = read_endpoints(faults, shape, allow_plaintext=False, offered=Offered(frozenset({"ntfys"})))
    faults.raise_any()
    assert found == Endpoints(AppriseEndpoint(PushUrl("ntfys://ntfy.example/alice")))
    assert found.new_mail is not None
    assert spelled(found.new_mail) == given["new_mail"]
    assert "alice" not in repr((shape, found))
    assert payload_fault(Payload.CONTENT, found, allow_plaintext=False) is None
    assert withdraw_fault(found) is not None


FCM = {"type": "fcm", "token": "dGhpc2lzYXRva2Vu:APA91b-token_of_a_phone"}
APNS = {"type": "apns", "token": "ab" * 32, "sandbox": True}


@pytest.mark.parametrize(
    ("given", "offered", "found"),
    [
        (FCM, Offered(fcm=True), {}),
        (APNS, Offered(apns=True), {}),
        (FCM, Offered(apns=True), {"/endpoints/new_mail/type": "is not offered by this installation"}),
        (APNS, Offered(fcm=True), {"/endpoints/new_mail/type": "is not offered by this installation"}),
        (FCM | {"token": "a b"}, Offered(fcm=True), {"/endpoints/new_mail/token": "must be a registration token of FCM's"}),
        (APNS | {"token": "../../x"}, Offered(apns=True),
         {"/endpoints/new_mail/token": "must be a device token of Apple's, in hexadecimal"}),
        (APNS | {"token": "abc" * 22}, Offered(apns=True), {}),
        (APNS | {"token": "ab" * 31}, Offered(apns=True),
         {"/endpoints/new_mail/token": "must be a device token of Apple's, in hexadecimal"}),
    ],
)  # fmt: skip
def test_tokens_of_devices_are_read_where_there_is_a_key(
    given: dict[str, Any], offered: Offered, found: dict[str, str]
) -> None:
    faults = Faults()
    shape = read(EndpointsShape, {"new_mail": given})
    endpoints = read_endpoints(faults, shape, allow_plaintext=False, offered=offered)
    told: dict[str, str] = {}
    try:
        faults.raise_any()
    except ProblemError as error:
        told = {one.pointer: one.detail for one in error.problem.errors}
    assert told == found
    if not found:
        assert endpoints.new_mail is not None
        assert spelled(endpoints.new_mail) == given
        assert given["token"] not in repr((shape, endpoints))
        assert payload_fault(Payload.CONTENT, endpoints, allow_plaintext=False) is None


def test_a_list_is_read_in_its_order() -> None:
    hook = {"type": "webhook", "url": "https://a.example.net/", "secret": "whsec_" + "A" * 32}
    simple = {"type": "simplepush", "url": "https://b.example.net/"}
    found = read_endpoints(Faults(), read(EndpointsShape, {"new_mail": [hook, simple]}), allow_plaintext=False)
    assert [one.kind for one in found.bells] == ["webhook", "simplepush"]
    assert spelled_all(found)["new_mail"][1] == simple
    assert payload_fault(Payload.CONTENT, found, allow_plaintext=False) is None, "the second only rings"
    assert withdraw_fault(found) is not None
    assert faults_of({"new_mail": []}).keys() == {"/endpoints/new_mail"}
    assert faults_of({"new_mail": [hook, hook]}).keys() == {"/endpoints/new_mail/1"}
    many = [{**simple, "url": f"https://b.example.net/{number}"} for number in range(6)]
    assert faults_of({"new_mail": many, "reconnect": simple}).keys() == {"/endpoints/new_mail"}
    assert faults_of({"new_mail": [simple]}).keys() == {"/endpoints/reconnect"}
    assert faults_of({"new_mail": [hook, {**simple, "url": "x"}]}).keys() == {"/endpoints/new_mail/1/url"}
    with pytest.raises(ProblemError) as caught:
        read(EndpointsShape, {"new_mail": [hook, {"type": "pigeon"}, 7]})
    assert [one.pointer for one in caught.value.problem.errors] == ["/new_mail/1/type", "/new_mail/2"]


def test_a_list_that_is_the_same_fails_where_it_failed() -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    one, other = (SimplePushEndpoint(PushUrl(f"https://{name}.example.net/")) for name in "ab")
    known = Endpoints(one, fallbacks=(other,), failing=(Failing(0, now, now),))
    assert with_proofs(replace(known, failing=()), known) == known
    assert with_proofs(Endpoints(other, fallbacks=(one,)), known).failing == ()


def test_a_web_push_may_name_the_key_that_it_was_made_with() -> None:
    given = {
        "type": "webpush",
        "url": "https://push.example.net/w",
        "keys": {"p256dh": b64url(POINT), "auth": b64url(AUTH)},
    }
    padded = base64.b64encode(POINT).decode()
    for spelt in (b64url(POINT), padded):
        shape = read(EndpointsShape, {"new_mail": given | {"application_server_key": spelt}})
        (bell,) = read_endpoints(Faults(), shape, allow_plaintext=False).bells
        assert isinstance(bell, WebPushEndpoint)
        assert bell.application_server_key == b64url(POINT)
        assert "application_server_key" not in spelled(bell), "of another push subscription it would be wrong"
    for wrong in ("", "B" * 87, b64url(POINT)[:-2], "\n"):
        assert set(faults_of({"new_mail": given | {"application_server_key": wrong}})) == {
            "/endpoints/new_mail/application_server_key"
        }


def test_no_browser_is_asked_to_show_heartbeats() -> None:
    plain = WebPushEndpoint(PushUrl("https://push.example.net/w"), POINT, Secret(AUTH))
    browser = replace(plain, declarative=Declarative("https://app.example/"))
    assert heartbeat_fault(Endpoints(browser, heartbeat=plain)) is None
    fault = heartbeat_fault(Endpoints(plain, heartbeat=browser))
    assert fault is not None
    assert "not declarative" in fault
