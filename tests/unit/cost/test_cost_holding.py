from __future__ import annotations

import pytest

from idlebell.cost import measured
from idlebell.cost.holding import an_hour


@pytest.mark.parametrize("server", measured.CPU)
def test_an_hour_is_its_commands_taken_together(server):
    steps = measured.CPU[server]
    idle, noop, status, login = an_hour(server)
    assert idle.spent.server_ms == pytest.approx(steps["hold"].server_ms + 3_600 / 1_680 * steps["idle"].server_ms)
    assert idle.spent.gateway_ms == pytest.approx(steps["hold"].gateway_ms + 3_600 / 1_680 * steps["idle"].gateway_ms)
    assert noop.spent.server_ms == pytest.approx(60 * steps["noop"].server_ms)
    assert status.spent.gateway_ms == pytest.approx(60 * steps["status"].gateway_ms)
    assert login.spent.server_ms == pytest.approx(60 * steps["login"].server_ms)
