from __future__ import annotations

import json

from idlebell.config import load
from idlebell.config.loader import line_of
from idlebell.config.rules import foreign, unheard, unreadable


def test_files_that_are_named_and_not_there_are_told(tmp_path):
    here = tmp_path / "ca.pem"
    here.write_text("x")
    settings = load(
        None,
        {
            "IDLEBELL_IMAP__CA_FILE": str(here),
            "IDLEBELL_SERVER__TLS_KEY": str(tmp_path / "none.key"),
            "IDLEBELL_SERVER__TLS_CERTIFICATE": str(tmp_path / "none.pem"),
        },
    )
    told = [line_of(verdict, "file.toml") for verdict in unreadable(settings)]
    assert told == [
        f"[server] tls_certificate: {tmp_path}/none.pem cannot be read: No such file or directory (file.toml)",
        f"[server] tls_key: {tmp_path}/none.key cannot be read: No such file or directory (file.toml)",
    ]


def test_endpoints_that_cannot_be_rung_are_told():
    watch = {"url": "imaps://a@h.example", "password_command": "pass", "notify": []}
    told = []
    for url in (
        "ntfys://h.example/x",
        "dbus://h.example/x",
        "simplepush+http://h.example/x",
        "simplepush+https://h.example/x",
        "https://h.example",
    ):
        settings = load(None, {"IDLEBELL_WATCH": json.dumps([{**watch, "notify": [url]}])})
        told += [line_of(verdict, "file.toml") for verdict in unheard(settings)]
    assert [line.partition("notify: ")[2] for line in told] == [
        (
            "dbus:// is not offered; use https:// (a webhook), simplepush+https://, or a service of push.apprise_services "
            "(file.toml)"
        ),
        "simplepush+http:// needs network.allow_plaintext (file.toml)",
    ]


def test_outbound_addresses_that_the_machine_does_not_have_are_told():
    settings = load(None, {"IDLEBELL_IMAP__SOURCE_ADDRESSES": '["127.0.0.2", "192.0.2.7", "2001:db8::7"]'})
    told = [line_of(verdict, "file.toml") for verdict in foreign(settings)]
    assert told == [
        f"[imap] source_addresses: {address} is no address of this machine; add it to an interface, or leave it out"
        " (file.toml)"
        for address in ("192.0.2.7", "2001:db8::7")
    ]


def test_a_store_without_a_folder_is_told(tmp_path):
    settings = load(None, {"IDLEBELL_STORE__URL": f"sqlite:{tmp_path}/none/idlebell.db"})
    told = [line_of(verdict, "file.toml") for verdict in unreadable(settings)]
    assert told == [f"[store] url: there is no folder {tmp_path}/none; make it, writable by the gateway (file.toml)"]
