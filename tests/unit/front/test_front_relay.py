"""The relay's dialogues: what the client says, what the upstream is told of it, and back. C and S are as on the wire."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.front.cutting import Offence
from idlebell.front.desk import Event, Spoken, Told
from idlebell.front.in_flight import ENABLED_NAMES
from idlebell.front.limits import IN_FLIGHT, OPENING_BYTES, READ_BYTES, TOLD_BYTES
from idlebell.front.own import OWN_COMMAND_BYTES, OwnCommand
from idlebell.front.relay import Relay
from idlebell.imap.responses import StatusData
from idlebell.imap.sequence_set import SequenceSet


class Desk:
    added = frozenset({"WEBPUSH"})

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.endings: list[tuple[str, bool]] = []

    def claims(self, name: str, opening: bytes) -> bool:
        return name in ("WEBPUSH", "UID WEBPUSH", "GETVAPID")

    def heard(self, line: bytes) -> bool:
        self.lines.append(line)
        return b"SECRET" not in line

    def ended(self, name: str, ok: bool) -> None:
        self.endings.append((name, ok))


class Between:
    """A relay, and what has come out of it on both sides."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.relay = Relay(self.desk)
        self.client = b""
        self.upstream = b""
        self.events: list[Event] = []

    def says(self, data: bytes) -> Between:
        self.relay.from_client(data)
        return self.take()

    def hears(self, data: bytes) -> Between:
        self.relay.from_upstream(data)
        return self.take()

    def take(self) -> Between:
        self.client += self.relay.take_client()
        self.upstream += self.relay.take_upstream()
        self.events += self.relay.take_events()
        return self

    def sent(self) -> bytes:
        """To the upstream since the last call."""
        sent, self.upstream = self.upstream, b""
        return sent

    def got(self) -> bytes:
        """By the client since the last call."""
        got, self.client = self.client, b""
        return got

    def own(self) -> OwnCommand:
        (event,) = self.events
        self.events = []
        assert isinstance(event, OwnCommand)
        return event


@pytest.fixture
def between() -> Between:
    return Between()


STREAM = (
    b"a SELECT INBOX\r\nb FETCH 1 BODY[]\r\nc XFOO {3+}\r\nx\r\n\r\nDONE\r\n\xff\xfe no tag\r\n",
    b"* 3 EXISTS\r\na OK [READ-WRITE] in\r\n* 1 FETCH (BODY[] {9}\r\n* BYE\r\nc )\r\nb OK\r\n* BAD what\r\nc BAD no\r\n",
)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 30))
def test_what_is_nobodys_passes_byte_for_byte_however_it_is_cut(seed: int, splits: int) -> None:
    between = Between()
    for data, feed, out in ((STREAM[0], between.says, between.sent), (STREAM[1], between.hears, between.got)):
        cuts = sorted(random.Random(seed).randrange(len(data) + 1) for _ in range(splits))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            feed(data[start:end])
        assert out() == data
    assert not between.events
    assert between.relay.in_flight.selected == "INBOX"
    assert between.relay.quiet


def test_a_literal_waits_for_the_upstreams_consent(between: Between) -> None:
    between.says(b"a APPEND INBOX {5}\r\n")
    assert between.sent() == b"a APPEND INBOX {5}\r\n"
    between.says(b"LOGOUT")  # sent ahead against the rules: it waits
    assert between.sent() == b""
    assert between.hears(b"+ OK\r\n").got() == b"+ OK\r\n"
    assert between.says(b"\r\n").sent() == b"LOGOUT\r\n"
    between.hears(b"a OK done\r\n")
    assert between.relay.quiet


def test_a_literal_that_is_refused_is_followed_by_a_command(between: Between) -> None:
    between.says(b"a APPEND NoSuch {5}\r\n").hears(b"a NO [TRYCREATE] none\r\n").sent()
    assert between.says(b"b NOOP\r\n").sent() == b"b NOOP\r\n"


def test_a_command_of_ours_waits_for_all_before_it_and_holds_all_behind_it(between: Between) -> None:
    between.says(b"a NOOP\r\nb GETVAPID\r\nc NOOP\r\n")
    assert (between.sent(), between.events) == (b"a NOOP\r\n", [])
    assert between.relay.listens, "whether the client is still there"
    between.hears(b"* 1 EXISTS\r\na OK\r\n")
    command = between.own()
    assert (command.tag, command.name, command.frame.raw[command.start :]) == ("b", "GETVAPID", b"")
    assert between.sent() == b""
    between.relay.answered(b"* VAPID x\r\nb OK\r\n")
    assert between.take().got() == b"* 1 EXISTS\r\na OK\r\n* VAPID x\r\nb OK\r\n"
    assert between.sent() == b"c NOOP\r\n"


