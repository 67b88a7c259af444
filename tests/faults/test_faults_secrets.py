"""Where secrets are after a life of the gateway: in no file, log, answer or ``repr``, and in a core only what must be."""

from __future__ import annotations

import asyncio
import base64
import functools
import gc
import itertools
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.fault_scene import scene
from faults.secret_search import core_of, count_in, life, password_spellings, random_word, spellings
from gateway_process import subscription
from idlebell.imap import commands
from idlebell.push.vapid import VapidKey
from idlebell.store.sealing import Sealer, default_key_path, load_or_make_key
from idlebell.store.sqlite import open_sqlite
from idlebell.testing import mail

LOGINS: dict[str, tuple[str, ...]] = {
    "scram": ("SASL-IR", "AUTH=SCRAM-SHA-256"),
    "plain": ("SASL-IR", "AUTH=PLAIN"),
    "plain in two steps": ("AUTH=PLAIN",),
    "login": (),
}


async def vapid_private_key(folder: Path) -> bytes:
    """The 32 bytes of it, as the database holds them sealed."""
    database = folder / "idlebell.db"
    sealer = Sealer(load_or_make_key(default_key_path(database), may_make=False))
    store = await open_sqlite(database, sealer, entropy=os.urandom)
    try:
        der = await store.vapid_key()
    finally:
        await store.close()
    assert der is not None
    number = VapidKey.load(der)._key.private_numbers().private_value
    return number.to_bytes(32, "big")


async def test_a_whole_life_leaves_no_secret_in_files_logs_or_answers(tmp_path: Path) -> None:
    """Both retentions, every kind of endpoint, a wrong password, mails, a lost session, new credentials, a restart; the log at
    debug level."""
    passwords = {name: random_word() for name in ("session", "memory")}
    wrong = random_word()
    tokens: list[str] = []
    async with life(tmp_path) as one:
        for name, password in passwords.items():
            one.server.add_user(name, password)
        hook, browser = one.service.make_webhook("hook-secret-path"), one.service.make_webpush_subscription("web-path")
        simple, lost = (
            one.service.make_simplepush("simple-secret-path"),
            one.service.make_simplepush("lost-secret-path"),
        )
        for name, endpoints in (
            ("session", {"new_mail": simple, "reconnect": lost}),
            ("memory", {"new_mail": hook}),
            ("memory", {"new_mail": browser}),
        ):
            status, answer = await one.subscribe(name, passwords[name], endpoints, retention=name)
            assert status == 201, answer
            tokens.append(answer["token"])
            if name == "session":
                made = answer
        status, answer = await one.subscribe("session", wrong, {"new_mail": simple, "reconnect": lost})
        assert status == 422, answer
        for name in passwords:
            one.server.deliver(name, mail.make(subject="ring"))
        for path in ("simple-secret-path", "hook-secret-path", "web-path"):
            await one.service.wait_for(lambda got: got.type in (None, "new_mail"), name=path)
        for name in passwords:
            for session in one.server.of(name):
                session.drop()
        await one.service.wait_for(1, name="lost-secret-path")
        path = f"/v1/subscriptions/{made['id']}"
        auth = {"auth": {"type": "password", "password": passwords["session"]}}
        assert (await one.call("PUT", f"{path}/credentials", auth, tokens[0]))[0] in (200, 202)
        await one.server.until(lambda: one.server.idling() == 2)
        one.gateway.kill()
        await one.gateway.start()
        await one.call("GET", path, token=tokens[0])
        await one.call("POST", f"{path}/test", token=tokens[0])
        await one.call("GET", "/metrics")
        await one.call("GET", f"{path}x", token=tokens[1])
        # While it runs: what it would leave if the power went now.
        files = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir() if entry.suffix != ".toml"}
    assert {"idlebell.db", "idlebell.db-wal", "idlebell.db-shm", "idlebell.log"} <= files.keys()
    after = {f"{entry.name} at the end": entry.read_bytes() for entry in tmp_path.iterdir() if entry.suffix != ".toml"}
    places = {**files, **after, "answers": "\n".join(one.answers).encode()}

    secrets = {
        "password of session": password_spellings("session", passwords["session"]),
        "password of memory": password_spellings("memory", passwords["memory"]),
        "wrong password": password_spellings("session", wrong),
        "webhook secret": spellings(base64.b64decode(hook["secret"].removeprefix("whsec_"))),
        "web push auth": spellings(base64.urlsafe_b64decode(browser["keys"]["auth"] + "==")),
        "VAPID key": spellings(await vapid_private_key(tmp_path)),
        **{f"token {number}": spellings(token.encode()) for number, token in enumerate(tokens)},
        **{
            f"URL {url}": [url.encode()]
            for url in ("hook-secret-path", "web-path", "simple-secret-path", "lost-secret-path")
        },
    }
    found = {
        (secret, place): number
        for secret, needles in secrets.items()
        for place, data in places.items()
        if (number := count_in(data, needles))
    }
    assert found == {}
    # What is looked for would be found: the mail server and the push service have it all.
    assert count_in(f'"{hook["secret"]}"'.encode(), secrets["webhook secret"]) > 0
    assert count_in(base64.b64encode(f"\0memory\0{passwords['memory']}".encode()), secrets["password of memory"]) > 0


