from __future__ import annotations

from itertools import combinations

from idlebell.gateway.keys import key_material
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.endpoint import Endpoint, PushUrl, SimplePushEndpoint, WebhookEndpoint
from idlebell.model.ids import ApiKeyId
from idlebell.model.secret import Secret

TARGET = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)
PUSH = SimplePushEndpoint(PushUrl("https://push.example/x"))


def test_every_part_of_the_key_makes_another_key() -> None:
    hook: Endpoint = WebhookEndpoint(PUSH.url, Secret(b"x"))
    keys = [
        key_material(None, TARGET, "alice", PUSH),
        key_material(ApiKeyId("key_a"), TARGET, "alice", PUSH),
        key_material(None, ImapTarget("imap.example.com", 993, Tls.IMPLICIT), "alice", PUSH),
        key_material(None, ImapTarget("imap.example.org", 143, Tls.IMPLICIT), "alice", PUSH),
        key_material(None, TARGET, "Alice", PUSH),
        key_material(None, TARGET, "alice", SimplePushEndpoint(PushUrl("https://push.example/y"))),
        key_material(None, TARGET, "alice", hook),
    ]
    assert all(one != other for one, other in combinations(keys, 2))


def test_what_is_not_part_of_it_makes_none() -> None:
    starttls = ImapTarget(TARGET.host, TARGET.port, Tls.STARTTLS)
    assert key_material(None, starttls, "alice", PUSH) == key_material(None, TARGET, "alice", PUSH)
    one, other = (WebhookEndpoint(PUSH.url, Secret(secret)) for secret in (b"x", b"y"))
    assert key_material(None, TARGET, "alice", one) == key_material(None, TARGET, "alice", other)


def test_parts_cannot_run_into_each_other() -> None:
    one = key_material(ApiKeyId("ab"), ImapTarget("c", 993, Tls.IMPLICIT), "u", PUSH)
    other = key_material(ApiKeyId("a"), ImapTarget("bc", 993, Tls.IMPLICIT), "u", PUSH)
    assert one != other
