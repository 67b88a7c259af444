"""Token endpoints are strangers, named by whoever asks: whatever they do wrong is one answer, after one floor."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from faults.fault_scene import scene
from idlebell.gateway.means import UNREACHABLE_FLOOR_SECONDS
from idlebell.login import renewals
from idlebell.telemetry.facts import TokenNotRenewed
from servers.sandbox import free_port

REFRESH, SECRET = "r3fresh-never-shown", "s3cret-never-shown"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GRANT = b'{"access_token": "t0ken", "expires_in": 3600}'
HANGS, DRIPS, FLOODS = b"hangs", b"drips", b"floods"
ANSWERS: dict[str, bytes] = {
    "never": HANGS,
    "drip": DRIPS,
    "flood": FLOODS,
    "closed": b"",
    "garbage": b"220 smtp.example.org ESMTP\r\n",
    "cut": OK + b"Content-Length: 900\r\n\r\n" + GRANT,
    "not-json": OK + b"Content-Length: 6\r\n\r\n<html>",
    "nested": OK + b"Content-Length: 60000\r\n\r\n" + b"[" * 60_000,
    "no-token": OK + b"Content-Length: 2\r\n\r\n{}",
    "compressed": OK + b"Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n" + b"\x1f\x8b" + bytes(8),
    "error": b"HTTP/1.1 500 No\r\nContent-Length: 26\r\n\r\n" + b'{"error": "invalid_grant"}',
    "redirect": b"HTTP/1.1 307 Go\r\nLocation: /granted\r\nContent-Length: 0\r\n\r\n",
    "redirect-inside": b"HTTP/1.1 302 Go\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
}


class Endpoint:
    """Answers each path of :data:`ANSWERS` so, and ``/granted`` with a token."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode().removeprefix("/")
            self.asked.append(path)
            answer = ANSWERS.get(path, OK + b"Content-Length: %d\r\n\r\n" % len(GRANT) + GRANT)
            if answer in (HANGS, DRIPS, FLOODS):
                writer.write(OK + b"\r\n" if answer is not HANGS else b"")
                while True:
                    if answer is not HANGS:
                        writer.write(b" " if answer is DRIPS else b" " * 65_536)
                    await writer.drain()
                    await asyncio.sleep(0.05 if answer is not FLOODS else 0)
            writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def test_whatever_a_token_endpoint_does_is_one_answer_after_one_floor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewals, "ANSWER_SECONDS", 1.0)
    endpoint = Endpoint()
    async with scene(tmp_path) as stage, await asyncio.start_server(endpoint.serve, "127.0.0.1", 0) as listener:
        own = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        urls = [
            *(f"{own}/{path}" for path in ANSWERS),
            f"http://127.0.0.1:{free_port()}/closed-port",
            "https://no-such-name.invalid/token",
            "https://169.254.169.254/latest/api/token",
            "https://10.1.2.3/token",
            "https://[fd00::1]/token",
            "https://[64:ff9b::a01:203]/token",
        ]

        async def ask(number: int, url: str) -> tuple[int, str | None, str, float]:
            wish = stage.wish(f"user{number}", retention="memory", endpoints={"new_mail": stage.service.make_webhook()})
            wish["imap"]["auth"] = {
                "type": "oauth2", "refresh_token": REFRESH, "token_url": url, "client_id": "app", "client_secret": SECRET,
            }  # fmt: skip
            began = time.monotonic()
            answer = await stage.subscribe(wish)
            assert answer.is_problem("token-unavailable"), (url, answer)
            assert REFRESH.encode() not in answer.body
            return answer.status, answer.type, answer.json["detail"], time.monotonic() - began

        answers = await asyncio.gather(*(ask(number, url) for number, url in enumerate(urls)))
        assert len({(status, kind, detail) for status, kind, detail, _ in answers}) == 1
        assert all(seconds >= UNREACHABLE_FLOOR_SECONDS - 0.01 for *_, seconds in answers)
        assert sorted(endpoint.asked) == sorted(ANSWERS), "each once, and no redirect was followed"
        # The operator learns what it was, but no secret.
        told = [one for one in stage.facts if isinstance(one, TokenNotRenewed)]
        assert len(told) == len(urls)
        assert len({one.private for one in told}) > 5
        assert REFRESH not in repr(stage.facts)
        assert SECRET not in repr(stage.facts)
        assert stage.server.logins == []
        await stage.healthy()
