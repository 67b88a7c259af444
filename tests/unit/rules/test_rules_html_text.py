"""HTML, to the text that a reader would see of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.rules.html_text import text_of_html


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", ""),
        (" \n", ""),
        ("plain", "plain"),
        ("<p>One</p>\n<p>two<br>three</p>", "One\n\ntwo\nthree"),
        ("<b>One</b>\n <i>two</i>", "One two"),
        ("o<b>n</b>e", "one"),
        ("a<br><br><br><br>b", "a\n\nb"),
        ("<ul><li>One<li>two</ul>then", "• One\n• two\n\nthen"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>  one\n    two</pre>", "  one\n    two"),
        ("caf&eacute; &amp; &#x263A;&nbsp;x", "café & ☺ x"),
        ("<img src='https://spy.example/1.gif' alt='A bell'>rings", "A bell rings"),
        ("<title>x</title><style>p{}</style><script>alert(1)</script>seen", "seen"),
        ("a<script>alert(1)", "a"),
        ("<div hidden>no</div><p style='color:red; DISPLAY : none'>no</p><p style='mso-hide:all'>no</p>yes", "yes"),
        ("<div style='display:none'><p>no<div>no</div></p></div>yes", "yes"),
        ("<!-- no --><![if gte mso 9]>x<![endif]><?php no ?>yes", "xyes"),
        ("<a href='javascript:alert(1)'>go</a>", "go"),
        ("<noscript>no</noscript><svg><text>no</text></svg><select><option>no</select>yes", "yes"),
        ('<meta charset="utf-16">Grüße', "Grüße"),
        ('<?xml version="1.0" encoding="utf-16"?>Grüße', "Grüße"),
        ("<h1>Title</h1>text<hr>more", "Title\n\ntext\nmore"),
    ],
)
def test_what_a_reader_sees(markup: str, text: str) -> None:
    assert text_of_html(markup) == (text, False)


def test_depth_hides_nothing() -> None:
    assert text_of_html("<div>" * 2_900 + "<p>deep") == ("deep", False)


def test_what_is_nothing_but_tags_is_cut_and_says_so() -> None:
    text, cut = text_of_html("<p>first" + "<div>" * 9_000 + "<p>deep")
    assert (text, cut) == ("first", True)


def test_pieces_that_it_is_read_in_show_nowhere() -> None:
    markup = "<p title='a > b'>caf&eacute; \u00fc\u20ac\U0001f600 <!-- no --><b>w</b>ord<script>a<b</script></p>"
    text, cut = text_of_html(markup * 60)
    assert (text, cut) == ("\n\n".join(["café \u00fc\u20ac\U0001f600 word"] * 60), False)
    shifted, cut = text_of_html("x" + markup * 60)
    assert (shifted, cut) == ("x\n\n" + text, False)


@given(st.text(st.sampled_from("<>/!-ab \"'=&#;p?x\x00\x01é\ud800[]"), max_size=200) | st.text(max_size=100))
def test_whatever_it_is_there_is_a_text_and_not_more_than_there_was(markup: str) -> None:
    assert len(text_of_html(markup)[0]) <= max(2 * len(markup), 10)
