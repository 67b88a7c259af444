"""Mails that nobody means well with. Wherever mail is shown they must be inert, bounded and readable.

Each holds the word ``BELL`` where its reader would look for text, so that a test can see that it is still read.
"""

from __future__ import annotations

import base64
import quopri
from collections.abc import Iterator

HEAD = (
    b"From: Boss <boss@example.org>\r\nTo: alice@example.org\r\nSubject: Lunch?\r\n"
    b"Date: Mon, 05 Jan 2026 08:00:00 +0000\r\nMessage-ID: <hostile@example.org>\r\nMIME-Version: 1.0\r\n"
)
RIGHT_TO_LEFT = "\u202e\u2066\u2067\u200f"
TEXT = b"BELL rings at noon.\r\n"


def _with(content_type: bytes, body: bytes, *, encoding: bytes = b"8bit", head: bytes = HEAD) -> bytes:
    return head + b"Content-Type: " + content_type + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


def _head(**fields: bytes) -> bytes:
    lines = [b"From: Boss <boss@example.org>", b"Subject: Lunch?", b"MIME-Version: 1.0"]
    lines = [one for one in lines if one.partition(b":")[0].decode() not in fields]
    return b"\r\n".join([*lines, *(name.encode() + b": " + value for name, value in fields.items())]) + b"\r\n"


def _nested(depth: int) -> bytes:
    body = b"Content-Type: text/plain\r\n\r\n" + TEXT
    for level in range(depth):
        boundary = b"b%d" % level
        body = b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n--%b\r\n%b\r\n--%b--\r\n' % (
            boundary, boundary, body, boundary,
        )  # fmt: skip
    return HEAD + body


def _folded(word: bytes, octets: int) -> bytes:
    """A header's value of so many bytes, in lines that mail servers take."""
    return b"\r\n ".join([word * (900 // len(word))] * (octets // 900))


def small() -> Iterator[tuple[str, bytes]]:
    """Of a few KiB each: what they do is in their form."""
    html = b"text/html; charset=utf-8"
    plain = b"text/plain; charset=utf-8"
    yield "script", _with(html, b"<script>alert(1)</script><p onclick='alert(2)'>BELL</p><img src=x onerror=alert(3)>")
    yield (
        "script in headers",
        _with(
            plain,
            TEXT,
            head=_head(Subject=b"<script>alert(1)</script>", From=b'"<img src=x onerror=alert(1)>" <boss@example.org>'),
        ),
    )
    yield "right to left", _with(plain, f"{RIGHT_TO_LEFT}BELL {RIGHT_TO_LEFT}gpj.exe\r\n".encode())
    yield (
        "right to left in headers",
        _with(
            plain,
            TEXT,
            head=_head(Subject=f"{RIGHT_TO_LEFT}gpj.exe".encode(), From=f"{RIGHT_TO_LEFT} <boss@example.org>".encode()),
        ),
    )
    yield "controls", _with(plain, b"\x1b[2J\x07BELL\x08\x9b\x00\r\n".replace(b"\x00", b"\x01"))
    yield "no utf-8", _with(plain, b"\xff\xfe\xc3BELL\xed\xa0\x80\xf8\r\n")
    yield "unknown charset", _with(b'text/plain; charset="x-none\\"; rm -rf /"', TEXT)
    yield (
        "charset that expands",
        _with(b"text/plain; charset=unicode_escape", b"\\x42\\x45LL BELL " + b"\\U0001F4A9" * 50),
    )
    yield "charset that unpacks", _with(b"text/plain; charset=zlib_codec", TEXT)
    yield "charset utf-7", _with(b"text/plain; charset=utf-7", b"BELL +ADw-script+AD4-alert(1)+ADw-/script+AD4-")
    yield "broken base64", _with(plain, b"====" + base64.b64encode(TEXT) + b"!!", encoding=b"base64")
    yield "broken quoted-printable", _with(plain, b"=ZZ BELL =\r\n=4", encoding=b"quoted-printable")
    yield "unknown encoding", _with(plain, TEXT, encoding=b"x-uuencode")
    yield "style", _with(html, b"<style>p{position:fixed}</style><p style='font-size:900px'>BELL<!-- <b> --></p>")
    yield "not shown", _with(html, b"<div style='display:none'>hidden</div><p hidden>hidden</p>BELL")
    yield "tower of marks", _with(plain, b"BELL" + "\u0301\u0323".encode() * 900)
    yield "empty html", _with(html, b"")
    yield "no text", _with(b"application/octet-stream", b"BELL")


def large() -> Iterator[tuple[str, bytes]]:
    """Bombs: small to send, large to whoever is careless."""
    html = b"text/html; charset=utf-8"
    plain = b"text/plain; charset=utf-8"
    page = 48_000
    yield "subject of a megabyte", _with(plain, TEXT, head=_head(Subject=_folded(b"long ", 1_000_000)))
    yield (
        "sender of a megabyte",
        _with(plain, TEXT, head=_head(From=_folded(b"long ", 1_000_000) + b" <b@example.org>")),
    )
    yield (
        "message id of a megabyte",
        _with(plain, TEXT, head=_head(**{"Message-ID": b"<" + _folded(b"long", 1_000_000) + b"@example.org>"})),
    )
    yield (
        "recipients without end",
        _with(plain, TEXT, head=_head(To=b",\r\n ".join(b"a%d@example.org" % number for number in range(20_000)))),
    )
    yield "file name of a megabyte", _with(b"text/plain; name=" + _folded(b"long", 1_000_000), TEXT)
    yield "parts within parts", _nested(120)
    yield (
        "parts without end",
        _with(b"multipart/mixed; boundary=b", b"--b\r\n\r\n" + TEXT + b"--b\r\n\r\nx\r\n" * 8_000 + b"--b--\r\n"),
    )
    yield "base64 without end", _with(plain, base64.encodebytes(TEXT * 20_000), encoding=b"base64")
    yield "quoted-printable without end", _with(plain, TEXT + b"=\r\n" * 60_000, encoding=b"quoted-printable")
    yield (
        "quoted-printable of nothing else",
        _with(plain, quopri.encodestring(b"BELL" + b"\xc3\xa9" * 4_000), encoding=b"quoted-printable"),
    )
    yield "tags within tags", _with(html, b"<div>" * (page // 5) + b"BELL")
    yield "tables within tables", _with(html, b"<table><tr><td>" * (page // 16) + b"BELL")
    yield (
        "formatting without end",
        _with(html, b"BELL<p>" + b"".join(b"<b a=%d>" % one for one in range(2_600)) + b"<p>x" * 5_000),
    )
    yield "attributes without end", _with(html, b"<p " + b"".join(b"a%d=1 " % one for one in range(6_000)) + b">BELL")
    yield "tags that never end", _with(html, b"BELL" + b"<a " * (page // 3))
    yield "comments that never end", _with(html, b"BELL" + b"<!--" * (page // 4))
    yield "quotes that never end", _with(html, b"BELL" + b'<a href="' * (page // 9))
    yield "entities", _with(html, b"BELL" + b"&nGtv;" * (page // 6))
    yield "an entity without end", _with(html, b"BELL&#" + b"9" * page)
    yield "marks in disorder", _with(plain, b"BELL" + "\u0301\u0323".encode() * (page // 4))
    yield "spaces", _with(plain, b"BELL" + b" " * (page - 10) + b"x")
    yield "ends of line", _with(plain, b"BELL" + b"\r\n" * (page // 2))


def every() -> list[tuple[str, bytes]]:
    return [*small(), *large()]
