"""A push service that hangs, answers slowly or with megabytes, redirects or talks nonsense holds up nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path

from faults.fault_scene import scene, without
from idlebell.testing import mail
from idlebell.testing.push_service import Manner, PushService, ScriptedAnswer

ACCEPTED = {
    "megabytes": ScriptedAnswer(body=b"x" * 10_000_000),
    "an endless body": ScriptedAnswer(manner=Manner.ENDLESS_BODY),
}
HANGING = {
    "never": ScriptedAnswer(manner=Manner.NEVER),
    "late": ScriptedAnswer(delay_seconds=600),
    "drip": ScriptedAnswer(manner=Manner.DRIP),
}
FAILING = {
    "interim": ScriptedAnswer(manner=Manner.INTERIM_FLOOD),
    "cut": ScriptedAnswer(manner=Manner.CUT),
    "garbage": ScriptedAnswer(manner=Manner.GARBAGE),
    "moved": ScriptedAnswer(status=301, location="/trap"),
    "found": ScriptedAnswer(status=302, location="http://169.254.169.254/latest/meta-data/"),
    "other": ScriptedAnswer(status=303, location="/trap"),
    "again": ScriptedAnswer(status=307, location="/trap"),
    "for ever": ScriptedAnswer(status=308, location="/for ever"),
    "busy": ScriptedAnswer(status=503, retry_after="-1e999, soon"),
    "patience": ScriptedAnswer(status=429, retry_after="315360000"),
    "broken": ScriptedAnswer(status=500, body=b"\x00\xff" * 5_000),
    "no content": ScriptedAnswer(status=204),
    "teapot": ScriptedAnswer(status=418),
    "unknown": ScriptedAnswer(status=999),
}
HOSTILE = {**ACCEPTED, **HANGING, **FAILING}


async def test_all_of_them_at_once_delay_no_healthy_endpoint_of_the_same_mailbox(tmp_path: Path) -> None:
    """Every endpoint of a service of its own, all of one mailbox, and one that works among them: it rings each time while
    the others are still at it. No redirect is followed."""
    async with scene(tmp_path) as stage:
        services = [PushService() for _ in HOSTILE]
        try:
            for service, (name, answer) in zip(services, HOSTILE.items(), strict=True):
                await service.start()
                service.script("bad", then=answer)
                service.make_simplepush("trap")
                endpoints = {"new_mail": service.make_simplepush("bad"), "reconnect": service.make_simplepush("lost")}
                made = await stage.subscribe(stage.wish(endpoints=endpoints))
                assert made.status == 201, (name, made)
            await stage.healthy("alice")
            for _ in range(5):
                await stage.rings("alice", timeout=5)
            await asyncio.gather(*(service.wait_for(1) for service in services))
            for service, name in zip(services, HOSTILE, strict=True):
                assert {one.path for one in service.received} == {"/bad"}, name
                # One that has not answered yet is not asked again meanwhile.
                assert name not in HANGING or len(service.received) == 1
            assert len(stage.server.of("alice")) == 1
            stage.nobody_was_surprised()
        finally:
            await asyncio.gather(*(service.stop() for service in services))


async def test_many_that_hang_at_one_service_leave_room_for_its_neighbours(tmp_path: Path) -> None:
    """N1: 40 endpoints of one origin hang, another origin is served as ever."""
    async with scene(tmp_path) as stage, PushService() as bad:
        for number in range(40):
            name = f"bad{number}"
            bad.script(name, then=ScriptedAnswer(manner=Manner.NEVER))
            endpoints = {"new_mail": bad.make_simplepush(name), "reconnect": bad.make_simplepush(f"{name}-lost")}
            made = await stage.subscribe(stage.wish(endpoints=endpoints))
            assert made.status == 201, made
        await stage.healthy("alice")
        for _ in range(3):
            await stage.rings("alice", timeout=5)
        assert 1 <= len(bad.received) < 40
        stage.nobody_was_surprised()


async def test_a_reconnect_endpoint_that_hangs_keeps_no_other_app_from_being_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage, PushService() as bad:
        bad.script("lost", then=ScriptedAnswer(manner=Manner.NEVER))
        endpoints = {"new_mail": bad.make_simplepush("new"), "reconnect": bad.make_simplepush("lost")}
        assert (await stage.subscribe(stage.wish(endpoints=endpoints))).status == 201
        assert (await stage.subscribe(stage.wish())).status == 201
        for session in stage.server.of("alice"):
            session.bye()
        await bad.wait_for(1, name="lost")
        await stage.service.wait_for(1, name="alice-lost")


async def test_a_service_that_lies_about_its_answer_is_written_down_as_failing(tmp_path: Path) -> None:
    """What the app sees of it is a class of failure, never the service's bytes."""
    async with scene(tmp_path) as stage:
        stage.service.script("alice", then=ScriptedAnswer(status=500, body=b"<script>alert(1)</script>"))
        made = await stage.subscribe(stage.wish())
        stage.server.deliver("alice", mail.make())
        await stage.service.wait_for(1, name="alice")

        path = f"/v1/subscriptions/{made.json['id']}"

        async def settled() -> bool:
            shown = await stage.call("GET", path, token=made.json["token"])
            return shown.json["last_push"] is not None

        await stage.until(settled)
        shown = await stage.call("GET", path, token=made.json["token"])
        tested = await stage.call("POST", f"{path}/test", token=made.json["token"])
        assert shown.json["last_push"]["outcome"] == "retry"
        assert shown.json["last_push"]["status"] == 500
        assert b"script" not in shown.body + tested.body
        assert (tested.status, tested.json["outcome"]) == (200, "retry")
        # And a wrong type of endpoint at the same place is a fault of the request, not of the service.
        wrong = await stage.subscribe(without(stage.wish(), "/endpoints/new_mail/type", "webhook"))
        assert wrong.is_problem("invalid-request")
