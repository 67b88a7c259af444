"""The table of behaviours, on real servers through the whole gateway: REST in, webhook out."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway_process import GatewayProcess
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers import behaviour_page
from servers.behaviour_stage import Way, stage
from servers.behaviours import BEHAVIOURS, NOTIFY_OTHER, RUNS, Behaviour, expected
from servers.dovecot_server import DovecotServer
from servers.mail_server import SandboxedServer, User

THREADS = 96
"""For the clients of all behaviours at once, each of which blocks."""


async def tried(
    behaviour: Behaviour, server: SandboxedServer, user: User, gateway: GatewayProcess, service: PushService, way: Way
) -> str | None:
    where = way.beside(behaviour.box) if behaviour.box else way
    hook = "".join(letter if letter.isalnum() else "-" for letter in behaviour.name)
    try:
        async with stage(server, user, gateway, service, where, hook, prepare=behaviour.prepare) as made:
            return await behaviour.act(made)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}"


async def try_all(server: SandboxedServer, way: Way, folder: Path, chosen: list[Behaviour]) -> dict[str, str | None]:
    """What was seen, by the name of the behaviour."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    users = await asyncio.to_thread(server.add_users, len(chosen))
    async with (
        PushService() as service,
        GatewayProcess(
            folder, server.ca_file, imap="poll_seconds = 1\nprobe_seconds = 30\nper_host_connect_rate = 0"
        ) as gateway,
    ):
        seen = await asyncio.gather(
            *(tried(one, server, user, gateway, service, way) for one, user in zip(chosen, users, strict=True))
        )
    return dict(zip((one.name for one in chosen), seen, strict=True))


@pytest.mark.long
@pytest.mark.timeout(300)  # a dozen seconds on a machine that does nothing else
@pytest.mark.parametrize(
    ("name", "way"),
    [
        pytest.param(name, way, id=f"{name}-{way.name}", marks=pytest.mark.needs(name))
        for name, ways in RUNS.items()
        for way in ways
    ],
)
async def test_app_hears_what_it_should(name: str, way: Way, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    server = request.getfixturevalue(name)
    words = request.config.getoption("--behaviour")
    chosen = [one for one in BEHAVIOURS if words is None or words in one.name]
    seen = await try_all(server, way, tmp_path, chosen)
    if request.config.getoption("--write-servers-page"):
        behaviour_page.write(name, way.name, seen)
    told = behaviour_page.Page(behaviour_page.PAGE.read_text()).column(name, way.name)
    wrong = []
    for one in chosen:
        sight = seen[one.name]
        if sight not in (None, expected(name, one)):
            wrong.append(f"{one.name}: {sight}, not {expected(name, one)}")
        elif (sight or behaviour_page.NOTHING) != told.get(one.name):
            wrong.append(f"{one.name}: {sight}, and docs/reference/servers.md says {told.get(one.name)}")
    assert not wrong, "\n".join([f"{server.title}, {way.name}", *wrong])


@pytest.mark.timeout(300)
async def test_mail_that_notify_does_not_tell_of_is_found(dovecot: DovecotServer, tmp_path: Path) -> None:
    """Another program puts it into a Maildir that is not the open one. Every fourth probe asks: after two minutes at most."""
    user = dovecot.add_user()
    async with (
        PushService() as service,
        GatewayProcess(tmp_path, dovecot.ca_file, imap="probe_seconds = 30") as gateway,
        stage(dovecot, user, gateway, service, NOTIFY_OTHER, "hook") as made,
    ):
        await made.subscribe()
        await asyncio.to_thread(dovecot.drop_into_maildir, user.name, mail.make(subject="dropped"), made.box)
        await made.until_announced("dropped", 150)
        shown = await made.watched(made.box)
    assert shown is not None
    assert shown["mode"] in ("notify", "poll"), (
        "where it was certain that NOTIFY was silent, it is not believed any more"
    )
