"""What real servers say is understood, however it is cut."""

from __future__ import annotations

import pytest

from idlebell.imap.framing import Frame, Framer
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.parse_response import parse_response
from idlebell.imap.responses import FetchData, Response, StatusData, Unknown
from transcripts.transcript import Transcript, load_all

ALL = load_all()


def responses_of(*chunks: bytes) -> list[Response]:
    framer = Framer(DEFAULT_LIMITS)
    found: list[Response] = []
    for chunk in chunks:
        framer.feed(chunk)
        while (frame := framer.next_frame()) is not None:
            assert isinstance(frame, Frame)
            found.append(parse_response(frame))
    assert framer.pending == 0
    return found


@pytest.mark.parametrize("transcript", ALL, ids=lambda transcript: transcript.name)
def test_every_line_of_a_server_has_a_meaning_but_those_named_in_the_header(transcript: Transcript) -> None:
    responses = responses_of(transcript.server_bytes)
    strange = [response.raw for response in responses if isinstance(response, Unknown)]
    assert [raw for raw in strange if not raw.startswith(transcript.unknown or (b"\0",))] == []
    assert all(any(raw.startswith(prefix) for raw in strange) for prefix in transcript.unknown)
    assert [response for response in responses if isinstance(response, FetchData) and response.unknown] == []


@pytest.mark.parametrize("transcript", ALL, ids=lambda transcript: transcript.name)
def test_a_cut_at_any_byte_gives_the_same_responses(transcript: Transcript) -> None:
    wire = transcript.server_bytes
    whole = responses_of(wire)
    framed = _frames(wire)
    assert [parse_response(frame) for frame in framed] == whole
    for place in range(1, len(wire)):
        assert _frames(wire[:place], wire[place:]) == framed
    assert _frames(*(bytes((byte,)) for byte in wire)) == framed


def _frames(*chunks: bytes) -> list[Frame]:
    """Parsing depends on the frame alone, so equal frames are equal responses."""
    framer = Framer(DEFAULT_LIMITS)
    found: list[Frame] = []
    for chunk in chunks:
        framer.feed(chunk)
        while (frame := framer.next_frame()) is not None:
            assert isinstance(frame, Frame)
            found.append(frame)
    return found


def test_every_server_of_the_collection_is_here() -> None:
    servers = {transcript.name.partition("/")[0] for transcript in ALL}
    assert {"dovecot", "cyrus", "courier", "gmail", "outlook", "icloud", "163", "gmx"} <= servers


def test_status_of_dovecot_leaves_uidvalidity_out() -> None:
    [notify] = [transcript for transcript in ALL if transcript.name == "dovecot/notify"]
    status = next(response for response in responses_of(notify.server_bytes) if isinstance(response, StatusData))
    assert status == StatusData("Work", messages=1, uid_next=2, unseen=1)
