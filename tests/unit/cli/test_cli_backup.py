"""``idlebell backup`` and ``idlebell restore``: what they say, and what they never do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idlebell.cli import main
from idlebell.store import durable
from idlebell.store.sqlite import opening
from idlebell.store.sqlite.opening import ServeLock


class Machine:
    """A folder with a configuration of its own."""

    def __init__(self, folder: Path, key_file: Path) -> None:
        folder.mkdir()
        self.folder, self.key_file = folder, key_file
        self.database, self.key = folder / "idlebell.db", folder / "idlebell.db.key"
        self.config = folder / "idlebell.toml"
        self.config.write_text(f'[store]\nurl = "sqlite:{self.database}"\n')

    def run(self, *words: object, **more: str) -> Result:
        return CliRunner().invoke(main, [*map(str, words), "--config", str(self.config)], **more)

    def backup(self, file: Path) -> Result:
        return self.run("backup", file, "--key-file", self.key_file)

    def restore(self, file: Path) -> Result:
        return self.run("restore", file, "--key-file", self.key_file)

    def files(self) -> set[str]:
        return {one.name for one in self.folder.iterdir()}


@pytest.fixture
def old(tmp_path: Path) -> Machine:
    key_file = tmp_path / "backup.key"
    key_file.write_bytes(os.urandom(32))
    key_file.chmod(0o600)
    machine = Machine(tmp_path / "old", key_file)
    assert machine.run("keys", "vapid").exit_code == 0
    assert machine.run("keys", "make", "phone").exit_code == 0
    return machine


@pytest.fixture
def new(tmp_path: Path, old: Machine) -> Machine:
    return Machine(tmp_path / "new", old.key_file)


def test_another_machine_goes_on_with_the_same_keys(old: Machine, new: Machine, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    assert old.backup(file).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert old.files() == {"idlebell.toml", "idlebell.db", "idlebell.db.key", "idlebell.db.lock"}, "no copy is left"
    content = file.read_bytes()
    assert b"phone" not in content
    assert old.key.read_bytes()[:40] not in content
    done = new.restore(file)
    assert (done.exit_code, "0 subscriptions of 0 accounts and 1 API keys" in done.stderr) == (0, True), done.output
    for path in (new.database, new.key):
        assert path.stat().st_mode & 0o777 == 0o600
    for words in (("keys", "vapid"), ("keys", "list")):
        assert new.run(*words).stdout == old.run(*words).stdout


def test_the_copy_of_a_backup_that_was_killed_goes_with_the_next_one(old: Machine, tmp_path: Path) -> None:
    """It holds what a subscription's end is to leave no trace of."""
    past_every_process = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
    for maker in (past_every_process, os.getppid()):
        (old.folder / f".idlebell.db.{maker}.snapshot").write_bytes(b"alice")
    assert old.backup(tmp_path / "backup").exit_code == 0
    left = [name for name in old.files() if name.endswith(".snapshot")]
    assert left == [f".idlebell.db.{os.getppid()}.snapshot"], "that of a backup under way"


def test_nothing_is_overwritten(old: Machine, new: Machine, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    assert old.backup(file).exit_code == 0
    again = old.backup(file)
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)
    before = old.database.read_bytes()
    over = old.restore(file)
    assert (over.exit_code, "is not overwritten" in over.stderr) == (1, True)
    assert old.database.read_bytes() == before
    new.key.write_bytes(os.urandom(32))
    new.key.chmod(0o600)
    anothers = new.restore(file)
    assert (anothers.exit_code, "is another's, and it is not overwritten" in anothers.stderr) == (1, True)
    assert new.files() == {"idlebell.toml", "idlebell.db.key", "idlebell.db.lock"}


def test_no_journal_of_another_database_is_played_into_the_restored_one(
    old: Machine, new: Machine, tmp_path: Path
) -> None:
    """Who moves a database away after a crash may leave its WAL, which SQLite would take for the new one's."""
    file = tmp_path / "backup"
    assert old.backup(file).exit_code == 0
    left = new.database.with_name("idlebell.db-wal")
    left.write_bytes(b"of another one")
    refused = new.restore(file)
    assert (refused.exit_code, f"a journal of a database {left}" in refused.stderr) == (1, True)
    left.unlink()
    assert new.restore(file).exit_code == 0


