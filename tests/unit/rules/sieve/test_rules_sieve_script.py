"""What a script means for a bell, and what is said of it. The table of cases is ``tests/golden/sieve.txt``."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from idlebell.imap.responses import FetchData, Section
from idlebell.rules.evidence import Evidence
from idlebell.rules.rule import Judgement, Needs
from idlebell.rules.sieve import SieveError, read_sieve
from idlebell.rules.sieve.limits import COMMANDS, HEADER_NAMES, NESTING, SCRIPT_CHARACTERS, TOKENS, VARIABLES, WILDCARDS
from sieve_cases import decide


@pytest.mark.parametrize(
    ("script", "mailbox", "rings", "because"),
    [
        ("", "INBOX", True, "the script leaves it where it is"),
        ("keep;", "INBOX", True, "line 1: keep"),
        ("\ndiscard;", "INBOX", False, "line 2: discard"),
        ('redirect "a@example.org";', "INBOX", False, "line 1: redirect"),
        ('require "reject"; reject "no";', "INBOX", False, "line 1: reject"),
        ('require "ereject"; ereject "no";', "INBOX", False, "line 1: ereject"),
        ('require "fileinto"; fileinto "Work";', "INBOX", False, 'line 1: fileinto "Work", which is another mailbox'),
        ('require "fileinto"; fileinto "Work";', "Work", True, 'line 1: fileinto "Work"'),
        ('require "fileinto"; fileinto "inbox";', "INBOX", True, 'line 1: fileinto "inbox"'),
        ("keep;", "Work", True, "line 1: keep"),
        ('require ["fileinto", "copy"]; fileinto :copy "Work";', "INBOX", True, "the script leaves it where it is"),
        ('require "imap4flags"; addflag "\\\\Seen";', "INBOX", False, "the script marks it as read or deleted"),
        ('require "imap4flags"; keep :flags "\\\\Deleted";', "INBOX", False, "line 1: keep, but as read or deleted"),
        ('require ["imap4flags", "fileinto"]; fileinto :flags "\\\\seen" "INBOX";', "INBOX", False,
         'line 1: fileinto "INBOX", but as read or deleted'),
        ('require "vacation"; vacation "away";', "INBOX", True, "the script leaves it where it is"),
        ('require "vacation-seconds"; vacation :seconds 60 "away";', "INBOX", True, "the script leaves it where it is"),
        ('require "enotify"; notify "mailto:a@example.org"; discard;', "INBOX", True, "line 1: notify"),
        ('require "enotify"; notify :message "see this" "xmpp:a@example.org";', "INBOX", True, 'line 1: notify "see this"'),
        ('require "enotify"; if notify_method_capability "none" "online" "maybe" { discard; }', "INBOX", True,
         "the script leaves it where it is"),
        ('require "enotify"; if notify_method_capability "x:y" "depth" "maybe" { discard; }', "INBOX", True,
         "the script leaves it where it is"),
        ('require "enotify"; if false { notify "x:y"; } keep;', "INBOX", False, "the script reaches no notify"),
    ],
)  # fmt: skip
def test_script_rings_as_the_manual_says(script: str, mailbox: str, rings: bool, because: str) -> None:
    assert decide(script, "a", mailbox) == Judgement(rings, (because,))


def test_every_action_that_takes_a_message_away_is_told() -> None:
    assert decide('require "fileinto"; fileinto "Work"; redirect "a@example.org";', "a") == Judgement(
        False, ('line 1: fileinto "Work", which is another mailbox',)
    )


def test_message_that_was_read_before_it_came_may_be_kept_as_read() -> None:
    message = FetchData(1, uid=1, flags=("\\Seen", "\\Recent", "$junk"))
    script = read_sieve('require "imap4flags"; if hasflag "$Junk" { stop; } discard;')

    assert script.decide(Evidence(message, "INBOX")).rings


def test_now_is_when_the_message_came() -> None:
    at = datetime(2026, 11, 26, 23, 30, tzinfo=timezone(timedelta(hours=1)))
    message = FetchData(1, uid=1, internal_date=at)
    script = read_sieve(
        'require "date"; if allof (currentdate "hour" "23", currentdate "weekday" "4", currentdate :zone "+0300" "day" "27")'
        ' { keep; } else { discard; }'
    )  # fmt: skip

    assert script.decide(Evidence(message, "INBOX")).rings
    assert not script.decide(Evidence(FetchData(1, uid=1), "INBOX")).rings


def test_zone_of_a_date_is_the_servers() -> None:
    header = Section("BODY[HEADER.FIELDS (DATE)]", 0, b"Date: Thu, 26 Nov 2026 23:30:00 +0000\r\n\r\n")
    at = datetime(2026, 11, 27, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    script = read_sieve('require "date"; if date "date" "hour" "01" { keep; } else { discard; }')

    assert script.decide(Evidence(FetchData(1, uid=1, internal_date=at, sections=(header,)), "INBOX")).rings
    assert not script.decide(Evidence(FetchData(1, uid=1, sections=(header,)), "INBOX")).rings


@pytest.mark.parametrize(
    ("script", "needs"),
    [
        ("keep;", Needs()),
        ('require "imap4flags"; if hasflag "a" { stop; }', Needs()),
        ('require "date"; if currentdate "hour" "01" { stop; }', Needs()),
        ('if header ["Subject", "X-A"] "a" { stop; }', Needs(frozenset({"subject", "x-a"}))),
        ('if address "From" "a" { stop; }', Needs(frozenset({"from"}))),
        ('if exists "List-Id" { stop; }', Needs(frozenset({"list-id"}))),
        ('require "date"; if date "date" "hour" "01" { stop; }', Needs(frozenset({"date"}))),
        ("if size :over 1 { stop; }", Needs(size=True)),
        ('require "body"; if body :contains "a" { stop; }', Needs(structure=True, text=True)),
        ('if true { if not header "a" "b" { if size :under 1M { stop; } } }', Needs(frozenset({"a"}), size=True)),
    ],
)
def test_script_costs_what_it_looks_at(script: str, needs: Needs) -> None:
    assert read_sieve(script).needs == needs


@pytest.mark.parametrize(
    ("script", "line", "word"),
    [
        ("keep;\nkeep", 2, "did you forget a semicolon?"),
        ("keep\nkeep;", 1, "did you forget a semicolon?"),
        ("keep;\n\nif true {\nkeep;", 3, "not closed; end it with }"),
        ("keep;\n}", 2, "closes no block"),
        ('if header :is "a" ["b",\n3] { keep; }', 2, "a list has strings in quotes, and here is 3"),
        ('if header :is "a" ["b" "c"] { keep; }', 1, 'not closed by ], but broken by the string "c"'),
        ("if anyof (true; false) { keep; }", 1, "not closed by ), but broken by ;"),
        ("if anyof (true false) { keep; }", 1, "did you forget a comma?"),
        ("if anyof (true, :x) { keep; }", 1, "a test was expected, and here is :x"),
        ('keep;\n"a";', 2, 'a command was expected, and here is the string "a"'),
        ("keep;\n/* x\n\n", 2, "end it with */"),
        ('keep;\n\nkeep "x\n\n', 3, "not closed"),
        ('require "reject";\nreject text:\nNo.\n', 2, "a line that is a dot alone"),
        ("keep;\n%", 2, "nothing of Sieve begins with %"),
        ("\x07", 1, "nothing of Sieve begins with this character"),
        ("if size :over 1Q { stop; }", 1, "1Q { stop; } is no number"),
        ("if size :over 99999999999999999999 { stop; }", 1, "is more than"),
        ("if size :over 9007199254740991G { stop; }", 1, "is more than"),
        ("keep;\nkeep;\x00", 2, "no NUL"),
        ('fileinto "Work";', 1, 'begin the script with require "fileinto";'),
        ('require "regex";', 1, "has no bound; :matches"),
        ('require "envelope";', 1, "ask its header"),
        ('require "fileInto";', 1, 'did you mean "fileinto"?'),
        ('require "zzz";', 1, "leave it out"),
        ('keep;\nrequire "copy";', 2, "stands at the beginning"),
        ("require true;", 1, "require takes strings"),
        ("else { keep; }", 1, "there is none before it"),
        ("if true { keep; } else false { keep; }", 1, "else takes no test"),
        ("if true;", 1, "wants a block"),
        ("if { keep; }", 1, "put several into allof"),
        ("if not { keep; }", 1, "not takes one test"),
        ("if allof { keep; }", 1, "takes tests in parentheses"),
        ("if true (false) { keep; }", 1, "true takes no tests"),
        ("keep false;", 1, "keep takes no test"),
        ("keep { stop; }", 1, "has no block"),
        ("beep;", 1, "beep is no command; there are addflag"),
        ('if beep "a" { keep; }', 1, "beep is no test; there are address"),
        ('if envelope "from" "a" { keep; }', 1, "ask its header"),
        ('if mailboxexists "a" { keep; }', 1, "leave mailboxexists out"),
        ('if header :near "a" "b" { keep; }', 1, "header has no :near here; it takes :is"),
        ("keep :near;", 1, "keep has no :near here"),
        ("stop :near;", 1, "stop has no :near here"),
        ('if header :is :is "a" "b" { keep; }', 1, "has :is twice"),
        ('if header :is :matches "a" "b" { keep; }', 1, "only one of :is and :matches"),
        ("if header :comparator { keep; }", 1, ":comparator wants a string behind it"),
        ("if header :comparator :is { keep; }", 1, ":comparator wants a string here, and this is :is"),
        ('if header :matches "a" [' + '"*?",' * 600 + '"b"] { stop; }', 1, "wildcards in all"),
        ("if header :comparator 1 { keep; }", 1, ":comparator wants a string here, and this is a number"),
        ('if header "a" :is "b" { keep; }', 1, ":is comes too late"),
        ('if header "a" { keep; }', 1, "and 1 is given"),
        ('if size :over "1" { keep; }', 1, "size wants a number here, and this is a string"),
        ('if size :over ["1"] { keep; }', 1, "this is a list"),
        ("keep 1;", 1, "keep wants no arguments"),
        ("if size 1 { keep; }", 1, "size wants :over or :under"),
        ('if header "a b" "c" { keep; }', 1, "is no name of a header field"),
        (f'if header "{"a" * 80}" "c" {{ keep; }}', 1, "is no name of a header field"),
        ('if address "subject" "c" { keep; }', 1, "ask it with header instead of address"),
        ('if header :comparator "i;x" "a" "c" { keep; }', 1, "there are i;octet"),
        ('if header :comparator "i;ascii-numeric" "a" "c" { keep; }', 1, 'require "comparator-i;ascii-numeric"'),
        ('require "comparator-i;ascii-numeric"; if header :contains :comparator "i;ascii-numeric" "a" "c" { keep; }', 1,
         "leave :comparator out"),
        ('if header :value "gt" "a" "c" { keep; }', 1, 'require "relational"'),
        ('require "relational"; if header :value "x" "a" "c" { keep; }', 1, "wants one of gt, ge"),
        ('require "index"; if header :index 0 "a" "c" { keep; }', 1, "counts from 1"),
        ('require "index"; if header :last "a" "c" { keep; }', 1, "stands beside :index"),
        ('require "date"; if date "date" "era" "c" { keep; }', 1, "year, month"),
        ('require "date"; if date :zone "x" "date" "day" "c" { keep; }', 1, 'as "+0100"'),
        ('require "date"; if date :zone "+9900" "date" "day" "c" { keep; }', 1, 'as "+0100"'),
        ('require "body"; if body :raw :contains "x" { keep; }', 1, "leave :raw out"),
        ('require "body"; if body :content "text" :contains "x" { keep; }', 1, "leave :content out"),
        ('require "variables"; set "a-b" "x";', 1, "letters, digits and _"),
        (f'require "variables"; set "{"a" * 33}" "x";', 1, "no more than 32"),
        ('require "variables"; set "a" "${x.y}";', 1, "this namespace"),
        ('require "variables"; if header "${a}" "x" { keep; }', 1, "must be known before the script runs"),
        ('require "variables"; set :encodeurl "a" "x";', 1, 'require "enotify"'),
        (f'require "variables"; set "a" "${{b}}{"x" * 4000}";', 1, "no more than 4000 characters"),
        ('require "encoded-character"; if header "a" "${unicode: D800}" { keep; }', 1, "is no character"),
        ('require "fileinto"; fileinto "";', 1, "the name of a mailbox"),
        ('require "fileinto"; fileinto :create "a";', 1, 'require "mailbox"'),
        ('require "enotify"; notify :importance "4" "x:y";', 1, 'wants "1", "2" or "3"'),
        (f'if header :matches "a" "{"*a" * (WILDCARDS + 1)}" {{ keep; }}', 1, f"more than {WILDCARDS} wildcards"),
        ("#" * (SCRIPT_CHARACTERS + 1), 1, "the script has more than"),
        ("keep;\n" * (TOKENS // 2 + 1), 1 + COMMANDS, "commands and tests"),
        ("if header :is \"a\" [\n" + '"",' * (TOKENS // 2) + '""] { stop; }', 2, "words and marks"),
        ("if true {" * (NESTING + 1) + "}" * (NESTING + 1), 1, "lies deeper than"),
        ("if " + "not " * (NESTING + 1) + "true { stop; }", 1, "lies deeper than"),
        (f'if exists [{",".join(f"{chr(34)}x{number}{chr(34)}" for number in range(HEADER_NAMES + 1))}] {{ stop; }}', 1,
         f"more than {HEADER_NAMES} header fields"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_on_its_line_with_the_mend(script: str, line: int, word: str) -> None:
    with pytest.raises(SieveError) as refused:
        read_sieve(script)

    assert word in refused.value.detail
    assert refused.value.line == line
    assert str(refused.value) == f"line {line}: {refused.value.detail}"


def test_script_with_too_many_variables_is_ended_and_rings() -> None:
    script = 'require ["variables", "fileinto"];' + "".join(f'set "v{number}" "x";' for number in range(VARIABLES + 1))

    judgement = decide(script + "discard;", "a")

    assert judgement.rings
    assert "variables" in judgement.because[0]


def test_script_that_takes_too_much_work_is_ended_and_rings() -> None:
    needle = "a" * 49 + "b" + "a" * 49
    keys = ",".join(f'"{needle}{number}"' for number in range(10, 90))
    header = Section("BODY[HEADER.FIELDS (SUBJECT)]", 0, b"Subject: " + b"a" * 16_000 + b"\r\n\r\n")
    script = read_sieve(f'if header :contains "subject" [{keys}] {{ keep; }} discard;')

    judgement = script.decide(Evidence(FetchData(1, uid=1, sections=(header,)), "INBOX"))

    assert judgement == Judgement(True, ("the script was ended, for this message takes it too much work; so it rings",))


def test_needs_of_a_script_are_told_before_it_runs_and_do_not_depend_on_the_message() -> None:
    script = read_sieve('if false { if exists "x-a" { stop; } }')

    assert script.needs == Needs(frozenset({"x-a"}))
