"""Notifications built per CPU second, one core: ``python bench/push_build.py``.

What the dispatcher adds (store, HTTP) is not in it. Web Push is bound by the curve: a key pair and an ECDH for each message;
signing each push anew shows what the cache of VAPID headers is worth.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from idlebell.model.endpoint import Endpoint, PushUrl, SimplePushEndpoint, WebhookEndpoint, WebPushEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail, Notification
from idlebell.model.secret import Secret
from idlebell.push import registry
from idlebell.push.attempt import Attempt
from idlebell.push.encryption import point, private_key
from idlebell.push.vapid import VapidKey, VapidSigner

CPU_SECONDS = 1.0


def per_cpu_second(work: Callable[[], object]) -> float:
    count, started = 0, time.process_time()
    while (used := time.process_time() - started) < CPU_SECONDS:
        for _ in range(50):
            work()
        count += 50
    return count / used


def main() -> None:
    now = datetime.now(UTC)
    url = PushUrl("https://push.example.net/capability")
    signer = VapidSigner(VapidKey.generate(os.urandom), "mailto:ops@example.org")
    attempt = Attempt(now, os.urandom, signer)
    summary = MessageSummary(11, "<a@example.org>", "Boss <boss@example.org>", "Lunch?", 1234, "x" * 100, now)

    def mail(*messages: MessageSummary) -> Notification:
        content = NewMail("INBOX", 1, max(1, len(messages)), 4, messages)
        ident = NotificationId("ntf_aaaaaaaaaaaaaaaaaaaaaaaa")
        return Notification(ident, SubscriptionId("sub_a"), content, 7, now, now + timedelta(days=1), 0)

    web = WebPushEndpoint(url, point(private_key(os.urandom)), Secret(os.urandom(16)))

    def builds(endpoint: Endpoint, notification: Notification) -> Callable[[], object]:
        return lambda: registry.build(notification, endpoint, attempt)

    def signed_anew() -> object:
        signer.forget(url.origin)
        return registry.build(mail(), web, attempt)

    for name, work in (
        ("simplepush", builds(SimplePushEndpoint(url), mail())),
        ("webhook, alert", builds(WebhookEndpoint(url, Secret(bytes(32))), mail())),
        ("webhook, summary", builds(WebhookEndpoint(url, Secret(bytes(32))), mail(summary))),
        ("webpush, alert", builds(web, mail())),
        ("webpush, summary", builds(web, mail(summary))),
        ("webpush, 20 summaries cut to one record", builds(web, mail(*[summary] * 20))),
        ("webpush, alert, signed anew each time", signed_anew),
    ):
        print(f"{name:42} {per_cpu_second(work):10,.0f} a CPU second")


if __name__ == "__main__":
    main()
