"""Where a password comes from: a file, a command or a prompt. Never an argument, for other users can read those."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from idlebell.cli.failure import Failure

if TYPE_CHECKING:
    from idlebell.model.account import ClientCertificate
    from idlebell.model.secret import Secret
    from idlebell.model.trust import Trust

COMMAND_SECONDS = 60
"""A password manager may ask its user something first."""
MAX_BYTES = 64 * 1024

F = TypeVar("F", bound=Callable[..., Any])


def password_options(command: F) -> F:
    for option in (
        click.option(
            "--password-command", metavar="CMD", help="The first line that this command prints is the password."
        ),
        click.option(
            "--password-file",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="The first line of this file is the password.",
        ),
    ):
        command = option(command)
    return command


def pin_option(command: F) -> F:
    return click.option(
        "--tls-pin",
        "pins",
        multiple=True,
        metavar="SHA256",
        help="Trust the server with this public key (SHA-256 of its SPKI, base64 or hexadecimal) instead of authorities; may "
        "be given several times. idlebell check tells the one that a server has.",
    )(command)


def certificate_options(command: F) -> F:
    for option in (
        click.option(
            "--client-key",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="The key of the client certificate, PEM. Left out: it is in the certificate's file.",
        ),
        click.option(
            "--client-certificate",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Show this certificate (PEM, with its chain) to the server. Without a password option it is the login (SASL "
            "EXTERNAL).",
        ),
    ):
        command = option(command)
    return command


def certificate_of(certificate: Path | None, key: Path | None) -> ClientCertificate | None:
    from idlebell.config.settings import certificate_of as made

    if certificate is None and key is not None:
        raise click.UsageError("give --client-certificate beside --client-key")
    return made(certificate, key)


def trust_of(pins: tuple[str, ...]) -> Trust:
    from idlebell.model.trust import AUTHORITIES, read_pins

    try:
        return read_pins(list(pins)) if pins else AUTHORITIES
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--tls-pin") from None


def password_source(file: Path | None, command: str | None) -> Callable[[], Secret] | None:
    """A function that gives the password anew each time; None where neither is named."""
    if file is not None and command is not None:
        raise click.UsageError("give --password-file or --password-command, not both")
    if file is not None:
        return lambda: from_file(file)
    if command is not None:
        return lambda: from_command(command)
    return None


def from_prompt(question: str, *, instead: str = "--password-file or --password-command") -> Callable[[], Secret]:
    """Asks once; a session that is lost later is opened again with the same answer."""
    import warnings
    from getpass import GetPassWarning

    from idlebell.model.secret import Secret

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GetPassWarning)  # getpass tells of it in a line of its own, too
            answer: str = click.prompt(question, hide_input=True, err=True, prompt_suffix=": ")
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise Failure(f"no terminal to ask at; use {instead}") from None
    return lambda: Secret(answer)


def from_file(path: Path) -> Secret:
    try:
        with path.open("rb") as stream:
            return _first_line(stream.read(MAX_BYTES), str(path))
    except OSError as error:
        raise Failure(f"{path}: cannot be read: {error.strerror}; name a file that holds the password") from None


def from_command(command: str) -> Secret:
    import subprocess

    try:
        # The user's own words, run by the user's own shell, as `idlebell watch --password-command` promises.
        done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, timeout=COMMAND_SECONDS, check=True)  # noqa: S602
    except subprocess.TimeoutExpired:
        raise Failure(f"the password command gave no answer within {COMMAND_SECONDS} seconds") from None
    except subprocess.CalledProcessError as error:
        raise Failure(f"the password command ended with status {error.returncode}; try it in a shell") from None
    return _first_line(done.stdout[:MAX_BYTES], "the password command's output")


def _first_line(data: bytes, place: str) -> Secret:
    from idlebell.model.secret import Secret

    line = data.partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise Failure(f"{place}: the first line is empty; it must be the password")
    return Secret(line)
