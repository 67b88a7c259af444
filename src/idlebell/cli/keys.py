"""``idlebell keys``"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from idlebell.cli.configured import config_option, loaded
from idlebell.cli.failure import Failure
from idlebell.cli.stored import with_store

if TYPE_CHECKING:
    from idlebell.config import Settings
    from idlebell.store.contract import Store

T = TypeVar("T")
SCOPES = ("subscriptions", "metrics", "sources")
MAX_NAME_CHARS = 100


@click.group()
def keys() -> None:
    """API keys, invitations, the keys of VAPID and of the vault."""


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
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="Or until this day begins, in UTC.")
@config_option
def make(name: str, scopes: tuple[str, ...], days: int | None, expires: datetime | None, config: Path | None) -> None:
    """Make an API key called NAME. It is printed once, and only its hash is kept."""
    import secrets

    from idlebell.model import ids
    from idlebell.model.subscription import ApiKey

    _check_name(name)
    token = ids.api_key_token(secrets.token_bytes(ids.TOKEN_ENTROPY_BYTES))
    now = datetime.now(UTC)
    if expires is not None:
        expires = _still_to_come(expires.replace(tzinfo=UTC), now, days)
    elif days:
        expires = now + timedelta(days=days)
    key = ApiKey(
        id=ids.api_key_id(secrets.token_bytes(ids.ID_ENTROPY_BYTES)),
        name=name,
        token_hash=ids.token_hash(token),
        scopes=frozenset(scopes),
        created_at=now,
        expires_at=expires,
    )

    async def work(store: Store) -> None:
        await store.put_api_key(key)

    with_store(loaded(config), work)
    click.echo(f"{key.id} for {name} ({', '.join(sorted(scopes))}); keep this, it is not shown again:", err=True)
    click.echo(token)


@keys.command(short_help="Make an invitation: a link that lets its bearer register.")
@click.argument("name")
@click.option(
    "--uses", type=click.IntRange(1, 1_000), default=1, show_default=True, help="How many may register by it."
)
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="Valid for so many days.")
@config_option
def invite(name: str, uses: int, days: int, config: Path | None) -> None:
    """Make an invitation called NAME: a link to the web client that lets its bearer register.

    It is printed once, and only its hash is kept. Needed where server.registration is "key".
    """
    import secrets

    from idlebell.model import ids
    from idlebell.model.invitation import Invitation, InvitationId

    _check_name(name)
    settings = loaded(config)
    token = ids.invitation_token(secrets.token_bytes(ids.TOKEN_ENTROPY_BYTES))
    now = datetime.now(UTC)
    invitation = Invitation(
        InvitationId(ids.invitation_id(secrets.token_bytes(ids.ID_ENTROPY_BYTES))),
        name,
        ids.token_hash(token),
        uses,
        0,
        now,
        now + timedelta(days=days),
    )

    async def work(store: Store) -> None:
        await store.put_invitation(invitation)

    with_store(settings, work)
    many = "one" if uses == 1 else f"up to {uses}"
    until = f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{invitation.id} for {name}: {many} may register until {until}. It is not shown again:", err=True)
    click.echo(f"{_begin_of_links(settings)}/#invite={token}")


@keys.command("list")
@config_option
def list_(config: Path | None) -> None:
    """List API keys, invitations and VAPID keys.

    Of a VAPID key the public half is shown. Of the others none itself is: only hashes are kept.
    """

    async def work(store: Store) -> list[str]:
        return [
            *(
                f"{key.id}  {', '.join(sorted(key.scopes)) or '-'}  made {key.created_at:%Y-%m-%d}  "
                f"{f'until {key.expires_at:%Y-%m-%d}' if key.expires_at else 'no end'}  {key.name}"
                for key in sorted(await store.api_keys(), key=lambda key: key.created_at)
            ),
            *(
                f"{one.id}  used {one.used} of {one.uses}  made {one.created_at:%Y-%m-%d}  "
                f"until {one.expires_at:%Y-%m-%d}  {one.name}"
                for one in await store.invitations()
            ),
            *await _vapid_keys(store),
        ]

    for line in with_store(loaded(config), work):
        click.echo(line)


@keys.command(short_help="Revoke an API key, an invitation or a retired VAPID key.")
@click.argument("key_id", metavar="ID")
@config_option
def revoke(key_id: str, config: Path | None) -> None:
    """Revoke an API key (key_…) or an invitation (inv_…) by its id, or a retired VAPID key by its public half.

    What was subscribed by the former goes on until it ends. What was by the latter rings no more until its app subscribes anew.
    """
    from idlebell.model.ids import ApiKeyId
    from idlebell.model.invitation import InvitationId

    async def work(store: Store) -> bool:
        if key_id.startswith("inv_"):
            return await store.remove_invitation(InvitationId(key_id))
        if key_id.startswith("key_"):
            return await store.remove_api_key(ApiKeyId(key_id))
        return await _revoke_vapid(store, key_id)

    if not with_store(loaded(config), work):
        raise Failure(f"there is no key or invitation {key_id[:100]!r}; see idlebell keys list")
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

    click.echo(with_store(loaded(config), work))


@keys.command("rotate-vapid", short_help="Make another application server key the current one.")
@config_option
def rotate_vapid(config: Path | None) -> None:
    """Make another application server key of Web Push the current one, and show its public half.

    What was subscribed with the old one goes on to be signed by it. A gateway that serves need not be restarted.
    """
    import secrets

    from idlebell.deliver.old_keys import KEYS_KEPT_MAX
    from idlebell.push.vapid import VapidKey

    async def work(store: Store) -> str:
        if len(await store.vapid_keys()) >= KEYS_KEPT_MAX:
            raise Failure(
                f"{KEYS_KEPT_MAX} VAPID keys are kept, as many as may be: idlebell keys list says who needs the old ones, "
                "and idlebell keys revoke takes one"
            )
        key = VapidKey.generate(secrets.token_bytes)
        await store.rotate_vapid_key(key.der(), datetime.now(UTC))
        return key.public_key

    click.echo(with_store(loaded(config), work))


@keys.command("rotate-vault", short_help="Make another key the vault's, and seal all that is in it by that.")
@click.option(
    "--new-key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The new key; made where there is none. Left out: made, and put in the place of vault_key_file.",
)
@click.option("--lost", is_flag=True, help="The old key is lost: what it sealed is removed from the vault.")
@config_option
def rotate_vault(new_key_file: Path | None, lost: bool, config: Path | None) -> None:
    """Make another key the vault's, and seal all that is in it by that.

    The gateway must not be running. Broken off at any moment nothing is lost: run it once more.
    """
    from idlebell.cli.vault import rotated

    for line in rotated(loaded(config), new_key_file, lost=lost):
        click.echo(line, err=True)


async def _vapid_keys(store: Store) -> list[str]:
    from idlebell.deliver.old_keys import needed, public

    kept = await store.vapid_keys()
    users = await needed(store, kept) if kept else {}
    return [
        f"{public(key)}  VAPID, {f'retired {key.retired_at:%Y-%m-%d}' if key.retired_at else 'current'}, "
        f"subscriptions: {users.get(public(key), 0)}"
        for key in kept
    ]


async def _revoke_vapid(store: Store, public_key: str) -> bool:
    from idlebell.deliver.old_keys import public

    found = next((one for one in await store.vapid_keys() if public(one) == public_key), None)
    if found is not None and found.retired_at is None:
        raise Failure("this is the current VAPID key: make another by idlebell keys rotate-vapid first")
    return found is not None and await store.remove_vapid_key(found.der)


def _still_to_come(expires: datetime, now: datetime, days: int | None) -> datetime:
    if days is not None:
        raise click.UsageError("--days and --expires say the same: give one of them")
    if expires <= now:
        raise click.BadParameter("must be a day to come", param_hint="--expires")
    return expires


def _check_name(name: str) -> None:
    if not name.isprintable() or not 0 < len(name) <= MAX_NAME_CHARS:
        raise click.BadParameter(f"1 to {MAX_NAME_CHARS} printable characters", param_hint="NAME")


def _begin_of_links(settings: Settings) -> str:
    """``server.public_url``, or the address that is listened on, with a remark."""
    server = settings.server
    if server.public_url:
        return server.public_url.rstrip("/")
    click.echo("server.public_url is not set: this link works on this machine alone", err=True)
    return f"{'https' if server.tls_certificate else 'http'}://{server.listen}"
