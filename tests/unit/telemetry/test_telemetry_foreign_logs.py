from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from idlebell.telemetry.facts import Fact, Noted, SupervisorCaught
from idlebell.telemetry.foreign_logs import tell_by, tell_no_cancellations


@pytest.fixture
def facts() -> Iterator[list[Fact]]:
    root = logging.getLogger()
    before, told = root.handlers[:], []
    tell_by(told.append)
    yield told
    root.handlers[:] = before


def test_what_libraries_log_is_told_without_the_text_of_an_exception(facts: list[Fact]) -> None:
    try:
        raise ValueError("hunter2")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task ValueError('hunter2')>")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("anything").info("not of interest")
    first, *others = facts
    assert isinstance(first, SupervisorCaught)
    assert first.error.startswith("ValueError in ")
    assert others == [
        SupervisorCaught("door", "Task exception was never retrieved"),
        Noted("door: Invalid HTTP request received."),
    ]
    assert "hunter2" not in repr(facts)


def test_a_request_that_is_given_up_at_a_stop_is_no_bug(facts: list[Fact]) -> None:
    tell_no_cancellations()
    for error in (asyncio.CancelledError("timeout graceful shutdown exceeded"), ValueError("a bug")):
        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
    assert [fact.error.partition(" ")[0] for fact in facts if isinstance(fact, SupervisorCaught)] == ["ValueError"]
