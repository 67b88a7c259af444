"""Threats P1, P2, P4, P5, P6 and P7: somebody else than the mail server answers. Whatever he does, the login ends before a byte
of credentials is sent, by his own log, and the user is told which check failed and what to do. The manual has a page of it;
``IDLEBELL_RECORD_GOLDEN=1`` writes it anew."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from false_servers import (
    GREETING,
    Attack,
    Heard,
    Line,
    after_starttls,
    attacking,
    strangers,
    strippers,
    under_tls,
)
from forged import NAME, Forger, certificates, dns
from victim import Victim

from idlebell.model.account import Tls
from idlebell.model.trust import AUTHORITIES, FirstUse, Trust, pinned
from idlebell.net.certificate import read_certificate
from idlebell.net.tls_mends import MENDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "false-servers.md"
HEAD = """\
# False mail servers

Somebody answers in the place of the mail server, or stands on the way to it. This page is written by a test
(`tests/flows/test_flows_false_servers.py`) that plays each of them against the door through which every login goes, and reads
the attacker's own log afterwards. In no row did it hold a user name, a password, or a LOGIN or AUTHENTICATE command.

"Refused as" is the word in the problem's `detail` (`TLS failed (expired): …`), which also names the certificate and says what
to do; `certificate-changed` is a [problem](../reference/errors.md) of its own. "Read by the attacker" is all that he could
read: IMAP commands before or under TLS.

"""


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    refused_as: str
    heard: tuple[Heard, ...]

    def __str__(self) -> str:
        read = sorted({command for one in self.heard for command in one.commands})
        return f"| {self.name} | `{self.refused_as}` | {', '.join(read) or 'nothing'} |"


async def attacked(
    victim: Victim,
    name: str,
    attack: Attack,
    checks: Sequence[str],
    tls: Tls,
    *,
    host: str = NAME,
    trust: Trust = AUTHORITIES,
) -> Row:
    async with attacking(attack) as (port, heard):
        fault = await victim.log_in(port, tls, host, trust)
    assert fault is not None, f"{name}: let in"
    assert not any(one.has_credentials for one in heard), f"{name}: {heard}"
    check = fault.detail.partition("(")[2].partition(")")[0]
    assert check in checks, f"{name}: {fault}"
    assert MENDS[check].rstrip(".") in fault.detail, f"{name}: {fault.detail}"
    code = "certificate-changed" if check == "other-key" else "tls-failed"
    assert fault.code == code, f"{name}: {fault}"
    return Row(name, code if check == "other-key" else checks[0], tuple(heard))


@pytest.fixture(scope="module")
def forger(tmp_path_factory: pytest.TempPathFactory) -> Forger:
    return Forger(tmp_path_factory.mktemp("forged"))


@pytest.fixture
async def victim(forger: Forger) -> Any:
    victim = Victim(forger.ca_file)
    yield victim
    await victim.close()


def key_of(pem: bytes) -> bytes:
    found = read_certificate(ssl.PEM_cert_to_DER_cert(pem.decode()))
    assert found is not None
    return found.spki_sha256


async def all_of(rows: Sequence[Awaitable[Row]]) -> list[Row]:
    return list(await asyncio.gather(*rows))


async def test_no_false_server_gets_a_byte_of_credentials(forger: Forger, victim: Victim) -> None:
    """P1, P2, P4, P6, P7: the whole table, and the manual's page of it."""
    honest = forger.context(forger.certificate())
    made = certificates(forger)
    shown = await all_of(
        [attacked(victim, name, under_tls(one), (check, "alert"), Tls.IMPLICIT) for name, (one, check) in made.items()]
    )
    again = await all_of(
        [
            attacked(victim, name, after_starttls(one), (check, "alert"), Tls.STARTTLS)
            for name, (one, check) in made.items()
        ]
    )
    assert [row.refused_as for row in again] == [row.refused_as for row in shown]
    addressed = await all_of(
        [
            attacked(
                victim,
                f"{what}, asked for as {host}",
                under_tls(forger.context(pem)),
                (check,),
                Tls.IMPLICIT,
                host=host,
            )
            for what, pem, check, host in (
                ("the address as a name", forger.certificate(names=dns("127.0.0.1")), "wrong-host", "127.0.0.1"),
                ("a wildcard over addresses", forger.certificate(names=dns("*.0.0.1")), "wrong-host", "127.0.0.1"),
                ("a name, no address", forger.certificate(), "wrong-host", "127.0.0.1"),
                ("a wildcard of one label", forger.certificate(names=dns("*.example.test")), "wrong-host", f"a.{NAME}"),
            )
        ]
    )
    other, own = pinned([b"\x07" * 32]), key_of(forger.certificate())
    weak = key_of(forger.certificate(key=forger.weak_key))
    protocols = {name: found for name, found in made.items() if name.startswith(("TLS", "ciphers"))}
    pins = await all_of(
        [
            attacked(victim, f"{what}, {how}", under_tls(context), (check, "alert"), Tls.IMPLICIT, trust=trust)
            for what, how, context, check, trust in (
                ("a good certificate", "another key pinned", honest, "other-key", other),
                ("a good certificate", "another key seen first", honest, "other-key", FirstUse(b"\x07" * 32)),
                ("self-signed", "another key pinned", made["self-signed"][0], "other-key", other),
                ("RSA 1024", "this very key pinned", made["RSA 1024"][0], "weak-key", pinned([weak])),
                ("RSA 1024", "at first use", made["RSA 1024"][0], "weak-key", FirstUse()),
                *(
                    (name, "this very key pinned", one, check, pinned([own]))
                    for name, (one, check) in protocols.items()
                ),
            )
        ]
    )
    stripped = await all_of(
        [attacked(victim, name, one, checks, Tls.STARTTLS) for name, (one, checks) in strippers(honest).items()]
    )
    strange = await all_of(
        [attacked(victim, name, one, checks, Tls.IMPLICIT) for name, (one, checks) in strangers().items()]
    )
    told = HEAD + "".join(
        f"## {title}\n\n| what it does | refused as | read by the attacker |\n|---|---|---|\n"
        + "".join(f"{row}\n" for row in rows)
        + "\n"
        for title, rows in (
            ("Before TLS (STARTTLS)", stripped),
            ("In place of TLS", strange),
            ("Certificates and protocols, by implicit TLS and after STARTTLS", [*shown, *addressed]),
            ("Pinned keys", pins),
        )
    )
    told = told.rstrip("\n") + "\n"
    if os.environ.get("IDLEBELL_RECORD_GOLDEN") == "1":
        PAGE.write_text(told)
    assert PAGE.read_text() == told


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.STARTTLS])
async def test_the_true_server_is_let_in_and_no_session_is_resumed(forger: Forger, victim: Victim, tls: Tls) -> None:
    """The control of the table above: the same attackers, with a certificate or a pinned key that is right. Each session has
    a handshake of its own, so that none is carried from one trust to another."""
    good, alone = forger.context(forger.certificate()), certificates(forger)["self-signed"][0]
    key = key_of(forger.certificate())
    make = under_tls if tls is Tls.IMPLICIT else after_starttls
    for context, trust in (
        (good, AUTHORITIES),
        (alone, pinned([b"\x07" * 32, key])),
        (alone, FirstUse()),
        (alone, FirstUse(key)),
    ):
        async with attacking(make(context)) as (port, heard):
            assert await victim.log_in(port, tls, trust=trust) is None
            assert await victim.log_in(port, tls, trust=trust) is None
        assert [one.has_credentials for one in heard] == [True, True]
        assert context.session_stats()["hits"] == 0


