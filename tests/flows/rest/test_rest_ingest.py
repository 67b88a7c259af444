"""Where mail servers report: head and body come to the face as they are, and who shows no key is counted."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from flows.rest.conftest import staged
from idlebell.model.problem import Problem, ProblemError

CALLS = [("PUT", "/v1/ingest/dovecot"), ("POST", "/v1/ingest")]
BASIC = {"authorization": "Basic bWFpbjprZXk="}


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_a_report_is_handed_on_byte_by_byte(method: str, path: str) -> None:
    came: list[tuple[str, bytes, bool]] = []

    async def take(headers: Mapping[str, str], body: bytes, secure: bool) -> None:
        came.append((headers["webhook-id"], body, secure))

    async with staged(take_dovecot=take, take_signed=take) as stage:
        answer = await stage.ask(method, path, data=b'{"a": \xff}', headers={"webhook-id": "msg_1"})
        assert (answer.status, answer.content) == (204, b"")
        large = await stage.ask(method, path, data=b"x" * 70_000)
        assert large.status == 413
    assert came == [("msg_1", b'{"a": \xff}', True)]


@pytest.mark.parametrize("code", ["unauthorized", "needs-tls", "forbidden", "too-many-requests"])
async def test_only_who_has_shown_a_key_is_not_counted_as_its_address(code: str) -> None:
    async def take(headers: Mapping[str, str], body: bytes, secure: bool) -> None:
        raise ProblemError(Problem(code, "No."))

    async with staged(take_dovecot=take, requests_per_minute=3) as stage:
        codes = [(await stage.ask("PUT", "/v1/ingest/dovecot", headers=BASIC)).json["type"] for _ in range(5)]
    own = f"/problems/{code}"
    counted = [own] * 3 + ["/problems/too-many-requests"] * 2
    assert codes == (counted if code == "needs-tls" else [own] * 5)


async def test_a_signature_is_counted_as_a_key_is() -> None:
    async def take(headers: Mapping[str, str], body: bytes, secure: bool) -> None:
        """Takes all."""

    async with staged(take_signed=take, requests_per_minute=1) as stage:
        head = {"webhook-signature": "v1,x"}
        assert [(await stage.ask("POST", "/v1/ingest", headers=head)).status for _ in range(4)] == [204] * 4
        assert [(await stage.ask("GET", "/healthz", headers=head)).status for _ in range(2)] == [200, 429]


async def test_where_no_source_is_configured_nobody_reports(stage) -> None:  # type: ignore[no-untyped-def]
    for method, path in CALLS:
        assert (await stage.ask(method, path, json={})).status == 401
