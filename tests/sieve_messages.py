"""Mails that Sieve scripts are run on, by a letter each."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Final

CAME_AT: Final = datetime(2026, 11, 26, 8, 30, 15, tzinfo=UTC)


def _mail(header: str, body: bytes | str = "Hello\n") -> bytes:
    content = body.encode() if isinstance(body, str) else body
    return (header.strip().encode() + b"\n\n" + content).replace(b"\n", b"\r\n")


MESSAGES: Final[dict[str, bytes]] = {
    "a": _mail(
        """\
Received: from mx.example.net by mail.example.org; Thu, 26 Nov 2026 08:30:00 +0000
Received: from desk.example.net by mx.example.net; Thu, 26 Nov 2026 09:29:00 +0100
From: Boss <boss@example.org>
To: Alice <alice@example.org>, bob+work@example.net
Subject: Lunch?
Date: Thu, 26 Nov 2026 09:28:07 +0100
X-Priority: 1""",
        "Shall we meet at noon?\nBring the report.\n",
    ),
    "b": _mail(
        """\
From: "Doe, Jane" <jane.doe+lists@Lists.Example.com>
To: users@lists.example.com
Cc: friends: carol@example.net, "dave the 2nd" <dave@example.net>;
Subject: [users] Release 2.0
Date: Wed, 25 Nov 2026 23:05:59 -0800
List-Id: Users of the thing <users.lists.example.com>
Precedence: list
X-Tag: one
X-Tag: two
X-Tag: three
X-Spam-Score: 3""",
        "A new release is out.\n\n-- \nusers mailing list\n",
    ),
    "c": _mail(
        """\
From: =?utf-8?q?J=C3=B6rg_M=C3=BCller?= <jm@example.de>
To: =?iso-8859-1?q?Ren=E9?= <rene@example.fr>
Subject: =?utf-8?b?UsOpc3Vtw6k=?= =?utf-8?q?_f=C3=BCr?=
 die
\tStelle
Date: Mon, 1 Jan 2024 00:00:00 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable""",
        "Gr=FC=DFe aus K=F6ln\n",
    ),
    "d": _mail(
        """\
From: Shop <news@shop.example>
To: ann@example.org
Subject: 50% off! *Everything* must go?
Date: 29 Feb 2028 12:00:00 EST
Precedence: bulk
X-Spam-Score: 12
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b""",
        "--b\nContent-Type: text/plain\n\nEverything must go\n"
        "--b\nContent-Type: text/html\n\n<p>Everything <b>must</b> go</p>\n--b--\n" + "x" * 3000 + "\n",
    ),
    "e": _mail(
        """\
From: nobody
To: undisclosed-recipients:;
Subject:
Subject: second
Date: soon
X-Num: 007
X-Empty:""",
        "",
    ),
    "f": _mail(
        """\
From: cron@example.org (Cron Daemon)
To: root@example.org
Subject: Backup failed (exit 2)
Auto-Submitted: auto-generated
Date: Sun, 01 Mar 2026 00:30:00 GMT
X-Num: 12abc
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64""",
        base64.encodebytes("Die Sicherung ist gescheitert: Gerät voll\n".encode()),
    ),
    "g": _mail("""\
From: "a b"@x.example
To: "quoted"@x.example, <@relay.example:routed@x.example>
Subject: x"""),
}
