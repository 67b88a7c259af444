"""Three tenants and whatever they do, by guess and by right: none sees, changes or ends what is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from flows.gateway_bench import Bench
from idlebell.gateway.callers import Caller
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import CredentialsRequest, FilterTestRequest, HushRequest, VerifyRequest
from idlebell.model.problem import ProblemError

T = TypeVar("T")
TENANTS = ("a", "b", "c")
ACCOUNTS = ("shared@example.org", "other@example.org")
PUSHES = ("https://push.example.net/one", "https://push.example.net/two")
VERBS = (
    "show", "change", "resupply", "test", "end", "hush", "verify", "make_link", "deliveries", "ledger", "why", "events",
    "test_filter",
)  # fmt: skip


class Tenants(RuleBasedStateMachine):
    """All may watch the same accounts and ring at the same endpoints; the same password opens them to each."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.owned: dict[str, dict[str, str]] = {name: {} for name in TENANTS}
        """By tenant: id and token of each subscription."""

    def run(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return self.loop.run_until_complete(waited())

    @initialize()
    def open(self) -> None:
        async def built() -> None:
            self.bench = Bench()
            self.keys = {name: await self.bench.key(name) for name in TENANTS}

        self.run(built())

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.run(self.bench.close())
        self.loop.close()

    @rule(who=st.sampled_from(TENANTS), account=st.sampled_from(ACCOUNTS), push=st.sampled_from(PUSHES))
    def register(self, who: str, account: str, push: str) -> None:
        """The same account and endpoint of two tenants are two subscriptions."""
        found = self.run(self.bench.subscribe(self.keys[who], username=account, push=push))
        others = {one for name in TENANTS if name != who for one in self.owned[name]}
        assert found.view.id not in others
        assert found.token is not None
        self.owned[who][found.view.id] = found.token

    @rule(who=st.sampled_from(TENANTS), whose=st.sampled_from(TENANTS), verb=st.sampled_from(VERBS), data=st.data())
    def reach(self, who: str, whose: str, verb: str, data: st.DataObject) -> None:
        """By one's key, or by the token of a subscription of one's own: another's is not there."""
        if who == whose or not self.owned[whose]:
            return
        target = self.one_of(list(self.owned[whose]), data)
        callers = [self.keys[who], *(self.bench.bearing(token) for token in self.owned[who].values())]
        caller = self.one_of(callers, data)
        before = self.run(self.bench.stored())
        assert self.code(self.asked(verb, target, caller)) == "not-found"
        assert self.run(self.bench.stored()) == before

    @rule(who=st.sampled_from(TENANTS), data=st.data())
    def end(self, who: str, data: st.DataObject) -> None:
        if self.owned[who]:
            target = self.one_of(list(self.owned[who]), data)
            self.run(self.bench.gateway.end(target, self.keys[who]))
            del self.owned[who][target]

    @rule(who=st.sampled_from(TENANTS), data=st.data())
    def change(self, who: str, data: st.DataObject) -> None:
        """Also into what another has already: keys of subscriptions do not meet."""
        if self.owned[who]:
            target = self.one_of(list(self.owned[who]), data)
            push = data.draw(st.sampled_from(PUSHES))
            patch = {"endpoints": {"new_mail": {"type": "simplepush", "url": push}}}
            code = self.code(self.bench.gateway.change(target, patch, self.keys[who]))
            assert code in ("", "conflict")

    @rule(who=st.sampled_from(TENANTS), account=st.sampled_from(ACCOUNTS), push=st.sampled_from(PUSHES))
    def guess(self, who: str, account: str, push: str) -> None:
        """Knowing the address is no right: a wrong password changes nothing for anybody."""
        before = {one.id: (one.mailboxes, one.phase, one.owner) for one in self.run(self.bench.stored())}
        self.code(self.bench.subscribe(self.keys[who], username=account, push=push, password="wrong"))
        assert {one.id: (one.mailboxes, one.phase, one.owner) for one in self.run(self.bench.stored())} == before

    @invariant()
    def each_sees_its_own(self) -> None:
        for name, own in self.owned.items():
            page = self.run(self.bench.gateway.page(self.keys[name], None, 200))
            assert {one.id for one in page.items} == own.keys()
            for other in TENANTS:
                if other != name and self.owned[other]:
                    cursor = min(self.owned[other])
                    page = self.run(self.bench.gateway.page(self.keys[name], cursor, 200))
                    assert {one.id for one in page.items} <= own.keys()

    @staticmethod
    def one_of(some: list[T], data: st.DataObject) -> T:
        """By its place: ids are other ones each time."""
        return some[data.draw(st.integers(0, len(some) - 1))]

    def code(self, work: Awaitable[Any]) -> str:
        try:
            self.run(work)
        except ProblemError as error:
            return error.problem.code
        return ""

    def asked(self, verb: str, target: str, caller: Caller) -> Awaitable[Any]:
        gateway = self.bench.gateway
        match verb:
            case "change":
                return gateway.change(target, {"lease_seconds": 600}, caller)
            case "resupply":
                body = {"auth": {"type": "password", "password": "right"}}
                return gateway.resupply(target, read(CredentialsRequest, body), caller)
            case "hush":
                return gateway.hush(target, read(HushRequest, {"sender": "a@example.org"}), caller)
            case "verify":
                return gateway.verify(target, read(VerifyRequest, {}), caller)
            case "test_filter":
                return gateway.test_filter(target, read(FilterTestRequest, {"filter": {"subject": "x"}}), caller)
            case "events":
                return gateway.events(target, caller, None)
            case "why":
                return gateway.why(target, caller, message_id="<x@example.org>")
            case _:
                found: Awaitable[Any] = getattr(gateway, verb)(target, caller)
                return found


TestTenants = Tenants.TestCase
TestTenants.settings = settings(
    max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
