"""Mail servers that report deliveries, as the settings name them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from idlebell.config import Settings
from idlebell.config.settings import Ingest
from idlebell.ingest.keys import read_key
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.source import Form, Source
from idlebell.store.key_file import read_key_file

_STARTTLS: Final = Tls.STARTTLS.default_port


def sources_of(settings: Settings) -> MappingProxyType[str, Source]:
    """By id. ValueError: a key cannot be used; the sentence says which."""
    found = (_source(number, one) for number, one in enumerate(settings.ingest, 1))
    return MappingProxyType({one.id: one for one in found})


def _source(number: int, given: Ingest) -> Source:
    assert given.key_file is not None  # a rule of the configuration
    place = f"[[ingest]] {number} key_file"
    form = Form(given.form)
    try:
        key = read_key(read_key_file(given.key_file, place), form)
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith(place) else f"{place}: {given.key_file} {error}") from None
    at = given.imap
    target = None
    if at is not None:
        target = ImapTarget(at.host, at.port, Tls.STARTTLS if at.port == _STARTTLS else Tls.IMPLICIT)
    return Source(given.name, form, key, frozenset(given.users), target, given.reports_per_minute)
