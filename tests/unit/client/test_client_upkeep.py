"""What an app does next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from idlebell.client import ApiError, GoneError, Push, Step, Subscription, next_step, renew_at, step_after

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def subscription(state: str = "watching") -> Subscription:
    return Subscription("sub_a", state, NOW, NOW + timedelta(seconds=1_000), 1_000)


def test_a_lease_is_renewed_at_half_its_time() -> None:
    half = NOW + timedelta(seconds=500)
    assert renew_at(subscription()) == half
    assert next_step(subscription(), half - timedelta(seconds=1)) is Step.NOTHING
    assert next_step(subscription(), half) is Step.RENEW


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ("connecting", Step.NOTHING),
        ("reconnecting", Step.NOTHING),
        ("paused", Step.NOTHING),
        ("needs_credentials", Step.RESUPPLY),
        ("rejected", Step.ASK),
        ("expired", Step.REGISTER),
        ("ended", Step.REGISTER),
        ("of a later version", Step.NOTHING),
    ],
)
def test_a_state_says_what_is_missing(state: str, step: Step) -> None:
    assert next_step(subscription(state), NOW) is step


@pytest.mark.parametrize("state", ["watching", "needs_credentials"])
def test_a_refresh_token_that_is_refused_asks_the_user(state: str) -> None:
    """Also while mail still rings: nothing could open the next session."""
    problem = {"type": "/problems/token-refused", "detail": "…", "since": "2026-11-22T00:00:00Z"}
    shown = msgspec.convert(msgspec.to_builtins(subscription(state)) | {"problem": problem}, Subscription)
    assert next_step(shown, NOW) is Step.ASK


@pytest.mark.parametrize(
    ("cause", "step"),
    [
        (Push(type="new_mail", subscription="s", version=1, at=NOW), Step.NOTHING),
        (Push(type="reconnect", subscription="s", version=1, at=NOW, reason="restart"), Step.RESUPPLY),
        (Push(type="reconnect", subscription="s", version=1, at=NOW, reason="rejected"), Step.ASK),
        (Push(type="expiring", subscription="s", version=1, at=NOW), Step.RENEW),
        (Push(type="of a later version", subscription="s", version=1, at=NOW), Step.NOTHING),
        (GoneError(404, {}), Step.REGISTER),
        (ApiError(422, {"type": "/problems/authentication-failed"}), Step.ASK),
        (ApiError(422, {"type": "/problems/token-refused"}), Step.ASK),
        (ApiError(503, {}), Step.NOTHING),
    ],
)
def test_a_push_or_a_refusal_says_what_is_to_be_done(cause: Push | ApiError, step: Step) -> None:
    assert step_after(cause) is step
