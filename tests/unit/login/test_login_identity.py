from __future__ import annotations

from idlebell import __version__
from idlebell.login.identity import identity


def test_what_a_server_learns_holds_nothing_of_the_user() -> None:
    assert dict(identity("")) == {"name": "Idlebell", "version": __version__, "vendor": "Idlebell"}
    assert dict(identity("https://example.org/mail"))["support-url"] == "https://example.org/mail"
    mailto = dict(identity("mailto:ops@example.org?subject=imap"))
    assert mailto["support-url"] == "mailto:ops@example.org?subject=imap"
    assert mailto["support-email"] == "ops@example.org"
    for unfit in ("https://bücher.example/", "https://example.org/" + "x" * 1_024):
        assert "support-url" not in dict(identity(unfit))
