"""Who is told of new mail, and which items that costs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from idlebell.imap.permitted import never_sets_seen
from idlebell.imap.responses import Address, BodyPart, Envelope, FetchData
from idlebell.model.account import Retention
from idlebell.model.arrival import Arrival, Mark
from idlebell.model.endpoint import Endpoints, PushUrl, SimplePushEndpoint, WebPushEndpoint
from idlebell.model.form import Dialect, Form
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import MAX_MESSAGES, Draft, NewMail
from idlebell.model.preferences import Hushed, HushedBy, Preferences, QuietHours, Then
from idlebell.model.secret import Secret
from idlebell.model.subscription import Floor, Payload, Phase, Subscription
from idlebell.model.verdict import Outcome, Verdict
from idlebell.rules.evidence import Evidence
from idlebell.rules.match import TEXT_MISSED, VIP, Hearing, listening, match, match_flood
from idlebell.rules.needs import DECIDING, DESCRIBING, fetch_items

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEEP = timedelta(hours=1)
ONE = Subscription(
    id=SubscriptionId("sub_1"),
    account_id=AccountId("acc_1"),
    key_digest=b"",
    owner=None,
    mailboxes=("INBOX",),
    endpoints=Endpoints(SimplePushEndpoint(PushUrl("https://push.example.net/a"))),
    payload=Payload.ALERT,
    retention=Retention.SESSION,
    lease_seconds=3600,
    created_at=NOW,
    expires_at=NOW + KEEP,
    phase=Phase.ACTIVE,
)
TEN = FetchData(1, uid=10, envelope=Envelope(None, b"Hi", (), (), (), (), (), (), None, None))
ELEVEN = FetchData(2, uid=11)


def drafts(*subscriptions: Subscription, messages: tuple[FetchData, ...] = (TEN, ELEVEN)) -> list[NewMail]:
    made = match(subscriptions, "INBOX", 7, tuple(map(Arrival, messages)), 3, NOW, KEEP).drafts
    assert all(isinstance(draft, Draft) and draft.due_at == NOW and draft.expires_at == NOW + KEEP for draft in made)
    return [draft.content for draft in made if isinstance(draft.content, NewMail)]


def test_alert_says_how_many_and_nothing_of_them() -> None:
    assert drafts(ONE) == [NewMail("INBOX", 7, 2, 3)]


def test_summary_describes_each() -> None:
    summary = replace(ONE, payload=Payload.SUMMARY)

    assert drafts(summary) == [NewMail("INBOX", 7, 2, 3, (MessageSummary(10, subject="Hi"), MessageSummary(11)))]


def test_who_is_told_fetch_responses_is_told_their_numbers() -> None:
    told = WebPushEndpoint(PushUrl("https://push.example.net/a"), b"", Secret(b""), form=Form(Dialect.DRAFT, "phone"))
    draft = replace(ONE, payload=Payload.SUMMARY, endpoints=Endpoints(told))
    coi = replace(draft, endpoints=Endpoints(replace(told, form=Form(Dialect.COI, "phone"))))

    assert [[one.number for one in mail.messages] for mail in drafts(draft, coi)] == [[1, 2], [None, None]]


def test_more_than_are_described_are_counted_and_the_newest_described() -> None:
    many = tuple(FetchData(uid, uid=uid) for uid in range(1, 51))

    (content,) = drafts(replace(ONE, payload=Payload.SUMMARY), messages=many)

    assert content.count == 50
    assert [one.uid for one in content.messages] == list(range(51 - MAX_MESSAGES, 51))


def test_each_subscription_gets_one() -> None:
    assert len(drafts(ONE, replace(ONE, id=SubscriptionId("sub_2")))) == 2


def test_who_does_not_listen_is_not_told() -> None:
    paused = replace(ONE, paused=True)
    pending = replace(ONE, phase=Phase.PENDING)
    elsewhere = replace(ONE, mailboxes=("Work",))

    assert drafts(paused, pending, elsewhere) == []
    assert listening([paused, pending, elsewhere, ONE], "INBOX") == (ONE,)


def test_what_lies_below_the_floor_is_not_announced() -> None:
    assert drafts(replace(ONE, floors=(Floor("INBOX", 7, 11),))) == [NewMail("INBOX", 7, 1, 3)]
    assert drafts(replace(ONE, floors=(Floor("INBOX", 7, 12),))) == []


def test_floor_of_another_epoch_means_nothing() -> None:
    assert drafts(replace(ONE, floors=(Floor("INBOX", 6, 12),))) == [NewMail("INBOX", 7, 2, 3)]


def told(one: Subscription, arrival: Arrival) -> bool:
    return bool(match([one], "INBOX", 7, (arrival,), None, NOW, KEEP).drafts)


def test_who_wants_to_hear_of_read_and_filed_mail_too_does() -> None:
    seen = Arrival(TEN, frozenset({Mark.SEEN}))
    both = Arrival(TEN, frozenset({Mark.SEEN, Mark.APPENDED}))

    assert not told(ONE, seen)
    assert told(replace(ONE, also=frozenset({"seen"})), seen)
    assert not told(replace(ONE, also=frozenset({"seen"})), both)
    assert told(replace(ONE, also=frozenset({"seen", "appended"})), both)


def test_a_mail_rings_once_for_those_that_it_has_passed() -> None:
    again = Arrival(TEN, known_to=frozenset({ONE.id}))

    assert not told(ONE, again)
    assert told(replace(ONE, id=SubscriptionId("sub_2")), again)
    assert told(replace(ONE, also=frozenset({"appended"})), again)


def test_every_message_has_a_verdict_for_everyone_who_listens() -> None:
    late = replace(ONE, id=SubscriptionId("sub_2"), floors=(Floor("INBOX", 7, 11),))
    arrivals = (
        Arrival(TEN, frozenset({Mark.SEEN})),
        Arrival(ELEVEN, known_to=frozenset({ONE.id})),
        Arrival(FetchData(3, uid=12)),
    )

    matched = match([ONE, late], "INBOX", 7, arrivals, None, NOW, KEEP)

    assert matched.verdicts == (
        Verdict(ONE.id, 10, Outcome.MARKED, ("seen",)),
        Verdict(ONE.id, 11, Outcome.ALREADY_TOLD),
        Verdict(ONE.id, 12, Outcome.RINGS),
        Verdict(late.id, 10, Outcome.BELOW_FLOOR),
        Verdict(late.id, 11, Outcome.RINGS),
        Verdict(late.id, 12, Outcome.RINGS),
    )


def test_what_its_filter_holds_back_does_not_ring_and_says_why() -> None:
    picky = replace(ONE, preferences=Preferences(filter='{"minSize":100}'))
    large = FetchData(3, uid=12, size=100)

    matched = match([picky], "INBOX", 7, (Arrival(TEN), Arrival(large)), None, NOW, KEEP)

    assert [draft.content for draft in matched.drafts] == [NewMail("INBOX", 7, 1, None)]
    assert [(one.uid, one.outcome, one.because) for one in matched.verdicts] == [
        (10, Outcome.FILTERED, ("it has fewer than 100 bytes",)),
        (12, Outcome.RINGS, ("it has 100 bytes or more",)),
    ]


def test_where_all_is_held_back_nobody_is_told() -> None:
    assert drafts(replace(ONE, preferences=Preferences(filter='{"minSize":100}'))) == []


def test_what_could_not_be_read_is_not_held_back() -> None:
    body = BodyPart("TEXT", "PLAIN", (), None, None, "7BIT", 9)
    picky = replace(ONE, preferences=Preferences(filter='{"body":"noon"}'))

    (verdict,) = match([picky], "INBOX", 7, (Arrival(replace(TEN, body=body)),), None, NOW, KEEP).verdicts

    assert (verdict.outcome, verdict.because) == (Outcome.RINGS, (TEXT_MISSED,))


BOSS = FetchData(
    3,
    uid=12,
    envelope=Envelope(None, b"Now", (Address(None, None, b"boss", b"example.org"),), (), (), (), (), (), None, None),
)
NIGHT = QuietHours("UTC", frozenset(range(7)), time(11), time(14), Then.COUNT)


def test_who_is_hushed_does_not_ring_and_it_says_who() -> None:
    hushing = replace(ONE, preferences=Preferences(hushed=(Hushed(HushedBy.SENDER, "boss@example.org"),)))

    matched = match([hushing], "INBOX", 7, (Arrival(TEN), Arrival(BOSS)), None, NOW, KEEP)

    assert [draft.content for draft in matched.drafts] == [NewMail("INBOX", 7, 1, None)]
    assert [(one.uid, one.outcome, one.because) for one in matched.verdicts] == [
        (10, Outcome.RINGS, ()),
        (12, Outcome.HUSHED, ("the sender boss@example.org is hushed",)),
    ]


def test_a_vip_is_drafted_apart_from_what_waits() -> None:
    wish = Preferences(quiet_hours=NIGHT, vip='{"from":"boss"}')

    matched = match([replace(ONE, preferences=wish)], "INBOX", 7, (Arrival(TEN), Arrival(BOSS)), 3, NOW, KEEP)

    assert [draft.content for draft in matched.drafts] == [
        NewMail("INBOX", 7, 1, 3, vip=True),
        NewMail("INBOX", 7, 1, 3),
    ]
    assert [(one.uid, one.outcome) for one in matched.verdicts] == [(10, Outcome.HELD), (12, Outcome.RINGS)]
    assert matched.verdicts[0].because == ("quiet hours, until 2026-11-22T14:00:00Z",)
    assert matched.verdicts[1].because[0] == VIP
    assert [one.vip for one in matched.verdicts] == [False, True]


def test_a_vip_is_drafted_apart_without_a_schedule_as_well() -> None:
    """A flood may hold the rest."""
    wish = Preferences(vip='{"from":"boss"}')
    apart = [NewMail("INBOX", 7, 1, 3, vip=True), NewMail("INBOX", 7, 1, 3)]
    assert drafts(replace(ONE, preferences=wish), messages=(TEN, BOSS)) == apart


def test_a_vip_rule_that_cannot_be_read_lets_nobody_through() -> None:
    wish = Preferences(vip="nonsense", muted_until=NOW + KEEP)

    matched = match([replace(ONE, preferences=wish)], "INBOX", 7, (Arrival(BOSS),), 3, NOW, KEEP)

    assert [draft.content for draft in matched.drafts] == [NewMail("INBOX", 7, 1, 3)], "the store counts it"
    assert [(one.outcome, one.because) for one in matched.verdicts] == [(Outcome.MUTED, ("muted",))]


def test_a_text_that_is_missed_lets_through_only_who_was_asked_for_it() -> None:
    """Neither a subscription with another filter, whoever is judged first, nor a VIP."""
    unread = replace(BOSS, body=BodyPart("TEXT", "PLAIN", (), None, None, "7BIT", 12))
    text = replace(ONE, preferences=Preferences(filter='{"text":"lunch"}', vip='{"text":"dinner"}'))
    sender = replace(ONE, id=SubscriptionId("sub_2"), preferences=Preferences(filter='{"from":"friend"}'))
    both = replace(ONE, id=SubscriptionId("sub_3"), preferences=Preferences(filter='{"from":"friend","text":"lunch"}'))
    judged = match([text, sender, both, text], "INBOX", 7, (Arrival(unread),), 3, NOW, KEEP).verdicts
    assert [one.outcome for one in judged] == [Outcome.RINGS, Outcome.FILTERED, Outcome.FILTERED, Outcome.RINGS]
    assert not any(one.vip for one in judged)
    evidence = Evidence(unread, "INBOX")
    assert [Hearing.of(one).hears(evidence) for one in (text, sender, both, text)] == [True, False, False, True]


def test_hush_and_vip_cost_the_headers_that_they_look_at() -> None:
    hushing = Preferences(hushed=(Hushed(HushedBy.LIST_ID, "news.example.org"),))
    urgent = Preferences(vip='{"from":"boss"}', digest_minutes=5)
    items = fetch_items([replace(ONE, preferences=wish) for wish in (hushing, urgent)], has_preview=True)
    assert any("(FROM LIST-ID)" in item for item in items)
    assert all(map(never_sets_seen, items))


def test_flood_is_counted_by_what_each_hears_of() -> None:
    picky = replace(ONE, id=SubscriptionId("sub_2"), preferences=Preferences(filter="{}"))

    made = match_flood(
        [ONE, picky], "INBOX", 7, {Hearing(): 600, Hearing(filter="{}"): 2}, 9_500, None, NOW, KEEP
    ).drafts

    assert [one.content.count for one in made if isinstance(one.content, NewMail)] == [600, 2]
    assert (
        match_flood([picky], "INBOX", 7, {Hearing(): 600, Hearing(filter="{}"): 0}, 9_500, None, NOW, KEEP).drafts == ()
    )


def test_flood_is_a_count() -> None:
    (draft,) = match_flood([ONE], "INBOX", 7, {Hearing(): 9_000}, 9_500, 9_000, NOW, KEEP).drafts

    assert draft.content == NewMail("INBOX", 7, 9_000, 9_000)


def test_flood_is_not_told_to_who_came_after_it() -> None:
    late = replace(ONE, floors=(Floor("INBOX", 7, 9_500),))
    epoch = replace(ONE, floors=(Floor("INBOX", 6, 9_500),))

    assert len(match_flood([late, epoch], "INBOX", 7, {Hearing(): 9_000}, 9_500, None, NOW, KEEP).drafts) == 1


def test_alerts_cost_no_envelope() -> None:
    assert fetch_items([ONE], has_preview=True) == DECIDING


def test_one_summary_costs_the_envelope_and_the_preview_where_there_is_one() -> None:
    mixed = [ONE, replace(ONE, payload=Payload.SUMMARY)]

    assert fetch_items(mixed, has_preview=False) == (*DECIDING, *DESCRIBING)
    assert fetch_items(mixed, has_preview=True) == (*DECIDING, *DESCRIBING, "PREVIEW")


def test_filter_costs_what_it_looks_at_whoever_else_is_told() -> None:
    sender = replace(ONE, preferences=Preferences(filter='{"from":"boss","isBulk":false}'))
    text = replace(ONE, preferences=Preferences(filter='{"text":"lunch","minSize":1}'))
    plain = replace(ONE, preferences=Preferences(filter='{"inMailbox":"INBOX"}'))
    headers = "BODY.PEEK[HEADER.FIELDS (AUTO-SUBMITTED FROM LIST-ID PRECEDENCE)]<0.8192>"
    more = "BODY.PEEK[HEADER.FIELDS (AUTO-SUBMITTED BCC CC FROM LIST-ID PRECEDENCE SUBJECT TO)]<0.8192>"

    assert fetch_items([ONE, plain], has_preview=True) == DECIDING
    assert fetch_items([ONE, sender], has_preview=True) == (*DECIDING, headers)
    assert fetch_items([sender, text], has_preview=True) == (*DECIDING, "RFC822.SIZE", more, "BODYSTRUCTURE")
    assert all(map(never_sets_seen, fetch_items([sender, text], has_preview=True)))


def test_more_fields_than_a_command_may_name_cost_the_whole_header() -> None:
    many = [
        replace(ONE, preferences=Preferences(filter=json.dumps({"header": [f"X-{number}-{'y' * 60}"]})))
        for number in range(20)
    ]

    assert fetch_items(many, has_preview=True) == (*DECIDING, "BODY.PEEK[HEADER]<0.32768>")