def test_literals_of_ours_are_collected_and_asked_for_by_us(between: Between) -> None:
    between.says(b"a uid  webpush {3}\r\n")
    assert between.got() == b"+ OK\r\n"
    between.says(b"x\r\n").says(b" {2+}\r\nyz\r\nb NOOP\r\n")
    command = between.own()
    assert (command.name, command.frame.parts) == (
        "UID WEBPUSH",
        (b"a uid  webpush {3}", b"x\r\n", b" {2+}", b"yz", b""),
    )
    between.relay.answered(b"a OK\r\n")
    assert between.take().sent() == b"b NOOP\r\n"


def test_a_line_of_ours_that_is_longer_than_an_opening_is_still_ours(between: Between) -> None:
    between.says(b"a WEBPUSH " + b"x" * (2 * OPENING_BYTES) + b"\r\n")
    assert len(between.own().frame.raw) == 2 * OPENING_BYTES + 10
    assert between.sent() == b""


def test_too_much_for_a_command_of_ours_is_refused_before_it_comes(between: Between) -> None:
    between.says(b"a WEBPUSH {%d}\r\n" % (OWN_COMMAND_BYTES + 1))
    assert between.got() == b"a BAD [TOOBIG] More than this command may hold\r\n"
    assert between.says(b"b NOOP\r\n").sent() == b"b NOOP\r\n"
    with pytest.raises(Offence):
        between.hears(b"b OK\r\n").says(b"c WEBPUSH {%d+}\r\nxx" % (OWN_COMMAND_BYTES + 1))


@pytest.mark.parametrize(
    "command",
    ["COMPRESS DEFLATE", "starttls", "AUTHENTICATE PLAIN AAA", "LOGIN a {1}\r\nb", "UNAUTHENTICATE", "PROXYAUTH bob"],
)
def test_what_would_blind_the_relay_is_answered_bad_and_goes_no_further(between: Between, command: str) -> None:
    between.says(f"a {command}\r\n".encode())
    assert between.got().removeprefix(b"+ OK\r\n").startswith(b"a BAD ")
    assert between.sent() == b""
    assert between.says(b"b NOOP\r\n").sent() == b"b NOOP\r\n"


def test_logout_is_ours_and_comes_after_what_is_before_it(between: Between) -> None:
    between.says(b"a FETCH 1 FLAGS\r\nb LOGOUT\r\n")
    assert not between.events
    between.hears(b"a OK\r\n")
    assert between.own().name == "LOGOUT"
    assert between.sent() == b"a FETCH 1 FLAGS\r\n"


def test_forged_capabilities_are_stripped_wherever_they_are_told(between: Between) -> None:
    between.says(b"a CAPABILITY\r\n")
    between.hears(
        b"* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE WEBPUSH XIDLEBELL IDLE\r\na OK [CAPABILITY A STARTTLS] x\r\n"
    )
    assert between.got() == b"* CAPABILITY IMAP4rev1 IDLE WEBPUSH\r\na OK [CAPABILITY A WEBPUSH] x\r\n"
    between.hears(b"* CAPABILITY " + b"x " * OPENING_BYTES + b"COMPRESS=DEFLATE\r\n* 1 EXISTS\r\n")
    assert between.got() == b"* 1 EXISTS\r\n"


def test_a_line_of_news_that_is_longer_than_an_opening_passes_but_no_list_of_capabilities_does(
    between: Between,
) -> None:
    long = b"* OK [ALERT] " + b"a" * 9_000 + b"\r\n"
    assert between.hears(long).got() == long
    assert between.hears(b"* CAPABILITY " + b"A " * 4_500 + b"WEBPUSH\r\n* 1 EXISTS\r\n").got() == b"* 1 EXISTS\r\n"


def test_a_family_keeps_a_response_from_the_client_whole(between: Between) -> None:
    between.hears(b"* SECRET {5}\r\n\r\n* 1 more\r\n* 2 EXISTS\r\n")
    assert between.got() == b"* 2 EXISTS\r\n"
    assert between.desk.lines == [b"* SECRET {5}\r\n", b"* 2 EXISTS\r\n"]