@pytest.mark.parametrize(
    "referral",
    [
        b"NO [REFERRAL imap://alice@127.0.0.1:%d/] go there",
        b"OK [REFERRAL imap://alice@127.0.0.1:%d/] go there as well",
        b"BAD [REFERRAL imap://127.0.0.1:%d/INBOX] what",
    ],
)
async def test_a_referral_leads_nowhere(forger: Forger, victim: Victim, referral: bytes) -> None:
    """P5: LOGIN-REFERRALS (RFC 2221). Who is named there is never called."""
    context = forger.context(forger.certificate())

    def referring(port: int) -> Callable[[Line], Awaitable[None]]:
        async def attack(line: Line) -> None:
            await line.shake_hands(context)
            await line.say(GREETING.replace(b"IMAP4rev1", b"IMAP4rev1 LOGIN-REFERRALS MAILBOX-REFERRALS"))
            await line.play(AUTHENTICATE=referral % port, LOGIN=referral % port)

        return attack

    async with attacking(under_tls(context)) as (evil, evil_log), attacking(referring(evil)) as (port, _):
        fault = await victim.log_in(port, Tls.IMPLICIT)
        assert (fault is None) == referral.startswith(b"OK")
    assert evil_log == []


async def test_a_goodbye_with_a_referral_leads_nowhere(forger: Forger, victim: Victim) -> None:
    """P5: BYE [REFERRAL] instead of a greeting (RFC 2221 section 4.2)."""
    context = forger.context(forger.certificate())

    async def leave(line: Line, port: int) -> None:
        await line.shake_hands(context)
        await line.say(b"* BYE [REFERRAL imap://127.0.0.1:%d/] go there\r\n" % port)

    async with attacking(under_tls(context)) as (evil, evil_log):
        async with attacking(lambda line: leave(line, evil)) as (port, heard):
            assert await victim.log_in(port, Tls.IMPLICIT) is not None
        assert not any(one.has_credentials for one in heard)
    assert evil_log == []
