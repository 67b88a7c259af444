"""SASLprep, on the RFC's own examples."""

from __future__ import annotations

import pytest

from idlebell.imap.saslprep import saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0627\u0628", "\u0627\u0628"),
    ],
)
def test_saslprep_follows_rfc_4013_section_3(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize(
    "text",
    [
        "\x07",
        "\u0627\u0031",
        "\u0627a\u0628",
        "\ue000",
        "\ufffe",
        "\ufffd",
        "\u2ff0",
        "\u0340\u200e",
        "\U000e0001",
        "\u00ad",
        "",
    ],
)
def test_saslprep_refuses_what_is_prohibited_or_empty(text: str) -> None:
    with pytest.raises(ValueError):
        saslprep(text)
