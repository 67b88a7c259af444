"""Takes the canary's mail to its submission server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from idlebell.canary.letter import compose
from idlebell.gateway.declared import DeclaredAccount, read_password
from idlebell.login.password_source import NoPassword
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.net.errors import SubmissionRefused, TransportError
from idlebell.net.smtp_client import Letter, Login

LOGIN_PAUSE_SECONDS: Final = 3_600.0
"""A password that was refused is not tried again before: servers lock accounts out. Another one is, at once."""

Submit: TypeAlias = Callable[[Login | None, Letter], Awaitable[None]]
"""Hands a letter in. TransportError: it was not taken."""


class Post:
    """``logs_in``: the server wants the account's user and password, which is read anew for each mail."""

    def __init__(
        self,
        account: DeclaredAccount,
        sender: str,
        recipient: str,
        submit: Submit,
        clock: Clock,
        *,
        logs_in: bool,
    ) -> None:
        self.account: Final = account
        self._sender = sender
        self._recipient = recipient
        self._submit = submit
        self._clock = clock
        self._logs_in = logs_in
        self._refused: tuple[Secret, float] | None = None

    async def hand_in(self, token: bytes) -> str | None:
        """Why the server does not have the mail, for the operator; None: it has."""
        content = compose(token, self._sender, self._recipient, self._clock.now())
        password: Secret | None = None
        try:
            if self._logs_in:
                password = await read_password(self.account)
                if self._is_refused(password):
                    return "the SMTP server has refused this password; put the right one into password_file"
            login = None if password is None else Login(self.account.username, password)
            await self._submit(login, Letter(self._sender, self._recipient, content))
        except NoPassword as error:
            return str(error)
        except TransportError as error:
            if password is not None and isinstance(error, SubmissionRefused) and error.login_refused:
                self.forget()
                self._refused = (Secret(password.reveal()), self._clock.monotonic() + LOGIN_PAUSE_SECONDS)
            return str(error)
        finally:
            if password is not None:
                password.wipe()
        self.forget()
        return None

    def forget(self) -> None:
        """Wipes the password that was refused."""
        if self._refused is not None:
            self._refused[0].wipe()
            self._refused = None

    def _is_refused(self, password: Secret) -> bool:
        return self._refused is not None and self._refused[0] == password and self._clock.monotonic() < self._refused[1]
