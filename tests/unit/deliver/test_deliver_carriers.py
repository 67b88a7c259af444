"""One carrier for each type of exchange."""

from __future__ import annotations

from idlebell.deliver.carriers import Carriers, to_canary, to_terminal
from idlebell.push.exchange import CommandEnded, CommandRun, Lines, LinesWritten, NoResponse, Tokens, TokensHeard


async def test_each_exchange_goes_to_the_carrier_of_its_type_with_the_time_it_may_take() -> None:
    ran: list[tuple[str, float]] = []

    async def run(exchange: CommandRun, /, *, timeout_seconds: float) -> CommandEnded:
        ran.append((exchange.command, timeout_seconds))
        return CommandEnded(3)

    written: list[str] = []
    heard: list[tuple[str, ...]] = []
    carriers = Carriers().add(CommandRun, run).add(Lines, to_terminal(written.append))
    carriers.add(Tokens, to_canary(heard.append))
    assert await carriers.carry(CommandRun("true", ()), timeout_seconds=4.0) == CommandEnded(3)
    assert await carriers.carry(Lines(("a", "b")), timeout_seconds=4.0) == LinesWritten()
    assert await carriers.carry(Tokens(("t",)), timeout_seconds=4.0) == TokensHeard()
    assert (ran, written, heard) == ([("true", 4.0)], ["a", "b"], [("t",)])


async def test_what_a_process_has_no_carrier_for_is_not_allowed() -> None:
    answer = await Carriers().carry(Lines(("a",)), timeout_seconds=4.0)
    assert answer == NoResponse("not-allowed", "nothing in this process carries Lines")
