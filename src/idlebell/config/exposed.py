"""Files with secrets in them that everybody on the machine can read: told, for they work all the same.

A group may be let in, as Debian's ``ssl-cert`` is. The keys of the store, of the vault and of Apple's and Google's services
are not among these: such a file is refused where it is open to anybody but its owner (:mod:`idlebell.store.key_file`).
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from idlebell.config.rules import Broken
from idlebell.config.settings import Settings


def exposed(settings: Settings, config: Path | None) -> Iterator[Broken]:
    """``config``: where the settings came from. What cannot be looked at is not told here."""
    for key, path in _named(settings, config):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if mode & (stat.S_IROTH | stat.S_IWOTH) and not stat.S_ISCHR(mode):
            may = "read" if mode & stat.S_IROTH else "overwritten"
            yield Broken((key,), f"{path} can be {may} by everybody on this machine; run chmod o-rw {path}")


def _named(settings: Settings, config: Path | None) -> Iterator[tuple[str, Path]]:
    named = {
        "server.tls_key": settings.server.tls_key,
        "front.tls_key": settings.front.tls_key,
        "canary.password_file": settings.canary.password_file,
        "canary.client_key": settings.canary.client_key or settings.canary.client_certificate,
    }
    for number, watch in enumerate(settings.watch, 1):
        named[f"watch.{number}.password_file"] = watch.password_file
        named[f"watch.{number}.client_key"] = watch.client_key or watch.client_certificate
    for number, ingest in enumerate(settings.ingest, 1):
        named[f"ingest.{number}.key_file"] = ingest.key_file
    for name, client in settings.oauth.items():
        named[f"oauth.{name}.secret_file"] = client.secret_file
    if config is not None and _holds_secrets(settings):
        yield "", config
    yield from ((key, path) for key, path in named.items() if path is not None)


def _holds_secrets(settings: Settings) -> bool:
    """Who knows an endpoint's URL can ring it; a proxy's may hold a password."""
    return any(watch.notify for watch in settings.watch) or "@" in settings.network.proxy
