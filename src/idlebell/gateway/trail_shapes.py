"""What faces get back when they ask what became of messages and notifications."""

from __future__ import annotations

from datetime import datetime

from idlebell.gateway.shape import Shape


class DeliveryView(Shape, frozen=True, kw_only=True):
    """One attempt at a notification, or how it ended without one (then ``took_ms`` is null). ``host``: of the push service.
    ``since_ms``: from when what it tells of happened, which for new mail is the mail server's word of it. ``detail``: why no
    answer came; null where one came, or nothing was sent."""

    notification: str
    version: int
    type: str
    at: datetime
    outcome: str
    status: int | None
    took_ms: float | None
    since_ms: float
    host: str
    next_at: datetime | None
    detail: str | None


class Deliveries(Shape, frozen=True, kw_only=True):
    """The newest first."""

    items: tuple[DeliveryView, ...]


class StepView(Shape, frozen=True, kw_only=True):
    """``step``: seen, verdict, notification or attempt."""

    step: str
    at: datetime
    outcome: str
    detail: str


class FateView(Shape, frozen=True, kw_only=True):
    """Of one message. ``rang``: a push service took a notification that tells of it. ``uid`` and ``last_uid`` differ where many
    came at once and were counted. ``outcome``: of the last step. ``because``: what decided it."""

    mailbox: str
    uid_validity: int
    uid: int
    last_uid: int
    rang: bool
    outcome: str
    answer: str
    because: tuple[str, ...]
    notification: str | None
    steps: tuple[StepView, ...]
    attempts: tuple[DeliveryView, ...]


class WhyView(Shape, frozen=True, kw_only=True):
    """``outcome``: that of the message which rang, else of the newest; ``not-seen``, ``not-kept`` or ``not-known`` where
    nothing is kept of it. ``messages``: one mail may lie in several mailboxes; the newest first. ``kept_since``: from when on
    all is kept."""

    rang: bool
    outcome: str
    answer: str
    messages: tuple[FateView, ...]
    kept_since: datetime | None
