"""Languages: each is complete, says the same with the same gaps, and no text stands outside the catalogues."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from support.catalogues import LOCALE, TEMPLATES, extracted, outside
from titian.web.console.language import LANGUAGES, SOURCE, catalogue, choose

GAP = re.compile(r"%\((\w+)\)s|\{(\w+(?:\.\w+)?)\}")
TAGS = sorted(path.stem for path in LOCALE.glob("*.po"))
PAGES = sorted(TEMPLATES.rglob("*.html"))
WANTED = {"en", "id", "ja", "ru"}


@pytest.fixture(scope="module")
def texts() -> Catalog:
    return extracted()


def read(tag: str) -> Catalog:
    with (LOCALE / f"{tag}.po").open("rb") as file:
        return read_po(file, locale=tag)


def test_the_languages_are_these() -> None:
    assert set(LANGUAGES) >= WANTED
    assert LANGUAGES[0] == SOURCE


@pytest.mark.parametrize("tag", TAGS)
def test_no_message_is_missing_empty_or_doubtful(tag: str, texts: Catalog) -> None:
    held = read(tag)
    wrong = []
    for message in texts:
        if not message.id:
            continue
        found = held.get(message.id if isinstance(message.id, str) else message.id[0], message.context)
        if found is None or found.fuzzy:
            wrong.append(f"missing: {message.id!r}")
            continue
        forms = (found.string,) if isinstance(found.string, str) else found.string
        if not all(form.strip() for form in forms):
            wrong.append(f"empty: {message.id!r}")
        if not isinstance(message.id, str) and len(forms) != held.num_plurals:
            wrong.append(f"{len(forms)} forms for {message.id!r}")
    assert not wrong, f"{len(wrong)} texts of {tag}; `just catalogues` adds them to the file:\n" + "\n".join(wrong[:40])


@pytest.mark.parametrize("tag", TAGS)
def test_each_translation_has_the_gaps_of_its_text(tag: str) -> None:
    for message in read(tag):
        if not message.id or isinstance(message.string, str) is not isinstance(message.id, str):
            continue
        texts = (message.id,) if isinstance(message.id, str) else message.id
        forms = (message.string,) if isinstance(message.string, str) else message.string
        wanted = {gap for text in texts for gap in GAP.findall(text)}
        for form in forms:
            given = set(GAP.findall(form))
            assert given == wanted or (not isinstance(message.id, str) and wanted - given <= {("num", "")}), message.id
            assert form.count("%") == len(re.findall(r"%(?:\(\w+\)s|%)", form)), message.id


@pytest.mark.parametrize("template", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_text_stands_outside_the_catalogues(template: Path) -> None:
    assert list(outside(template)) == []


def test_text_outside_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<p title="Loud">{{ _("in") }} quiet {% trans n=1 %}kept{% endtrans %}{{ x }}</p>')
    assert list(outside(page)) == ["Loud", "quiet"]


@pytest.mark.parametrize("tag", TAGS)
def test_plurals_are_those_of_the_language(tag: str) -> None:
    told = {catalogue(tag).ngettext("%(num)s entry", "%(num)s entries", count) for count in (1, 2, 5, 21)}
    assert len(told) == {"ru": 3, "ja": 1, "id": 1}.get(tag, len(told))


@pytest.mark.parametrize(
    ("chosen", "accepted", "default", "spoken"),
    [
        ("ja", "id", "en", "ja"),
        (None, "id-ID,id;q=0.9,en;q=0.8", "ja", "id"),
        (None, "in", "en", "id"),
        (None, "fr, de;q=0.5", "ru", "ru"),
        (None, "ru;q=0, ja;q=0.1", "en", "ja"),
        ("xx", "", "xx", "en"),
        (None, ";;q=,=;" * 500, "en", "en"),
    ],
)
def test_who_says_which_language(chosen: str | None, accepted: str, default: str, spoken: str) -> None:
    assert choose(chosen, accepted, default) == spoken
