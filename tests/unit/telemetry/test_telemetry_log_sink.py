from __future__ import annotations

import dataclasses
import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.model.ids import AccountId
from idlebell.telemetry import facts, log_sink
from idlebell.telemetry.prometheus_sink import fact_types

HOSTILE = 'x\r\n2026 error fake\x1b[2J\u202e"</script>\u2028\ud800'


@pytest.fixture
def log():
    """A logger of its own, with what it writes."""
    stream = io.StringIO()
    logger = logging.getLogger("idlebell.test")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger, handler, stream
    logger.removeHandler(handler)


def lost(detail: str) -> facts.SessionLost:
    return facts.SessionLost(AccountId("acc_1"), "imap.example.org", "session-lost", detail, "")


def test_a_fact_is_a_line_of_text_without_its_empty_members(log):
    logger, handler, stream = log
    handler.setFormatter(log_sink.TextFormatter(names=True))
    log_sink.LogSink(logger)(lost("gone away"))
    line = stream.getvalue()
    assert line.rstrip("\n").partition(" ")[2] == (
        'warning session_lost account=acc_1 host=imap.example.org code=session-lost detail="gone away"'
    )


def test_a_fact_is_a_json_object(log):
    logger, handler, stream = log
    handler.setFormatter(log_sink.JsonFormatter())
    log_sink.LogSink(logger)(facts.SessionOpened(AccountId("acc_1"), "h", 41.23456))
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "event": "session_opened", "account": "acc_1", "host": "h", "took_ms": 41.235}


@pytest.mark.parametrize("form", [log_sink.TextFormatter, log_sink.JsonFormatter])
def test_a_servers_words_stay_on_one_line_and_move_no_cursor(log, form):
    logger, handler, stream = log
    handler.setFormatter(form(names=True))
    log_sink.LogSink(logger)(lost(HOSTILE))
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert not set(written) & {"\r", "\x1b", "\u202e", "\u2028", "\ud800"}


@given(st.text(max_size=3_000))
def test_whatever_is_escaped_is_one_bounded_line(text):
    written = log_sink.escaped(text)
    assert len(written.splitlines()) <= 1
    assert len(written) <= 6 * log_sink.MAX_VALUE_CHARS
    written.encode("utf-8")


@given(st.text(max_size=40) | st.text('ab=\\"\n é', max_size=4), st.floats(allow_nan=False), st.none() | st.integers())
def test_a_fact_says_the_same_as_text_and_as_json(detail, took_ms, status):
    fact = facts.PushAttempted("sub_1", "ntf_1", "webpush", "new_mail", "retry", status, took_ms, detail)
    record = logging.LogRecord("idlebell", logging.INFO, "", 0, "", (), None)
    record.fact = fact
    text = log_sink.TextFormatter().format(record)
    found = log_sink.members(record)
    head = found.pop("event")
    spelled = "".join(f" {name}={log_sink.TextFormatter._value(value)}" for name, value in found.items())
    assert text.partition(" info ")[2] == head + spelled


@pytest.mark.parametrize("form", [log_sink.TextFormatter, log_sink.JsonFormatter])
def test_others_words_are_shown_on_demand_only(log, form):
    logger, handler, stream = log
    unreached = facts.LoginFailed(AccountId("acc_1"), "h", "unreachable", "It cannot be reached.", "refused: 192.0.2.1")
    for names in (False, True):
        handler.setFormatter(form(names=names))
        log_sink.LogSink(logger)(lost("alice was here"))
        log_sink.LogSink(logger)(unreached)
    hidden, own, shown, _ = stream.getvalue().splitlines()
    assert "alice" not in hidden
    assert log_sink.HIDDEN in hidden
    assert "refused: 192.0.2.1" in own
    assert "alice was here" in shown


def test_every_member_that_may_hold_what_others_said_is_of_that_type():
    """Whoever adds a member says what it is: free text is ours, or it is others' words."""
    free = {
        (kind.__name__, field.name)
        for kind in fact_types()
        for field in dataclasses.fields(kind)
        if field.name in ("detail", "private", "text", "reason", "error") and field.type != "OthersWords"
    }
    assert free == {
        ("BreakerChanged", "detail"),  # of a closed set of outcomes
        ("CanaryFailed", "detail"),  # of the operator's own account
        ("ClockJumped", "reason"),
        ("Complained", "text"),  # of the operator's own configuration
        ("CursorRebased", "reason"),
        ("Noted", "text"),
        ("PushAttempted", "detail"),  # why no answer came, by our own client
        ("ReconnectAsked", "reason"),
        ("StoreFailed", "detail"),
        ("SupervisorCaught", "error"),
        ("Warned", "text"),  # of the operator's own configuration
        ("WatchChanged", "reason"),
    }


def test_a_long_line_is_cut(log):
    logger, handler, stream = log
    handler.setFormatter(log_sink.TextFormatter(names=True))
    log_sink.LogSink(logger)(lost("\x00" * 5_000))
    assert len(stream.getvalue()) <= log_sink.MAX_LINE_CHARS + 1


def test_the_text_of_an_exception_is_not_written(log):
    logger, handler, stream = log
    handler.setFormatter(log_sink.TextFormatter())
    try:
        raise ValueError("hunter2")
    except ValueError:
        logger.exception("it failed")
    assert 'error="ValueError in test_telemetry_log_sink.py' in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_of_asyncio_only_the_first_line_is_written():
    record = logging.LogRecord("asyncio", logging.ERROR, "f", 1, "Task failed\nfuture: ValueError('hunter2')", (), None)
    assert log_sink.members(record)["message"] == "Task failed"


def test_a_fact_below_the_level_is_not_written(log):
    logger, _, stream = log
    logger.setLevel(logging.WARNING)
    log_sink.LogSink(logger)(facts.RequestRefused("not-found"))
    assert stream.getvalue() == ""


def test_configuring_again_replaces_the_handler_and_the_form():
    root, level = logging.getLogger(), logging.getLogger().level
    before = list(root.handlers)
    stream = io.StringIO()
    try:
        first = log_sink.configure("text", "info", stream)
        second = log_sink.configure("json", "debug", stream)
        assert first not in root.handlers
        assert second in root.handlers
        log_sink.LogSink()(facts.RequestRefused("not-found"))
        assert json.loads(stream.getvalue())["event"] == "request_refused"
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(False)
        logging.getLogger(log_sink.LOGGER).setLevel(logging.NOTSET)
