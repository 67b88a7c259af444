"""A loop of pywebpush over one ``requests.Session``: one notification after another, each encrypted and signed by it.

    python bench/peers/push_pywebpush.py ORDER

ORDER is JSON: ``origins``, ``ca_file``, ``count``, and ``signed_once``: the VAPID header is made for each origin once, which
pywebpush lets its caller do by hand. Prints ``{"sent", "cpu_seconds", "seconds"}``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid
from pywebpush import WebPusher, webpush

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rig.push_requests import BODY, browser


def send(order: dict[str, Any]) -> dict[str, float]:
    point = (
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    subscriptions = [browser(order["origins"], number, point, os.urandom(16)) for number in range(order["count"])]
    vapid = Vapid()
    vapid.generate_keys()
    session = requests.Session()
    session.verify = order["ca_file"]
    session.trust_env = False
    signatures: dict[str, dict[str, str]] = {}
    sent = 0
    began, cpu = time.perf_counter(), time.process_time()
    for subscription in subscriptions:
        parts = urlsplit(subscription["endpoint"])
        origin = f"{parts.scheme}://{parts.netloc}"
        if order["signed_once"]:
            if origin not in signatures:
                signatures[origin] = vapid.sign({"sub": "mailto:ops@example.org", "aud": origin})
            headers = {**signatures[origin], "Urgency": "high"}
            response = WebPusher(subscription, requests_session=session).send(BODY, headers, ttl=86_400)
        else:
            response = webpush(
                subscription,
                BODY,
                vapid_private_key=vapid,
                vapid_claims={"sub": "mailto:ops@example.org"},
                headers={"Urgency": "high"},
                ttl=86_400,
                requests_session=session,
            )
        assert response.status_code == 201
        sent += 1
    return {"sent": sent, "cpu_seconds": time.process_time() - cpu, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps(send(json.loads(sys.argv[1]))))
