"""``[oauth.NAME]`` to clients: the presets, what is written out in their place, and where browsers come back to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from idlebell.compose.clients import sign_ins_of
from idlebell.config import load
from idlebell.discover.sign_in_presets import PRESETS
from idlebell.login.authorization import OAuthClient
from idlebell.login.server_metadata import is_endpoint
from idlebell.login.sign_ins import SignIns
from idlebell.net.clock import Clock
from unit.login.authorization_server import AuthorizationServer


def sign_ins(tmp_path: Path, text: str) -> SignIns:
    file = tmp_path / "idlebell.toml"
    file.write_text(text)
    return sign_ins_of(load(file, {}), AuthorizationServer().send, Clock(), lambda _: None)


def test_a_preset_needs_a_client_id_alone(tmp_path: Path) -> None:
    found = sign_ins(
        tmp_path,
        '[server]\npublic_url = "https://bell.example.org/"\n[oauth.yahoo]\n'
        + "".join(f'[oauth.{name}]\nclient_id = "ours"\n' for name in PRESETS if name != "yahoo"),
    )
    assert [one.name for one in found.clients] == [name for name in PRESETS if name != "yahoo"]
    servers = ("imap.gmail.com", "outlook.office365.com", "imap.fastmail.com", "imap.mail.yahoo.com")
    names = [client and client.name for client in map(found.client_of, servers)]
    assert names == ["google", "microsoft", "fastmail", None]
    google = found.client_of("imap.gmail.com")
    assert google is not None
    assert found.redirect_uri(google) == "https://bell.example.org/signed-in/google"
    assert google.asked_scopes(offline=True) == ("https://mail.google.com/",)
    microsoft = found.client_of("outlook.office365.com")
    assert microsoft is not None
    assert microsoft.asked_scopes(offline=True) == (
        "https://outlook.office.com/IMAP.AccessAsUser.All",
        "offline_access",
    )


def test_every_preset_is_whole() -> None:
    for preset in PRESETS.values():
        assert preset.title
        assert preset.hosts
        assert all(is_endpoint(url, allow_plaintext=False) for url in (preset.authorization_url, preset.token_url))


def test_another_provider_is_written_out_or_asked(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text("s3cret\n")
    written = 'authorization_url = "https://a.example/x?y=z"\ntoken_url = "https://a.example/t"\nscopes = ["imap"]'
    found = sign_ins(
        tmp_path,
        f'[oauth.corp]\nclient_id = "a"\nissuer = "https://a.example"\nhosts = ["a.example"]\nsecret_file = "{secret}"\n'
        f'[oauth.other]\nclient_id = "b"\nhosts = ["B.example"]\ntitle = "B"\n{written}\n'
        '[oauth.google]\nclient_id = "c"\nissuer = "https://broker.example"\n',
    )
    corp, other, google = found.clients
    assert corp.secret is not None
    assert (corp.secret.text(), corp.endpoints, corp.scopes, corp.title) == ("s3cret", None, ("openid",), "Corp")
    assert corp.asked_scopes(offline=True) == ("openid", "offline_access")
    assert other.endpoints is not None
    assert (other.endpoints.token_url.reveal(), other.title, other.hosts) == (
        "https://a.example/t",
        "B",
        ("b.example",),
    )
    assert (google.endpoints, google.issuer) == (None, "https://broker.example"), "nothing of the preset's addresses"
    assert found.redirect_uri(corp) == "http://127.0.0.1:8025/signed-in/corp", (
        "of this machine alone, no setting is needed"
    )
    assert "s3cret" not in repr(corp)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    os.chmod(secret, 0o644)
    with pytest.raises(ValueError, match=r"oauth\.google: .* chmod 600"):
        sign_ins(tmp_path, f'[oauth.google]\nclient_id = "a"\nsecret_file = "{secret}"')


def test_without_an_address_to_come_back_to_nothing_is_offered() -> None:
    client = OAuthClient("google", "Google", "a", ("gmail.com",))
    assert SignIns((client,), "", AuthorizationServer().send, Clock(), os.urandom, lambda _: None).clients == ()
