"""Decisions of Sieve scripts per CPU second, one core, and what scripts and messages made to be slow take at most:
``python bench/sieve.py``.

Reading a message (decoding its header) is in it, as in production: each decision begins with a fresh one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from idlebell.imap.responses import BodyPart, FetchData, Section
from idlebell.rules.evidence import Evidence
from idlebell.rules.sieve import Script, read_sieve

CPU_SECONDS = 1.0
TRIES = 5

_TEXT = BodyPart("TEXT", "PLAIN", (), None, None, "7BIT", 16_384, 200)
_NEEDLE = "a" * 49 + "b" + "a" * 49

EVERYDAY = """\
require ["fileinto", "enotify", "imap4flags"];
if anyof (header :contains "list-id" ["announce", "users"], header :contains "precedence" ["bulk", "junk"]) {
  fileinto "Lists";
  stop;
}
if address :domain :is "from" ["example.net", "example.com", "example.edu"] { discard; stop; }
if header :matches "subject" ["*out of office*", "*[spam]*"] { addflag "\\\\Seen"; }
if allof (address :is "to" "alice@example.org", not header :contains "auto-submitted" "auto", size :under 1M) {
  if anyof (address :is "from" "boss@example.org", header :contains "subject" "urgent") {
    notify :importance "1" :message "mail" "mailto:me@example.org";
  }
}
"""
"""Ten tests, all of them asked."""


def message(header: bytes, text: bytes = b"") -> FetchData:
    sections = (Section("BODY[HEADER.FIELDS (X)]", 0, header + b"\r\n"), Section("BODY[1]", 0, text))
    at = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
    return FetchData(1, uid=1, flags=(), internal_date=at, size=4_000, body=_TEXT, sections=sections)


PLAIN = message(
    b"From: Boss <boss@example.org>\r\nTo: Alice <alice@example.org>\r\nSubject: Lunch on Friday?\r\nPrecedence: normal\r\n"
)
_FIELDS = message(b"X: abcdef\r\n" * 500)
_ADDRESSES = message(b"To: " + b"a@b," * 4_000 + b"\r\n")
_AS = message(b"Subject: " + b"a" * 16_000 + b"\r\n", b"a" * 16_384)


def _keys(count: int, text: str) -> str:
    return "[" + ",".join(f'"{text}"' for _ in range(count)) + "]"


SLOW: dict[str, tuple[str, FetchData]] = {
    "4 long words in a text of one letter": (f'require "body"; if body :contains {_keys(4, _NEEDLE)} {{ stop; }}', _AS),
    "80 short ones": (f'require "body"; if body :contains {_keys(80, "aba")} {{ stop; }}', _AS),
    "patterns with ?": (f'require "body"; if body :matches {_keys(300, "*a?b*")} {{ stop; }}', _AS),
    "40 stars": (f'require "body"; if body :matches {_keys(24, "*a" * 19 + "*b")} {{ stop; }}', _AS),
    "500 fields, 600 words": (f'if header :contains "x" {_keys(600, "k")} {{ stop; }}', _FIELDS),
    "500 fields, 25 tests": ('if header :is "x" "b" { stop; }' * 25, _FIELDS),
    "4,000 addresses": ('if address :localpart "to" "b" { stop; }' * 8, _ADDRESSES),
    "variables that grow": (
        'require "variables"; set "a" "' + "x" * 3_000 + '";' + 'set :lower :quotewildcard :upperfirst "a" "${a}${a}";' * 200,
        _AS,
    ),
    "patterns from variables": (
        'require "variables"; set "a" "' + "*a?" * 13 + '"; set "b" "' + "aac" * 900 + '";'
        + 'if string :matches "${b}" "${a}x" {stop;}' * 96,
        _AS,
    ),
    "flags": ('require "imap4flags"; setflag "' + " ".join(map(str, range(50))) + '";' + 'addflag "a";' * 470, _AS),
    "500 commands": ("keep;" * 500, _AS),
}  # fmt: skip
"""Each just within what a script may do, or beyond it."""


def per_cpu_second(work: Callable[[], object]) -> float:
    count, started = 0, time.process_time()
    while (used := time.process_time() - started) < CPU_SECONDS:
        for _ in range(50):
            work()
        count += 50
    return count / used


def milliseconds(work: Callable[[], object]) -> float:
    took = []
    for _ in range(TRIES):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    return min(took) * 1000


def main() -> None:
    everyday = read_sieve(EVERYDAY)
    assert everyday.decide(Evidence(PLAIN, "INBOX")).rings
    count = per_cpu_second(lambda: everyday.decide(Evidence(PLAIN, "INBOX")))
    evidence = Evidence(PLAIN, "INBOX")
    alone = per_cpu_second(lambda: everyday.decide(evidence))
    print(f"a script of ten tests: {count:,.0f} decisions a CPU second, {alone:,.0f} on a message that was read before")
    print(f"to read it: {milliseconds(partial(read_sieve, EVERYDAY)):.2f} ms")
    print("made to be slow: to read the script, to decide")
    for name, (script, hard) in SLOW.items():
        rule = read_sieve(script)
        read = milliseconds(partial(read_sieve, script))
        print(f"  {name}: {read:.2f} ms, {milliseconds(partial(_decide, rule, hard)):.2f} ms")


def _decide(rule: Script, hard: FetchData) -> None:
    rule.decide(Evidence(hard, "INBOX"))


if __name__ == "__main__":
    main()
