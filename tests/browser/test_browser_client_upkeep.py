"""What the web client mends by itself in a real Firefox: a gateway that has lost its store, a password that does no more."""

from __future__ import annotations

import asyncio
import imaplib
import os
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from browser.client_steps import CARDS, add_account, deliver, kept, shown
from browser.firefox import Firefox
from browser.page import Page
from browser.push_server import PushServer
from gateway_process import GatewayProcess
from idlebell.cli import main
from idlebell.testing import mail
from servers.dovecot_server import DovecotServer
from servers.mail_server import User

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

TEND = "navigator.serviceWorker.ready.then(one => self.idlebell.upkeep.tend(one, {start: true})).then(() => true)"
"""What page and worker do at every start."""


@pytest.fixture
async def gateway(dovecot: DovecotServer, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        yield gateway


async def keys(gateway: GatewayProcess, *words: str) -> str:
    """What ``idlebell keys`` prints."""
    found = await asyncio.to_thread(CliRunner().invoke, main, ["keys", *words, "--config", str(gateway.config)])
    assert found.exit_code == 0, found.output
    return found.stdout.strip()


async def when(page: Page, holds: str) -> None:
    """Waits until the one account that is kept (``one``) is as ``holds`` says."""
    await page.until(
        f"self.idlebell.records.subscriptions().then(all => all.length === 1 && all.every(one => {holds}))"
    )


async def test_a_gateway_that_lost_everything_is_registered_with_anew(
    firefox: Firefox, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    """Its store is gone, so the subscription is a 404 and the key that pushes are signed with is another one."""
    user, page = dovecot.add_user(), firefox.page
    await add_account(page, gateway, dovecot, user)
    (before,) = await kept(page)
    await page.open("about:blank")
    await asyncio.to_thread(gateway.stop)
    for path in gateway.folder.glob("idlebell.db*"):
        path.unlink()
    await gateway.start()

    await page.open(f"{gateway.url}/#/account/{before['id']}")
    await when(page, f"one.id !== {before['id']!r} && one.view.state === 'watching'")
    (after,) = await kept(page)
    assert after["endpoint_url"] != before["endpoint_url"], "a push subscription belongs to its key"
    await page.until(f"location.hash === '#/account/{after['id']}'")
    await deliver(dovecot, user, mail.make(subject="All is new"))
    await shown(page, "All is new")
    await page.click("#test-bell")
    await page.until("document.querySelector('#test-result').textContent.includes('Heard after')")


async def test_a_browser_moves_over_to_a_key_that_was_rotated(
    firefox: Firefox, push_server: PushServer, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    """Its old push subscription still rings; the next start of the page makes one of the new key, and the old key is free."""
    user, page = dovecot.add_user(), firefox.page
    await add_account(page, gateway, dovecot, user)
    (before,) = await kept(page)
    key = await keys(gateway, "rotate-vapid")
    await deliver(dovecot, user, mail.make(subject="With the old key"))
    await shown(page, "With the old key")

    await page.open("about:blank")
    await page.open(f"{gateway.url}/#/account/{before['id']}")
    await when(page, f"one.endpoint_url !== {before['endpoint_url']!r}")
    (after,) = await kept(page)
    assert after["id"] == before["id"]
    lines = (await keys(gateway, "list")).splitlines()
    assert [line.rpartition(" ")[2] for line in lines if line.startswith(key)] == ["1"]
    assert [line.rpartition(" ")[2] for line in lines if not line.startswith(key)] == ["0"]
    await deliver(dovecot, user, mail.make(subject="With the new key"))
    await shown(page, "With the new key")
    assert not push_server.refused

    # Between the end of a push subscription and the change of the gateway's there is mail: the gateway's is over.
    held = "new Promise(held => navigator.locks.request('idlebell-tend', () => new Promise(end => held(self.tended = end))))"
    assert await page.evaluate(f"{held}.then(() => true)")
    registration = "navigator.serviceWorker.ready"
    assert await page.evaluate(
        f"{registration}.then(one => one.pushManager.getSubscription()).then(one => one.unsubscribe())"
    )
    await deliver(dovecot, user, mail.make(subject="With none"))
    state = "self.idlebell.api.show(all[0]).then(one => one.state)"
    await page.until(f"self.idlebell.records.subscriptions().then(all => {state}).then(one => one === 'ended')")
    await page.evaluate("(self.tended(), navigator.locks.request('idlebell-tend', () => true))")
    await page.evaluate(TEND)
    await when(page, f"one.id !== {after['id']!r} && one.view.state === 'watching'")
    await deliver(dovecot, user, mail.make(subject="Anew"))
    await shown(page, "Anew")


async def test_a_kept_password_that_is_refused_is_forgotten_and_asked_for(
    firefox: Firefox, push_server: PushServer, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    """Tried once by the worker, and not again: mail servers lock accounts that are knocked at."""
    user, page = dovecot.add_user(), firefox.page
    await add_account(page, gateway, dovecot, user)
    dovecot.set_password(user.name, "another")
    for pid in dovecot.processes("imap"):
        os.kill(pid, signal.SIGKILL)
    await push_server.delivered(1)
    await shown(page, user.name, "needs your password")
    await when(page, "one.box === null")
    assert await page.evaluate(TEND)
    await page.click("#sign-in")
    await page.fill("#password", "another")
    await page.click("#connect")
    await when(page, "one.box !== null && one.view.state === 'watching'")


async def test_silence_a_filter_and_a_hushed_sender_are_set_by_the_page(
    firefox: Firefox, push_server: PushServer, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    user, page = dovecot.add_user(), firefox.page
    await deliver(dovecot, user, mail.make(subject="Older than the filter"))
    await add_account(page, gateway, dovecot, user)
    await page.click("#mute-hour")
    await when(page, "Date.parse(one.view.muted_until) > Date.now()")
    await page.click("#unmute")
    await when(page, "one.view.muted_until === null")

    await page.click("#filter summary")
    await page.evaluate("document.querySelector('#filter-only-add').click()")
    await page.evaluate("document.querySelector('.filter-row select').value = 'subject'")
    await page.fill(".filter-row input", "lunch")
    await page.until(
        "document.querySelector('#filter-preview [data-rings=no]')?.innerText.includes('Older than the filter')"
    )
    await page.click("#filter-save")
    await when(page, "one.view.filter?.subject === 'lunch'")
    await deliver(dovecot, user, mail.make(subject="No bell for this"))
    await deliver(dovecot, user, mail.make(subject="Lunch at noon"))
    cards = await shown(page, "Lunch at noon")
    assert "No bell for this" not in str(cards)
    assert len(push_server.pushes) == 1

    await page.evaluate("document.querySelector('#filter-swap').click()")
    await page.fill("#filter-script", 'if header :contains "subject" "bell" { discard; }')
    await page.evaluate("document.querySelector('#filter-save').click()")
    await when(page, "one.view.filter?.sieve?.includes('discard')")
    await deliver(dovecot, user, mail.make(subject="No bell for this either"))
    await deliver(dovecot, user, mail.make(subject="Dinner at eight"))
    cards = await shown(page, "Dinner at eight")
    assert "No bell for this" not in str(cards)

    await page.evaluate("document.querySelector('#reminder summary').click()")
    await page.evaluate("document.querySelector('#remind').value = '3600'")
    await page.evaluate("document.querySelector('#remind').dispatchEvent(new Event('change'))")
    await when(page, "one.view.remind_after === 3600")
    assert page.faults == []


async def test_a_card_closes_when_its_mail_is_read_on_another_device(
    firefox: Firefox, push_server: PushServer, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    user, page = dovecot.add_user(), firefox.page
    await add_account(page, gateway, dovecot, user)
    await page.evaluate("document.querySelector('#withdraw').click()")
    await when(page, "one.view.withdraw")
    await deliver(dovecot, user, mail.make(subject="Read me elsewhere"))
    await shown(page, "Read me elsewhere")
    await asyncio.to_thread(read_all, dovecot, user)
    await push_server.delivered(2)
    await page.until(f"{CARDS}.then(all => all.length === 0)")


async def test_a_browser_that_bears_no_silent_push_keeps_its_subscription(
    push_server: PushServer, gateway: GatewayProcess, dovecot: DovecotServer, tmp_path: Path
) -> None:
    """Firefox ends a subscription after 16 pushes that showed nothing while no page was open; this one after the first. What
    only takes cards back shows one, too."""
    impatient = {"dom.push.maxQuotaPerSubscription": 1}  # when it looks, 3 s after a push, is its own choice
    user = dovecot.add_user()
    async with Firefox(tmp_path / "firefox", push_server.browser_url, impatient) as firefox:
        page = firefox.page
        await add_account(page, gateway, dovecot, user)
        await page.evaluate("document.querySelector('#withdraw').click()")
        await when(page, "one.view.withdraw")
        await page.open("about:blank")
        before = push_server.resources
        for number in range(1, 7):  # long enough for it to look after the first ones
            await deliver(dovecot, user, mail.make(subject=f"Read me elsewhere, {number}"))
            await push_server.delivered(2 * number - 1)
            await asyncio.to_thread(read_all, dovecot, user)
            await push_server.delivered(2 * number)
        assert push_server.resources == before
        assert not push_server.refused


def read_all(server: DovecotServer, user: User) -> None:
    """As another mail program does."""
    with imaplib.IMAP4(server.host, server.ports.imap) as program:
        program.starttls(ssl.create_default_context(cafile=str(server.ca_file)))
        program.login(user.name, user.password)
        program.select()
        program.store("1:*", "+FLAGS", r"\Seen")
