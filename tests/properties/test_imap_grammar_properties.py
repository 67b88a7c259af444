"""What is written parses back, any cut of the bytes gives the same, and no bytes do harm."""

from __future__ import annotations

import string
import sys
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idlebell.imap import commands, mailbox_name, responses
from idlebell.imap.encode import encode_command, encode_response
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import CommandReceived
from idlebell.imap.framing import Frame, Framer, LiteralAnnounced
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.parse_command import parse_command
from idlebell.imap.parse_fetch import YEARS
from idlebell.imap.parse_response import parse_response
from idlebell.imap.sequence_set import STAR, SequenceSet

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOME = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- values ---

numbers = st.integers(0, 2**32 - 1)
positive = st.integers(1, 2**32 - 1)
big = st.integers(0, 2**63 - 1)
ends = st.one_of(st.just(STAR), positive)
sets = st.lists(st.tuples(ends, ends), min_size=1, max_size=5).map(lambda ranges: SequenceSet(tuple(ranges)))
texts = st.text(st.characters(codec="utf-8"), max_size=12)
lines = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=20)
raw = st.binary(max_size=20)
nraw = st.none() | raw
words = st.text(string.ascii_letters + string.digits + "-_.+$", min_size=1, max_size=10)
upper = words.map(str.upper)
flags = st.lists(st.sampled_from([r"\Seen", r"\Answered", r"\*", "$Junk", "a]b", "größe", "NIL"]), max_size=4).map(
    tuple
)
# Names as they come out of a server: mailbox_name.decode of something.
# Without U+F000 to U+F0FF, which stand for bytes that were no valid name: which ones depends on the way they travel.
KEPT_BYTES = "".join(map(chr, range(0xF000, 0xF100)))
names = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n" + KEPT_BYTES), max_size=12).map(
    lambda name: mailbox_name.decode(mailbox_name.encode(name))
)
moments = st.builds(
    lambda moment, minutes: moment.replace(tzinfo=timezone(timedelta(minutes=minutes)), microsecond=0),
    st.datetimes(  # hypothesis wants its bounds without a zone
        datetime(YEARS.start, 1, 1),  # noqa: DTZ001
        datetime(YEARS.stop - 1, 12, 31, 23, 59),  # noqa: DTZ001
    ),
    st.integers(-1439, 1439),
)


