"""What real servers say is understood, however it is cut."""

from __future__ import annotations

import re
from base64 import b64decode
from copy import deepcopy

import pytest

from idlebell.imap import commands as c
from idlebell.imap.client import Client
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import ClientEvent, CommandReceived
from idlebell.imap.framing import Frame, Framer
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.parse_command import parse_command
from idlebell.imap.parse_response import parse_response
from idlebell.imap.quirks import QUIRKS
from idlebell.imap.responses import FetchData, Response, StatusData, Unknown
from idlebell.imap.state import Phase, State
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
    assert responses_of(*(bytes((byte,)) for byte in wire)) == whole
    for place in range(1, len(wire)):
        assert responses_of(wire[:place], wire[place:]) == whole


@pytest.mark.parametrize("transcript", ALL, ids=lambda transcript: transcript.name)
def test_a_cut_at_any_byte_gives_the_client_the_same_events(transcript: Transcript) -> None:
    """The client half plays the dialogue; each turn of the server is heard again from where it began, for each cut."""
    client = Client(tls=True)
    for side, wire in transcript.exchanges:
        if client.phase is Phase.OVER:
            break
        if side == "C":
            ask(client, wire)
            continue
        wire = _OWN_TAG.sub(b"A", wire)
        before = deepcopy(client)
        whole = hear(client, wire)
        assert whole[0], f"nothing heard in {wire!r}"
        assert hear(deepcopy(before), *(bytes((byte,)) for byte in wire)) == whole
        for place in range(1, len(wire)):
            assert hear(deepcopy(before), wire[:place], wire[place:]) == whole, f"{wire!r} cut at byte {place}"


_OWN_TAG = re.compile(rb"^a(?=[0-9]+ (?:OK|NO|BAD) )", re.MULTILINE)
"""The collected dialogues count their tags as the client half does, with a small letter."""


def ask(client: Client, wire: bytes) -> None:
    """Sends what was sent then, or a NOOP where the client half would not."""
    for line in wire.splitlines():
        if client.phase is Phase.CHALLENGED:
            client.respond(b64decode(line))
        elif line == b"DONE":
            client.done()
        else:
            heard = parse_command(Frame((line,)))
            assert isinstance(heard, CommandReceived), heard
            try:
                client.send(heard.command)
            except LocalProtocolError:
                client.send(c.Noop())
        client.data_to_send()


def hear(client: Client, *chunks: bytes) -> tuple[list[ClientEvent | str], State, Phase, bytes]:
    """The events with the reason of the end, if one came, and where they lead."""
    events: list[ClientEvent | str] = []
    for chunk in chunks:
        if client.phase is Phase.OVER:
            break
        try:
            events += client.receive_data(chunk)
        except RemoteProtocolError as error:
            events.append(error.reason)
        if client.fault is not None:
            events.append(client.fault.reason)
    over = client.phase is Phase.OVER
    return events, client.state, client.phase, b"" if over else client.data_to_send()


def test_every_quirk_has_a_dialogue_that_shows_it() -> None:
    assert {quirk.name for quirk in QUIRKS} == {name for transcript in ALL for name in transcript.quirks}


def test_every_server_of_the_collection_is_here() -> None:
    servers = {transcript.name.partition("/")[0] for transcript in ALL}
    assert {"dovecot", "cyrus", "courier", "gmail", "outlook", "icloud", "163", "gmx"} <= servers


def test_status_of_dovecot_leaves_uidvalidity_out() -> None:
    [notify] = [transcript for transcript in ALL if transcript.name == "dovecot/notify"]
    status = next(response for response in responses_of(notify.server_bytes) if isinstance(response, StatusData))
    assert status == StatusData("Work", messages=1, uid_next=2, unseen=1)
