from __future__ import annotations

import pytest

from idlebell.push.services import service_name


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
def test_a_host_belongs_to_a_known_service_or_to_none(host, name):
    assert service_name(host) == name