def test_what_is_told_stands_between_responses(between: Between) -> None:
    between.hears(b"* 1 FETCH (BODY[] {4}\r\nab")
    assert between.relay.tell(b"* STATUS x (UIDNEXT 2)\r\n")
    assert between.take().got() == b"* 1 FETCH (BODY[] {4}\r\nab"
    assert between.hears(b"cd)\r\n").got() == b"cd)\r\n* STATUS x (UIDNEXT 2)\r\n"
    between.hears(b"* 1 FETCH (BODY[] {4}\r\n")
    assert not between.relay.tell(b"x" * (TOLD_BYTES + 1))


def ask(between: Between) -> None:
    between.relay.ask([b"Front1 STATUS {1}\r\n", b"x (UIDNEXT)\r\n"], frozenset({"STATUS"}), b"Front1")
    between.take()


def test_a_question_of_ours_is_not_seen_by_the_client(between: Between) -> None:
    ask(between)
    assert between.sent() == b"Front1 STATUS {1}\r\n"
    assert between.says(b"a NOOP\r\n").sent() == b""
    between.hears(b"+ go\r\n")
    assert between.sent() == b"x (UIDNEXT)\r\n"
    between.hears(b"* STATUS {1}\r\nx (UIDNEXT 7)\r\n* OK passes\r\nFront1 OK\r\n")
    (told,) = between.events
    assert isinstance(told, Told)
    assert told.asked is not None
    assert told.asked.untagged == (StatusData("x", uid_next=7),)
    assert (between.got(), between.sent()) == (b"* OK passes\r\n", b"a NOOP\r\n")


def test_news_of_flags_that_come_between_the_answers_are_the_clients(between: Between) -> None:
    between.relay.ask(
        [b"Front1 UID FETCH 7:* (UID FLAGS)\r\n"], frozenset({"FETCH"}), b"Front1", SequenceSet.starting_at(7)
    )
    between.take().sent()
    news = b"* 2 FETCH (FLAGS (\\Seen))\r\n* 3 FETCH (UID 6 FLAGS (\\Seen))\r\n* 2 EXPUNGE\r\n"
    ours = b"* 4 FETCH (UID 7 FLAGS ())\r\n* 5 FETCH (ENVELOPE {3}\r\nNIL UID 8)\r\n* 6 fetch (FLAGS () UID 9)\r\n"
    between.hears(news[:27] + ours + news[27:] + b"Front1 OK\r\n")
    (told,) = between.events
    assert isinstance(told, Told)
    assert between.got() == news


def test_an_idle_is_interrupted_and_resumed_unseen(between: Between) -> None:
    between.says(b"a SELECT INBOX\r\n").hears(b"a OK\r\n")
    assert not between.relay.may_ask()  # an EXPUNGE might pass
    between.says(b"i IDLE\r\n")
    assert not between.relay.may_ask()
    between.hears(b"+ idling\r\n")
    assert between.relay.in_flight.idling
    between.got(), between.sent()
    ask(between)
    assert between.sent() == b"DONE\r\n"
    between.says(b"DONE\r\nb NOOP\r\n")
    assert between.sent() == b""
    assert between.hears(b"* 4 EXISTS\r\ni OK done\r\n").sent() == b"Front1 STATUS {1}\r\n"
    assert between.hears(b"+\r\n* STATUS x (UIDNEXT 7)\r\nFront1 OK\r\n").sent() == b"x (UIDNEXT)\r\ni IDLE\r\n"
    between.hears(b"+ idling\r\n")
    assert between.sent() == b"DONE\r\nb NOOP\r\n"
    assert between.hears(b"i OK over\r\nb OK\r\n").got() == b"* 4 EXISTS\r\ni OK over\r\nb OK\r\n"
    assert between.relay.quiet


def test_an_upstream_that_lets_no_client_idle_again_is_seen_to_say_so(between: Between) -> None:
    between.says(b"i IDLE\r\n").hears(b"+ idling\r\n").got()
    ask(between)
    between.hears(b"i OK done\r\n+\r\nFront1 NO\r\ni NO enough\r\n")
    assert between.got() == b"i NO enough\r\n"
    assert (between.relay.in_flight.idling, between.relay.quiet) == (False, True)


def test_an_answer_of_nonsense_is_none(between: Between) -> None:
    ask(between)
    between.hears(b"+\r\n* STATUS \x00\r\nFront1 OK\r\n")
    assert between.events == [Told(None)]
    assert between.relay.may_ask()


