"""What must hold between keys. Each rule yields the keys it looked at and what is wrong with them; the loader leaves a
verdict out where one of these keys is already refused."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from idlebell.config.settings import Settings, Watch
from idlebell.discover.sign_in_presets import PRESETS
from idlebell.ingest.keys import read_key
from idlebell.login.vault_source import CREDENTIAL, has_source
from idlebell.model.account import ClientCertificate, Retention, Tls
from idlebell.model.apprise_service import offered
from idlebell.model.source import Form
from idlebell.net.apprise_pool import is_installed
from idlebell.net.client_certificates import fault_of
from idlebell.net.http2 import is_spoken
from idlebell.net.outbound import foreign_addresses
from idlebell.net.tls_policy import server_context
from idlebell.store.sealing import default_key_path

_LOGINS = ("password_command", "token_command", "oauth", "client_certificate")


@dataclass(frozen=True, slots=True)
class Broken:
    """``keys``: ``section.key``, the first one is where the mend goes."""

    keys: tuple[str, ...]
    message: str


def broken(settings: Settings) -> Iterator[Broken]:
    yield from _server(settings)
    yield from _credentials(settings)
    yield from _network(settings)
    yield from _front(settings)
    yield from _declared(settings)
    yield from _canary(settings)
    yield from _apns(settings)
    yield from _sign_ins(settings)


def _server(settings: Settings) -> Iterator[Broken]:
    server = settings.server
    if server.registration == "open" and not server.listen.loopback and not server.allow_open:
        yield Broken(
            ("server.registration", "server.listen", "server.allow_open"),
            f'anyone who reaches {server.listen} could subscribe; set registration = "key", or say allow_open = true',
        )
    yield from _pair("server", server.tls_certificate, server.tls_key)


def _pair(section: str, certificate: Path | None, key: Path | None) -> Iterator[Broken]:
    names = (f"{section}.tls_certificate", f"{section}.tls_key")
    if certificate is None and key is not None:
        yield Broken(names, "is missing; TLS needs it beside tls_key")
    if certificate is not None and key is None:
        yield Broken(names[::-1], "is missing; TLS needs it beside tls_certificate")


def _credentials(settings: Settings) -> Iterator[Broken]:
    kept = settings.credentials
    if kept.vault_key_file is not None and kept.vault_key_command:
        yield Broken(
            ("credentials.vault_key_command", "credentials.vault_key_file"),
            "give vault_key_file or vault_key_command, not both",
        )
    if Retention.VAULT in kept.retention and not has_source(kept.vault_source):
        yield Broken(
            ("credentials.retention", "credentials.vault_key_file", "credentials.vault_key_command"),
            f"vault needs vault_key_file or vault_key_command, or a systemd credential {CREDENTIAL}",
        )
    store_key = settings.store.key_file or default_key_path(settings.store.path)
    if kept.vault_key_file is not None and kept.vault_key_file.absolute() == store_key.absolute():
        yield Broken(
            ("credentials.vault_key_file", "store.key_file", "store.url"),
            "is the store's key, which every backup holds; name another file, it is made at the next start",
        )


def _network(settings: Settings) -> Iterator[Broken]:
    network = settings.network
    if network.allow_plaintext and not network.allow:
        yield Broken(
            ("network.allow_plaintext", "network.allow"),
            'works only on networks in allow; name them, for example allow = ["127.0.0.0/8"]',
        )
    probe = settings.imap.probe_seconds
    if 0 < probe < 30:
        yield Broken(("imap.probe_seconds",), "must be 0 (found by measure) or 30 or more")


def _front(settings: Settings) -> Iterator[Broken]:
    front = settings.front
    yield from _pair("front", front.tls_certificate, front.tls_key)
    if front.listen is None:
        return
    if front.upstream is None and not front.upstreams:
        yield Broken(
            ("front.upstream", "front.listen", "front.upstreams"), "is missing; say which IMAP server stands behind"
        )
    if front.starttls and front.tls_certificate is None:
        yield Broken(("front.starttls", "front.tls_certificate"), "needs tls_certificate and tls_key")
    if front.upstream_tls == "none":
        if not settings.network.allow_plaintext:
            yield Broken(
                ("front.upstream_tls", "network.allow_plaintext"),
                "IMAP without TLS needs network.allow_plaintext and the server's network in network.allow",
            )
        if front.upstream_pin_sha256 is not None:
            yield Broken(("front.upstream_pin_sha256", "front.upstream_tls"), "needs TLS")
    if settings.credentials.door == "process":
        yield Broken(
            ("front.listen", "credentials.door"),
            "is not possible with a door of its own process yet: the front sees passwords as they pass",
        )
    if front.tls_certificate is None and not front.listen.loopback:
        yield Broken(
            ("front.tls_certificate", "front.listen"), "is missing; without TLS the front listens on loopback only"
        )


def _declared(settings: Settings) -> Iterator[Broken]:
    for number, watch in enumerate(settings.watch, 1):
        place = f"watch.{number}"
        yield from _login_of(place, watch, settings)
        if not watch.notify and not watch.exec:
            yield Broken((f"{place}.notify", f"{place}.exec"), "is missing; give an endpoint's URL, or exec")
        if watch.url.target.tls is Tls.NONE and watch.tls_pin_sha256 is not None:
            yield Broken((f"{place}.tls_pin_sha256", f"{place}.url"), "needs TLS: imaps:// or imap:// in url")
        if watch.url.target.tls is Tls.NONE and not settings.network.allow_plaintext:
            yield Broken(
                (f"{place}.url", "network.allow_plaintext"),
                "IMAP without TLS needs network.allow_plaintext and the server's network in network.allow",
            )
    seen: set[str] = set()
    for number, ingest in enumerate(settings.ingest, 1):
        if not ingest.name or ingest.name in seen:
            yield Broken((f"ingest.{number}.name",), "each mail server needs a name of its own")
        elif re.fullmatch(r"[A-Za-z0-9._-]{1,64}", ingest.name) is None:
            yield Broken((f"ingest.{number}.name",), "is 1 to 64 letters, digits, dots, hyphens and underscores")
        seen.add(ingest.name)
        if settings.credentials.door == "process":
            yield Broken(
                (f"ingest.{number}.name", "credentials.door"),
                "the door as a process of its own lets no reports through yet; leave the door inside",
            )
        if ingest.key_file is None:
            yield Broken((f"ingest.{number}.key_file",), "is missing; a mail server shows itself by a key")


def _login_of(place: str, watch: Watch, settings: Settings) -> Iterator[Broken]:
    yield from _client_certificate(place, watch.client_certificate, watch.client_key, watch.url.target.tls)
    passwords = [name for name in ("password_file", "password_command") if getattr(watch, name)]
    tokens = [name for name in ("token_command", "oauth") if getattr(watch, name)]
    given = [*passwords, *tokens]
    if len(given) > 1:
        yield Broken((f"{place}.{given[1]}", f"{place}.{given[0]}"), f"give {given[0]} or {given[1]}, not both")
    if tokens and watch.client_certificate is not None:
        yield Broken(
            (f"{place}.client_certificate", f"{place}.{tokens[0]}"),
            f"goes beside a password or alone, not with {tokens[0]}",
        )
    if not given and watch.client_certificate is None:
        yield Broken(
            (f"{place}.password_file", *(f"{place}.{name}" for name in _LOGINS)),
            "is missing; give it, password_command, token_command, oauth or client_certificate",
        )
    if bool(watch.oauth) != (watch.refresh_token_file is not None):
        missing, there = ("refresh_token_file", "oauth") if watch.oauth else ("oauth", "refresh_token_file")
        yield Broken((f"{place}.{missing}", f"{place}.{there}"), f"is missing beside {there}")
    if watch.oauth:
        yield from _client_of(place, watch, settings)


def _client_of(place: str, watch: Watch, settings: Settings) -> Iterator[Broken]:
    client, preset = settings.oauth.get(watch.oauth), PRESETS.get(watch.oauth)
    host = watch.url.target.host
    if client is None or not client.client_id:
        yield Broken((f"{place}.oauth",), f"names no section [oauth.{watch.oauth}] with a client_id")
    else:
        hosts = client.hosts or (preset.hosts if preset is not None else ())
        if not any(host == one or host.endswith(f".{one}") for one in hosts):
            yield Broken((f"{place}.oauth", f"{place}.url"), f"[oauth.{watch.oauth}] hosts does not name this server")
    if settings.credentials.door == "process":
        yield Broken(
            (f"{place}.oauth", "credentials.door"),
            "needs the door inside, which writes the file; with a door process use token_command",
        )


def _client_certificate(place: str, certificate: Path | None, key: Path | None, tls: Tls) -> Iterator[Broken]:
    if certificate is None and key is not None:
        yield Broken((f"{place}.client_certificate", f"{place}.client_key"), "is missing beside client_key")
    if certificate is not None and tls is Tls.NONE:
        yield Broken((f"{place}.client_certificate",), "needs TLS: imaps:// or imap:// in the account's URL")


def _canary(settings: Settings) -> Iterator[Broken]:
    canary = settings.canary
    if canary.account is None:
        if canary.smtp is not None or canary.password_file is not None:
            yield Broken(
                ("canary.account", "canary.smtp", "canary.password_file"), "is missing; which account is mailed?"
            )
        return
    if canary.password_file is None:
        yield Broken(("canary.password_file", "canary.account"), "is missing; the canary's account needs it")
    yield from _client_certificate("canary", canary.client_certificate, canary.client_key, canary.account.target.tls)
    if canary.smtp is None:
        yield Broken(
            ("canary.smtp", "canary.account"), "is missing; say where mail is handed in, for example smtps://HOST"
        )
    if not canary.address:
        yield Broken(
            ("canary.recipient", "canary.account"), "is missing; the user name is no address that mail could be sent to"
        )
    if settings.imap.only_hosts and canary.account.target.host not in settings.imap.only_hosts:
        yield Broken(("canary.account", "imap.only_hosts"), "names a server that is not among imap.only_hosts")
    for key, tls in (
        ("canary.account", canary.account.target.tls),
        ("canary.smtp", None if canary.smtp is None else canary.smtp.tls),
    ):
        if tls is Tls.NONE and not settings.network.allow_plaintext:
            yield Broken(
                (key, "network.allow_plaintext"),
                "a connection without TLS needs network.allow_plaintext and the server's network in network.allow",
            )


def _apns(settings: Settings) -> Iterator[Broken]:
    apns = settings.apns
    if apns.key_file is None:
        return
    for name in ("key_id", "team_id", "topic"):
        if not getattr(apns, name):
            yield Broken((f"apns.{name}", "apns.key_file"), "is missing; Apple wants it beside the key")
    if not is_spoken():
        yield Broken(("apns.key_file",), "needs HTTP/2: pip install 'idlebell[apns]'")


def _sign_ins(settings: Settings) -> Iterator[Broken]:
    for name, client in settings.oauth.items():
        if not client.client_id:
            continue
        place = f"oauth.{name}"
        if re.fullmatch(r"[a-z0-9-]{1,40}", name) is None:
            yield Broken((f"{place}.client_id",), "NAME is 1 to 40 letters, digits and hyphens, in lower case")
        if name not in PRESETS:
            known = ", ".join(sorted(PRESETS))
            if not client.hosts:
                yield Broken((f"{place}.hosts",), f"is missing; which IMAP servers take its tokens? Known are {known}")
            if not client.issuer and not (client.authorization_url and client.token_url):
                yield Broken((f"{place}.issuer",), "is missing; give it, or authorization_url and token_url")
        if bool(client.authorization_url) != bool(client.token_url):
            yield Broken((f"{place}.token_url",), "authorization_url and token_url go together")
        for key in ("issuer", "authorization_url", "token_url"):
            if getattr(client, key).startswith("http:") and not settings.network.allow_plaintext:
                yield Broken((f"{place}.{key}", "network.allow_plaintext"), "must be an https URL")
        if not settings.server.public_url and not settings.server.listen.loopback:
            yield Broken(
                ("server.public_url", f"{place}.client_id"), "is missing; a provider sends browsers back to one address"
            )


def unheard(settings: Settings) -> Iterator[Broken]:
    """Endpoints of ``[[watch]]`` that cannot be rung: told by ``idlebell check``; the gateway rings the others."""
    services = offered(settings.push.apprise_services, allow_plaintext=settings.network.allow_plaintext)
    for number, watch in enumerate(settings.watch, 1):
        for url in watch.notify:
            scheme = url.scheme.removeprefix("simplepush+")
            if url.scheme in services:
                if not is_installed():
                    yield Broken(
                        (f"watch.{number}.notify",), f"{url.scheme}:// needs Apprise: pip install 'idlebell[apprise]'"
                    )
            elif scheme not in ("http", "https"):
                known = "https:// (a webhook), simplepush+https://, or a service of push.apprise_services"
                yield Broken((f"watch.{number}.notify",), f"{url.scheme}:// is not offered; use {known}")
            elif scheme == "http" and not settings.network.allow_plaintext:
                yield Broken((f"watch.{number}.notify",), f"{url.scheme}:// needs network.allow_plaintext")


def _not_started(command: str) -> str | None:
    """Of a program that is named by its whole path; where others are found is the service's to know. The words behind it may be
    secret, so no more than the program is shown."""
    try:
        program = next(iter(shlex.split(command)), "")
    except ValueError as error:
        return f"is no command line: {error}"
    if not program.startswith("/") or os.access(program, os.X_OK):
        return None
    return f"{program} is not there, or not executable"


def without_effect(settings: Settings) -> Iterator[Broken]:
    """What is written and does nothing, because the key that switches it on is empty: a warning of ``idlebell check``."""
    front = settings.front
    if front.listen is None and (front.upstream is not None or front.upstreams or front.tls_certificate is not None):
        yield Broken(("front.listen",), 'is empty, so there is no front; for example listen = "0.0.0.0:993"')


def foreign(settings: Settings) -> Iterator[Broken]:
    """Outbound addresses that the machine does not have: told by ``idlebell check``; ``serve`` does not start with them."""
    for address in foreign_addresses(settings.imap.source_addresses):
        yield Broken(
            ("imap.source_addresses",),
            f"{address} is no address of this machine; add it to an interface, or leave it out",
        )


def unreadable(settings: Settings) -> Iterator[Broken]:
    """Files that are named and cannot be read, and the store's folder: looked at by ``idlebell check``, for the gateway finds
    out by itself."""
    named = {
        "server.tls_certificate": settings.server.tls_certificate,
        "server.tls_key": settings.server.tls_key,
        "imap.ca_file": settings.imap.ca_file,
        "credentials.vault_key_file": _made_already(settings.credentials.vault_key_file),
        "front.tls_certificate": settings.front.tls_certificate,
        "front.tls_key": settings.front.tls_key,
        "canary.password_file": settings.canary.password_file,
        "canary.client_certificate": settings.canary.client_certificate,
        "canary.client_key": settings.canary.client_key,
        "fcm.service_account_file": settings.fcm.service_account_file,
        "apns.key_file": settings.apns.key_file,
    }
    for number, watch in enumerate(settings.watch, 1):
        for key in ("password_file", "client_certificate", "client_key", "refresh_token_file"):
            named[f"watch.{number}.{key}"] = getattr(watch, key)
    named |= {f"ingest.{number}.key_file": ingest.key_file for number, ingest in enumerate(settings.ingest, 1)}
    named |= {f"oauth.{name}.secret_file": client.secret_file for name, client in settings.oauth.items()}
    folder = settings.store.path.parent
    if not folder.is_dir():
        yield Broken(("store.url",), f"there is no folder {folder}; make it, writable by the gateway")
    for key, path in named.items():
        if path is None:
            continue
        try:
            path.open("rb").close()
        except OSError as error:
            yield Broken((key,), f"{path} cannot be read: {error.strerror}")
    yield from _unusable(settings)
    for place, certificate in client_certificates(settings):
        if Path(certificate.certificate).is_file() and Path(certificate.key).is_file():
            fault = fault_of(certificate)
            if fault is not None:
                yield Broken((f"{place}.client_certificate",), fault)


def _unusable(settings: Settings) -> Iterator[Broken]:
    """Files that can be read and do not hold what they are to hold."""
    pairs = (
        ("server", settings.server.tls_certificate, settings.server.tls_key),
        ("front", settings.front.tls_certificate, settings.front.tls_key),
    )
    for section, certificate, key in pairs:
        if certificate is not None and key is not None and certificate.is_file() and key.is_file():
            try:
                server_context(certificate, key)
            except ValueError as error:
                yield Broken((f"{section}.tls_certificate", f"{section}.tls_key"), str(error))
    for number, watch in enumerate(settings.watch, 1):
        for name in ("password_command", "token_command"):
            if (fault := _not_started(getattr(watch, name))) is not None:
                yield Broken((f"watch.{number}.{name}",), fault)
    for number, ingest in enumerate(settings.ingest, 1):
        if ingest.key_file is not None and ingest.key_file.is_file():
            try:
                read_key(ingest.key_file.read_bytes(), Form(ingest.form))
            except (OSError, ValueError) as error:
                fault = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
                yield Broken((f"ingest.{number}.key_file",), f"{ingest.key_file} {fault}")


def client_certificates(settings: Settings) -> Iterator[tuple[str, ClientCertificate]]:
    """Those that are named, with their sections."""
    named = [("canary", settings.canary.certificate)]
    named += [(f"watch.{number}", watch.certificate) for number, watch in enumerate(settings.watch, 1)]
    yield from ((place, one) for place, one in named if one is not None)


def _made_already(path: Path | None) -> Path | None:
    """None as long as the first start may still make it."""
    return path if path is None or path.exists() or not path.parent.is_dir() else None
