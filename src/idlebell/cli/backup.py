"""``idlebell backup`` and ``idlebell restore``"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

import click

from idlebell.cli.configured import config_option, loaded
from idlebell.cli.failure import Failure
from idlebell.cli.stored import no_database

if TYPE_CHECKING:
    from idlebell.config import Settings
    from idlebell.store.archive import About, Lock

PASSPHRASE_LEAST: Final = 12
"""Characters. A backup can be guessed at for years, wherever it lies."""

_JOURNALS: Final = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a database while it is in use, or after a crash (https://sqlite.org/tempfiles.html)."""

F = TypeVar("F", bound=Callable[..., Any])


def _lock_options(command: F) -> F:
    for option in (
        click.option(
            "--key-file",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Sealed by this key instead: 32 bytes, raw or in base64, as openssl rand -base64 32 makes them.",
        ),
        click.option(
            "--passphrase-file",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="The first line of this file is the passphrase. Left out: it is asked for.",
        ),
    ):
        command = option(command)
    return command


@click.command(short_help="All that another machine needs to go on, in one sealed file.")
@click.argument("file", type=click.Path(path_type=Path))
@_lock_options
@config_option
def backup(file: Path, passphrase_file: Path | None, key_file: Path | None, config: Path | None) -> None:
    """Write all that another machine needs to go on to FILE, sealed: the database, the key that seals secrets in it (the
    VAPID keys, endpoints), API keys.

    The gateway may be serving. Not in it: the configuration, and the key of the vault.
    """
    from idlebell import __version__
    from idlebell.store.archive import About, write_archive
    from idlebell.store.durable import sync_folder
    from idlebell.store.sealing import load_or_make_key
    from idlebell.store.sqlite.snapshot import take_snapshot

    settings = loaded(config)
    database, key_path = _places(settings)
    if not database.exists():
        raise Failure(no_database(database))
    if file.exists():
        raise Failure(f"{file} is there already; name another, or move it away")
    lock = _lock(passphrase_file, key_file, confirm=True)
    _remove_left(database)
    copy = database.with_name(f".{database.name}.{os.getpid()}.snapshot")
    with _told(), _removed(copy):
        key = load_or_make_key(key_path, may_make=False)
        made_at = datetime.now(UTC)
        schema = take_snapshot(database, copy)
        about = About(made_at, __version__, schema, copy.stat().st_size, key)
        with _removed_where_broken(file), _new(file) as out, copy.open("rb") as content:
            write_archive(out, lock, about, content)
            out.flush()
            os.fsync(out.fileno())
        sync_folder(file.parent)
    click.echo(f"{file}: {file.stat().st_size:,} bytes, as of {made_at:%Y-%m-%d %H:%M:%S} UTC", err=True)
    if settings.credentials.vault_key_file or settings.credentials.vault_key_command:
        click.echo("The vault's key is not in it: keep that elsewhere, or apps are asked to reconnect", err=True)