def optional(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | of


def tuples(of: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=most).map(tuple)


codes = st.one_of(
    st.builds(
        responses.PlainCode,
        upper.map(lambda name: "X" + name),
        st.text(string.ascii_letters + "<>=()", max_size=9).map(str.strip).map(str.encode),
    ).filter(lambda code: code.argument.count(b"(") == code.argument.count(b")") == 0),
    st.builds(responses.NumberCode, st.sampled_from(["UIDNEXT", "UIDVALIDITY", "UNSEEN"]), positive),
    st.builds(responses.NumberCode, st.just("HIGHESTMODSEQ"), st.integers(1, 2**63 - 1)),
    st.builds(responses.CapabilityCode, st.frozensets(upper, max_size=4)),
    st.builds(responses.PermanentFlagsCode, flags),
    st.builds(responses.BadCharsetCode, tuples(words)),
    st.builds(responses.AppendUidCode, positive, sets),
    st.builds(responses.CopyUidCode, positive, sets, sets),
    st.builds(responses.MailboxIdCode, words),
    st.builds(responses.BadEventCode, tuples(words)),
)
parameters = tuples(st.tuples(texts, raw), 2)
addresses = tuples(st.builds(responses.Address, nraw, nraw, nraw, nraw), 2)
envelopes = st.builds(
    responses.Envelope, nraw, nraw, addresses, addresses, addresses, addresses, addresses, addresses, nraw, nraw
)
extension = {
    "language": tuples(texts, 2),
    "location": nraw,
}


def with_disposition(kind: Any, fixed: dict[str, Any]) -> st.SearchStrategy[Any]:
    plain = st.builds(kind, **fixed, **extension)
    disposed = st.builds(kind, **fixed, **extension, disposition=texts, disposition_parameters=parameters)
    return plain | disposed


leaf = {
    "type": texts,
    "subtype": texts,
    "parameters": parameters,
    "content_id": nraw,
    "description": nraw,
    "encoding": texts,
    "size": big,
    "lines": optional(big),
    "md5": nraw,
}
bodies = st.recursive(
    with_disposition(responses.BodyPart, leaf),
    lambda inner: st.one_of(
        with_disposition(
            responses.Multipart,
            {
                "parts": st.lists(inner, min_size=1, max_size=2).map(tuple),
                "subtype": texts,
                "parameters": parameters,
            },
        ),
        with_disposition(responses.BodyPart, {**leaf, "envelope": envelopes, "body": inner}),
    ),
    max_leaves=4,
)
sections = st.builds(
    responses.Section,
    st.sampled_from(["BODY[]", "BODY[HEADER]", "BODY[1.2.MIME]", "BODY[HEADER.FIELDS (Subject From)]", "BINARY[1]"]),
    optional(numbers),
    nraw,
)
unknown_items = st.tuples(
    upper.map(lambda name: "X-" + name), st.sampled_from([b"NIL", b"(a (b) {2}\r\n\r\n)", b'"a b"', b"7"])
)
fetches = st.builds(
    responses.FetchData,
    positive,
    uid=optional(positive),
    flags=optional(flags),
    internal_date=optional(moments),
    size=optional(big),
    envelope=optional(envelopes),
    body=optional(bodies),
    sections=tuples(sections, 2),
    mod_seq=optional(big),
    email_id=optional(words),
    thread_id=optional(words.filter(lambda word: word.upper() != "NIL")),
    preview=nraw,
    save_date=optional(moments),
    gmail_message_id=optional(st.integers(0, 2**64 - 1)),
    gmail_labels=optional(tuples(raw)),
    unknown=tuples(unknown_items, 2),
)
entries = optional(tuples(st.builds(responses.NamespaceEntry, names, optional(texts)), 2))
data = st.one_of(
    st.builds(responses.CapabilityData, st.frozensets(upper, max_size=4)),
    st.builds(responses.EnabledData, st.frozensets(upper, max_size=4)),
    st.builds(
        responses.ListData,
        flags.map(frozenset),
        optional(texts),
        names,
        optional(names),
        tuples(texts, 2),
        st.booleans(),
    ),
    st.builds(responses.NamespaceData, entries, entries, entries),
    st.builds(responses.FlagsData, flags),
    st.builds(responses.ExistsData, numbers),
    st.builds(responses.RecentData, numbers),
    st.builds(responses.ExpungeData, positive),
    st.builds(responses.VanishedData, sets, st.booleans()),
    st.builds(
        responses.StatusData,
        names,
        *(optional(numbers) for _ in range(5)),
        optional(big),
        optional(numbers),
        optional(big),
        optional(words),
    ),
    st.builds(responses.SearchData, tuples(positive), optional(big)),
    st.builds(
        responses.ESearchData,
        optional(texts),
        st.booleans(),
        optional(numbers),
        optional(numbers),
        optional(numbers),
        optional(sets),
        optional(big),
    ),
    st.builds(responses.IdData, optional(tuples(st.tuples(texts, optional(texts))))),
)
statuses = st.builds(responses.StatusResponse, st.sampled_from(responses.Condition), optional(codes), lines)
taggeds = st.builds(
    responses.TaggedResponse,
    words.filter(lambda tag: "+" not in tag),
    st.sampled_from(list(responses.Condition)[:3]),
    optional(codes),
    lines,
)
continuations = st.builds(responses.ContinuationRequest, lines.map(str.encode))
unknowns = st.sampled_from(
    [b"* XLIST () NIL x", b"* 3 FROB {2}\r\n\r\n", b"* METADATA x (/y {3}\r\n({9)", b"", b"*", b"* 0 EXPUNGE"]
).map(responses.Unknown)
everything = st.one_of(data, statuses, taggeds, continuations, unknowns, fetches)


# --- helpers ---


def events_of(chunks: list[bytes], *, limits: Limits = DEFAULT_LIMITS, server_side: bool = False) -> list[Any]:
    """Every event in order; the reason of an error last. Nothing may be held after a whole frame."""
    framer = Framer(limits, server_side=server_side)
    found: list[Any] = []
    try:
        for chunk in chunks:
            framer.feed(chunk)
            while (event := framer.next_frame()) is not None:
                found.append(event)
    except RemoteProtocolError as error:
        found.append(error.reason)
    return found


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(wire), *(place % (len(wire) + 1) for place in places)})
    return [wire[start:end] for start, end in pairwise(ends)]


def one(wire: bytes) -> Frame:
    [frame] = events_of([wire])
    assert isinstance(frame, Frame)
    return frame


# --- print . parse ---


@SOME
@given(everything, st.booleans())
def test_every_response_is_read_back_as_it_was(response: responses.Response, utf8: bool) -> None:
    try:
        wire = encode_response(response, utf8=utf8)
    except LocalProtocolError:
        # Only a text that looks like a response code has no spelling among these values.
        assert isinstance(response, responses.StatusResponse | responses.TaggedResponse)
        assert "[" in response.text
        return
    assert parse_response(one(wire), utf8=utf8) == response


