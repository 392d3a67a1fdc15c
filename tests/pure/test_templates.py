"""Templates speak through the catalogues: no sentence stands in one."""

import re
from html.parser import HTMLParser

import pytest

from tests.pure import house

JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
SPOKEN_ATTRIBUTES = {"alt", "aria-label", "aria-description", "aria-roledescription", "content", "placeholder", "title", "value", "label"}
FREE = {"DHO"}
LETTERS = re.compile(r"[^\W\d_]{2,}")


class Spoken(HTMLParser):
    """Collects what a reader or a screen reader would say of a template, outside its expressions."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._silent += tag in ("script", "style")
        if tag == "meta" and given.get("name") in ("viewport", "color-scheme", "theme-color", "referrer"):
            return
        if tag == "input" and given.get("type") in ("hidden", "radio", "checkbox"):
            given.pop("value", None)
        if tag in ("option", "button", "param", "data", "meter", "progress", "li"):
            given.pop("value", None)
        self.words += [value for name, value in given.items() if name in SPOKEN_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def literals(template: str) -> list[str]:
    """The words of a template that are in no catalogue."""
    parser = Spoken()
    parser.feed(JINJA.sub("", template))
    return [word for text in parser.words for word in LETTERS.findall(text) if word not in FREE]


def test_no_sentence_stands_in_a_template() -> None:
    found = {house.relative(path): literals(path.read_text(encoding="utf-8")) for path in house.files(".html", ".jinja", ".j2")}
    assert {name: words for name, words in found.items() if words} == {}


def test_no_script_or_style_stands_in_a_template() -> None:
    inline = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")|<style|\sstyle=|\son[a-z]+=", re.IGNORECASE)
    found = [house.relative(path) for path in house.files(".html", ".jinja", ".j2") if inline.search(path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize("template", ["<p>Ring pasienten</p>", '<button aria-label="Close"></button>', "{% if a %}yes{% endif %}"])
def test_a_sentence_would_be_noticed(template: str) -> None:
    assert literals(template)


@pytest.mark.parametrize("template", ["<p>{{ t('call') }}</p>", '<input placeholder="{{ t("name") }}">', "{# note #}<b>12 %</b>"])
def test_what_comes_from_a_catalogue_is_free(template: str) -> None:
    assert not literals(template)
