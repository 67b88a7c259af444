"""``idlebell keys``"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from idlebell.cli.configured import config_option, loaded, run
from idlebell.cli.failure import Failure

if TYPE_CHECKING:
    from idlebell.config import Settings
    from idlebell.store.contract import Store

T = TypeVar("T")
SCOPES = ("subscriptions", "metrics")
MAX_NAME_CHARS = 100


@click.group()
def keys() -> None:
    """API keys and the VAPID key: make, list, revoke, show."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("subscriptions",),
    show_default=True,
    help="What the key is for; may be given several times.",
)
@click.option("--days", type=click.IntRange(1, 3650), help="Valid for so many days. Left out: until it is revoked.")
@config_option
def make(name: str, scopes: tuple[str, ...], days: int | None, config: Path | None) -> None:
    """Make an API key called NAME. It is printed once, and only its hash is kept."""
    import secrets

    from idlebell.model import ids
    from idlebell.model.subscription import ApiKey

    if not name.isprintable() or not 0 < len(name) <= MAX_NAME_CHARS:
        raise click.BadParameter(f"1 to {MAX_NAME_CHARS} printable characters", param_hint="NAME")
    token = ids.api_key_token(secrets.token_bytes(ids.TOKEN_ENTROPY_BYTES))
    now = datetime.now(UTC)
    key = ApiKey(
        id=ids.api_key_id(secrets.token_bytes(ids.ID_ENTROPY_BYTES)),
        name=name,
        token_hash=ids.token_hash(token),
        scopes=frozenset(scopes),
        created_at=now,
        expires_at=now + timedelta(days=days) if days else None,
    )

    async def work(store: Store) -> None:
        await store.put_api_key(key)

    _with_store(loaded(config), work)
    click.echo(f"{key.id} for {name} ({', '.join(sorted(scopes))}); keep this, it is not shown again:", err=True)
    click.echo(token)


@keys.command("list")
@config_option
def list_(config: Path | None) -> None:
    """List the API keys. No key itself is shown: only hashes are kept."""

    async def work(store: Store) -> list[str]:
        return [
            f"{key.id}  {', '.join(sorted(key.scopes)) or '-'}  made {key.created_at:%Y-%m-%d}  "
            f"{f'until {key.expires_at:%Y-%m-%d}' if key.expires_at else 'no end'}  {key.name}"
            for key in sorted(await store.api_keys(), key=lambda key: key.created_at)
        ]

    for line in _with_store(loaded(config), work):
        click.echo(line)


@keys.command()
@click.argument("key_id", metavar="KEY_ID")
@config_option
def revoke(key_id: str, config: Path | None) -> None:
    """Revoke an API key by its id (key_…). Its subscriptions go on until they end."""
    from idlebell.model.ids import ApiKeyId

    async def work(store: Store) -> bool:
        return await store.remove_api_key(ApiKeyId(key_id))

    if not _with_store(loaded(config), work):
        raise Failure(f"there is no API key {key_id[:40]!r}; see idlebell keys list")
    click.echo(f"{key_id} is revoked", err=True)


@keys.command(short_help="Show the public application server key of Web Push.")
@config_option
def vapid(config: Path | None) -> None:
    """Show the public application server key of Web Push, and make the pair if there is none."""
    import secrets

    from idlebell.push.vapid import VapidKey

    async def work(store: Store) -> str:
        der = await store.vapid_key()
        if der is None:
            der = await store.put_vapid_key(VapidKey.generate(secrets.token_bytes).der())
        return VapidKey.load(der).public_key

    click.echo(_with_store(loaded(config), work))


def _with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Opens the store beside a gateway that may be serving from it."""
    import secrets

    from idlebell.store.sealing import Sealer, default_key_path, load_or_make_key
    from idlebell.store.sqlite.store import open_sqlite

    async def opened() -> T:
        path = settings.store.path
        key_path = settings.store.key_file or default_key_path(path)
        sealer = Sealer(load_or_make_key(key_path, may_make=not path.exists()))
        store = await open_sqlite(path, sealer, entropy=secrets.token_bytes, serve=False)
        try:
            return await work(store)
        finally:
            await store.close()

    return run(opened())
