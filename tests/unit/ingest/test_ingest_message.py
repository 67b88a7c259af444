"""A report as if it had been fetched."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.ingest.message import message_of
from idlebell.rules.describe import describe
from idlebell.rules.evidence import Evidence

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_no_value_begins_another_field() -> None:
    message = message_of(1, NOW, headers={"subject": "x\r\nList-Id: <y>\n\nBody\0", "from": "a@b\r\nPrecedence: bulk"})
    evidence = Evidence(message, "INBOX")
    assert not evidence.is_bulk
    assert set(evidence.fields()) == {"subject", "from"}


def test_a_name_that_is_none_is_left_out() -> None:
    message = message_of(
        1, NOW, headers={"a b": "x", "": "x", "x:": "x", "\u00e4": "x", "y" * 77: "x", "List-Id": "<l>"}
    )
    assert set(Evidence(message, "INBOX").fields()) == {"list-id"}


def test_size_and_flags_are_as_told() -> None:
    message = message_of(7, NOW, headers={}, flags=["\\Flagged"], size=5, preview="p")
    assert (message.uid, message.size, message.has_flag("\\flagged"), message.preview) == (7, 5, True, b"p")


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=5), st.text(max_size=50))
def test_whatever_a_source_says_can_be_read_and_shown(headers: dict[str, str], preview: str) -> None:
    message = message_of(1, NOW, headers={**headers, "subject": preview}, preview=preview)
    assert describe(message).uid == 1
    assert not Evidence(message, "INBOX").is_bulk or {"list-id", "precedence", "auto-submitted"} & {
        name.lower() for name in headers
    }
