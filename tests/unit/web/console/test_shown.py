"""A stranger's text: what is written quickly is what is written character by character."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import Environment
from markupsafe import escape

from titian.web.console.language import LANGUAGES, catalogue
from titian.web.console.render import environment
from titian.web.console.shown import _mark, shown, visible

_HIDING = (
    "\u200e\u202e\u2066\u00ad\u034f\u115f\u1160\u17b4\u180e\u200b\u3164\ufeff\uffa0\x00\x7f\ue000\U000e0041\U000e0100"
)
texts = st.text(st.characters() | st.sampled_from("<>&\"'\n\t " + _HIDING))


def _slowly(text: str) -> str:
    marks = [(one, _mark(one)) for one in text]
    return "".join(
        str(escape(one)) if mark is None else f'<span class="mark" title="U+{ord(one):04X}">[{mark}]</span>'
        for one, mark in marks
    )


@given(texts)
@example("one\ntwo\t<b>")
@example("攻撃 <b>")
def test_nothing_hides_in_what_is_shown(text: str) -> None:
    assert str(visible(text)) == _slowly(text)


@pytest.mark.parametrize("character", list(_HIDING), ids=lambda one: f"{ord(one):04X}")
def test_what_hides_is_marked(character: str) -> None:
    assert f"U+{ord(character):04X}" in visible(f"a{character}b"), unicodedata.name(character, "")


@given(texts, st.integers(0, 5))
def test_what_is_folded_is_escaped(text: str, most: int) -> None:
    found = str(shown(text, most, lookalike="<i>", more="<i>"))
    assert "<i>" not in found
    assert found.startswith("<bdi>")


@pytest.mark.parametrize("tag", LANGUAGES)
def test_templates_are_told_texts_as_jinja_tells_them(tag: str) -> None:
    plain = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    plain.install_gettext_translations(catalogue(tag), newstyle=True)  # type: ignore[attr-defined]
    template = (
        '{{ _("Today") }}{{ gettext("100 %% of <b>") }}{{ _("%(count)s+", count=count) }}'
        "{% trans %}Results{% endtrans %}{% trans %}{{ count }} of it{% endtrans %}"
    )
    for _ in range(2):
        here = environment(tag).from_string(template).render(count="<i>")
        assert here == plain.from_string(template).render(count="<i>")
