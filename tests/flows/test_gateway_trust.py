"""``tls_pin_sha256``: whom an account's sessions take for the server (threat P7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from flows.gateway_bench import Bench, Session
from idlebell.gateway.policy import Policy
from idlebell.gateway.shapes import CertificateView, Registration, SubscriptionView
from idlebell.gateway.trusting import settled
from idlebell.login.certificates import ENDS_SOON
from idlebell.model.ids import SubscriptionId
from idlebell.model.problem import Fault, Problem, ProblemError
from idlebell.model.trust import AUTHORITIES, FirstUse, Trust, pinned, spelled
from idlebell.net.errors import CertificateFacts
from idlebell.net.imap_connection import ImapConnection
from idlebell.telemetry.facts import CertificateEnds
from store_samples import TARGET

ONE, OTHER, THIRD = (bytes([number]) * 32 for number in (1, 2, 3))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench(Policy(vapid_subject=True, trust_first_use=True))
    made.door.certificate = shows(made, ONE)
    yield made
    await made.close()


def shows(bench: Bench, key: bytes, ends: timedelta = timedelta(days=90)) -> CertificateFacts:
    now = bench.clock.now()
    dates = (now - ends).isoformat(), (now + ends).isoformat()
    return CertificateFacts("CN=imap.example.org", "CN=imap.example.org", *dates, ("imap.example.org",), key)


async def problem(coroutine: Any) -> Problem:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    return caught.value.problem


async def patch(bench: Bench, answer: Registration, **members: Any) -> SubscriptionView:
    return await bench.gateway.change(answer.view.id, members, bench.bearing(answer.token))


async def trust_of(bench: Bench, answer: Registration) -> Any:
    stored = await bench.store.get(SubscriptionId(answer.view.id))
    account = None if stored is None else await bench.store.account_by_id(stored.account_id)
    return None if account is None else account.target.trust


async def test_pins_reach_the_login_and_are_shown_with_the_certificate(bench: Bench) -> None:
    answer = await bench.subscribe(tls_pin_sha256=[OTHER.hex(), spelled(ONE)])
    assert {one.target.trust for one, _ in bench.door.tries} == {pinned([ONE, OTHER])}
    assert answer.view.tls_pin_sha256 == (spelled(ONE), spelled(OTHER))
    assert answer.view.certificate == CertificateView(
        spki_sha256=spelled(ONE),
        subject="CN=imap.example.org",
        issuer="CN=imap.example.org",
        not_after=bench.clock.now() + timedelta(days=90),
        expires_soon=False,
    )


async def test_a_key_that_somebody_brings_shows_no_right_to_an_account_of_others(bench: Bench) -> None:
    """P7: who stands on the way can log anybody in under a key of his own. That login opens nothing of another trust, not even
    with the same host, user name and endpoint."""
    honest = await bench.subscribe(retention="memory")
    forged = await bench.subscribe(tls_pin_sha256=spelled(THIRD))
    first = await bench.subscribe(tls_pin_sha256="first")
    stored = {one.id: one for one in await bench.stored()}
    assert len({one.account_id for one in stored.values()}) == 3
    assert len({honest.view.id, forged.view.id, first.view.id}) == 3
    hers = stored[SubscriptionId(honest.view.id)]
    assert len(hers.token_hashes) == 1
    again = await bench.subscribe()
    assert (again.status, again.view.id) == (200, honest.view.id)


async def test_a_repeat_with_the_same_keys_is_the_same_subscription(bench: Bench) -> None:
    one = await bench.subscribe(tls_pin_sha256=[spelled(ONE), spelled(OTHER)])
    again = await bench.subscribe(tls_pin_sha256=[OTHER.hex(), ONE.hex()])
    assert (again.status, again.view.id) == (200, one.view.id)


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"tls_pin_sha256": "ab"}, "/tls_pin_sha256"),
        ({"tls_pin_sha256": []}, "/tls_pin_sha256"),
        ({"tls_pin_sha256": ["first"]}, "/tls_pin_sha256"),
        ({"tls_pin_sha256": {"a": 1}}, "/tls_pin_sha256"),
        ({"tls_pin_sha256": ONE.hex(), "imap": {"tls": "none"}}, "/tls_pin_sha256"),
        ({"tls_pin_sha256": ONE.hex(), "imap": {"host": None}}, "/imap/host"),
    ],
)
async def test_what_cannot_be_trusted_is_told(members: dict[str, Any], pointer: str) -> None:
    bench = Bench(Policy(vapid_subject=True))
    found = await problem(bench.subscribe(**members))
    assert pointer in {one.pointer for one in found.errors}
    await bench.close()


async def test_first_use_is_the_operators_to_allow() -> None:
    bench = Bench(Policy(vapid_subject=True))
    (fault,) = (await problem(bench.subscribe(tls_pin_sha256="first"))).errors
    assert "imap.trust_first_use" in fault.detail
    await bench.close()


async def test_the_key_of_the_first_session_is_trusted_from_then_on_and_shown(bench: Bench) -> None:
    answer = await bench.subscribe(tls_pin_sha256="first", wait_seconds=0)
    await bench.until(lambda: bench.door.live == 1)
    await asyncio.gather(*bench.fleet.tasks)
    assert await trust_of(bench, answer) == FirstUse(ONE)
    shown = await bench.gateway.show(answer.view.id, bench.bearing(answer.token))
    assert shown.tls_pin_sha256 == "first"
    assert shown.certificate is not None
    assert shown.certificate.spki_sha256 == spelled(ONE)
    # Whoever comes later is bound by it before a password is sent.
    await bench.subscribe(tls_pin_sha256="first", push="https://push.example.net/b")
    assert bench.door.tries[-1][0].target.trust == FirstUse(ONE)


async def test_two_first_sessions_that_see_other_keys_are_not_both_believed(bench: Bench) -> None:
    """They were under way at the same time, so neither was bound by the other."""
    account = await bench.store.account(replace(TARGET, trust=FirstUse()), "alice")
    one, same, other = [
        await settled(bench.store, account, cast(ImapConnection, Session(shows(bench, key))))
        for key in (ONE, ONE, OTHER)
    ]
    assert one == same == await bench.store.account_by_id(account.id)
    assert isinstance(other, Fault)
    assert other.code == "certificate-changed"


@pytest.mark.parametrize("after", [AUTHORITIES, pinned([OTHER]), FirstUse(OTHER)])
async def test_a_login_under_keys_that_are_exchanged_meanwhile_counts_for_nothing(bench: Bench, after: Trust) -> None:
    account = await bench.store.account(replace(TARGET, trust=pinned([ONE])), "alice")
    await bench.store.retrust(account.id, pinned([ONE]), after)
    found = await settled(bench.store, account, cast(ImapConnection, Session(shows(bench, ONE))))
    assert isinstance(found, Fault)
    await bench.store.retrust(account.id, after, pinned([ONE, THIRD]))
    found = await settled(bench.store, account, cast(ImapConnection, Session(shows(bench, ONE))))
    assert found == await bench.store.account_by_id(account.id)


async def test_every_session_of_a_first_use_has_to_show_the_same_key(bench: Bench) -> None:
    """With retention session several are opened, one after another."""
    await bench.subscribe(tls_pin_sha256="first", mailboxes=["INBOX", "Work", "Play"])
    trusts = [account.target.trust for account, _ in bench.door.tries]
    assert len(trusts) > 1
    assert trusts == [FirstUse(), *(FirstUse(ONE) for _ in trusts[1:])]


async def test_fewer_keys_leave_the_credentials_and_others_wipe_them(bench: Bench) -> None:
    """They were given to be sent to those keys alone. Id, token and what was announced stay."""
    answer = await bench.subscribe(tls_pin_sha256=[ONE.hex(), OTHER.hex()], retention="memory")
    assert (await patch(bench, answer, tls_pin_sha256=spelled(ONE))).tls_pin_sha256 == (spelled(ONE),)
    assert len(bench.keyring) == 1
    shown = await patch(bench, answer, tls_pin_sha256=[ONE.hex(), THIRD.hex()])
    assert (shown.id, shown.tls_pin_sha256, shown.state) == (
        answer.view.id,
        (spelled(ONE), spelled(THIRD)),
        "watching",
    )
    assert len(bench.keyring) == 0
    status, _ = await bench.resupply(answer.view.id, answer.token, "right")
    assert status == 200
    assert bench.door.tries[-1][0].target.trust == pinned([ONE, THIRD])
    again = await bench.subscribe(tls_pin_sha256=[ONE.hex(), THIRD.hex()])
    assert (again.status, again.view.id) == (200, answer.view.id), "its key follows"


async def test_first_use_can_begin_anew(bench: Bench) -> None:
    """The server has a new key, and the user has compared it."""
    answer = await bench.subscribe(tls_pin_sha256="first")
    await patch(bench, answer, tls_pin_sha256="first")
    assert await trust_of(bench, answer) == FirstUse()
    bench.door.certificate = shows(bench, OTHER)
    await bench.resupply(answer.view.id, answer.token, "right")
    assert await trust_of(bench, answer) == FirstUse(OTHER)
    await patch(bench, answer, tls_pin_sha256=None)
    assert (await bench.gateway.show(answer.view.id, bench.bearing(answer.token))).tls_pin_sha256 is None


async def test_a_patch_that_is_refused_exchanges_nothing(bench: Bench) -> None:
    answer = await bench.subscribe(tls_pin_sha256=ONE.hex())
    stored = await bench.store.get(SubscriptionId(answer.view.id))
    assert stored is not None
    bench.fleet.lose(stored.account_id)
    found = await problem(patch(bench, answer, tls_pin_sha256=OTHER.hex(), mailboxes=["INBOX", "Work"]))
    assert found.code == "credentials-needed"
    assert await trust_of(bench, answer) == pinned([ONE])


async def test_what_others_trust_is_not_exchanged_under_them(bench: Bench) -> None:
    answer = await bench.subscribe(tls_pin_sha256=ONE.hex())
    await bench.subscribe(tls_pin_sha256=ONE.hex(), push="https://push.example.net/b")
    assert (await problem(patch(bench, answer, tls_pin_sha256=OTHER.hex()))).code == "conflict"
    alone = await bench.subscribe(tls_pin_sha256=OTHER.hex())
    assert (await problem(patch(bench, alone, tls_pin_sha256=ONE.hex()))).code == "conflict"
    found = await problem(patch(bench, alone, tls_pin_sha256=THIRD.hex(), auth={"type": "password", "password": "x"}))
    assert {one.pointer for one in found.errors} == {"/auth"}
    assert {one.pointer for one in (await problem(patch(bench, alone, tls_pin_sha256=7))).errors} == {"/tls_pin_sha256"}


async def test_a_certificate_that_ends_soon_is_told_ahead_once_a_day(bench: Bench) -> None:
    bench.door.certificate = shows(bench, ONE, ENDS_SOON + timedelta(days=1))
    answer = await bench.subscribe()
    assert answer.view.certificate is not None
    assert answer.view.certificate.expires_soon is False
    assert (bench.door.certificates.ending(), told(bench)) == (0, 0)
    bench.clock.pass_by(timedelta(days=1, seconds=1).total_seconds())
    reviewing = asyncio.create_task(bench.door.certificates.review())
    await bench.until(lambda: told(bench) == 3)
    reviewing.cancel()
    nights = [seconds for seconds in bench.clock.slept if seconds >= 3_600]
    assert 9 <= len(nights) <= 10, "told every day of the four reviews"
    shown = await bench.gateway.show(answer.view.id, bench.bearing(answer.token))
    assert shown.certificate is not None
    assert shown.certificate.expires_soon is True
    assert bench.door.certificates.ending() == 1
    renewed = replace(shows(bench, ONE), names=("renewed",))
    bench.door.certificate = renewed
    await bench.subscribe()
    assert bench.door.certificates.ending() == 0


def told(bench: Bench) -> int:
    return sum(isinstance(one, CertificateEnds) for one in bench.facts)
