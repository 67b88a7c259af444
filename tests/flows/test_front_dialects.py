"""Registration in IMAP, each dialect against the real gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.dialect_bench import AUTH, CODE, P256DH, Client, DialectBench, command_of
from flows.gateway_bench import Bench
from idlebell.deliver.verification import Challenge, VerifyResult
from idlebell.front import coi, draft, metadata
from idlebell.front.annotations import Refused, arguments
from idlebell.front.own import Answer
from idlebell.front.registering import text
from idlebell.gateway.policy import Policy
from idlebell.imap.commands import Status
from idlebell.imap.responses import Condition, PlainCode
from idlebell.model.endpoint import WebPushEndpoint, code_lives
from idlebell.model.form import VALIDATED_WITHIN, Dialect, Form
from idlebell.model.problem import ProblemError
from idlebell.model.subscription import LEASE_SECONDS_DEFAULT, Floor, Payload, Phase

ENDPOINT = "https://push.example.net/p/Zk3"
KEYS = {"p256dh": P256DH, "auth": AUTH}
RESOURCE = {"endpoint": ENDPOINT, "keys": KEYS}
COI = {"client": "MailApp", "device": "Pixel", "msgtype": "chat", "resource": RESOURCE}
PHONE = b"/private/vendor/vendor.dovecot/webpush/subscriptions/phone-000001"
OURS = b"/private/vendor/vendor.idlebell"
NAME = b"phone-7f3a91"
CANNOT = PlainCode("CANNOT")


@pytest.fixture
async def bench() -> AsyncIterator[DialectBench]:
    made = DialectBench(Bench(Policy(vapid_subject=True, max_endpoints_per_account=2)))
    yield made
    await made.bench.close()


def coi_value(**members: Any) -> bytes:
    return json.dumps({**COI, **members}).encode()


async def set_coi(bench: DialectBench, value: bytes, entry: bytes = PHONE, **others: Any) -> Answer:
    return await bench.says(coi.Coi(bench.registering), b'SETMETADATA "" (%b %%)' % entry, value, **others)


async def get_coi(bench: DialectBench, asked: bytes, **others: Any) -> Answer:
    return await bench.says(coi.Coi(bench.registering), b"GETMETADATA " + asked, **others)


async def says_draft(bench: DialectBench, line: bytes, **others: Any) -> Answer:
    return await bench.says(draft.Draft(bench.registering), line, **others)


def webpush(name: bytes = NAME, endpoint: str = ENDPOINT, auth: str = AUTH) -> bytes:
    return b'WEBPUSH %b "%b" %b %b' % (name, endpoint.encode(), P256DH.encode(), auth.encode())


# COI


async def test_coi_registers_validates_lists_and_ends(bench: DialectBench) -> None:
    answer = await set_coi(bench, coi_value(unknown=1))
    assert (answer.condition, answer.untagged) == (Condition.OK, ())
    one = await bench.only()
    bell = one.endpoints.new_mail
    assert isinstance(bell, WebPushEndpoint)
    assert bell.form == Form(Dialect.COI, "phone-000001", '{"client": "MailApp", "device": "Pixel", "msgtype": "chat"}')
    assert (one.payload, one.mailboxes, one.phase) == (Payload.CONTENT, ("INBOX",), Phase.ACTIVE)
    assert one.floors == (Floor("INBOX", 3, 21),)
    assert json.loads(one.preferences.filter or "") == coi.filter_of("chat")
    assert one.expires_at == bench.bench.clock.now() + VALIDATED_WITHIN == bench.bench.clock.now() + code_lives(bell)
    assert one.expiring_at is None

    listed = await get_coi(bench, b'(DEPTH 1) "" /private/vendor/vendor.dovecot/webpush/subscriptions')
    told = {"client": "MailApp", "device": "Pixel", "msgtype": "chat", "created": "2026-01-01T00:00:00Z"}
    assert read_value(listed) == told | {"validated": False}
    assert ENDPOINT.encode() not in b"".join(listed.untagged)
    await bench.send_code()
    wrong = await set_coi(bench, b"guess", PHONE + b"/validate")
    assert (wrong.condition, wrong.code) == (Condition.NO, CANNOT)
    nobodys = await set_coi(bench, CODE.encode(), PHONE + b"2/validate")
    assert (nobodys.condition, nobodys.code) == (Condition.NO, CANNOT)
    bench.bench.clock.pass_by(60)
    assert (await set_coi(bench, CODE.encode(), PHONE.upper() + b"/Validate")).condition is Condition.OK
    one = await bench.only()
    assert (one.expires_at - bench.bench.clock.now()).total_seconds() == LEASE_SECONDS_DEFAULT
    assert one.expiring_at is not None
    assert read_value(await get_coi(bench, b'"" ' + PHONE)) == told | {"validated": True}
    for _ in range(2):  # to end what is not there is no fault
        ended = await bench.says(coi.Coi(bench.registering), b'SETMETADATA "" (%b NIL)' % PHONE)
        assert ended.condition is Condition.OK
        assert await bench.bench.stored() == []


def read_value(answer: Answer) -> Any:
    (line,) = answer.untagged
    return json.loads(line[line.index(b' "{') + 2 : -4].replace(b'\\"', b'"'))


async def test_a_code_that_comes_late_is_refused(bench: DialectBench) -> None:
    await set_coi(bench, coi_value())
    await bench.send_code()
    bench.bench.clock.pass_by(VALIDATED_WITHIN.total_seconds())
    late = await set_coi(bench, CODE.encode(), PHONE + b"/validate")
    assert (late.condition, late.code) == (Condition.NO, CANNOT)
    await bench.bench.store.expire(bench.bench.clock.now())
    assert (await bench.only()).phase is Phase.EXPIRED
    listed = await get_coi(bench, b'(DEPTH infinity) "" /private/vendor/vendor.dovecot/webpush/subscriptions')
    assert listed.untagged == ()


async def test_sent_again_it_renews_and_another_endpoint_has_to_be_validated_anew(bench: DialectBench) -> None:
    await set_coi(bench, coi_value())
    await bench.send_code()
    await set_coi(bench, CODE.encode(), PHONE + b"/validate")
    before = await bench.only()
    bench.bench.clock.pass_by(3_600)
    await set_coi(bench, coi_value(msgtype="mail"))
    again = await bench.only()
    assert (again.id, again.expires_at - before.expires_at) == (before.id, timedelta(hours=1))
    assert json.loads(again.preferences.filter or "") == coi.filter_of("mail")
    await set_coi(bench, coi_value(resource={**RESOURCE, "endpoint": ENDPOINT + "2"}))
    moved = await bench.only()
    assert moved.endpoints.new_mail is not None
    assert moved.endpoints.new_mail.url.reveal() == ENDPOINT + "2"
    assert moved.expires_at == bench.bench.clock.now() + VALIDATED_WITHIN


async def test_depth_says_how_far_below(bench: DialectBench) -> None:
    await set_coi(bench, coi_value())
    root = b'"" /private/vendor/vendor.dovecot/webpush'
    assert b"NIL" in (await get_coi(bench, root)).untagged[0]
    assert b"BEGIN PUBLIC KEY" in (await get_coi(bench, root + b"/vapid")).untagged[0]
    shallow = (await get_coi(bench, b"(DEPTH 1) " + root)).untagged[0]
    deep = (await get_coi(bench, b"(DEPTH infinity) " + root)).untagged[0]
    assert (b"/vapid" in shallow, b"phone-000001" in shallow) == (True, False)
    assert (b"/vapid" in deep, b"phone-000001" in deep) == (True, True)
    assert b"NIL" in (await get_coi(bench, root + b"/subscriptions")).untagged[0]
    assert b"NIL" in (await get_coi(bench, root + b"/subscriptions/phone-000002")).untagged[0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"{", "JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, "nested deeper"),
        (b"{}", "/resource is missing"),
        (coi_value(resource=[]), "/resource must be an object"),
        (coi_value(resource={}), "/resource/keys is missing"),
        (coi_value(client="a" * 129), "/client must have at most 128 bytes"),
        (coi_value(device=1), "/device must be a string"),
        (coi_value(msgtype=[]), "/msgtype must be one of chat, mail, all"),
        (
            coi_value(resource={"endpoint": "https://a.example/" + "a" * 512, "keys": {}}),
            "/resource/endpoint must have",
        ),
        (
            coi_value(resource={"endpoint": "http://a.example/", "keys": KEYS}),
            "/resource/endpoint must be an https",
        ),
        (
            coi_value(resource={"endpoint": ENDPOINT, "keys": {"p256dh": "a" * 257, "auth": AUTH}}),
            "/resource/keys/p256dh",
        ),
        (coi_value(resource={"endpoint": ENDPOINT, "keys": {"p256dh": "AAAA", "auth": AUTH}}), "/resource/keys/p256dh"),
        (coi_value(resource={"endpoint": ENDPOINT, "keys": {"p256dh": P256DH, "auth": "AA"}}), "/resource/keys/auth"),
    ],
)
async def test_a_bad_value_is_told_with_the_pointer_of_its_member(bench: DialectBench, value: bytes, said: str) -> None:
    answer = await set_coi(bench, value)
    assert answer.condition is Condition.BAD
    assert said in answer.text
    assert await bench.bench.stored() == []


async def test_what_cannot_be_done_is_no_with_its_code(bench: DialectBench) -> None:
    too_long = await set_coi(bench, coi_value(x="a" * 5_000))
    assert too_long.code == PlainCode("METADATA", b"MAXSIZE 4096")
    assert (await set_coi(bench, coi_value(), PHONE[:-12] + b"short")).condition is Condition.BAD
    assert (await set_coi(bench, b"x", PHONE[:-26] + b"vapid")).code == CANNOT
    for number in range(2):
        made = await set_coi(bench, coi_value(resource=endpoint(number)), PHONE + b"%d" % number)
        assert made.condition is Condition.OK
    one_more = await set_coi(bench, coi_value(resource=endpoint(3)), PHONE + b"3")
    assert (one_more.condition, one_more.code) == (Condition.NO, PlainCode("METADATA", b"TOOMANY"))


def endpoint(number: int) -> dict[str, Any]:
    return {**RESOURCE, "endpoint": f"{ENDPOINT}/{number}"}


async def test_another_account_sees_nothing_of_it(bench: DialectBench) -> None:
    await set_coi(bench, coi_value())
    bob = Client("bob@example.org")
    listed = await get_coi(
        bench, b'(DEPTH infinity) "" /private/vendor/vendor.dovecot/webpush/subscriptions', client=bob
    )
    assert listed.untagged == ()
    await bench.says(coi.Coi(bench.registering), b'SETMETADATA "" (%b NIL)' % PHONE, client=bob)
    assert len(await bench.bench.stored()) == 1


async def test_what_is_revived_counts_again(bench: DialectBench) -> None:
    for generation in range(3):
        for number in range(2):
            made = await set_coi(bench, coi_value(resource=endpoint(10 * generation + number)), PHONE + b"%d" % number)
            assert made.condition is Condition.OK
        bench.bench.clock.pass_by(VALIDATED_WITHIN.total_seconds())
        await bench.bench.store.expire(bench.bench.clock.now())
    codes = [(await set_coi(bench, coi_value(resource=endpoint(n)), PHONE + b"%d" % n)).code for n in (0, 1, 10, 11)]
    assert codes == [None, None, *[PlainCode("METADATA", b"TOOMANY")] * 2]


async def test_what_is_proven_at_once_is_no_more_than_an_account_may_have(bench: DialectBench) -> None:
    asked, answers = 0, asyncio.Event()

    async def challenged(*_: object) -> VerifyResult:
        nonlocal asked
        asked += 1
        await answers.wait()
        return VerifyResult(Challenge.VERIFIED)

    bench.bench.dispatcher.verify_webhook = challenged  # type: ignore[method-assign]
    hook = {"type": "webhook", "secret": "whsec_" + "A" * 44}
    values = [json.dumps({"endpoints": {"new_mail": {**hook, "url": f"{ENDPOINT}/{n}"}}}).encode() for n in range(6)]
    setting = [asyncio.create_task(set_ours(bench, b"n%d" % n, value)) for n, value in enumerate(values)]
    await bench.bench.until(lambda: asked == len(values))
    answers.set()
    codes = [(await one).code for one in setting]
    assert codes.count(None) == len(await bench.bench.stored()) == 2
    assert codes.count(PlainCode("METADATA", b"TOOMANY")) == 4


# the draft


async def test_the_draft_registers_confirms_probes_and_ends(bench: DialectBench) -> None:
    key = (await bench.bench.gateway.vapid_public_key()).encode()
    assert (await says_draft(bench, b"GETVAPID")).untagged == (b'* VAPID "%b"\r\n' % key,)
    inactive = (b"* WEBPUSH phone-7f3a91 INACTIVE\r\n", b'* VAPID "%b"\r\n' % key)
    for _ in range(2):
        answer = await says_draft(bench, webpush())
        assert (answer.condition, answer.untagged) == (Condition.OK, inactive)
    one = await bench.only()
    assert isinstance(one.endpoints.new_mail, WebPushEndpoint)
    assert one.endpoints.new_mail.form == Form(Dialect.DRAFT, "phone-7f3a91")
    assert (one.payload, one.mailboxes, one.floors) == (Payload.SUMMARY, ("INBOX",), (Floor("INBOX", 3, 21),))
    await bench.send_code()
    assert (await says_draft(bench, b"ACKWEBPUSH %b guess" % NAME)).code == CANNOT
    assert (await says_draft(bench, b"ACKWEBPUSH other-00001 %b" % CODE.encode())).code == CANNOT
    assert (await says_draft(bench, b"ACKWEBPUSH %b %b" % (NAME, CODE.encode()))).condition is Condition.OK
    probed = await says_draft(bench, webpush())
    assert (probed.condition, probed.untagged) == (Condition.OK, ())
    for _ in range(2):
        assert (await says_draft(bench, b"WEBPUSH %b NIL" % NAME)).condition is Condition.OK
        assert await bench.bench.stored() == []


async def test_a_changed_field_or_another_key_of_ours_makes_inactive(bench: DialectBench) -> None:
    async def confirmed() -> None:
        await bench.send_code()
        await says_draft(bench, b"ACKWEBPUSH %b %b" % (NAME, CODE.encode()))
        assert (await says_draft(bench, webpush(endpoint=used))).untagged == ()

    used = ENDPOINT
    await says_draft(bench, webpush())
    await confirmed()
    assert len((await says_draft(bench, webpush(auth="A" * 22))).untagged) == 2
    await says_draft(bench, webpush())
    await confirmed()
    used = ENDPOINT + "2"
    assert len((await says_draft(bench, webpush(endpoint=used))).untagged) == 2
    await confirmed()
    one = await bench.only()
    assert isinstance(one.endpoints.new_mail, WebPushEndpoint)
    older = replace(one.endpoints.new_mail, application_server_key="B" * 87)  # as after a rotation
    await bench.bench.store.put(replace(one, endpoints=replace(one.endpoints, new_mail=older)))
    assert len((await says_draft(bench, webpush(endpoint=used))).untagged) == 2
    await confirmed()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"GETVAPID x", "no arguments"),
        (b"WEBPUSH", "argument 1 is missing"),
        (b"WEBPUSH short NIL", "argument 1: the name"),
        (b"WEBPUSH NIL NIL", "argument 1 must be"),
        (b"WEBPUSH phone-7f3a91", "a subscription and NIL"),
        (b"WEBPUSH phone-7f3a91 https://a.example/", "a subscription and NIL"),
        (b"WEBPUSH phone-7f3a91 (a) b c", "argument 2"),
        (b"WEBPUSH phone-7f3a91 " + b"a" * 1_001 + b" b c", "argument 2 must have at most 1000"),
        (b'WEBPUSH phone-7f3a91 "https://a.example/" b c', "argument 3 must be base64url of 65"),
        (b'WEBPUSH phone-7f3a91 "https://a.example/" ' + P256DH.encode() + b" c", "argument 4 must be base64url of 16"),
        (webpush(endpoint="http://a.example/"), "argument 2 must be an https"),
        (b"ACKWEBPUSH phone-7f3a91", "argument 2 is missing"),
        (b"ACKWEBPUSH phone-7f3a91 a b", "takes a subscription and a token"),
        (b"ACKWEBPUSH phone-7f3a91 " + b"a" * 201, "argument 2 must have at most 200"),
        (b'ACKWEBPUSH phone-7f3a91 "a', "argument 2: quoted string without end"),
    ],
)
async def test_bad_arguments_are_told_with_their_place(bench: DialectBench, line: bytes, said: str) -> None:
    answer = await says_draft(bench, line)
    assert answer.condition is Condition.BAD
    assert said in answer.text


async def test_one_address_too_many_is_no_limit(bench: DialectBench) -> None:
    for number in range(2):
        await says_draft(bench, webpush(NAME + b"%d" % number, f"{ENDPOINT}/{number}"))
    answer = await says_draft(bench, webpush(NAME + b"3", f"{ENDPOINT}/3"))
    assert (answer.condition, answer.code) == (Condition.NO, PlainCode("LIMIT"))


# our own entries


async def set_ours(bench: DialectBench, name: bytes, value: bytes) -> Answer:
    line = b'SETMETADATA "" (%b/subscriptions/%b %%)' % (OURS, name)
    return await bench.says(metadata.Metadata(bench.registering), line, value)


def ours(**members: Any) -> bytes:
    bell = {"type": "simplepush", "url": ENDPOINT}
    made = {"endpoints": {"new_mail": bell, "reconnect": {"type": "simplepush", "url": ENDPOINT + "/r"}}, **members}
    return json.dumps(made).encode()


async def test_a_subscription_of_rest_is_set_read_and_ended(bench: DialectBench) -> None:
    quiet = {"tz": "Europe/Berlin", "from": "22:00", "to": "07:00"}
    value = ours(filter={"from": "boss"}, quiet_hours=quiet, mailboxes=["INBOX", "Work"], lease_seconds=3_600)
    assert (await set_ours(bench, b"Phone", value)).condition is Condition.OK
    one = await bench.only()
    assert (one.mailboxes, one.lease_seconds, len(one.floors)) == (("INBOX", "Work"), 3_600, 2)
    assert one.preferences.quiet_hours is not None
    by_rest = await bench.bench.subscribe(push=ENDPOINT)  # REST finds the same one by its endpoint
    assert by_rest.view.id == one.id
    other = await bench.bench.subscribe(push=ENDPOINT + "/2")
    line = b'GETMETADATA (DEPTH infinity) "" %b/subscriptions' % OURS
    listed = b"".join((await bench.says(metadata.Metadata(bench.registering), line)).untagged)
    assert b"/subscriptions/phone" in listed
    assert b"/subscriptions/" + other.view.id.encode() in listed
    assert ENDPOINT.encode() not in listed
    line = b'GETMETADATA "" %b/subscriptions/PHONE' % OURS
    (shown,) = (await bench.says(metadata.Metadata(bench.registering), line)).untagged
    assert one.id.encode() in shown
    line = b'GETMETADATA "" (%b/vapid %b/subscriptions/none)' % (OURS, OURS)
    (shown,) = (await bench.says(metadata.Metadata(bench.registering), line)).untagged
    assert (await bench.bench.gateway.vapid_public_key()).encode() in shown
    assert shown.endswith(b"NIL)\r\n")
    for name in (b"phone", other.view.id.encode()):
        line = b'SETMETADATA "" (%b/subscriptions/%b NIL)' % (OURS, name)
        assert (await bench.says(metadata.Metadata(bench.registering), line)).condition is Condition.OK
    assert await bench.bench.stored() == []


@pytest.mark.parametrize(
    ("name", "value", "condition", "said"),
    [
        (b"phone", b"{", Condition.BAD, "JSON"),
        (b"phone", ours(imap={"host": "a", "username": "b"}), Condition.BAD, "/imap must be left out"),
        (b"phone", ours(retention="vault"), Condition.BAD, "/retention must be left out"),
        (b"phone", ours(fliter=None), Condition.BAD, "/fliter is not a known member; did you mean filter?"),
        (b"phone", ours(filter={"from": 1}), Condition.BAD, "/filter/from"),
        (b"phone", b'{"endpoints": {"new_mail": {"type": "x"}}}', Condition.BAD, "/endpoints/new_mail/type"),
        (b"phone", ours(**{"a\r\nb": 1}), Condition.BAD, "/a??b"),
        (b"sub_abc", ours(), Condition.BAD, "begin with sub_"),
        (b"phone", ours(x="a" * 40_000), Condition.NO, "too long"),
        (b"phone/validate", b"code", Condition.NO, "no such subscription"),
        (b"phone/a", ours(), Condition.BAD, "a name is"),
    ],
)
async def test_what_is_wrong_with_one_is_told(
    bench: DialectBench, name: bytes, value: bytes, condition: Condition, said: str
) -> None:
    answer = await set_ours(bench, name, value)
    assert answer.condition is condition
    assert said in answer.text


async def test_a_code_is_read_back_by_an_entry(bench: DialectBench) -> None:
    keys = {"p256dh": P256DH, "auth": AUTH}
    value = json.dumps({"endpoints": {"new_mail": {"type": "webpush", "url": ENDPOINT, "keys": keys}}}).encode()
    await set_ours(bench, b"phone", value)
    await bench.send_code()
    assert (await set_ours(bench, b"phone/validate", CODE.encode())).condition is Condition.OK


async def test_a_session_that_tells_no_uidnext_registers_all_the_same(bench: DialectBench) -> None:
    bench.client.says_status = False
    assert (await set_ours(bench, b"phone", ours())).condition is Condition.OK
    assert (await set_ours(bench, b"more", ours(mailboxes="personal"))).condition is Condition.OK


async def test_a_mailbox_that_is_not_there_is_told(bench: DialectBench) -> None:
    bench.client.missing = "Wrok"
    answer = await set_ours(bench, b"phone", ours(mailboxes=["INBOX", "Wrok"]))
    assert (answer.condition, answer.code) == (Condition.NO, PlainCode("NONEXISTENT"))
    assert answer.text == "/mailboxes/1 is not there"
    assert await bench.bench.stored() == []


async def test_no_more_mailboxes_are_asked_for_than_a_bound_and_none_that_has_no_spelling(bench: DialectBench) -> None:
    names = ["inbox", "INBOX", "a\r\nb", "", *(f"Box {number}" for number in range(5_000))]
    answer = await set_ours(bench, b"phone", ours(mailboxes=names[:200]))
    assert answer.condition is Condition.BAD
    assert "/mailboxes" in answer.text
    asked = [command.mailbox for command in bench.client.asked if isinstance(command, Status)]
    assert asked == ["INBOX", *(f"Box {number}" for number in range(96))]
    assert (
        await set_ours(bench, b"phone", ours(mailboxes=names))
    ).condition is Condition.NO  # as long as no value may be


def test_an_answers_text_is_harmless_whatever_is_in_it() -> None:
    assert text("[a]\r\n\x00" + "b" * 500) == "?a?????"[:6] + "b" * 294


PIECES = st.sampled_from([b"phone-7f3a91", b"NIL", b'"https://a.example/"', b"(", b")", b" ", b"{2}", b'"', b"\xff"])


@given(st.sampled_from(sorted(draft.COMMANDS)), st.lists(PIECES | st.binary(max_size=4), max_size=8))
@settings(max_examples=100)
def test_whatever_comes_as_arguments_is_a_request_or_refused(name: str, pieces: list[bytes]) -> None:
    line = b" ".join(pieces).replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"").replace(b"%", b"").rstrip(b"}")
    with suppress(Refused, ProblemError):
        draft.read_request(arguments(command_of(name.encode() + b" " + line)).values)