def test_a_line_is_asked_of_the_client_while_it_is_answered(between: Between) -> None:
    between.says(b"a GETVAPID\r\n").own()
    between.relay.converse(b"idling")
    assert between.take().got() == b"+ idling\r\n"
    assert between.relay.may_ask()
    between.says(b"done\r\nb NOOP\r\n")
    assert between.events == [Spoken(b"done")]
    assert between.sent() == b""


def test_no_more_than_so_many_commands_wait_for_an_upstream(between: Between) -> None:
    lines = [b"t%d NOOP\r\n" % number for number in range(IN_FLIGHT + 1)]
    between.says(b"".join(lines))
    assert between.sent() == b"".join(lines[:-1])
    assert between.hears(b"t0 OK\r\n").sent() == lines[-1]
    assert between.relay.listens, "whether it is still there"
    assert not between.says(b"t NOOP\r\n" * (READ_BYTES // 8 + 1)).relay.listens


@pytest.mark.parametrize(
    ("said", "answered", "selected"),
    [
        (b"a SELECT {5}\r\nINBOX\r\n", b"+\r\na OK\r\n", "INBOX"),
        (b'a EXAMINE "two words" (CONDSTORE)\r\n', b"a OK\r\n", "two words"),
        (b"a SELECT Entw&APw-rfe\r\n", b"a OK\r\n", "Entwürfe"),
        (b"a SELECT a\r\nb SELECT b\r\n", b"a OK\r\nb NO none\r\n", None),
        (b"a SELECT a\r\nb SELECT b\r\n", b"a OK\r\nb BAD what\r\n", "a"),
        (b"a SELECT a\r\nb CLOSE\r\n", b"a OK\r\nb OK\r\n", None),
        (b"a SELECT a\r\n", b"a OK\r\n* OK [CLOSED] gone\r\n", None),
        (b"a SELECT (\r\n", b"a OK\r\n", ""),
    ],
)
def test_it_is_known_which_mailbox_is_open(
    between: Between, said: bytes, answered: bytes, selected: str | None
) -> None:
    between.says(said).hears(answered)
    assert between.relay.in_flight.selected == selected


def test_what_is_enabled_is_known(between: Between) -> None:
    between.says(b"a ENABLE UTF8=ACCEPT\r\n").hears(b"* ENABLED UTF8=ACCEPT\r\na OK\r\n")
    assert between.relay.in_flight.utf8
    assert between.got() == b"* ENABLED UTF8=ACCEPT\r\na OK\r\n"


def test_an_idling_session_is_made_quiet_once_its_client_has_gone(between: Between) -> None:
    between.says(b"i IDLE\r\n").hears(b"+ idling\r\n").sent()
    assert not between.relay.quiet
    between.relay.wind_down()
    assert between.take().sent() == b"DONE\r\n"
    between.hears(b"i OK\r\n")
    assert not between.relay.in_flight


_ANSWER = b"* STATUS x (UIDNEXT 7)\r\nFront1 OK\r\n"
_QUESTION = b"Front1 STATUS x (UIDNEXT)\r\n"


@pytest.mark.parametrize(
    ("before", "sent", "after"),
    [
        (b"", b"DONE\r\n", [(b"i OK done\r\n", b"")]),
        (b"i OK done\r\n", b"DONE\r\n" + _QUESTION, [(_ANSWER, b"")]),
        (b"i OK done\r\n" + _ANSWER, b"DONE\r\n" + _QUESTION + b"i IDLE\r\n", [(b"i NO\r\n", b"")]),
        (
            b"i OK done\r\n" + _ANSWER,
            b"DONE\r\n" + _QUESTION + b"i IDLE\r\n",
            [(b"+ idling\r\n", b"DONE\r\n"), (b"i OK done\r\n", b"")],
        ),
    ],
)
def test_a_question_that_is_under_way_is_answered_before_the_session_is_quiet(
    between: Between, before: bytes, sent: bytes, after: list[tuple[bytes, bytes]]
) -> None:
    """A phone that sleeps is cut off by the very EXISTS that we ask about."""
    between.says(b"i IDLE\r\n").hears(b"+ idling\r\n").sent()
    between.relay.ask([_QUESTION], frozenset({"STATUS"}), b"Front1")
    between.take()
    for line in before.splitlines(keepends=True):
        between.hears(line)
    between.says(b"DONE\r\nz NOOP\r\n")
    assert between.sent() == sent
    between.relay.wind_down()
    for heard, then in after:
        assert not between.take().relay.quiet
        assert between.hears(heard).sent() == then
    assert between.relay.quiet


def test_a_tag_without_an_end_ends_the_session(between: Between) -> None:
    with pytest.raises(Offence):
        between.says(b"x" * 300 + b" NOOP\r\n")


def test_what_comes_behind_a_logout_is_run_by_nobody(between: Between) -> None:
    between.says(b"a LOGOUT\r\nb DELETE INBOX\r\n")
    assert between.own().name == "LOGOUT"
    between.relay.took_leave(b"* BYE\r\na OK\r\n")
    assert between.take().got() == b"* BYE\r\na OK\r\n"
    assert between.says(b"c NOOP\r\n").sent() == b""
    assert between.relay.quiet


@pytest.mark.parametrize("said", [b"z LOGOUT\r\n", b"z GETVAPID\r\n", b"z APPEND x {5}\r\n", b"z\r\n"])
def test_in_idle_the_upstream_takes_one_line_and_no_command(between: Between, said: bytes) -> None:
    """RFC 2177: nothing but DONE may come. Dovecot, Cyrus and Courier answer the IDLE with BAD or NO, take no literal, and
    run nothing."""
    between.says(b"i IDLE\r\n").hears(b"+ idling\r\n").sent()
    assert between.says(said).sent() == said
    assert not between.events
    between.hears(b"i BAD DONE expected\r\n")
    assert between.says(b"n NOOP\r\n").sent() == b"n NOOP\r\n"
    between.hears(b"n OK\r\n")
    assert between.relay.quiet


def test_what_comes_behind_an_idle_waits_until_that_is_on(between: Between) -> None:
    between.says(b"i IDLE\r\nDONE\r\nz GETVAPID\r\n")
    assert between.sent() == b"i IDLE\r\n"
    assert between.hears(b"+ idling\r\n").sent() == b"DONE\r\n"
    assert not between.relay.may_ask()  # there is no IDLE to interrupt
    between.hears(b"i OK\r\n")
    assert between.own().name == "GETVAPID"


def test_what_comes_behind_an_idle_that_is_refused_is_a_command(between: Between) -> None:
    between.says(b"i IDLE\r\nn NOOP\r\n").hears(b"i BAD what\r\n")
    assert between.sent() == b"i IDLE\r\nn NOOP\r\n"


def test_a_client_that_has_gone_before_its_idle_was_on_leaves_a_quiet_session(between: Between) -> None:
    between.says(b"i IDLE\r\n").sent()
    between.relay.wind_down()
    assert between.hears(b"+ idling\r\n").sent() == b"DONE\r\n"
    assert between.hears(b"i OK\r\n").relay.quiet


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (b"a%b APPEND INBOX {5}\r\n", b"* BAD invalid tag\r\n"),
        (b"a+b APPEND INBOX {5}\r\n", b"a+b NO none\r\n"),
        (b"x {5}\r\n", b"x BAD no command\r\n"),
        (b"{5}\r\n", b"* BAD no tag\r\n"),
    ],
)
def test_a_literal_without_a_command_is_refused_too(between: Between, said: bytes, answered: bytes) -> None:
    between.says(said).hears(answered).sent()
    assert between.says(b"b NOOP\r\n").sent() == b"b NOOP\r\n"


def test_a_tag_like_one_of_ours_is_the_clients(between: Between) -> None:
    between.says(b"Front1 IDLE\r\n").hears(b"+ idling\r\n").sent()
    between.relay.ask([_QUESTION], frozenset({"STATUS"}), b"Front1")
    between.take().hears(b"Front1 OK idled\r\n")
    assert between.sent() == b"DONE\r\n" + _QUESTION
    between.hears(_ANSWER).hears(b"+ idling\r\n")
    (told,) = between.events
    assert isinstance(told, Told)
    assert told.asked is not None
    assert len(told.asked.untagged) == 1
    assert between.got() == b"+ idling\r\n"


def test_an_upstream_that_enables_for_ever_is_noted_within_bounds(between: Between) -> None:
    for number in range(1_000):
        between.hears(b"* ENABLED X%d Y%d Z%d\r\n" % (number, number, number))
    assert len(between.relay.in_flight.enabled) == ENABLED_NAMES
