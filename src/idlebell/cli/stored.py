"""The store, opened for one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from idlebell.cli.configured import run
from idlebell.cli.failure import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from idlebell.config import Settings
    from idlebell.store.contract import Store

T = TypeVar("T")


def no_database(path: Path) -> str:
    """Of a command that makes none."""
    return f"there is no database {path.absolute()} yet; idlebell serve makes it, or give --config FILE, as to idlebell serve"


def with_store(
    settings: Settings, work: Callable[[Store], Awaitable[T]], *, may_make: bool = True, alone: bool = False
) -> T:
    """Opens the store beside a gateway that may be serving from it. ``may_make``: where there is none it is made; else that
    is a Failure. ``alone``: while one serves from it that is a Failure, too."""
    import secrets

    from idlebell.store.sealing import Sealer, default_key_path, load_or_make_key
    from idlebell.store.sqlite.store import open_sqlite

    path = settings.store.path
    if not may_make and not path.exists():
        raise Failure(no_database(path))
    made = not path.exists()

    async def opened() -> T:
        key_path = settings.store.key_file or default_key_path(path)
        sealer = Sealer(load_or_make_key(key_path, may_make=made))
        store = await open_sqlite(path, sealer, entropy=secrets.token_bytes, serve=alone)
        try:
            return await work(store)
        finally:
            await store.close()

    done = run(opened())
    if made:
        click.echo(
            f"made the database {path.absolute()}; where another is meant give --config FILE, as to idlebell serve",
            err=True,
        )
    return done
