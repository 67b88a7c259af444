from __future__ import annotations

from datetime import UTC, datetime

import pytest

from idlebell.push import webpush
from idlebell.push.exchange import HttpResponse
from idlebell.push.outcome import Accepted, Gone, Refused, Retry
from idlebell.push.services import ANY, DOUBTFUL, SERVICES, PushService, plaintext_limits, service_name, service_of

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)

each_service = pytest.mark.parametrize("service", [ANY, *SERVICES], ids=lambda service: service.name)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("fcm.googleapis.com", "fcm"),
        ("updates.push.services.mozilla.com", "mozilla"),
        ("web.push.apple.com", "apple"),
        ("wns2-am3p.notify.windows.com", "windows"),
        ("NTFY.sh.", "ntfy"),
        ("ntfy.example.org", "other"),
        ("fcm.googleapis.com.example.org", "other"),
        ("notfcm.googleapis.com.evil", "other"),
        ("evilntfy.sh", "other"),
        ("127.0.0.1", "other"),
        ("", "other"),
        ("a." * 200 + "ntfy.sh", "ntfy"),
    ],
)
def test_a_host_belongs_to_a_known_service_or_to_none(host: str, name: str) -> None:
    assert service_name(host) == name


@each_service
def test_each_status_of_the_table_means_what_its_column_says(service: PushService) -> None:
    for status in service.accepted:
        assert webpush.read(HttpResponse(status, {}), NOW) == Accepted(status)
    for status in service.gone:
        assert webpush.read(HttpResponse(status, {}), NOW) == Gone(status)
    for status in service.throttled:
        outcome = webpush.read(HttpResponse(status, {}), NOW)
        assert isinstance(outcome, Retry)
        assert outcome.slow_down
    for status in service.doubtful:
        assert isinstance(webpush.read(HttpResponse(status, {}), NOW), Refused)
        assert status in DOUBTFUL


@each_service
def test_no_status_has_two_meanings(service: PushService) -> None:
    """Whoever gave it: an answer does not name its service."""
    others = [one for one in (ANY, *SERVICES) if one is not service]
    columns = ("accepted", "gone", "throttled", "doubtful")
    for column in columns:
        elsewhere = {status for one in others for name in columns if name != column for status in getattr(one, name)}
        assert not elsewhere & set(getattr(service, column))


@each_service
def test_a_row_tells_what_it_is_from(service: PushService) -> None:
    assert service.facts.endswith(".")
    assert service.source
    assert "|" not in service.facts + service.source
    assert all(service_of(f"x.{host}") is service for host in service.hosts)


def test_names_and_hosts_are_told_once() -> None:
    assert len({one.name for one in (ANY, *SERVICES)}) == 1 + len(SERVICES)
    hosts = [host for one in SERVICES for host in one.hosts]
    assert len(set(hosts)) == len(hosts)


def test_a_smaller_body_is_tried_until_it_names_no_message() -> None:
    assert plaintext_limits() == (3_993, 2_641, 0)
