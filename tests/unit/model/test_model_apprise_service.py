"""Which services are offered, and whom they reach."""

from __future__ import annotations

from idlebell.model.apprise_service import FORBIDDEN, USUAL, Reaches, offered, reaches
from idlebell.model.endpoint import AppriseEndpoint, PushUrl


def test_the_usual_ones_go_by_https_to_a_service() -> None:
    assert {"ntfys", "matrixs", "gotifys", "tgram", "twilio", "pover"} <= USUAL
    assert not USUAL & {"mailto", "mailtos", "smpp", "smpps", "jsons", "forms", "xmls", "apprises", "mqtts", "xmpps"}
    assert not USUAL & FORBIDDEN


def test_an_operator_may_name_others_but_none_that_acts_on_the_machine() -> None:
    assert offered(("ntfys",), allow_plaintext=False) == {"ntfys"}
    assert offered(("usual", "mailtos"), allow_plaintext=False) == USUAL | {"mailtos"}
    assert offered(("usual", "dbus", "fcm", "syslog"), allow_plaintext=True) >= USUAL
    assert not offered(("usual", "dbus", "fcm", "syslog"), allow_plaintext=True) & FORBIDDEN
    assert offered((), allow_plaintext=True) == frozenset()


def test_without_tls_only_where_plaintext_is_allowed() -> None:
    assert "ntfy" not in offered(("usual",), allow_plaintext=False)
    assert {"ntfy", "ntfys", "smseagle"} <= offered(("usual",), allow_plaintext=True)


def test_what_is_not_known_may_cost_anything() -> None:
    found = {one: reaches(one) for one in ("ntfys", "ntfy", "twilio", "smseagle", "mailtos", "brandnew", "tgram")}
    assert found == {
        "ntfys": Reaches.APP,
        "ntfy": Reaches.APP,
        "twilio": Reaches.SMS,
        "smseagle": Reaches.SMS,
        "mailtos": Reaches.PERSON,
        "brandnew": Reaches.PERSON,
        "tgram": Reaches.APP,
    }


def test_nothing_of_the_url_is_shown_but_its_schema() -> None:
    endpoint = AppriseEndpoint(PushUrl("TGRAM://123456789:secret-token/42"))
    assert repr(endpoint) == "AppriseEndpoint(url=PushUrl(tgram:/…), proof=Unproven())"
    assert (endpoint.url.scheme, endpoint.url.host, endpoint.url.origin) == ("tgram", "", "tgram:")
    assert endpoint.url.lane == "tgram://123456789:secret-token"
    assert AppriseEndpoint(PushUrl("46elks://user:pass@from/to")).reaches is Reaches.SMS
