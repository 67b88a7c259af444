from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from idlebell.login.certificates import TOLD_EVERY, Certificates
from idlebell.net.clock import Clock
from idlebell.telemetry.facts import ClientCertificateEnds, Fact


class Hands(Clock):
    __slots__ = ("ahead",)

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


async def test_the_end_of_a_certificate_of_ours_is_told_once_a_day_until_it_is_renewed(tmp_path: Path) -> None:
    authority = trustme.CA()

    def write(name: str, days: int) -> str:
        made = authority.issue_cert(common_name=name, not_after=datetime.now(UTC) + timedelta(days=days))
        path = tmp_path / f"{name}.pem"
        path.write_bytes(made.cert_chain_pems[0].bytes())
        return str(path)

    told: list[Fact] = []
    clock = Hands()
    certificates = Certificates(clock, told.append)
    soon, later = write("soon", 3), write("later", 300)
    await certificates.mind([soon, later, str(tmp_path / "none.pem")])
    await certificates.mind([soon, later])
    assert [(type(one), one.file) for one in told if isinstance(one, ClientCertificateEnds)] == [
        (ClientCertificateEnds, soon)
    ]
    assert certificates.own_ending() == 1
    clock.ahead = TOLD_EVERY
    await certificates.mind([soon])
    assert len(told) == 2
    write("soon", 300)
    await certificates.mind([soon])
    assert (len(told), certificates.own_ending()) == (2, 0)
    await certificates.mind([])
    assert certificates.own_ending() == 0
