"""Opening a database: modes, locks, keys, migrations, and files that are none of ours."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import store_samples as samples
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import ApiKeyId
from idlebell.model.learnt import Learnt
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail
from idlebell.model.selection import Personal
from idlebell.model.sighting import Sighting
from idlebell.model.subscription import ApiKey, Floor, Payload
from idlebell.store.contract import StoreError
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import SqliteStore, open_sqlite, opening

SEALER = Sealer(bytes(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "idle bell?#%.db"


async def opened(path: Path, *, serve: bool = True, sealer: Sealer = SEALER) -> SqliteStore:
    return await open_sqlite(path, sealer, entropy=os.urandom, serve=serve)


async def test_what_was_stored_is_there_after_the_next_start(path: Path) -> None:
    store = await opened(path)
    account = await store.account(samples.TARGET, "alice")
    subscription = await store.put(samples.subscription(account.id))
    await store.close()
    store = await opened(path)
    assert await store.get(subscription.id) == subscription
    await store.close()


async def test_all_files_are_for_their_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        store = await opened(path)
        await store.check()
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    await store.close()
    assert set(modes) == {path.name, *(path.name + end for end in ("-wal", "-shm", ".lock"))}
    assert set(modes.values()) == {0o600}


async def test_the_pragmas_that_durability_and_secrecy_rest_on_are_set(path: Path) -> None:
    store = await opened(path)
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
    connection = store._database._writer._connection
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
    await store.close()
    assert found == ["wal", 2, 1, 1, 5000]


async def test_the_reader_cannot_write(path: Path) -> None:
    store = await opened(path)
    with pytest.raises(StoreError, match="cannot be written"):
        store._database.read(lambda connection: connection.execute("DELETE FROM accounts"))
    await store.close()


# The lock


async def test_two_do_not_serve_from_one_database(path: Path) -> None:
    store = await opened(path)
    with pytest.raises(StoreError, match="Another idlebell serves from"):
        await opened(path)
    await store.close()
    await (await opened(path)).close()


async def test_keys_can_be_managed_while_another_process_serves(path: Path) -> None:
    serving = await opened(path)
    managing = await opened(path, serve=False)
    key = ApiKey(ApiKeyId("key_1"), "phone", b"\x01" * 32, frozenset(), samples.NOW)
    await managing.put_api_key(key)
    assert await serving.api_key(key.token_hash) == key
    await managing.close()
    await serving.check()
    await serving.close()


async def test_the_lock_of_a_process_that_died_holds_nobody_up(path: Path) -> None:
    code = (
        "import asyncio, os, sys; from pathlib import Path; from idlebell.store.sealing import Sealer;"
        "from idlebell.store.sqlite import open_sqlite\n"
        "async def main():\n"
        "    await open_sqlite(Path(sys.argv[1]), Sealer(bytes(32)), entropy=os.urandom); os._exit(7)\n"
        "asyncio.run(main())"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 7
    await (await opened(path)).close()


async def test_a_start_that_fails_leaves_no_lock(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    for _ in range(2):
        with pytest.raises(StoreError, match="is not a database"):
            await opened(path)


# Files that are none of ours


@pytest.mark.parametrize("size", [100, 5000, 100_000])
async def test_garbage_is_refused_and_left_as_it_was(path: Path, size: int) -> None:
    garbage = random.Random(size).randbytes(size)
    path.write_bytes(garbage)
    with pytest.raises(StoreError, match="is not a database"):
        await opened(path)
    assert path.read_bytes() == garbage


async def test_the_database_of_another_program_is_refused_and_left_as_it_was(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (one)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="belongs to another program"):
        await opened(path)
    assert path.read_bytes() == before


async def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        await opened(tmp_path / "nowhere" / "idlebell.db")


async def test_a_damaged_page_is_found_at_the_start(path: Path) -> None:
    store = await opened(path)
    account = await store.account(samples.TARGET, "alice")
    for number in range(200):
        await store.put(samples.subscription(account.id, number))
    await store.close()
    content = bytearray(path.read_bytes())
    for page in range(20, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        await opened(path)


async def test_a_file_that_is_too_large_to_look_at_is_not_looked_at(path: Path) -> None:
    await (await opened(path)).close()
    connection = opening.connect_writer(path)
    assert opening.quick_check(connection, path, max_bytes=path.stat().st_size - 1) is False
    assert opening.quick_check(connection, path, max_bytes=path.stat().st_size) is True
    connection.close()


async def test_another_key_is_found_at_the_start(path: Path) -> None:
    await (await opened(path)).close()
    with pytest.raises(StoreError, match="sealed with another key"):
        await opened(path, sealer=Sealer(b"\x01" * 32))
    await (await opened(path)).close()


# Migrations


async def test_the_schema_of_a_newer_program_is_refused(path: Path) -> None:
    await (await opened(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    with pytest.raises(StoreError, match="has schema 9999"):
        await opened(path)


def test_migrations_are_numbered_without_gaps() -> None:
    numbers = list(opening.schema_versions())
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_migration_that_fails_leaves_the_old_schema(path: Path) -> None:
    opening.make_file(path)
    connection = opening.connect_writer(path)
    opening.migrate(connection, path, {1: "CREATE TABLE one (a);"})
    broken = {1: "CREATE TABLE one (a);", 2: "CREATE TABLE two (a);\nINSERT INTO nowhere VALUES (1);"}
    with pytest.raises(StoreError):
        opening.migrate(connection, path, broken)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("one",)]
    assert opening.needs_migration(connection, path, broken)
    opening.migrate(connection, path, {1: "CREATE TABLE one (a);", 2: "CREATE TABLE two (a);"})
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


async def test_a_database_of_schema_1_works_on(path: Path) -> None:
    opening.make_file(path)
    old = sqlite3.connect(path)
    old.executescript((Path(__file__).parent / "schema_1.sql").read_text("ascii"))
    old.execute(f"PRAGMA application_id = {opening.APPLICATION_ID}")
    old.execute("PRAGMA user_version = 1")
    old.close()

    store = await opened(path)
    account = await store.account_by_key(samples.TARGET, "alice@example.org")
    assert account is not None
    first = samples.subscription(
        account.id,
        mailboxes=("INBOX", "Lists"),
        floors=(Floor("INBOX", 7, 10),),
        endpoints=Endpoints(samples.webhook()),
        revision=1,
    )
    assert await store.of_account(account.id) == (first, samples.subscription(account.id, 2, paused=True, revision=1))
    cursor = Cursor(7, 11, 5, 3)
    assert await store.cursor(account.id, "INBOX") == cursor
    assert await store.heartbeats_due(samples.NOW + samples.DAY, 10) == ()

    sighted = Sighting(b"1" * 16, "INBOX", 7, 11)
    await store.commit(account.id, "INBOX", cursor, replace(cursor, looked_at=samples.NOW), [], sighted=[sighted])
    await store.learn("imap.example.org", Learnt(540.0))
    changed = replace(first, selection=Personal(), also=frozenset({"seen"}), heartbeat_seconds=60)
    changed = await store.put(changed)
    assert await store.get(first.id) == changed
    (leased,) = await store.lease((await store.lanes(samples.NOW, 1))[0], samples.NOW, samples.NOW + samples.LEASE, 1)
    assert leased.notification.content == samples.new_mail()
    assert await store.warn(first.expires_at - 3 * samples.DAY, 10) == 2, "one has no endpoint for it, but is looked at"
    assert await store.warn(first.expires_at - samples.SECOND, 10) == 0
    await store.close()


async def test_the_keys_command_migrates_nothing_under_a_process_that_serves(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(path)
    newer = opening.schema_versions() | {9999: "CREATE TABLE later (a);"}
    monkeypatch.setattr(opening, "schema_versions", lambda: newer)
    with pytest.raises(StoreError, match="Another idlebell serves"):
        await opened(path, serve=False)
    await store.close()
    await (await opened(path, serve=False)).close()


def test_a_script_is_cut_at_its_statements() -> None:
    script = "-- a; comment\nCREATE TABLE one (\n  a TEXT DEFAULT ';'\n);\nCREATE TABLE two (b);\n"
    assert opening.statements(script) == [
        "-- a; comment\nCREATE TABLE one (\n  a TEXT DEFAULT ';'\n);",
        "CREATE TABLE two (b);",
    ]
    with pytest.raises(ValueError, match="middle"):
        opening.statements("CREATE TABLE one (a)")


# In use


async def test_a_full_disk_refuses_and_works_again_when_there_is_room(path: Path) -> None:
    store = await opened(path)
    account = await store.account(samples.TARGET, "alice")
    subscription = await store.put(samples.subscription(account.id))
    await store._database.write(lambda connection: connection.execute("PRAGMA max_page_count = 10").fetchone())
    cursor, commits, refused = None, 0, ""
    while not refused:
        new = Cursor(1, commits + 1)
        drafts = [samples.draft(subscription.id, samples.new_mail())] * 50
        try:
            await store.commit(account.id, "INBOX", cursor, new, drafts)
            cursor, commits = new, commits + 1
        except StoreError as error:
            refused = str(error)
    assert "disk is full" in refused
    assert await store.cursor(account.id, "INBOX") == cursor
    assert (await store.activity(subscription.id)).counts.pending == commits * 50
    await store._database.write(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchone())
    await store.commit(account.id, "INBOX", cursor, Cursor(1, 99), [])
    await store.close()


async def test_a_damaged_notification_is_refused_and_does_not_hold_up_its_lane(path: Path) -> None:
    store = await opened(path)
    account = await store.account(samples.TARGET, "alice")
    subscription = await store.put(samples.subscription(account.id, endpoints=Endpoints(samples.webhook())))
    first, second = await store.enqueue([samples.draft(subscription.id)] * 2)
    query = "UPDATE outbox SET content = (SELECT content FROM outbox WHERE id = ?) WHERE id = ?"
    await store._database.write(lambda connection: connection.execute(query, (second.id, first.id)).rowcount)
    (lane,) = await store.lanes(samples.NOW, 10)
    found = []
    for _ in range(2):
        found += await store.lease(lane, samples.NOW, samples.NOW + samples.LEASE, 10)
    assert [leased.notification for leased in found] == [second]
    assert (await store.activity(subscription.id)).counts.refused == 1
    await store.close()


async def test_what_is_closed_refuses_everything(path: Path) -> None:
    store = await opened(path)
    await store.close()
    for ask in (store.check, store.wanted, store.vapid_key):
        with pytest.raises(StoreError, match="closed"):
            await ask()


async def test_no_secret_is_in_any_byte_of_the_files(path: Path) -> None:
    """Push URLs, endpoint secrets, contents, keys: also not in the WAL, and not after the last has gone."""
    endpoints = Endpoints(
        samples.webhook("https://canary-host.example/canary-path"),
        samples.webpush("https://canary-host.example/canary-web"),
    )
    message = MessageSummary(1, "<canary-id>", "canary-sender", "canary-subject", 5, "canary-preview")
    store = await opened(path)
    account = await store.account(samples.TARGET, "alice")
    subscription = await store.put(samples.subscription(account.id, endpoints=endpoints, payload=Payload.SUMMARY))
    content = NewMail("INBOX", 1, 1, None, (message,))
    await store.commit(account.id, "INBOX", None, Cursor(1, 2), [samples.draft(subscription.id, content)])
    await store.put_vapid_key(b"canary-vapid-key")
    secrets = [b"canary", b"endpoint-secret-of-32-bytes-long", bytes(range(16)), bytes(range(64))]

    def found() -> list[bytes]:
        files = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
        assert len(files) >= 2
        return [secret for secret in secrets for file in files if secret in file.read_bytes()]

    assert found() == []
    (lane, *_) = await store.lanes(samples.NOW, 10)
    (leased,) = await store.lease(lane, samples.NOW, samples.NOW + samples.LEASE, 10)
    assert leased.notification.content == content, "what is not found is there all the same"
    await store.close()
    assert found() == []


async def test_an_account_whose_registration_was_cut_off_is_forgotten_at_the_next_start(path: Path) -> None:
    """But not under the feet of a process that serves and is about to store its subscription."""
    store = await opened(path)
    kept = await store.account(samples.TARGET, "alice")
    await store.put(samples.subscription(kept.id))
    await store.account(samples.TARGET, "bob")
    beside = await opened(path, serve=False)
    assert await store.account_by_key(samples.TARGET, "bob") is not None
    await beside.close()
    await store.close()

    store = await opened(path)
    assert await store.account_by_key(samples.TARGET, "alice") == kept
    assert await store.account_by_key(samples.TARGET, "bob") is None
    await store.close()
