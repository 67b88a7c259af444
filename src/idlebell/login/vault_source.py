"""Where the vault's key comes from: a file, a command, or what systemd hands to the service."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idlebell.net.child_process import output_of
from idlebell.store.contract import StoreError
from idlebell.store.key_file import read_key_file
from idlebell.store.sealing import KEY_BYTES, decoded_key, make_key

COMMAND_SECONDS: Final = 30.0
"""A key service in the network answers sooner; longer, a start would seem to hang."""
OUTPUT_BYTES: Final = 4_096
CREDENTIAL: Final = "idlebell.vault-key"
"""As ``LoadCredential=`` or ``LoadCredentialEncrypted=`` of the unit names it (systemd.exec(5))."""


@dataclass(frozen=True, slots=True)
class VaultSource:
    """As the configuration says; with neither, the systemd credential."""

    file: Path | None = None
    command: str = ""


def credential_path() -> Path | None:
    """The key that systemd hands over, where it does."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    path = Path(folder) / CREDENTIAL
    return path if folder and path.exists() else None


def has_source(source: VaultSource) -> bool:
    return source.file is not None or bool(source.command) or credential_path() is not None


def next_path(path: Path) -> Path:
    """Where a new key lies until all is sealed by it."""
    return path.with_name(path.name + ".new")


def read_vault_keys(source: VaultSource, *, may_make: bool) -> tuple[bytes, ...]:
    """The first seals, all open. ``may_make``: nothing is sealed yet, so a file that is not there is made. ValueError: the
    sentence names the place and the mend."""
    if source.file is not None:
        path = source.file
        if may_make and not path.exists():
            return (made_key(path),)
        return tuple(key_of_file(one) for one in (path, next_path(path)) if one == path or one.exists())
    if source.command:
        return (_decoded(_output(source.command), "what credentials.vault_key_command prints"),)
    found = credential_path()
    if found is None:
        raise ValueError(f"no vault_key_file, no vault_key_command and no systemd credential {CREDENTIAL} is given")
    try:
        # Whose it is, systemd sees to: by an access list, of which the group's bits are no picture.
        return (_decoded(found.read_bytes()[:OUTPUT_BYTES], f"the systemd credential {CREDENTIAL}"),)
    except OSError as error:
        raise ValueError(f"the systemd credential {found} cannot be read: {error.strerror}") from None


def key_of_file(path: Path) -> bytes:
    return _decoded(read_key_file(path, "credentials.vault_key_file"), str(path))


def made_key(path: Path) -> bytes:
    try:
        return make_key(path)
    except StoreError as error:
        raise ValueError(str(error).rstrip(".")) from None


def _decoded(content: bytes, place: str) -> bytes:
    key = decoded_key(content)
    if key is None:
        raise ValueError(
            f"{place} is not {KEY_BYTES} bytes, raw or in base64; openssl rand -base64 32 makes such a key"
        )
    return key


def _output(command: str) -> bytes:
    name = "credentials.vault_key_command"
    try:
        return output_of(command, timeout_seconds=COMMAND_SECONDS)[:OUTPUT_BYTES]
    except TimeoutError:
        raise ValueError(f"{name} did not end within {COMMAND_SECONDS:g} s") from None
    except ChildProcessError as error:
        raise ValueError(f"{name} failed with status {error.errno}") from None
    except (OSError, ValueError):
        raise ValueError(f"{name} cannot be started") from None
