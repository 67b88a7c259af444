"""One of the keys that are trusted, or no session."""

from __future__ import annotations

import pytest

from idlebell.model.trust import AUTHORITIES, FirstUse, Trust, pinned, spelled
from idlebell.net.errors import CertificateFacts, TlsFailed
from idlebell.net.pinning import check_key
from idlebell.net.tls_mends import mend_of

ONE, OTHER = b"\x01" * 32, b"\x02" * 32
SHOWN = CertificateFacts("CN=a", "CN=b", "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00", ("a",), ONE)
WEAK = CertificateFacts("CN=a", "CN=b", "", "", (), ONE, strong=False)


@pytest.mark.parametrize("trust", [pinned([ONE]), pinned([ONE, OTHER]), FirstUse(), FirstUse(ONE), AUTHORITIES])
def test_a_trusted_key_passes(trust: Trust) -> None:
    check_key(trust, SHOWN)


def test_what_authorities_vouch_for_was_judged_by_the_handshake() -> None:
    check_key(AUTHORITIES, None)


@pytest.mark.parametrize(
    ("trust", "shown", "reason", "words"),
    [
        (pinned([OTHER]), SHOWN, "other-key", f"not the one pinned, {spelled(OTHER)}"),
        (FirstUse(OTHER), SHOWN, "other-key", f"not the one of the first session, {spelled(OTHER)}"),
        (pinned([ONE]), None, "other-key", "cannot be read"),
        (FirstUse(), None, "other-key", "cannot be read"),
        (pinned([ONE]), WEAK, "weak-key", "too short"),
        (FirstUse(), WEAK, "weak-key", "too short"),
    ],
)
def test_any_other_ends_the_session_and_is_told(
    trust: Trust, shown: CertificateFacts | None, reason: str, words: str
) -> None:
    with pytest.raises(TlsFailed) as caught:
        check_key(trust, shown)
    assert caught.value.reason == reason
    assert words in caught.value.detail


def test_a_certificate_that_could_be_pinned_is_told_with_its_key() -> None:
    assert spelled(ONE) in mend_of(TlsFailed("self-signed", "", SHOWN))
    assert spelled(ONE) not in mend_of(TlsFailed("expired", "", SHOWN))
    assert mend_of(TlsFailed("unknown-authority")).endswith(".")
    assert mend_of(TlsFailed("a reason to come"))
