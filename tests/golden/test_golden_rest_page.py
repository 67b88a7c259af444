"""The manual's page of the REST API shows every member that an answer has, in the shape that programs are written against."""

from __future__ import annotations

import json
from pathlib import Path

from idlebell.gateway.shapes import CountsView, EndpointView, LastPushView, SubscriptionView
from idlebell.gateway.trail_shapes import DeliveryView

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "rest.md").read_text()


def test_the_subscription_that_the_page_shows_has_the_members_of_an_answer() -> None:
    _, _, rest = PAGE.partition("The answer, also of GET")
    shown = json.loads(rest.split("```json\n")[1].split("```")[0])
    assert set(shown) == {*SubscriptionView.__struct_encode_fields__, "token"}
    for member, view in (("counts", CountsView), ("last_push", LastPushView)):
        assert set(shown[member]) == set(view.__struct_encode_fields__)
    assert set(shown["endpoints"]["new_mail"][0]) == set(EndpointView.__struct_encode_fields__)


def test_the_page_names_every_member_of_a_delivery() -> None:
    members = ", ".join(f'"{name}"' for name in DeliveryView.__struct_encode_fields__)
    assert f'{{"items": [{{{members}}}]}}' in PAGE
