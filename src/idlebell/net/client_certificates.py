"""Contexts that show a client certificate: one for each, shared by all accounts that have it.

A context costs 840 KiB, most of it the system's authorities, and a descriptor for the secrets of its handshakes.
"""

from __future__ import annotations

import ssl
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from idlebell.model.account import ClientCertificate
from idlebell.net.errors import TlsFailed

CONTEXTS_MOST: Final = 32
"""27 MiB. With more certificates than this that take turns, the one that was used longest ago is read anew at its next login;
a session keeps its context for as long as it is awake."""

_Version: TypeAlias = tuple[tuple[int, int, int], tuple[int, int, int]]


class ClientContexts:
    """``make``: a context for a session, that of keys (True) or that of authorities."""

    __slots__ = ("_contexts", "_make")

    def __init__(self, make: Callable[[bool], ssl.SSLContext]) -> None:
        self._make = make
        self._contexts: OrderedDict[tuple[ClientCertificate, bool], tuple[_Version, ssl.SSLContext]] = OrderedDict()

    def of(self, certificate: ClientCertificate, *, by_key: bool) -> ssl.SSLContext:
        """Read anew when its files have changed: some certificates live for a day. TlsFailed ``own-certificate``: they cannot
        be used."""
        place = (certificate, by_key)
        version = _version_of(certificate)
        version_then, context = self._contexts.get(place, (None, None))
        if context is None or version_then != version:
            self._contexts.pop(place, None)
            while len(self._contexts) >= CONTEXTS_MOST:
                self._contexts.popitem(last=False)
            context = self._make(by_key)
            load_client_certificate(context, certificate)
            self._contexts[place] = (version, context)
        self._contexts.move_to_end(place)
        return context

    def __len__(self) -> int:
        return len(self._contexts)


def load_client_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """TlsFailed ``own-certificate``. A key under a passphrase is refused, not asked for: there may be nobody to ask."""
    try:
        context.load_cert_chain(certificate.certificate, certificate.key, password=_nobody_to_ask)
    except ssl.SSLError as error:
        what = (
            "is not its key" if error.reason == "KEY_VALUES_MISMATCH" else "cannot be read as PEM without a passphrase"
        )
        both = f"{certificate.certificate} with its key in {certificate.key}"
        raise TlsFailed("own-certificate", f"{both}: {what}") from None
    except OSError as error:
        raise _unreadable(certificate, error) from None


def fault_of(certificate: ClientCertificate) -> str | None:
    """Why it cannot be shown; None: it can."""
    try:
        load_client_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)
    except TlsFailed as error:
        return error.detail
    return None


def _version_of(certificate: ClientCertificate) -> _Version:
    try:
        one, other = (Path(path).stat() for path in (certificate.certificate, certificate.key))
    except OSError as error:
        raise _unreadable(certificate, error) from None
    return (one.st_ino, one.st_mtime_ns, one.st_size), (other.st_ino, other.st_mtime_ns, other.st_size)


def _unreadable(certificate: ClientCertificate, error: OSError) -> TlsFailed:
    place = error.filename or f"{certificate.certificate}, or {certificate.key}"
    return TlsFailed("own-certificate", f"{place} cannot be read: {error.strerror}")


def _nobody_to_ask() -> bytes:
    return b""
