"""A value that no ``repr``, log, error or pickle shows."""

from __future__ import annotations

from typing import Any, NoReturn, Protocol


class Secret:
    """Holds bytes that only :meth:`reveal` and :meth:`text` give out, and that :meth:`wipe` overwrites.

    Wiping is done as far as Python lets one: the copy held here is overwritten; copies that other code made of the revealed
    value live until the interpreter reuses their memory.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | bytes | bytearray) -> None:
        self._value = bytearray(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)

    def reveal(self) -> bytes:
        return bytes(self._value)

    def text(self) -> str:
        return self._value.decode("utf-8", "surrogatepass")

    def again(self) -> Secret:
        """Another one with the same value, to be wiped by another owner."""
        return Secret(self._value)

    def wipe(self) -> None:
        """Overwrites the value and empties it. A second call does nothing."""
        for index in range(len(self._value)):
            self._value[index] = 0
        self._value.clear()

    @property
    def wiped(self) -> bool:
        return not self._value

    def __eq__(self, other: object) -> bool:
        """For tests and for "did anything change"; not a comparison for guarding a door (use ``hmac.compare_digest``)."""
        return isinstance(other, Secret) and self._value == other._value

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __copy__(self) -> NoReturn:
        raise TypeError("a secret is not copied")

    def __deepcopy__(self, memo: Any) -> NoReturn:
        raise TypeError("a secret is not copied")


class Keeper(Protocol):
    """Who has the secrets that are known here by tickets. Each :meth:`hold` is followed by one :meth:`release`."""

    def hold(self, ticket: bytes) -> None: ...

    def release(self, ticket: bytes) -> None: ...


class HeldSecret(Secret):
    """A secret that somebody else keeps. What stands for it here is a ticket: equal for equal secrets, and of no use but to ask
    its keeper to use what it stands for. Its keeper forgets it when the last of these is wiped or gone."""

    __slots__ = ("_keeper",)

    def __init__(self, ticket: bytes, keeper: Keeper) -> None:
        """``keeper`` counts this one already."""
        super().__init__(ticket)
        self._keeper = keeper

    def again(self) -> HeldSecret:
        self._keeper.hold(self.reveal())
        return HeldSecret(self.reveal(), self._keeper)

    def wipe(self) -> None:
        if not self.wiped:
            self._keeper.release(self.reveal())
        super().wipe()

    def __del__(self) -> None:
        self.wipe()
