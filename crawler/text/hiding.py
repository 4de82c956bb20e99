"""Ways by which a page does not show what it holds: styles, attributes, style sheets, scripts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tinycss2
from cssselect import HTMLTranslator, SelectorError
from lxml.etree import _Element as Element

from crawler.text.keeping import keep

HIDING_RE = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|(?<![\w-])opacity:0*(?:\.0+)?(?![.\d])|opacity=0\b"
    r"|text-indent:-\d{3,}|margin(?:-left|-top)?:(?:[^\s;:]{1,20}\s)?-\d{3,}|(?<![\w-])font:0[/ ]"
    r"|(?<![\w-])(?:left|top|right|bottom):-\d{3,}"
    r"|(?<![\w-])font-size:[0-2](?:\.\d+)?(?:px|pt|em|%|;|$|!)"
    r"|clip:rect\((?:0|1)(?:px)?[, ](?:0|1)|clip-path:(?:inset\((?:50|100)%|circle\(0)"
    r"|transform:[^;:]{0,40}(?:scale[xy]?\(0[,)]|translate[xy]?\([^);:]{0,40}-\d{3,})"
)
BOX_RE = re.compile(r"(?<![\w-])(?:max-)?(?:width|height):[01](?:px|pt|em|%|;|$|!)")
SPACED_RE = re.compile(r"\s*([:;,])\s*")
SIMPLE_RE = re.compile(r"^[a-zA-Z0-9]*([.#][\w-]+)$")
WRITE_RE = re.compile(r"document\.write(?:ln)?\s*\(")


@keep(4096)
def hides(style: str) -> bool:
    """Say whether a style declaration hides its element.

    >>> hides("position:absolute; left : -9999px"), hides("height:1px;overflow:hidden"), hides("FONT-SIZE:0px")
    (True, True, True)
    >>> hides("font-size:16px;text-indent:2em"), hides("opacity:0.8"), hides("margin-left:-15px")
    (False, False, False)
    """
    flat = SPACED_RE.sub(r"\1", style[:2000].strip().lower())
    if HIDING_RE.search(flat):
        return True
    if "overflow" in flat and OVER_RE.search(flat) and BOX_RE.search(flat):
        return True
    if "color" not in flat:
        return False
    inks = {name: _colour(value) for name, value in COLOUR_RE.findall(flat)}
    ink = inks.get("color")
    return ink == "transparent" or (
        ink is not None and ink in (inks.get("background"), inks.get("background-color"))
    )


OVER_RE = re.compile(r"overflow(?:-[xy])?:hidden")
COLOUR_RE = re.compile(r"(?<![\w-])(color|background|background-color):([^;!]+)")
HEX_RE = re.compile(r"#([0-9a-f])([0-9a-f])([0-9a-f])$")
RGB_RE = re.compile(r"rgb\((\d+),(\d+),(\d+)\)")


def _colour(value: str) -> str:
    """Bring a colour to one form.

    >>> _colour("#fff") == _colour("white") == _colour("rgb(255,255,255)")
    True
    """
    value = {"white": "#ffffff", "black": "#000000"}.get(value.strip(), value.strip())
    if found := RGB_RE.match(value):
        return "#" + "".join(f"{min(255, int(part)):02x}" for part in found.groups())
    return HEX_RE.sub(r"#\1\1\2\2\3\3", value)


def conceals(tag: str, attributes: Mapping[str, str]) -> bool:
    """Say whether an element's own attributes hide it.

    >>> conceals("marquee", {"width": "1", "height": "1"}), conceals("td", {"width": "1"})
    (True, False)
    """
    style = attributes.get("style")
    if "hidden" in attributes or (style and hides(style)):
        return True
    if tag == "marquee" and style and BOX_RE.search(SPACED_RE.sub(r"\1", style.lower())):
        return True
    return tag in ("marquee", "iframe") and any(  # one-pixel cells and tables only keep a distance
        attributes.get(name) in ("0", "1", "0px", "1px") for name in ("width", "height")
    )


MEDIA_RE = re.compile(r"\s*(?:only\s+)?(?:all|screen)?\s*$", re.IGNORECASE)
"""Conditions under which a rule holds for every reader; one for print or for small screens does not."""
NAME_RE = re.compile(r"[.#]([\w-]+)")
LOUD_RE = re.compile(
    r"display|visib|opacity|indent|margin|left|top|right|bottom|font|clip|transform|overflow|color",
    re.IGNORECASE,
)
NESTED = 8
"""How deep conditions are followed."""


SHEETS = 256
"""The rules of so many sheets are kept, which portals repeat; not the sheets, of which each may be half a megabyte."""
_known: dict[tuple[int, int], tuple[str, ...]] = {}


def hiding_rules(sheet: str) -> tuple[str, ...]:
    """Give the selectors of a style sheet's rules that hide, and hold for every reader.

    >>> hiding_rules("/* a */ .ad, #x > p {display:none} @media print{nav{display:none}} p{margin:0}")
    ('.ad', '#x > p')
    >>> hiding_rules("@media screen{ a[title=',}'] {visibility : hidden} } .open{color:red")
    ('a[title=",}"]',)
    """
    which = len(sheet), hash(sheet)
    if which not in _known:
        if len(_known) >= SHEETS:
            _known.pop(next(iter(_known)))
        rules = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
        _known[which] = tuple(_hiding(rules))
    return _known[which]


def _hiding(rules: Iterable[Any], depth: int = 0) -> Iterator[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            block = tinycss2.serialize(rule.content)
            if LOUD_RE.search(block) and hides(COMMENT_RE.sub("", block)):
                yield from _selectors(rule.prelude)
        elif rule.type == "at-rule" and rule.content is not None and depth < NESTED:
            name = rule.lower_at_keyword
            if name in ("supports", "layer") or (
                name == "media" and MEDIA_RE.match(tinycss2.serialize(rule.prelude))
            ):
                inside = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
                yield from _hiding(inside, depth + 1)


COMMENT_RE = re.compile(r"/\*.*?\*/", re.DOTALL)


def _selectors(prelude: Iterable[Any]) -> Iterator[str]:
    """Part a list of selectors at its commas, not at those within brackets or strings."""
    one: list[Any] = []
    for token in (*prelude, None):
        if token is None or token == ",":
            if said := COMMENT_RE.sub("", tinycss2.serialize(one)).strip():
                yield said
            one = []
        else:
            one.append(token)


def _path(selector: str) -> str | None:
    """Give the XPath of a selector; None where it speaks of a state or cannot be read."""
    if ":" in selector and not re.search(r":(?:first|last|only|nth|not|root|empty)", selector):
        return None
    try:
        return str(HTMLTranslator().css_to_xpath(selector, prefix="descendant::"))
    except SelectorError:
        return None


HIDES_RE = re.compile(
    r"(?:getElementById\(\s*[\"']([\w-]+)|(?:\$|jQuery|querySelector)\(\s*[\"']([#.][\w-]+))[\"']\s*\)"
    r"(?=((?:(?!getElementById|\$\(|jQuery\(|querySelector)[^{}]){0,120}))"
)
"""A script that reaches for an element, and what it does with it."""
DOES_RE = re.compile(
    r"style\.(?:cssText|display|visibility|left|top|opacity|height|width|fontSize)\s*=\s*[\"']([^\"']*)|\.css\(([^)]*)\)|\.(hide)\(\)|\.(hidden)\s*=\s*true"
)


def hidden_by(script: str) -> Iterator[str]:
    """Give ``#id`` and ``.class`` of what a script hides.

    >>> list(hidden_by("document.getElementById('a1').style.display='none'; $('.b').hide()"))
    ['#a1', '.b']
    """
    for found in HIDES_RE.finditer(script):
        does = DOES_RE.search(found[3])
        if does is None:
            continue
        name = f"#{found[1]}" if found[1] else found[2]
        if does[3] or does[4]:
            yield name
        elif does[1] is not None:
            prop = re.search(r"style\.(\w+)", does[0])
            value = (
                does[1] if prop and prop[1] == "cssText" else f"{prop[1].lower() if prop else ''}:{does[1]}"
            )
            if hides(value):
                yield name
        elif does[2] and hides(re.sub(r"[\"'{}\s]", "", does[2]).replace(",", ":", 1)):
            yield name


class Hiding:
    """Which elements of one page are hidden, and how; looked up only for what is suspect."""

    def __init__(
        self,
        styles: Iterable[Element],
        scripts: Iterable[Element],
        sheets: Iterable[str] = (),
        root: Element | None = None,
    ) -> None:
        self.names: set[str] = set()
        self.wrapped: set[Element] = set()
        self.after: list[Element] = []
        """Scripts whose written wrapper hides the text right after them."""
        self.seen: dict[Element, bool] = {}
        self.below: dict[Element, bool] = {}
        known: set[str] | None = None
        for sheet in (*(style.text or "" for style in styles), *sheets):
            if "{" not in sheet:
                continue
            for selector in hiding_rules(sheet):
                if found := SIMPLE_RE.match(selector):
                    self.names.add(found[1])
                elif root is not None:
                    if known is None:
                        known = {name for value in root.xpath("//@class|//@id") for name in value.split()}
                    if known.issuperset(NAME_RE.findall(selector)) and (path := _path(selector)):
                        self.wrapped.update(root.xpath(path))
        for script in scripts:
            text = script.text or ""
            if script.tag != "script" or not text:
                continue
            if "document" in text and WRITE_RE.search(text):
                written = text.replace("\\", "")
                style = re.search(r"style\s*=\s*[\"']?([^\"'>]+)", written)
                moving = re.search(r"<marquee[^>]*\s(?:height|width)=[\"']?[01]\b", written)
                if (moving or (style and hides(style[1]))) and "</" not in written:
                    self._wrap(script)
            if "style" in text or ".hid" in text or ".css(" in text:
                self.names.update(hidden_by(text))

    def _wrap(self, script: Element) -> None:
        """Note all from a script that opens a hiding wrapper to the one that closes it."""
        inside: list[Element] = []
        for sibling in script.itersiblings():
            if sibling.tag == "script" and "</" in (sibling.text or ""):
                self.wrapped.update(inside)
                self.after += [el for el in (script, *inside) if el.tail and el.tail.strip()]
                return
            inside.append(sibling)

    def own(self, el: Element) -> bool:
        if (verdict := self.seen.get(el)) is None:
            verdict = self.seen[el] = self._own(el)
        return verdict

    def _own(self, el: Element) -> bool:
        if el in self.wrapped:
            return True
        attributes = dict(el.attrib)
        if not attributes:
            return False
        if self.names:
            if (name := attributes.get("id")) and f"#{name}" in self.names:
                return True
            if any(f".{name}" in self.names for name in attributes.get("class", "").split()):
                return True
        return conceals(el.tag, attributes)

    def of(self, el: Element) -> bool:
        """Say whether an element, or one that holds it, is hidden."""
        chain: list[Element] = []
        verdict = False
        node: Element | None = el
        while node is not None:
            if (known := self.below.get(node)) is not None:
                verdict = known
                break
            chain.append(node)
            if self.own(node):
                verdict = True
                break
            node = node.getparent()
        for node in chain:
            self.below[node] = verdict
        return verdict