@click.command(short_help="Go on from a backup, on this machine.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_lock_options
@config_option
def restore(file: Path, passphrase_file: Path | None, key_file: Path | None, config: Path | None) -> None:
    """Go on from the backup FILE on this machine: makes the database and the key file that the configuration names.

    It overwrites neither. Broken off, it is run once more.
    """
    from idlebell.store.archive import read_archive
    from idlebell.store.durable import sync_folder
    from idlebell.store.sqlite.opening import ServeLock, schema_versions
    from idlebell.store.sqlite.snapshot import adopt

    database, key_path = _places(loaded(config))
    _refuse_present(database)
    _refuse_other_lock(file, passphrase_file, key_file)
    lock = _lock(passphrase_file, key_file, confirm=False)
    with _told():
        serve_lock = ServeLock(database)
        try:
            _refuse_present(database)  # nobody makes one from here on
            copy = database.with_name(f".{database.name}.restored")
            _remove(copy)  # of one that was broken off
            with _removed_where_broken(copy):
                with file.open("rb") as content, _new(copy) as out:
                    about = read_archive(content, lock, out, newest_schema=max(schema_versions()))
                counts = adopt(copy, about.key, about.made_at, datetime.now(UTC))
                with copy.open("rb") as done:
                    os.fsync(done.fileno())
                _put_key(key_path, about)
                copy.rename(database)
            sync_folder(database.parent)
        finally:
            serve_lock.release()
    click.echo(
        f"{database}: {counts['subscriptions']} subscriptions of {counts['accounts']} accounts and {counts['api_keys']} "
        f"API keys, as of {about.made_at:%Y-%m-%d %H:%M:%S} UTC (Idlebell {about.program})",
        err=True,
    )
    click.echo(
        "What was revoked or ended since is not: idlebell keys list. The machine that it was made on must never serve again",
        err=True,
    )


def _places(settings: Settings) -> tuple[Path, Path]:
    from idlebell.store.sealing import default_key_path

    database = settings.store.path
    return database, settings.store.key_file or default_key_path(database)


def _lock(passphrase_file: Path | None, key_file: Path | None, *, confirm: bool) -> Lock:
    from idlebell.cli.passwords import from_file, from_prompt
    from idlebell.store.archive import Lock
    from idlebell.store.key_file import read_key_file
    from idlebell.store.sealing import decoded_key

    if key_file is not None:
        if passphrase_file is not None:
            raise click.UsageError("give --passphrase-file or --key-file, not both")
        try:
            key = decoded_key(read_key_file(key_file, "--key-file"))
        except ValueError as error:
            raise Failure(str(error)) from None
        if key is None:
            raise Failure(
                f"{key_file} does not hold 32 bytes, raw or in base64; openssl rand -base64 32 makes such a key"
            )
        return Lock(key, passphrase=False)
    if passphrase_file is not None:
        secret = from_file(passphrase_file)
    else:
        secret = from_prompt("Passphrase of the backup", instead="--passphrase-file or --key-file")()
        if confirm and from_prompt("Once more", instead="--passphrase-file")() != secret:
            raise Failure("the two are not the same; nothing was written")
    if confirm and len(secret.text()) < PASSPHRASE_LEAST:
        raise Failure(f"a passphrase of a backup has at least {PASSPHRASE_LEAST} characters")
    return Lock(secret.reveal(), passphrase=True)


def _refuse_other_lock(file: Path, passphrase_file: Path | None, key_file: Path | None) -> None:
    """Before a passphrase is asked for that would open nothing."""
    from idlebell.store.archive import sealed_by_passphrase

    with _told(), file.open("rb") as content:
        by_passphrase = sealed_by_passphrase(content)
    if by_passphrase and key_file is not None and passphrase_file is None:
        raise Failure(f"{file} was sealed with a passphrase: leave --key-file out, or give --passphrase-file")
    if not by_passphrase and key_file is None:
        raise Failure(f"{file} was sealed with a key file: name it with --key-file")


def _refuse_present(database: Path) -> None:
    """A journal that the one before has left would be played into the restored one."""
    for path in (database, *(database.with_name(f"{database.name}{end}") for end in _JOURNALS)):
        if path.exists():
            what = "a database" if path == database else "a journal of a database"
            raise Failure(f"there is {what} {path} already, and it is not overwritten: move it away, or name another")


def _put_key(path: Path, about: About) -> None:
    """One that is the same may lie there, of a restore that was broken off."""
    import base64

    from idlebell.store.durable import sync_folder
    from idlebell.store.sealing import load_or_make_key

    if path.exists():
        if load_or_make_key(path, may_make=False) != about.key:
            raise Failure(f"the key file {path} is another's, and it is not overwritten: move it away, or name another")
        return
    with _new(path) as out:
        out.write(base64.b64encode(about.key) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    sync_folder(path.parent)


def _new(path: Path) -> BinaryIO:
    """Nobody else's to read from the first byte on."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


@contextmanager
def _removed(path: Path) -> Iterator[None]:
    try:
        yield
    finally:
        _remove(path)


def _remove_left(database: Path) -> None:
    """Copies of backups that were killed: nobody else would remove them."""
    for copy in database.parent.glob(f".{database.name}.*.snapshot"):
        maker = copy.name.split(".")[-2]
        if not (maker.isdigit() and Path(f"/proc/{maker}").exists()):
            _remove(copy)


def _remove(copy: Path) -> None:
    """A journal that is left would be played into the next one of this name."""
    for end in ("", *_JOURNALS):
        copy.with_name(f"{copy.name}{end}").unlink(missing_ok=True)


@contextmanager
def _removed_where_broken(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _remove(path)
        raise


@contextmanager
def _told() -> Iterator[None]:
    """What went wrong, in one line."""
    from idlebell.store.archive import ArchiveError
    from idlebell.store.contract import StoreError

    try:
        yield
    except (ArchiveError, StoreError) as error:
        raise Failure(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Failure(f"{where}{error.strerror or error}") from None
