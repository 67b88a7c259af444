"""Events are values; none of them shows a SASL message."""

import pytest

from idlebell.imap import commands as c
from idlebell.imap.events import Challenged, CommandReceived, Completed, SaslReceived
from idlebell.imap.responses import Condition


@pytest.mark.parametrize(("condition", "ok"), [(Condition.OK, True), (Condition.NO, False), (Condition.BAD, False)])
def test_only_ok_is_ok(condition: Condition, ok: bool) -> None:
    assert Completed("A1", c.Noop(), condition, None, "").ok is ok


@pytest.mark.parametrize(
    "event",
    [
        Challenged(b"hunter2"),
        SaslReceived(b"hunter2"),
        CommandReceived("a", c.Login("alice", "hunter2")),
        Completed("a", c.Authenticate("PLAIN", b"hunter2"), Condition.NO, None, ""),
    ],
)
def test_no_secret_is_in_a_repr(event: object) -> None:
    assert "hunter2" not in repr(event)
