"""Which connection makes room, held against a slow model of the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.net.unheard import Unheard

STEPS = st.lists(st.tuples(st.sampled_from(["add", "discard"]), st.sampled_from("abc"), st.integers(0, 4)), max_size=40)


@settings(max_examples=60)
@given(STEPS)
def test_the_longest_of_an_address_with_most_makes_room_and_for_no_address_that_has_as_many(steps: list) -> None:
    unheard: Unheard[int] = Unheard()
    model: dict[str, list[int]] = {who: [] for who in "abc"}
    for step, who, number in steps:
        one = number + 10 * ord(who)
        if step == "add":
            unheard.add(who, one)
            model[who] += [one] if one not in model[who] else []
        else:
            unheard.discard(who, one)
            model[who] = [other for other in model[who] if other != one]
        most = max(map(len, model.values()))
        assert len(unheard) == sum(map(len, model.values()))
        assert bool(unheard) is bool(most)
        allowed = {own[0] for own in model.values() if own and len(own) == most}
        for newcomer in "abcd":
            for exempt in (False, True):
                found = unheard.longest(newcomer, exempt=exempt)
                if not most or (not exempt and len(model.get(newcomer, ())) >= most):
                    assert found is None
                else:
                    assert found in allowed
