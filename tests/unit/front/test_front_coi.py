"""Which mail COI's kinds of message are."""

from __future__ import annotations

import pytest

from idlebell.front.coi import filter_of
from idlebell.imap.responses import FetchData, Section
from idlebell.rules.evidence import Evidence
from idlebell.rules.filter import read_filter

PLAIN = b"text/plain"
RECEIPT = b'multipart/report; boundary="a";\r\n report-type=disposition-notification'


@pytest.mark.parametrize(
    ("kind", "flags", "content_type", "rings"),
    [
        ("chat", ("$Chat",), PLAIN, True),
        ("chat", (), PLAIN, False),
        ("chat", ("$Chat",), RECEIPT, False),
        ("mail", ("$CHAT",), PLAIN, False),
        ("mail", (), PLAIN, True),
        ("mail", (), RECEIPT, False),
        ("all", ("$chat",), PLAIN, True),
        ("all", (), PLAIN, True),
        ("all", (), RECEIPT, False),
    ],
)
def test_a_chat_has_the_keyword_and_a_receipt_never_rings(
    kind: str, flags: tuple[str, ...], content_type: bytes, rings: bool
) -> None:
    header = Section("BODY[HEADER.FIELDS (CONTENT-TYPE)]", None, b"Content-Type: " + content_type + b"\r\n\r\n")
    message = FetchData(1, uid=1, flags=flags, sections=(header,))
    assert read_filter(filter_of(kind)).decide(Evidence(message, "INBOX")).rings is rings
