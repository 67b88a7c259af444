from __future__ import annotations

import asyncio

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.login import relay as module
from idlebell.login.relay import Relay, Unanswered, final_fault, first_fault

FIRST = "n,,n=alice,r=abcdefgh"


@pytest.mark.parametrize(
    ("first", "username"),
    [
        (FIRST, "alice"),
        ("n,,n=a=3Db=2Cc,r=abcdefgh", "a=b,c"),
        ("n,,n=alice,r=abcdefgh", "al\u00adice"),
        ("n,,n=al\u0007ice,r=abcdefgh", "al\u0007ice"),
    ],
)
def test_what_an_app_says_first_is_of_the_account(first: str, username: str) -> None:
    assert first_fault(first, username) is None


@pytest.mark.parametrize(
    "first",
    [
        "n,,n=eve,r=abcdefgh",
        "n,a=alice,n=eve,r=abcdefgh",
        "n,a=eve,n=alice,r=abcdefgh",
        "y,,n=alice,r=abcdefgh",
        "p=tls-exporter,,n=alice,r=abcdefgh",
        "n,,m=x,n=alice,r=abcdefgh",
        "n,,n=alice,r=abcdefgh,n=eve",
        "n,,n=alice,r=short",
        "n,,n=alice,r=abcd efgh",
        "n,,n=alice,r=" + "x" * 257,
        "n,,n=alice,r=abcdefgh\r\nA2 LOGOUT",
        "",
    ],
)
def test_whatever_else_it_says_first_is_not_sent(first: str) -> None:
    """It would log in one user and have another one's name on the account, or end up in the wrong place."""
    assert first_fault(first, "alice") is not None


@pytest.mark.parametrize(
    ("final", "good"),
    [
        (f"c=biws,r=abcdefghX,p={'A' * 43}=", True),
        (f"c=biws,r=abcdefghX,p={'A' * 27}=", True),
        (f"c=biws,r=abcdefghY,p={'A' * 43}=", False),
        (f"c=eSws,r=abcdefghX,p={'A' * 43}=", False),
        ("c=biws,r=abcdefghX,p=*", False),
        ("*", False),
    ],
)
def test_its_answer_is_one_to_this_challenge(final: str, good: bool) -> None:
    assert (final_fault(final, "abcdefghX") is None) is good


async def test_messages_go_through_as_they_are() -> None:
    relay = Relay("SCRAM-SHA-256", FIRST)
    assert (relay.name, relay.initial()) == ("SCRAM-SHA-256", FIRST.encode())
    answered = asyncio.create_task(relay.answer(b"r=abcdefghX,s=c2FsdA==,i=4096"))
    assert await relay.challenged == "r=abcdefghX,s=c2FsdA==,i=4096"
    assert relay.nonce == "abcdefghX"
    assert relay.answer_with("c=biws,r=abcdefghX,p=proof")
    assert not relay.answer_with("another"), "once"
    assert await answered == b"c=biws,r=abcdefghX,p=proof"
    assert await relay.answer(b"v=proven") == b""
    assert relay.server_final == "v=proven"


@pytest.mark.parametrize(
    "challenge", [b"r=other,s=x,i=1", b"r=abcdefgh,s=x,i=1", b"\xff", b"r=abcdefgh" + b"x" * 5_000]
)
async def test_a_server_that_answers_somebody_else_is_not_believed(challenge: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        await Relay("SCRAM-SHA-256", FIRST).answer(challenge)


async def test_nobody_waits_for_an_app_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.0)
    relay = Relay("SCRAM-SHA-256", FIRST)
    with pytest.raises(Unanswered):
        await relay.answer(b"r=abcdefghX,s=x,i=1")
    assert not relay.answer_with("too late")


async def test_one_that_was_given_up_is_not_begun() -> None:
    relay = Relay("SCRAM-SHA-256", FIRST)
    relay.give_up()
    with pytest.raises(Unanswered):
        await relay.answer(b"r=abcdefghX,s=x,i=1")
    assert not relay.challenged.done()
