"""What is kept of a look's verdicts."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

from idlebell.imap.responses import FetchData, Section
from idlebell.model.account import AccountId
from idlebell.model.arrival import Arrival, Mark
from idlebell.model.cursor import Cursor
from idlebell.model.notification import Draft
from idlebell.model.trail import VERDICTS_KEPT, KeptVerdict, message_digest
from idlebell.model.verdict import Outcome, Verdict
from idlebell.watch.kept import Look
from store_samples import NOW, new_mail, sub_id, subscription


def fingerprint(value: bytes) -> bytes:
    return hashlib.sha256(b"key" + value).digest()


LOOK = Look("INBOX", 7, 11, NOW, 1.5, fingerprint)
FIRST = subscription(AccountId("acc_1"), 1)


def fetched(uid: int, *flags: str) -> FetchData:
    return FetchData(1, uid=uid, flags=flags, internal_date=NOW - timedelta(seconds=2))


def with_message_id(uid: int, value: bytes) -> FetchData:
    section = Section("BODY[HEADER.FIELDS (MESSAGE-ID)]", 0, b"Message-ID: " + value + b"\r\n\r\n")
    return replace(fetched(uid), sections=(section,))


def kept(uid: int, outcome: Outcome, **members: object) -> KeptVerdict:
    one = KeptVerdict(FIRST.id, NOW, "INBOX", 7, uid, uid, outcome, took_ms=1.5, received_at=NOW - timedelta(seconds=2))
    return replace(one, **members)  # type: ignore[arg-type]


def test_a_verdict_is_kept_with_what_was_seen_of_its_message() -> None:
    arrivals = [Arrival(with_message_id(11, b"<a@b>"), frozenset({Mark.SEEN})), Arrival(fetched(12))]
    verdicts = [Verdict(FIRST.id, 11, Outcome.MARKED, ("seen",)), Verdict(FIRST.id, 12, Outcome.RINGS)]
    assert LOOK.kept(verdicts, arrivals) == [
        kept(
            11,
            Outcome.MARKED,
            because=("seen",),
            marks=frozenset({"seen"}),
            message=message_digest(b"<a@b>", fingerprint),
        ),
        kept(12, Outcome.RINGS),
    ]


def test_of_many_the_newest_of_each_subscription_are_kept() -> None:
    arrivals = [Arrival(fetched(uid)) for uid in range(11, 311)]
    verdicts = [Verdict(sub_id(n), uid, Outcome.RINGS) for n in (1, 2) for uid in range(11, 311)]
    found = LOOK.kept(verdicts, arrivals)
    newest = list(range(311 - VERDICTS_KEPT, 311))
    assert [(one.subscription_id, one.uid) for one in found] == [(sub_id(n), uid) for n in (1, 2) for uid in newest]


def test_what_is_deleted_or_a_draft_is_kept_as_nobodys_new_mail() -> None:
    messages = [fetched(10, "\\Deleted"), fetched(11, "\\Draft", "\\Deleted"), fetched(12), fetched(99, "\\Draft")]
    assert LOOK.dismissed(messages, Cursor(7, 13), [FIRST]) == [
        kept(11, Outcome.NOT_NEW, because=("it was \\Deleted when it was found", "it was \\Draft when it was found"))
    ]


def test_a_flood_is_kept_as_one() -> None:
    draft = Draft(FIRST.id, new_mail(600), NOW, NOW, NOW)
    other = subscription(AccountId("acc_1"), 2)
    rang, silent = LOOK.counted([draft], Cursor(7, 711), [FIRST, other])
    assert (rang.uid, rang.last_uid, rang.outcome) == (11, 710, Outcome.RINGS)
    assert rang.because == ("600 came at once and were counted, not looked at one by one",)
    assert (silent.uid, silent.last_uid, silent.outcome) == (11, 710, Outcome.MARKED)
    assert silent.because == ("of very many that came at once, none was found that it is told of",)


def test_a_message_is_found_however_its_message_id_is_written() -> None:
    one = message_digest(b"<abc@example.org>", fingerprint)
    assert one is not None
    for spelt in (b"abc@example.org", b" (a comment) <abc@example.org> ", b"<abc\r\n @example.org>"):
        assert message_digest(spelt, fingerprint) == one
    assert message_digest(b"<ABC@example.org>", fingerprint) != one
    assert message_digest(b"", fingerprint) is message_digest(b"<>", fingerprint) is None
    assert message_digest(b"<" + b"x" * 5000 + b">", fingerprint) == message_digest(b"x" * 950, fingerprint)


def test_which_of_the_drafts_tells_of_it_goes_along() -> None:
    verdicts = [Verdict(FIRST.id, 11, Outcome.RINGS), Verdict(FIRST.id, 12, Outcome.RINGS, vip=True)]
    found = LOOK.kept(verdicts, [Arrival(fetched(11)), Arrival(fetched(12))])
    assert [one.vip for one in found] == [False, True]
