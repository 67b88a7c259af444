"""Mail that means harm to whatever shows it. Each says :data:`MARK` in its subject, so that it is found where it is shown."""

from __future__ import annotations

from base64 import b64encode

MARK = "hostile"
_SCRIPT = "<script>window.pwned=1</script><img src=x onerror='window.pwned=1'><svg onload=window.pwned=1>"
_BIDI = "\u202e\u2066gpj.exe\u200f\u061c"
"""Turns what follows around (CVE-2021-42574), and isolates that never end."""


def _word(text: str) -> str:
    """RFC 2047 section 2."""
    return f"=?utf-8?B?{b64encode(text.encode('utf-8', 'surrogatepass')).decode()}?="


def _mail(subject: str, sender: str = "Eve <eve@example.net>", body: str = "Hello.\r\n", more: str = "") -> bytes:
    head = f"From: {sender}\r\nTo: alice@example.org\r\nDate: Mon, 5 Jan 2026 08:00:00 +0000\r\nSubject: {subject}\r\n{more}"
    return f"{head}\r\n{body}".encode("utf-8", "surrogateescape")


def _nested(depth: int) -> bytes:
    """Parts in parts in parts."""
    opened = "".join(
        f'Content-Type: multipart/mixed; boundary="b{level}"\r\n\r\n--b{level}\r\n' for level in range(depth)
    )
    closed = "".join(f"\r\n--b{level}--" for level in reversed(range(depth)))
    return _mail(
        f"{MARK} nested", more=f"MIME-Version: 1.0\r\n{opened}Content-Type: text/plain\r\n\r\ndeep{closed}\r\n", body=""
    )


HOSTILE: dict[str, bytes] = {
    "a script in subject and sender": _mail(
        f"{MARK} {_SCRIPT}", sender=f'"{_SCRIPT}" <eve@example.net>'.replace("'", "")
    ),
    "a script in encoded words": _mail(_word(f"{MARK} {_SCRIPT}"), sender=f"{_word(_SCRIPT)} <eve@example.net>"),
    "text turned around": _mail(_word(f"{MARK} {_BIDI}"), sender=f"{_word('bank' + _BIDI)} <eve@example.net>"),
    "a sender that looks like another": _mail(
        _word(f"{MARK} boss"), sender=f"{_word('boss@example.org')} <eve@example.net>"
    ),
    "a subject of a megabyte": _mail(f"{MARK} " + "\r\n ".join("x" * 70 for _ in range(15_000))),
    "one word of a megabyte": _mail(f"{MARK} " + "\r\n ".join(_word("ž" * 20) for _ in range(20_000))),
    "broken encoded words": _mail(f"{MARK} =?utf-8?B?####?= =?nonsense?Q?=ZZ?= =?utf-8?Q?=FF=FE?= =?utf-8?B?//79?= =?"),
    "bytes that are no UTF-8": _mail(f"{MARK} \udcff\udcfe\udc80 \x01\x02\x1b[31m"),
    "a JSON of its own": _mail(
        _word(f'{MARK} "}}],"type":"reconnect","subscription":"sub_x'), body='{"type":"expiring"}\r\n'
    ),
    "an address of a script": _mail(
        f"{MARK} javascript:window.pwned=1 //", body="<a href='javascript:window.pwned=1'>x</a>\r\n"
    ),
    "nothing at all": _mail("", sender=""),
    "a page as its text": _mail(
        f"{MARK} html",
        more="MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n",
        body=f"<html><body onload='window.pwned=1'>{_SCRIPT}<iframe src='javascript:parent.pwned=1'></iframe></body>\r\n",
    ),
    "a thousand parts in each other": _nested(1_000),
}
