"""Decisions of a filter per CPU second, one core, what the worst filter and the worst message cost, and what HTML takes that is
told as text: ``python bench/filter.py``.

A decision is all that happens between the FETCH and the verdict: fields are found, unfolded and decoded (RFC 2047), folded and
searched. The worst is looked for among messages as large as they are fetched, in forms that are slow to read, under filters as
large as they may be: every header with every text. Each is judged several times and the fastest counts, so that what else the
machine does is not in it.
"""

from __future__ import annotations

import argparse
import base64
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from idlebell.imap.responses import BodyPart, FetchData, Multipart, Section
from idlebell.rules.body_text import TEXT_BYTES
from idlebell.rules.content import BEGINNING_BYTES
from idlebell.rules.evidence import HEADER_BYTES, Evidence
from idlebell.rules.filter import CONDITIONS, HEADER_NAMES, REPEATING_TOKENS, TEXT_TOKENS, TOKENS, read_filter
from idlebell.rules.html_text import text_of_html
from idlebell.rules.needs import WHOLE_HEADER_BYTES
from idlebell.rules.search_text import TOKEN_CHARACTERS
from idlebell.rules.structure import PARTS

CPU_SECONDS = 1.0
AGAIN = 3

TEN = {
    "operator": "AND",
    "conditions": [
        {"operator": "OR", "conditions": [{"from": "boss@example.org"}, {"from": "ann"}, {"subject": "urgent"}]},
        {"operator": "NOT", "conditions": [{"isBulk": True}, {"listId": "lists.example.org"}]},
        {"to": "me@example.org", "notKeyword": "$junk", "maxSize": 10_000_000, "after": "2026-01-01T00:00:00Z"},
        {"hasAttachment": False},
    ],
}
HEADER = (
    b"From: Ann Boss <boss@example.org>\r\nTo: Me <me@example.org>\r\n"
    b"Subject: Lunch on Friday, in the usual place?\r\n\r\n"
)
ENCODED = HEADER.replace(b"Lunch", b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=").replace(b"Ann", b"=?iso-8859-1?b?SvZyZw==?=")


def message(header: bytes, text: bytes = b"", part: BodyPart | None = None) -> FetchData:
    return FetchData(
        1,
        uid=1,
        flags=("\\Recent",),
        internal_date=datetime(2026, 11, 1, tzinfo=UTC),
        size=2_000,
        body=part or BodyPart("TEXT", "PLAIN", (("CHARSET", b"utf-8"),), None, None, "8BIT", len(text)),
        sections=(Section("BODY[HEADER.FIELDS (FROM TO SUBJECT)]", 0, header), Section("BODY[1]", 0, text)),
    )


def per_cpu_second(work: Callable[[], object]) -> float:
    count, started = 0, time.process_time()
    while (used := time.process_time() - started) < CPU_SECONDS:
        for _ in range(200):
            work()
        count += 200
    return count / used


# --- the worst ---


def filled(piece: bytes, size: int) -> bytes:
    return piece * (size // len(piece))


def headers() -> dict[str, bytes]:
    room = HEADER_BYTES - len(b"Subject: ")
    one = {
        "letters": filled(b"a", room),
        "encoded words": filled(b"=?utf-8?q?=C3=A9?= ", room),
        "one encoded word": b"=?utf-8?q?" + filled(b"=C3=A9", room - 12) + b"?=",
        "base64 words": filled(b"=?utf-8?b?77e6?= ", room),
        "words of many charsets": filled(b"=?utf-8?q?a?= =?koi8-r?q?a?= ", room),
        "iso-2022-jp": filled(b"=?iso-2022-jp?b?GyRCJDMbKEI=?= ", room),
        "open words": filled(b"=?a?q?", room),
        "half words": filled(b"=?", room),
        "ligatures": filled("\ufdfa".encode(), room),
        "marks in disorder": filled("\u0316\u0301".encode(), room),
        "accents": filled("é".encode(), room),
        "hangul": filled("한".encode(), room),
        "spaces": filled(b" \t", room),
        "folds": filled(b"\r\n ", room),
        "no utf-8": filled(b"\xff\xfe", room),
    }
    found = {name: b"Subject: " + value for name, value in one.items()}
    found["many fields"] = filled(b"Subject: a\r\n", HEADER_BYTES)
    found["no field"] = filled(b"a" * 70 + b"\r\n", HEADER_BYTES)
    return found


def texts() -> dict[str, tuple[str, str, bytes]]:
    """Subtype, encoding, content."""
    plain = {
        "letters": filled(b"a", TEXT_BYTES),
        "ligatures": filled("\ufdfa".encode(), TEXT_BYTES),
        "marks in disorder": filled("\u0316\u0301".encode(), TEXT_BYTES),
        "accents": filled("é".encode(), TEXT_BYTES),
        "spaces": filled(b" a", TEXT_BYTES),
    }
    html = {
        "tags": filled(b"<a>", TEXT_BYTES),
        "open tags": filled(b"<a ", TEXT_BYTES),
        "attributes": b"<a " + filled(b"alt=a ", TEXT_BYTES - 4) + b">",
        "scripts": filled(b"<script></script>", TEXT_BYTES),
        "references": filled(b"&nGtv;", TEXT_BYTES),
        "ampersands": filled(b"&a", TEXT_BYTES),
        "long references": filled(b"&" + b"a" * 31, TEXT_BYTES),
    }
    found = {f"text of {name}": ("PLAIN", "8BIT", raw) for name, raw in plain.items()}
    found |= {f"page of {name}": ("HTML", "8BIT", raw) for name, raw in html.items()}
    for name in ("accents", "marks in disorder"):
        found[f"base64 of {name}"] = ("PLAIN", "BASE64", base64.encodebytes(plain[name])[:TEXT_BYTES])
    found["quoted-printable"] = ("PLAIN", "QUOTED-PRINTABLE", filled(b"=C3=A9", TEXT_BYTES))
    return found


def filters() -> dict[str, Any]:
    """As many words as there may be, in forms that are slow to search for: first as many of those that overlap themselves as
    there may be, most of them looked for in the text, and then such as overlap themselves just less."""
    half = TOKEN_CHARACTERS // 2
    near = ["aaa" + "ab" * number + "c" for number in range(TOKENS - REPEATING_TOKENS)]
    words = {
        "short": [chr(ord("b") + number % 24) * (1 + number // 24) for number in range(TOKENS)],
        "periodic": ["a" * (half - number) + "b" + "a" * half for number in range(REPEATING_TOKENS)] + near,
        "long": ["a" * (TOKEN_CHARACTERS - 1 - number) + "b" for number in range(REPEATING_TOKENS)] + near,
        "ending": ["b" + "a" * (TOKEN_CHARACTERS - 1 - number % 30) for number in range(TOKENS)],
    }
    return {
        name: {
            "operator": "OR",
            "conditions": [
                {"text" if number < TEXT_TOKENS else "subject": word}
                for number, word in enumerate(dict.fromkeys(found))
            ],
        }
        for name, found in words.items()
    }


def many_conditions() -> dict[str, tuple[Any, FetchData]]:
    """As many conditions and header fields as there may be."""
    names = [f"X-A-Long-Name-Of-A-Field-{number:03}" for number in range(HEADER_NAMES)]
    fields = {"operator": "OR", "conditions": [{"header": [name, "aaabab"]} for name in names]}
    whole = b"".join(name.encode() + b": " + filled(b"=?utf-8?b?77e6?= ", 1_060) + b"\r\n" for name in names)
    asked = {"isBulk": False, "hasAttachment": False, "notKeyword": "z"}
    picture = BodyPart("IMAGE", "PNG", (), b"<x>", None, "BASE64", 10)
    bulk = filled(b"Precedence: a\r\nAuto-Submitted: no\r\n", HEADER_BYTES)
    large = replace(message(bulk), body=Multipart((picture,) * PARTS, "MIXED", ()), flags=tuple(map(str, range(300))))
    return {
        f"{HEADER_NAMES} fields of a header of {WHOLE_HEADER_BYTES // 1_024} KiB": (
            fields,
            replace(message(b""), sections=(Section("BODY[HEADER]", 0, whole[:WHOLE_HEADER_BYTES]),)),
        ),
        "100 conditions": ({"operator": "AND", "conditions": [asked] * (CONDITIONS // len(asked))}, large),
    }


def pages() -> dict[str, str]:
    """HTML as long as it is told."""
    row = (
        '<tr><td style="padding:0 12px;color:#333" class="x y" align="left"><p style="margin:0">Some words of a newsletter, '
        '<a href="https://example.org/track?id=12345678901234567890">a link</a> and&nbsp;more words.</p></td></tr>\n'
    )
    names = " ".join(f"a{number:x}" for number in range(10_000))
    costly = {
        "tags": "<b>",
        "items": "<li>",
        "breaks": "<br>",
        "cells": "<td>",
        "nested tables": "<table><tr><td>",
        "fonts": "<font size=1>",
        "pictures": "<img alt=a>",
        "attributes": "<a b c d>",
        "styles": f"<i style='{'display:' * 10}'>",
        "words": "a b ",
        "references": "&lt;",
        "open brackets": "<",
        "scripts": "<script></script>",
        "NUL": "\x00",
    }
    found = {name: piece * (BEGINNING_BYTES // len(piece)) for name, piece in costly.items()}
    found["verbatim"] = "<pre>" + "é\n" * (BEGINNING_BYTES // 3)
    found["one tag"] = f"<a {names}"[:BEGINNING_BYTES] + ">"
    found["a newsletter"] = ("<table>" + row * 300)[:BEGINNING_BYTES]
    return found


def told_ms(markup: str) -> float:
    best = float("inf")
    for _ in range(AGAIN):
        started = time.process_time()
        text_of_html(markup)
        best = min(best, (time.process_time() - started) * 1_000)
    return best


def cost_ms(rule: Any, one: FetchData) -> float:
    best = float("inf")
    for _ in range(AGAIN):
        evidence = Evidence(one, "INBOX")
        started = time.process_time()
        rule.decide(evidence)
        best = min(best, (time.process_time() - started) * 1_000)
    return best


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    rule = read_filter(TEN)
    plain, encoded = message(HEADER), message(ENCODED)
    read = Evidence(plain, "INBOX")
    for name, work in (
        ("ten conditions, a message", lambda: rule.decide(Evidence(plain, "INBOX"))),
        ("ten conditions, an encoded header", lambda: rule.decide(Evidence(encoded, "INBOX"))),
        ("ten conditions, a message that was read", lambda: rule.decide(read)),
        ("ten conditions read from JSON", lambda: read_filter(TEN)),
    ):
        print(f"{name:44} {per_cpu_second(work):10,.0f} a CPU second")

    costs: list[tuple[float, str]] = []
    rules = {name: read_filter(one) for name, one in filters().items()}
    for of, (subtype, encoding, raw) in texts().items():
        part = BodyPart("TEXT", subtype, (("CHARSET", b"utf-8"),), None, None, encoding, len(raw))
        for above, header in headers().items():
            one = message(header, raw, part)
            costs += [(cost_ms(judge, one), f"header of {above}, {of}, {name} words") for name, judge in rules.items()]
    costs += [(cost_ms(read_filter(judge), one), name) for name, (judge, one) in many_conditions().items()]
    costs.sort(reverse=True)
    print(f"the worst of {len(costs)} pairs of a message and a filter:")
    for cost, what in costs[:8]:
        print(f"  {what:76} {cost:6.2f} ms")

    told = sorted(((told_ms(markup), name) for name, markup in pages().items()), reverse=True)
    print(f"HTML of {BEGINNING_BYTES // 1_024} KiB to text, of {len(told)} the worst and a newsletter:")
    for cost, name in (*told[:5], *(one for one in told[5:] if one[1] == "a newsletter")):
        print(f"  {name:76} {cost:6.2f} ms")


if __name__ == "__main__":
    main()