@SOME
@given(fetches, st.booleans())
def test_every_fetch_is_read_back_as_it_was(response: responses.FetchData, utf8: bool) -> None:
    assert parse_response(one(encode_response(response, utf8=utf8)), utf8=utf8) == response


@SOME
@given(st.binary(max_size=40), st.booleans())
def test_every_mailbox_name_of_a_server_can_be_sent_back(name: bytes, utf8: bool) -> None:
    decoded = mailbox_name.decode(name, utf8=utf8)
    decoded.encode()  # no lone surrogates: JSON and databases take it
    if not set(b"\0\r\n") & set(name) and name.upper() != b"INBOX":
        assert mailbox_name.encode(decoded, utf8=utf8) == name


@SOME
@given(lines, st.booleans())
def test_every_name_of_a_user_is_read_back_as_it_was(name: str, utf8: bool) -> None:
    if any("\uf000" <= letter <= "\uf0ff" for letter in name) or name.upper() == "INBOX":
        return
    assert mailbox_name.decode(mailbox_name.encode(name, utf8=utf8), utf8=utf8) == name


# --- commands ---

spelled_items = st.lists(
    st.sampled_from(["UID", "FLAGS", "BODY.PEEK[HEADER]<0.2048>", "MESSAGES"]), min_size=1, max_size=3
).map(tuple)
printable = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=12)
qresync = st.tuples(positive, big.filter(bool))
known_uids = sets.filter(lambda one: all(STAR not in pair for pair in one.ranges))
events = st.lists(
    st.sampled_from(["MessageNew", "MessageNew (UID BODY.PEEK[HEADER.FIELDS (List-Id)])", "MailboxName", "XOwn"]),
    max_size=3,
).map(tuple)
event_groups = st.one_of(
    st.builds(commands.EventGroup, st.sampled_from(["selected", "inboxes", "personal", "subscribed"]), events),
    st.builds(
        commands.EventGroup,
        st.sampled_from(["subtree", "mailboxes"]),
        events,
        st.lists(names, min_size=1, max_size=3).map(tuple),
    ),
)


def opened(kind: type[commands.Examine | commands.Select]) -> st.SearchStrategy[commands.Command]:
    """With all that may stand in parentheses; known UIDs only with QRESYNC."""
    return st.builds(kind, names, st.booleans()) | st.builds(kind, names, st.booleans(), qresync, optional(known_uids))


all_commands = st.one_of(
    st.sampled_from(
        [
            commands.Capability(),
            commands.Noop(),
            commands.Logout(),
            commands.StartTls(),
            commands.Namespace(),
            commands.Unselect(),
            commands.Idle(),
        ]
    ),
    st.builds(commands.Login, printable, printable),
    st.builds(commands.Authenticate, upper, optional(raw)),
    st.builds(commands.Id, optional(tuples(st.tuples(words, printable)))),
    st.builds(commands.Enable, st.lists(upper, min_size=1, max_size=3).map(tuple)),
    st.builds(
        commands.List, names, names, st.just(()) | st.just(("SUBSCRIBED",)), st.just(()) | st.just(("CHILDREN",))
    ),
    st.builds(commands.Lsub, names, names),
    st.builds(commands.Status, names, spelled_items),
    *(opened(kind) for kind in (commands.Examine, commands.Select)),
    st.builds(commands.Notify, st.lists(event_groups, max_size=3).map(tuple)),
    st.builds(commands.Notify, st.lists(event_groups, min_size=1, max_size=3).map(tuple), st.booleans()),
    st.builds(commands.UidFetch, sets, spelled_items, optional(big)),
    st.builds(
        commands.UidSearch, st.sampled_from(["ALL", "UID 1:*", 'SUBJECT "x {5}"']), st.just(()) | st.just(("ALL",))
    ),
)
offers = st.fixed_dictionaries({name: st.booleans() for name in ("literal_plus", "literal_minus", "sasl_ir", "utf8")})


@SOME
@given(all_commands, offers)
def test_every_command_is_exactly_one_frame(command: commands.Command, offer: dict[str, bool]) -> None:
    chunks = encode_command("a1", command, **offer)
    found = events_of(list(chunks), server_side=True)
    waits = [event for event in found if isinstance(event, LiteralAnnounced) and event.synchronizing]
    assert len(waits) == len(chunks) - 1
    frames = [event for event in found if isinstance(event, Frame)]
    assert found[-1:] == frames
    assert frames[0].raw + b"\r\n" == b"".join(chunks)
    assert frames[0].raw.startswith(b"a1 ")


