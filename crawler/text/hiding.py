"""Ways by which a page does not show what it holds: styles, attributes, style sheets, scripts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from lxml.etree import _Element as Element

HIDING_RE = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|(?<![\w-])opacity:0*(?:\.0+)?(?![.\d])|opacity=0\b"
    r"|text-indent:-\d{3,}|margin(?:-left|-top)?:(?:[^\s;:]{1,20}\s)?-\d{3,}"
    r"|(?<![\w-])(?:left|top|right|bottom):-\d{3,}"
    r"|(?<![\w-])font-size:[0-2](?:\.\d+)?(?:px|pt|em|%|;|$|!)"
    r"|clip:rect\((?:0|1)(?:px)?[, ](?:0|1)|clip-path:(?:inset\((?:50|100)%|circle\(0)"
    r"|transform:[^;:]{0,40}(?:scale[xy]?\(0\)|translate[xy]?\([^);:]{0,40}-\d{3,})"
)
BOX_RE = re.compile(r"(?<![\w-])(?:max-)?(?:width|height):[01](?:px|pt|em|%|;|$|!)")
SPACED_RE = re.compile(r"\s*([:;,])\s*")
RULE_RE = re.compile(r"([^{}]+)\{([^{}]*)\}")
SIMPLE_RE = re.compile(r"^[a-zA-Z0-9]*([.#][\w-]+)$")
WRITE_RE = re.compile(r"document\.write(?:ln)?\s*\(")


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
    return "overflow:hidden" in flat and BOX_RE.search(flat) is not None


def conceals(tag: str, attributes: Mapping[str, str]) -> bool:
    """Say whether an element's own attributes hide it.

    >>> conceals("marquee", {"width": "1", "height": "1"}), conceals("td", {"width": "1"})
    (True, False)
    """
    if "hidden" in attributes or ((style := attributes.get("style")) and hides(style)):
        return True
    return tag in ("marquee", "iframe") and any(  # one-pixel cells and tables only keep a distance
        attributes.get(name) in ("0", "1", "0px", "1px") for name in ("width", "height")
    )


class Hiding:
    """Which elements of one page are hidden, and how; looked up only for what is suspect."""

    def __init__(self, styles: Iterable[Element], scripts: Iterable[Element]) -> None:
        self.names: set[str] = set()
        self.wrapped: set[Element] = set()
        for sheet in styles:
            for selectors, rule in RULE_RE.findall(sheet.text or ""):
                if hides(rule):
                    for selector in selectors.split(","):
                        if found := SIMPLE_RE.match(selector.strip()):
                            self.names.add(found[1])
        for script in scripts:
            text = script.text or ""
            if script.tag == "script" and "document" in text and WRITE_RE.search(text):
                written = text.replace("\\", "")
                style = re.search(r"style\s*=\s*[\"']?([^\"'>]+)", written)
                if style and hides(style[1]) and "</div" not in written.lower():
                    for sibling in script.itersiblings():
                        if sibling.tag == "script" and "</" in (sibling.text or ""):
                            break
                        self.wrapped.add(sibling)
        self.seen: dict[Element, bool] = {}
        self.below: dict[Element, bool] = {}

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
