"""JMAP's filter, by a table of cases."""

from __future__ import annotations

from typing import Any

import pytest
from filter_cases import CASES, MESSAGES, REFUSED

from idlebell.imap.responses import BodyPart, FetchData, Section
from idlebell.rules.compiled import canonical, rule_of
from idlebell.rules.evidence import Evidence
from idlebell.rules.filter import BECAUSE, CONDITION_NAMES, FilterError, read_filter
from idlebell.rules.rule import Needs


def decide(filter_: Any, message: str) -> bool:
    return read_filter(filter_).decide(Evidence(MESSAGES[message], "INBOX")).rings


@pytest.mark.parametrize(("filter_", "message", "rings"), CASES)
def test_filter_lets_ring_what_it_says(filter_: Any, message: str, rings: bool) -> None:
    assert decide(filter_, message) is rings


@pytest.mark.parametrize("name", ["subject", "body", "text"])
@pytest.mark.parametrize(("word", "rings"), [("*****SPAM*****", True), ("spam*****", True), ("******", False)])
def test_word_that_repeats_itself_is_found_as_any_other(name: str, word: str, rings: bool) -> None:
    said = b"It is *****spam***** again\r\n"
    part = BodyPart("TEXT", "PLAIN", (), None, None, "7BIT", len(said))
    sections = (Section("BODY[HEADER.FIELDS (SUBJECT)]", 0, b"Subject: " + said), Section("BODY[1]", 0, said))
    evidence = Evidence(FetchData(1, uid=1, body=part, sections=sections), "INBOX")

    assert read_filter({name: word}).decide(evidence).rings is rings


def test_table_is_as_large_as_it_claims_and_has_every_condition() -> None:
    assert len(CASES) >= 200
    assert all(any(f"'{name}'" in repr(filter_) for filter_, _, _ in CASES) for name in CONDITION_NAMES)


@pytest.mark.parametrize(("filter_", "pointer", "word"), REFUSED)
def test_what_is_no_filter_is_refused_where_it_is_wrong(filter_: Any, pointer: str, word: str) -> None:
    with pytest.raises(FilterError) as refused:
        read_filter(filter_)

    assert refused.value.pointer == pointer
    assert word in refused.value.detail


@pytest.mark.parametrize(
    ("filter_", "needs"),
    [
        ({}, Needs()),
        ({"inMailbox": "INBOX", "hasKeyword": "$seen", "after": "2026-01-01T00:00:00Z"}, Needs(flags=True)),
        ({"from": "a"}, Needs(headers=frozenset({"from"}))),
        ({"header": ["X-A"], "subject": "b"}, Needs(headers=frozenset({"x-a", "subject"}))),
        ({"isBulk": True}, Needs(headers=frozenset({"list-id", "precedence", "auto-submitted"}))),
        ({"listId": "a"}, Needs(headers=frozenset({"list-id"}))),
        ({"minSize": 1, "maxSize": 2}, Needs(size=True)),
        ({"hasAttachment": True}, Needs(structure=True)),
        ({"body": "a"}, Needs(structure=True, text=True)),
        ({"text": "a"}, Needs(frozenset({"from", "to", "cc", "bcc", "subject"}), structure=True, text=True)),
        (
            {
                "operator": "NOT",
                "conditions": [{"from": "a"}, {"operator": "OR", "conditions": [{"to": "b", "minSize": 1}]}],
            },
            Needs(frozenset({"from", "to"}), size=True),
        ),
    ],
)
def test_filter_needs_what_its_conditions_look_at_and_nothing_more(filter_: Any, needs: Needs) -> None:
    assert read_filter(filter_).needs == needs


@pytest.mark.parametrize(
    ("filter_", "message", "because"),
    [
        ({"from": "boss"}, "lunch", ('from has "boss"',)),
        ({"from": "max"}, "lunch", ('from does not have "max"',)),
        ({"from": "boss", "subject": "dinner"}, "lunch", ('subject does not have "dinner"',)),
        ({"from": "boss", "subject": "lunch"}, "lunch", ('from has "boss"', 'subject has "lunch"')),
        (
            {"operator": "OR", "conditions": [{"from": "b@c"}, {"isBulk": True}]},
            "list",
            ("it went to many or was sent by a program",),
        ),
        (
            {"operator": "OR", "conditions": [{"from": "a@b"}, {"minSize": 9999}]},
            "lunch",
            ('from does not have "a@b"', "it has fewer than 9999 bytes"),
        ),
        ({"operator": "NOT", "conditions": [{"subject": "release"}]}, "list", ('subject has "release"',)),
        ({"operator": "NOT", "conditions": [{"hasKeyword": "$seen"}]}, "list", ("$seen is not set",)),
        ({"from": "x\u202ey\x00" + "z" * 90}, "lunch", ('from does not have "x y ' + "z" * 75 + '…"',)),
        ({}, "lunch", ()),
    ],
)
def test_judgement_says_what_settled_it(filter_: Any, message: str, because: tuple[str, ...]) -> None:
    assert read_filter(filter_).decide(Evidence(MESSAGES[message], "INBOX")).because == because


def test_judgement_is_no_longer_than_a_reader_bears() -> None:
    many = {"operator": "NOT", "conditions": [{"minSize": 9_000 + number} for number in range(50)]}

    assert len(read_filter(many).decide(Evidence(MESSAGES["lunch"], "INBOX")).because) == BECAUSE


@pytest.mark.parametrize(
    ("filter_", "missed"),
    [
        ({"body": "noon"}, True),
        ({"body": "noon", "from": "nobody"}, False),
        ({"operator": "OR", "conditions": [{"body": "noon"}, {"from": "a@b.example"}]}, False),
        ({"text": "b.example"}, False),
        ({"text": "b.example noon"}, True),
        (
            {"operator": "AND", "conditions": [{"operator": "NOT", "conditions": [{"body": "a"}]}, {"from": "nobody"}]},
            False,
        ),
    ],
)
def test_text_is_asked_for_only_where_nothing_else_settles_it(filter_: Any, missed: bool) -> None:
    evidence = Evidence(MESSAGES["unread-text"], "INBOX")

    read_filter(filter_).decide(evidence)

    assert evidence.text_missed is missed


def test_kept_text_is_the_same_however_it_was_spelled() -> None:
    assert (
        canonical({"subject": "é", "from": "b"})
        == canonical({"from": "b", "subject": "é"})
        == '{"from":"b","subject":"é"}'
    )


@pytest.mark.parametrize(
    "filter_", [{"from": "\ud800"}, {"operator": "OR", "conditions": [{"inMailbox": "é" * 1_000}] * 20}]
)
def test_what_cannot_be_kept_is_refused(filter_: Any) -> None:
    with pytest.raises(FilterError):
        canonical(filter_)


@pytest.mark.parametrize("text", ["{", '{"form":"x"}', "[" * 5_000, "null"])
def test_kept_text_that_cannot_be_read_any_more_holds_nothing_back(text: str) -> None:
    judgement = rule_of(text).decide(Evidence(MESSAGES["lunch"], "INBOX"))

    assert judgement.rings
    assert "could not be read" in judgement.because[0]


def test_no_filter_lets_everything_ring_and_needs_nothing() -> None:
    assert rule_of(None).needs == Needs()
    assert rule_of(None).decide(Evidence(MESSAGES["lunch"], "INBOX")).rings