@SOME
@given(all_commands, offers)
def test_every_command_is_read_back_as_it_was(command: commands.Command, offer: dict[str, bool]) -> None:
    if isinstance(command, commands.Authenticate) and not offer["sasl_ir"]:
        command = commands.Authenticate(command.mechanism)
    *_, frame = events_of(list(encode_command("a1", command, **offer)), server_side=True)
    assert parse_command(frame, utf8=offer["utf8"]) == CommandReceived("a1", command)


# --- hostile bytes ---

awkward = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            b"* ",
            b"(",
            b")",
            b'"',
            b"\\",
            b" ",
            b"{3}\r\n",
            b"~{2}\r\n",
            b"{2+}\r\n",
            b"\r\n",
            b"\r",
            b"\n",
            b"\0",
            b"[",
            b"]",
            b"NIL",
            b"7",
            b"99999999999999999999999",
            b"* 1 FETCH (",
            b"UID 1 ",
            b"FLAGS (a b) ",
            b"ENVELOPE (NIL NIL ",
            b"BODYSTRUCTURE ",
            b'("text" "plain" NIL NIL NIL "7bit" 3 1)',
            b"BODY[HEADER.FIELDS (A)]<0> ",
            b"* OK [",
            b"a1 OK ",
            b"* STATUS x (",
            b"* LIST () NIL x (",
            b"* ESEARCH (TAG x) ",
            b"* SEARCH 1 ",
            b"* ID (",
            b"* NAMESPACE ((",
            b"* VANISHED 1:",
        ]
    ),
)
streams = st.lists(awkward, max_size=12).map(b"".join)


@SOME
@given(streams, st.booleans())
def test_no_bytes_raise_anything_but_the_error_of_a_remote_peer(wire: bytes, utf8: bool) -> None:
    for event in events_of([wire]):
        if isinstance(event, Frame):
            try:
                response = parse_response(event, utf8=utf8)
            except RemoteProtocolError:
                continue
            # What was read can be written, and means the same; or it has no spelling and is refused.
            try:
                again = encode_response(response, utf8=utf8)
            except LocalProtocolError:
                continue
            assert parse_response(one(again), utf8=utf8) == response


@SOME
@given(streams, st.lists(st.integers(0, 10_000), max_size=8), st.booleans())
def test_any_cut_gives_the_same_frames(wire: bytes, places: list[int], server_side: bool) -> None:
    small = Limits(line_bytes=40, literal_bytes=9, response_bytes=60, literals=3)
    for limits in (DEFAULT_LIMITS, small):
        whole = events_of([wire], limits=limits, server_side=server_side)
        assert events_of(cut(wire, places), limits=limits, server_side=server_side) == whole
        assert events_of([bytes((byte,)) for byte in wire], limits=limits, server_side=server_side) == whole


@FEW
@given(st.lists(everything, max_size=4), st.lists(st.integers(0, 10_000), max_size=6))
def test_any_cut_gives_the_same_responses(several: list[responses.Response], places: list[int]) -> None:
    wire = b""
    for response in several:
        try:
            wire += encode_response(response)
        except LocalProtocolError:
            continue
    assert events_of(cut(wire, places)) == events_of([wire])


@pytest.mark.parametrize(
    "unit",
    [
        b'\\"',
        b'"a" ',
        b"(",
        b"()",
        b"{1",
        b"[",
        b"[(",
        b'[X "',
        b"1,",
        b"BODY[",
        b"(NIL NIL NIL NIL)",
        b"\\",
        b"&",
        b"7 ",
        b"a<0>",
        b"~{",
    ],
)
@pytest.mark.parametrize(
    "head",
    [
        b"* 1 FETCH (",
        b"* 1 FETCH (X ",
        b'* 1 FETCH (X "',
        b"* OK [X ",
        b"* OK [X (",
        b"* LIST ",
        b"* SEARCH ",
        b"* STATUS x (",
        b"* VANISHED ",
    ],
)
def test_twice_the_bytes_take_at_most_about_twice_the_steps(head: bytes, unit: bytes) -> None:
    """Steps are lines of Python executed, so that the test needs no clock; what the patterns do is possessive."""
    roomy = Limits(items=10**9, set_ranges=10**9, depth=10**9)

    def steps(count: int) -> int:
        taken = 0

        def trace(frame: Any, event: str, argument: Any) -> Any:
            nonlocal taken
            taken += 1
            return trace

        frame = Frame((head + unit * count,))
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            parse_response(frame, roomy)
        except RemoteProtocolError:
            pass
        finally:
            sys.settrace(before)
        return taken

    assert steps(400) <= 2.2 * steps(200) + 50