def house_objects() -> Iterator[object]:
    """All that the collector knows, and what hangs on it one step away: objects of our own classes."""
    for one in itertools.chain(gc.get_objects(), *(gc.get_referents(held) for held in gc.get_objects())):
        module = type(one).__module__
        if isinstance(module, str) and module.startswith("idlebell.") and not module.startswith("idlebell.testing"):
            yield one


async def test_no_object_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``repr`` and ``str`` of every object of the house, while credentials are held: in a login under way, in the keyring, in
    endpoints, in the outbox."""
    password, kept = random_word(), random_word()
    async with scene(tmp_path) as stage:
        stage.server.add_user("kept", kept)
        stage.server.add_user("entering", password)
        hook = stage.service.make_webhook("hook-secret-path")
        made = await stage.subscribe(stage.wish("kept", kept, endpoints={"new_mail": hook}, retention="memory"))
        assert made.status == 201, made
        from idlebell.testing.faults import Hold

        hold = Hold()
        plan = stage.server.plan(commands.Authenticate, hold)
        entering = asyncio.create_task(stage.subscribe(stage.wish("entering", password, endpoints={"new_mail": hook})))
        await plan.hit()
        secret = base64.b64decode(hook["secret"].removeprefix("whsec_"))
        needles = [
            *password_spellings("entering", password),
            *password_spellings("kept", kept),
            *spellings(secret),
            made.json["token"].encode(),
            b"hook-secret-path",
        ]
        seen, kinds = set(), set()
        for one in house_objects():
            if id(one) in seen or isinstance(one, type):
                continue
            seen.add(id(one))
            kinds.add(type(one).__qualname__)
            for text in (repr(one), str(one), f"{one}"):
                assert count_in(text.encode("utf-8", "backslashreplace"), needles) == 0, type(one)
        # Those that hold secrets were among them.
        assert {"Secret", "PasswordCredentials", "Order", "WebhookEndpoint", "PushUrl", "Keyring"} <= kinds
        hold.release()
        await entering


@functools.lru_cache(maxsize=1)
def _audit() -> list[str]:
    """Where each ``connect`` of this process came from: the innermost module of the house. A hook cannot be taken away, so
    there is one for all tests."""
    sources: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "socket.connect":
            return
        frame = sys._getframe(1)
        while frame is not None:
            name = frame.f_globals.get("__name__", "")
            if name.startswith("idlebell."):
                sources.append(name)
                return
            frame = frame.f_back  # type: ignore[assignment]

    sys.addaudithook(hook)
    return sources


async def test_nothing_but_net_connects(tmp_path: Path) -> None:
    """S1: every outgoing connection is made by the part that checks addresses. Sessions, pushes and verification."""
    sources = _audit()
    sources.clear()
    async with scene(tmp_path) as stage:
        for endpoints in ({"new_mail": stage.service.make_webhook()}, stage.simple("alice")):
            made = await stage.subscribe(stage.wish(endpoints=endpoints))
            assert made.status == 201, made
        stage.server.deliver("alice", mail.make())
        await stage.service.wait_for(1, name="alice")
        await stage.service.wait_for(2, name="hook")
    seen = {name for name in sources if not name.startswith("idlebell.testing")}
    assert {name.split(".")[1] for name in seen} <= {"net"}, seen


@pytest.mark.needs("root", "gcore")
async def test_a_core_after_login_holds_the_passwords_that_are_kept_and_no_other(
    tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    """One user for each way of logging in, with retention ``session``: none of their passwords is in the core. What held them
    has been overwritten, or was so short that its place is taken by something else; of Python's own strings that cannot be
    promised, so one copy is let pass and all are counted. With ``keys`` it has become keys. With ``memory`` it is there once,
    since it is needed again."""
    async with life(tmp_path) as one:
        passwords, tokens = {name: random_word() for name in ("memory", "keys", *LOGINS)}, []
        for name, password in passwords.items():
            one.server.behave(before_login=LOGINS.get(name, LOGINS["scram"]))
            one.server.add_user(name, password)
            place = name.replace(" ", "-")
            endpoints = {
                "new_mail": one.service.make_simplepush(place),
                "reconnect": one.service.make_simplepush(f"{place}-lost"),
            }
            retention = name if name in ("memory", "keys") else "session"
            status, answer = await one.subscribe(name, password, endpoints, retention=retention)
            assert status == 201, answer
            tokens.append(answer["token"])
            one.server.deliver(name, mail.make())
            await one.service.wait_for(1, name=place)
        core = await core_of(one.gateway.pid, tmp_path)
    found = {name: count_in(core, password_spellings(name, password)) for name, password in passwords.items()}
    found["tokens"] = sum(count_in(core, spellings(token.encode())) for token in tokens)
    for name, number in found.items():
        record_property(f"copies in a core: {name}", number)
    print(f"copies in a core: {found}")
    assert found["memory"] >= 1  # else the test would look for nothing
    assert all(found[name] <= 1 for name in ("keys", *LOGINS)), found


@pytest.mark.needs("root", "gcore")
async def test_a_core_holds_the_tokens_that_are_kept_and_no_older_ones(
    tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    """An access token with retention ``session`` is gone. Where a refresh token rotated, the one that works now is there, and
    so is the access token of now; of those before one copy is let pass, as of passwords."""
    words = {
        name: random_word()
        for name in (
            "session's access token",
            "first refresh token",
            "first access token",
            "refresh token",
            "access token",
        )
    }

    async def renew(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = await reader.readuntil(b"\r\n\r\n")
        length = int(
            next(line for line in body.lower().split(b"\r\n") if line.startswith(b"content-length:")).split(b":")[1]
        )
        assert words["first refresh token"].encode() in await reader.readexactly(length)
        given = json.dumps({"access_token": words["access token"], "refresh_token": words["refresh token"]}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(given) + given)
        writer.close()

    async with life(tmp_path) as one, await asyncio.start_server(renew, "127.0.0.1", 0) as endpoint:
        one.server.behave(before_login=("SASL-IR", "AUTH=XOAUTH2"))
        one.server.add_user("bearer", "-", token=words["session's access token"])
        one.server.add_user("renewed", "-", token=words["first access token"])
        url = f"http://127.0.0.1:{endpoint.sockets[0].getsockname()[1]}/token"
        renewable = {"refresh_token": words["first refresh token"], "token_url": url, "client_id": "app"}
        for name, access, retention, more in (
            ("bearer", "session's access token", "session", {}),
            ("renewed", "first access token", "memory", renewable),
        ):
            hooks = {"new_mail": one.service.make_webhook(name)}
            body = subscription(one.server.tls_port, name, "", hooks, retention=retention)
            body["imap"]["auth"] = {"type": "oauth2", "access_token": words[access], **more}
            status, answer = await one.call("POST", "/v1/subscriptions", body)
            assert status == 201, answer
            one.server.deliver(name, mail.make())
            await one.service.wait_for(lambda got: got.type == "new_mail", name=name)
        core = await core_of(one.gateway.pid, tmp_path)
        files = b"".join(entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file())
    found = {name: count_in(core, spellings(word.encode())) for name, word in words.items()}
    for name, number in found.items():
        record_property(f"copies in a core: {name}", number)
    print(f"copies in a core: {found}")
    assert all(count_in(files, spellings(word.encode())) == 0 for word in words.values())
    assert found["refresh token"] >= 1  # else the test would look for nothing
    assert found["access token"] >= 1
    assert all(found[name] <= 1 for name in ("session's access token", "first access token", "first refresh token")), (
        found
    )


@pytest.mark.needs("root", "gcore")
async def test_with_a_door_process_the_gateway_has_never_seen_a_credential(
    tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    """Every way in: a registration of each retention, new credentials, the form of 2013, a wrong password, ``[[watch]]`` with a
    file and with a command, an access token. None is in the gateway's core, whatever is kept."""
    names = ("memory", "file", "command", "session", "keys", "vault", "renewed", "form", "wrong", "bearer")
    words = {name: random_word() for name in names}
    (tmp_path / "password").write_text(words["file"] + "\n")
    (tmp_path / "print").write_text(f"#!/bin/sh\necho {words['command']}\n")
    (tmp_path / "print").chmod(0o700)
    watch = "".join(
        f'[[watch]]\nurl = "imaps://{name}@localhost:PORT/INBOX"\n{source}\nexec = "true"\n'
        for name, source in (
            ("file", f'password_file = "{tmp_path / "password"}"'),
            ("command", f'password_command = "{tmp_path / "print"}"'),
        )
    )
    key = tmp_path / "vault.key"
    kept = f'retention = ["session", "keys", "memory", "vault"]\nvault_key_file = "{key}"\n'
    async with life(tmp_path, f'[credentials]\ndoor = "process"\n{kept}') as one:
        one.server.behave(before_login=("SASL-IR", "AUTH=SCRAM-SHA-256"))
        for name in ("memory", "file", "command", "session", "keys", "vault", "renewed", "form"):
            one.server.add_user(name, words[name])
        endpoints = {name: one.service.make_simplepush(name) for name in words}
        for name in ("session", "keys", "memory", "vault", "renewed"):
            hooks = {"new_mail": endpoints[name], "reconnect": one.service.make_simplepush(f"{name}-lost")}
            retention = "session" if name == "renewed" else name
            status, answer = await one.subscribe(name, words[name], hooks, retention=retention)
            assert status == 201, answer
        made = answer
        status, refused = await one.subscribe("session", words["wrong"], {"new_mail": endpoints["wrong"]})
        assert status == 422, refused
        auth = {"auth": {"type": "password", "password": words["renewed"]}}
        status, _ = await one.call("PUT", f"/v1/subscriptions/{answer['id']}/credentials", auth, answer["token"])
        assert status == 200
        form = {
            "username": "form",
            "password": words["form"],
            "IMAPServer": f"localhost:{one.server.tls_port}",
            "onNewMessageURL": endpoints["form"]["url"],
            "onReconnectURL": endpoints["form"]["url"],
        }
        status, answer = await one.call("POST", "/register", form)
        assert status == 201, answer
        one.server.behave(before_login=("SASL-IR", "AUTH=XOAUTH2"))
        one.server.add_user("bearer", "-", token=words["bearer"])
        body = subscription(one.server.tls_port, "bearer", "", {"new_mail": endpoints["bearer"]}, retention="session")
        body["imap"]["auth"] = {"type": "oauth2", "access_token": words["bearer"]}
        body["endpoints"]["reconnect"] = endpoints["bearer"]
        assert (await one.call("POST", "/v1/subscriptions", body))[0] == 201
        one.server.behave(before_login=("SASL-IR", "AUTH=PLAIN"))
        one.gateway.add_to_config(watch.replace("PORT", str(one.server.tls_port)))
        one.gateway.signal(signal.SIGHUP)
        everybody = set(words) - {"wrong"}
        await one.server.until(lambda: all(one.server.idling(name) == 1 for name in everybody))
        for name in everybody - {"file", "command"}:
            one.server.deliver(name, mail.make())
            await one.service.wait_for(1, name=name)
        core = await core_of(one.gateway.pid, tmp_path)
    found = {name: count_in(core, password_spellings(name, word)) for name, word in words.items()}
    for name, number in found.items():
        record_property(f"copies in the gateway's core: {name}", number)
    print(f"copies in the gateway's core: {found}")
    assert not any(found.values()), found
    assert count_in(core, [base64.b64decode(key.read_bytes())]) == 0, "nor the vault's key"
    assert count_in(core, [made["id"].encode()]) >= 1  # what it does know would be found
