"""Who brings credentials, as far as budgets of guesses go by it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from idlebell.imap.saslprep import saslprep


@dataclass(frozen=True, slots=True)
class Asker:
    """``source``: an API key or a network; empty: somebody at the machine itself, who is not counted. ``known``: the operator
    has let it in. ``owner``: a login has shown this one's right to the account before. ``apart``: its pauses hold for its
    source alone, and it fills no server's budget: all who have an account there come this way, and whoever guesses at one
    from elsewhere must not lock its owner out."""

    source: str = ""
    known: bool = False
    owner: bool = False
    apart: bool = False

    @property
    def lane(self) -> str:
        """Whose refusals hold up whom."""
        if self.apart:
            return f"apart {self.source}"
        return "owner" if self.owner else ""


OPERATOR = Asker()


def folded(username: str) -> str:
    """The same for names that many servers take for one user (RFC 4013; Dovecot and Exchange fold case), so that another way to
    write it is not another account to guess at. Nobody logs in by it."""
    try:
        return saslprep(username).casefold().strip()
    except ValueError:
        return username.casefold().strip()
