"""The processes that run Apprise: started when there is something to send, killed when they hang, ended when they idle.

One call at a time in each, so that a call that hangs is ended with its process and takes no other with it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from idlebell.model.endpoint import PushUrl
from idlebell.net.child_process import REAP_SECONDS
from idlebell.net.egress import Egress
from idlebell.push.exchange import AppriseAnswered, AppriseCall, NoResponse

PROCESSES: Final = 2
"""At once; each has some 90 MiB."""
START_SECONDS: Final = 30.0
"""Until it is ready: a second of work, on a machine that may be busy."""
IDLE_SECONDS: Final = 120.0
CALLS: Final = 1_000
"""After so many a process is followed by a fresh one: what a plugin leaks is given back."""
LINE_BYTES: Final = 262_144
LOOK_SECONDS: Final = 10.0


def is_installed() -> bool:
    """Is there an Apprise? It is not imported."""
    return importlib.util.find_spec("apprise") is not None


@dataclass(slots=True)
class _Worker:
    process: asyncio.subprocess.Process
    calls: int = 0


class ApprisePool:
    """One for the process; made when it is there, workers when they are needed."""

    def __init__(
        self,
        egress: Egress,
        *,
        proxy: str = "",
        ca_file: Path | None = None,
        processes: int = PROCESSES,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """``egress`` and ``proxy`` hold there as they do for every endpoint; ``ca_file``: more certificate authorities."""
        self._settings = {
            "allow": [str(one) for one in egress.allow],
            "endpoint_ports": sorted(egress.endpoint_ports),
            "allow_plaintext": egress.allow_plaintext,
            "proxy": proxy,
            "ca": "" if ca_file is None else ca_file.read_text("utf-8", "replace"),
        }
        self._turns = asyncio.Semaphore(processes)
        self._idle_seconds = idle_seconds
        self._idle: list[_Worker] = []
        self._ending: dict[int, asyncio.TimerHandle] = {}
        self._reaping: set[asyncio.Task[None]] = set()

    async def carry(self, exchange: AppriseCall, /, *, timeout_seconds: float) -> AppriseAnswered | NoResponse:
        """Sends one notification. NoResponse ``timeout``: it hung, and its process was killed."""
        call = {"url": exchange.url.reveal(), "title": exchange.title, "body": exchange.body, "look": False}
        answer = await self._ask(call, timeout_seconds)
        if isinstance(answer, NoResponse):
            return answer
        match answer.get("answer"):
            case "accepted":
                return AppriseAnswered(accepted=True, status=answer["status"])
            case "failed" if answer["refused"] and answer["status"] is None:
                return NoResponse("not-allowed", answer["refused"])
            case "failed":
                return AppriseAnswered(False, answer["status"], answer["retry_after"], answer["silence"])
            case unusable:
                return NoResponse("not-allowed", f"the URL is {unusable} to Apprise")

    async def look(self, url: PushUrl) -> str | None:
        """What is wrong with a URL, as far as it can be told without sending anything; None: nothing is known to be. The
        answer holds nothing of the URL."""
        answer = await self._ask({"url": url.reveal(), "title": "", "body": "", "look": True}, LOOK_SECONDS)
        if isinstance(answer, NoResponse):
            return None  # the first push finds out
        return {
            "unknown": "must be a URL that Apprise understands",
            "several": "must have one target; register another endpoint for another one",
        }.get(answer.get("answer", ""))

    async def close(self) -> None:
        for timer in self._ending.values():
            timer.cancel()
        self._ending.clear()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(_end(worker.process) for worker in idle), *self._reaping)

    async def _ask(self, call: dict[str, Any], timeout_seconds: float) -> dict[str, Any] | NoResponse:
        try:
            async with asyncio.timeout(timeout_seconds + START_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            return NoResponse("timeout", "all processes of Apprise were busy")
        try:
            return await self._ask_one(call, timeout_seconds)
        finally:
            self._turns.release()

    async def _ask_one(self, call: dict[str, Any], timeout_seconds: float) -> dict[str, Any] | NoResponse:
        try:
            worker = self._take() or await self._start()
        except (OSError, TimeoutError, ValueError) as error:
            return NoResponse("broken", f"the process of Apprise did not start: {type(error).__name__}")
        whole = False
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await _exchange(worker.process, call)
            whole = True
            return answer
        except TimeoutError:
            return NoResponse("timeout", f"no end within {timeout_seconds:g} s; its process was ended")
        except (OSError, ValueError):
            return NoResponse("broken", "the process of Apprise has ended")
        finally:
            worker.calls += 1
            if whole and worker.calls < CALLS:
                self._give_back(worker)
            else:
                self._reap(worker)

    def _take(self) -> _Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if (timer := self._ending.pop(worker.process.pid, None)) is not None:
                timer.cancel()
            if worker.process.returncode is None:
                return worker
        return None

    def _give_back(self, worker: _Worker) -> None:
        self._idle.append(worker)
        self._ending[worker.process.pid] = asyncio.get_running_loop().call_later(
            self._idle_seconds, self._end_idle, worker
        )

    def _end_idle(self, worker: _Worker) -> None:
        self._ending.pop(worker.process.pid, None)
        if worker in self._idle:
            self._idle.remove(worker)
            self._reap(worker)

    def _reap(self, worker: _Worker) -> None:
        task = asyncio.create_task(_end(worker.process), name="reap apprise")
        self._reaping.add(task)
        task.add_done_callback(self._reaping.discard)

    async def _start(self) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            "idlebell.net.apprise_worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE_BYTES,
            # No home: no .netrc, no configuration, no proxy of the environment.
            env={"PATH": os.defpath, "HOME": "/nonexistent", "LANG": "C.UTF-8", "NETRC": os.devnull},
            cwd="/",
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                await _exchange(process, self._settings)
        except BaseException:
            await _end(process)
            raise
        return _Worker(process)


async def _exchange(process: asyncio.subprocess.Process, call: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(call).encode("ascii") + b"\n")
    await process.stdin.drain()
    line = await process.stdout.readline()
    answer = json.loads(line)  # an end is no JSON
    if not isinstance(answer, dict):
        raise ValueError("not an answer")
    return answer


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    with suppress(TimeoutError):
        async with asyncio.timeout(REAP_SECONDS):
            await process.wait()