def test_a_restore_that_is_broken_off_is_run_once_more(
    old: Machine, new: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup"
    assert old.backup(file).exit_code == 0
    left = new.database.with_name(".idlebell.db.restored")
    for name in (left, left.with_name(left.name + "-journal")):
        name.write_bytes(b"what a dead one has left")
    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", _dies)
        assert new.restore(file).exit_code == 1
    assert new.key.exists()
    assert not new.database.exists()
    assert new.restore(file).exit_code == 0
    assert new.run("keys", "list").stdout == old.run("keys", "list").stdout


def test_a_damaged_or_strange_file_leaves_nothing(old: Machine, new: Machine, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    assert old.backup(file).exit_code == 0
    whole = file.read_bytes()
    for content, told in (
        (whole[:-1], "damaged, or cut off"),
        (whole[:-100_000], "damaged, or cut off"),
        (whole[:200] + b"\0" + whole[201:], "with another one; or it is damaged"),
        (b"SQLite format 3\0", "no backup of Idlebell"),
    ):
        file.write_bytes(content)
        found = new.restore(file)
        assert (found.exit_code, told in found.stderr, found.stderr.count("\n")) == (1, True, 1), found.output
        assert new.files() <= {"idlebell.toml", "idlebell.db.lock"}


def test_a_lock_of_the_other_kind_is_told_before_anything_is_asked(old: Machine, new: Machine, tmp_path: Path) -> None:
    by_key, by_passphrase, words = tmp_path / "by-key", tmp_path / "by-passphrase", tmp_path / "words"
    words.write_text("correct horse battery\n")
    assert old.backup(by_key).exit_code == 0
    assert old.run("backup", by_passphrase, "--passphrase-file", words).exit_code == 0
    for found, told in (
        (
            new.run("restore", by_key, input="correct horse battery\n"),
            "sealed with a key file: name it with --key-file",
        ),
        (new.run("restore", by_key, "--passphrase-file", words), "sealed with a key file: name it with --key-file"),
        (new.restore(by_passphrase), "sealed with a passphrase: leave --key-file out"),
    ):
        assert (found.exit_code, told in found.stderr, found.stderr.count("\n")) == (1, True, 1), found.output
    assert new.files() == {"idlebell.toml"}


def test_a_backup_of_a_newer_program_is_refused(
    old: Machine, new: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup"
    assert old.backup(file).exit_code == 0
    newest = max(opening.schema_versions())
    older = {number: script for number, script in opening.schema_versions().items() if number < newest}
    monkeypatch.setattr(opening, "schema_versions", lambda: older)
    found = new.restore(file)
    assert (found.exit_code, f"schema {newest}, this program knows up to {newest - 1}" in found.stderr) == (1, True)
    assert new.files() <= {"idlebell.toml", "idlebell.db.lock"}


def test_a_passphrase_is_asked_for_twice_and_is_no_word(old: Machine, new: Machine, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    good = "correct horse battery"
    for given, told in (
        (f"{good}\nother\n", "are not the same"),
        ("short\nshort\n", "at least 12 characters"),
        ("", "use --passphrase-file or --key-file"),
    ):
        found = old.run("backup", file, input=given)
        assert (found.exit_code, told in found.stderr, file.exists()) == (1, True, False), found.output
    assert old.run("backup", file, input=f"{good}\n{good}\n").exit_code == 0
    words = tmp_path / "words"
    words.write_text(good + "\n")
    assert new.run("restore", file, "--passphrase-file", words).exit_code == 0


def test_a_machine_that_serves_is_not_restored_over(old: Machine, new: Machine, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    lock = ServeLock(old.database)
    assert old.backup(file).exit_code == 0, "a backup waits for nobody"
    lock.release()
    lock = ServeLock(new.database)
    found = new.restore(file)
    lock.release()
    assert (found.exit_code, "stop it first" in found.stderr) == (1, True)


def test_without_a_database_there_is_nothing_to_back_up(new: Machine, tmp_path: Path) -> None:
    found = new.backup(tmp_path / "backup")
    assert (found.exit_code, "there is no database" in found.stderr) == (1, True)
    assert new.files() == {"idlebell.toml"}


def test_a_backup_that_fails_leaves_no_half_of_it(
    old: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "sync_folder", _dies)
    found = old.backup(tmp_path / "backup")
    assert found.exit_code == 1
    assert old.files() == {"idlebell.toml", "idlebell.db", "idlebell.db.key", "idlebell.db.lock"}
    monkeypatch.setattr(os, "fsync", _dies)
    assert old.backup(tmp_path / "another").exit_code == 1
    assert not (tmp_path / "another").exists()


def _dies(*anything: object) -> None:
    raise OSError(5, "broken off")
