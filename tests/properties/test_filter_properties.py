"""Whatever a filter is and whatever a message is, there is an answer."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from idlebell.imap.responses import Address, BodyPart, Envelope, FetchData, Multipart, Section
from idlebell.rules.compiled import canonical, read_rule, rule_of
from idlebell.rules.evidence import Evidence
from idlebell.rules.filter import BECAUSE, CONDITION_NAMES, FilterError, read_filter
from idlebell.rules.fold import fold

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
texts = st.one_of(words, st.lists(words, min_size=1, max_size=3).map(" ".join), words.map('"{}"'.format))
names = st.sampled_from(["subject", "from", "x-spam", "list-id"])
dates = st.datetimes().map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"))
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("from", "to", "cc", "bcc", "subject", "text", "body", "listId"), texts),
        "header": st.one_of(st.tuples(names), st.tuples(names, texts)).map(list),
        **{name: st.sampled_from(["$seen", "$draft", "work"]) for name in ("hasKeyword", "notKeyword")},
        **{name: st.integers(0, 2**53 - 1) for name in ("minSize", "maxSize")},
        **dict.fromkeys(("before", "after"), dates),
        **{name: st.booleans() for name in ("hasAttachment", "isBulk")},
        "inMailbox": words,
        "inMailboxOtherThan": st.lists(words, max_size=3),
    },
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.fixed_dictionaries(
        {"operator": st.sampled_from(["AND", "OR", "NOT"]), "conditions": st.lists(inner, max_size=4)}
    ),
    max_leaves=12,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*CONDITION_NAMES, "operator", "conditions", "sieve", "x"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)

raw = st.binary(max_size=300) | st.sampled_from(
    [
        b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=",
        b"=?utf-7?b?////?=",
        b"=?hz?q?~{?=",
        b"(((",
        b'"',
        b"<<",
        b"\xed\xa0\x80",
        b"&#99999999;",
    ]
)
headers = st.lists(st.tuples(st.sampled_from([b"From", b"SUBJECT", b"List-Id", b"Precedence"]), raw), max_size=6).map(
    lambda found: b"".join(name + b": " + value + b"\r\n" for name, value in found)
)
parts = st.builds(
    BodyPart,
    st.sampled_from(["TEXT", "text", "IMAGE", "é"]),
    st.sampled_from(["PLAIN", "HTML", "x"]),
    st.lists(st.tuples(st.sampled_from(["CHARSET", "name"]), raw), max_size=2).map(tuple),
    st.none() | raw,
    st.none(),
    st.sampled_from(["BASE64", "QUOTED-PRINTABLE", "8bit", "x"]),
    st.integers(0, 2**63 - 1),
    disposition=st.none() | st.sampled_from(["ATTACHMENT", "inline"]),
)
bodies = st.recursive(
    parts,
    lambda inner: st.builds(Multipart, st.lists(inner, max_size=3).map(tuple), st.sampled_from(["MIXED", "RELATED"])),
)
addresses = st.lists(st.builds(Address, st.none() | raw, st.none(), st.none() | raw, st.none() | raw), max_size=3).map(
    tuple
)
envelopes = st.builds(
    Envelope,
    st.none() | raw,
    st.none() | raw,
    addresses,
    addresses,
    addresses,
    addresses,
    addresses,
    addresses,
    raw,
    raw,
)
MESSAGES = st.builds(
    lambda header, body, content, envelope, flags, size, at: FetchData(
        1,
        uid=1,
        flags=flags,
        internal_date=at,
        size=size,
        envelope=envelope,
        body=body,
        sections=(Section("BODY[HEADER.FIELDS (X)]", 0, header), Section("BODY[1]", 0, content)),
    ),
    st.none() | headers | raw,
    st.none() | bodies,
    st.none() | raw,
    st.none() | envelopes,
    st.none() | st.lists(st.sampled_from(["\\Seen", "Work", "é"]), max_size=3).map(tuple),
    st.none() | st.integers(0, 2**63 - 1),
    st.none() | st.datetimes(timezones=st.timezones()),
)


def _is_told(error: FilterError) -> None:
    assert error.detail
    assert error.pointer == "" or error.pointer.startswith("/")


@given(FILTERS, MESSAGES)
def test_every_filter_judges_every_message(filter_: Any, message: FetchData) -> None:
    try:
        rule = read_filter(filter_)
    except FilterError as error:
        _is_told(error)
        return
    judgement = rule.decide(Evidence(message, "INBOX"))

    assert len(judgement.because) <= BECAUSE
    assert (
        read_filter({"operator": "NOT", "conditions": [filter_]}).decide(Evidence(message, "INBOX")).rings
        is not judgement.rings
    )


@given(JSON)
def test_every_json_is_a_filter_or_is_refused(value: Any) -> None:
    try:
        rule = read_rule(value)
    except FilterError as error:
        _is_told(error)
        return
    assert rule_of(canonical(value)).needs == rule.needs
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(st.text(max_size=700))
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=400), st.text(max_size=400))
def test_folding_is_character_by_character(one: str, other: str) -> None:
    assert fold(one) + fold(other) == fold(one + other)
