"""Injected spam: found by independent signals, cut out of the tree, kept as evidence.

One signal alone never cuts. The signals, each with a score from 0 to 1:

========== ===========================================================================================
hidden     the block or what holds it is not shown: by style, attribute, a ``<style>`` rule, a script
off-topic  its words sell what no office sells (``data/tables/spam-words.tsv``); news about crime is not
foreign    its links lead to hosts that no honest page of a portal names
place      it stands before the page begins or after its footer
stray      a sentence shares no words with the page, although the text around it does
joined     a row of link words with ``|``, ``_`` or ``-`` between them, no sentence
overwritten a title or description that the page itself does not bear out
switch     a script that looks for search engines
encoded    a script that hides what it writes
repeated   the same block was cut out of other articles, or is suspected on other portals
odd        an address such as nobody publishes: a bare number, a throw-away domain
========== ===========================================================================================
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote

import lxml.etree
import lxml.html
from lxml.etree import _Element as Element

from crawler.text.body import densest
from crawler.text.hiding import Hiding
from crawler.text.hosts import FRIENDLY_RE, THROW_AWAY_RE, Hosts, host_of, join
from crawler.text.lines import Line
from crawler.text.memory import Memory
from crawler.text.outline import Anchor
from crawler.text.topics import HAN_RE, SENTENCE_RE, fold, joined, off_topic, pitch, spam_words, words_in
from crawler.text.trees import LINE, Tree, parse, text_of

SPOTTED = 0.5
"""From this score on a signal counts."""


class Removed(NamedTuple):
    """One block that was cut out of a page: the evidence."""

    kind: str
    """``hidden``, ``link-farm``, ``plain-text``, ``text``, ``meta``, ``script`` or ``iframe``."""
    place: str
    """An XPath in the page as parsed, or ``line N`` of a plain-text document."""
    text: str
    html: str
    """The block's source as the tree gives it."""
    links: tuple[str, ...]
    """Where it leads, absolute if the page's address is known, each once."""
    reasons: tuple[tuple[str, float], ...]
    """(signal, score), strongest first; two at least."""


class Judged(NamedTuple):
    """What was cut out of a page, and what stays in it under suspicion."""

    removed: tuple[Removed, ...]
    suspects: tuple[Removed, ...]
    """Of the same shape, kind ``suspect``; one signal only, so the text is still in the page."""


class Stripped(NamedTuple):
    """A page without its spam, and the spam."""

    html: str
    removed: tuple[Removed, ...]


FOOTER_RE = re.compile(
    r"版权所有|[Cc]opyright|COPYRIGHT|©|ICP备|公网安备|网站标识码|主办单位\s*[:：]|承办单位\s*[:：]|扫一扫|扫描二维码"
)
FOOTER = (
    "版权所有",
    "opyright",
    "COPYRIGHT",
    "©",
    "ICP备",
    "公网安备",
    "网站标识码",
    "主办单位",
    "承办单位",
    "扫一扫",
    "扫描二维码",
)
"""One of these is in all that `FOOTER_RE` finds."""

UNREAD = frozenset(("script", "style", "title", "textarea"))


class _Order:
    """Where the page's footer ends, in document order; worked out once, if anybody asks."""

    def __init__(self, root: Element, lines: Sequence[Line]) -> None:
        self.root = root
        self.lines = lines
        self.index: dict[Element, int] | None = None
        self.footer = -1
        self.footer_el: Element | None = None
        self.begin = -1
        self.ends: bool | None = None

    def _build(self) -> dict[Element, int]:
        if self.index is None:
            self.index = {}
            body = self.root.find("body") if self.root.find("head/title") is None else None
            for i, el in enumerate(self.root.iter()):
                self.index[el] = i
                if el.tag in ("title", "meta") and body is not None and el.getparent() is body:
                    self.begin = i  # libxml2 moves a head into the body if something stands before <html>
                if el.tag in UNREAD:
                    continue
                if (
                    el.tag.__class__ is str
                    and (text := el.text)
                    and len(text) < 400
                    and FOOTER_RE.search(text)
                ):
                    self.footer, self.footer_el = i, el
                if (text := el.tail) and len(text) < 400 and FOOTER_RE.search(text):
                    self.footer, self.footer_el = i, el.getparent()
        return self.index

    def below(self) -> bool:
        """Say whether what was taken for the footer ends the page: "主办单位：" above the article does not."""
        if self.ends is None:
            start, end = densest(self.lines)
            after = end and self._build().get(self.lines[start].el, -1) > self.footer
            said = "\n".join(line.text for line in self.lines[start:end]) if after else ""
            self.ends = not after or off_topic(said) >= SPOTTED
        return self.ends

    def before_page(self, el: Element) -> bool:
        """Say whether an element stands before ``<html>`` or ``<head>``."""
        return 0 <= self._build().get(el, -1) < self.begin

    def out_of_place(self, el: Element, tail: bool = False) -> bool:
        """Say whether an element, or the text right after it, stands before the page or after its footer."""
        i = self._build().get(el, -1)
        if i < 0:
            return False
        if i < self.begin:
            return True
        if self.footer_el is None:
            return False
        if tail:
            up = el.getparent()
            last = max(self._build().get(inner, -1) for inner in el.iter())
            return (
                self.footer <= last
                and self.footer_el is not up
                and self.footer_el not in up.iterancestors()
                and self.below()
            )
        return i > self.footer and self.footer_el not in el.iterancestors() and self.below()


# ------------------------------------------------------------------------------------------------- strip


def strip(html: str, url: str | None = None) -> Stripped:
    """Cut the injected spam out of a page or of a plain-text document.

    A text in which nothing is found comes back as it is.

    >>> spam = "<div style='display:none'><a href='http://x.example/'>澳门新葡京</a></div>"
    >>> page = strip("<p>书屋昨日开放。</p>" + spam, "http://www.lyg.gov.cn/a.html")
    >>> page.html
    '<html><body><p>书屋昨日开放。</p></body></html>'
    >>> [(block.kind, block.text, block.links, block.reasons) for block in page.removed]
    [('hidden', '澳门新葡京', ('http://x.example/',), (('hidden', 1.0), ('off-topic', 1.0), ('foreign', 0.5)))]
    >>> news = "<p>法院审理了一起开设赌场案,被告人以百家乐聚赌。</p><div style='display:none'>打印版</div>"
    >>> strip(news) == Stripped(news, ())
    True
    """
    tree = parse(html)
    removed = strip_tree(tree, url)
    if not removed:
        return Stripped(html, ())
    if tree.plain:
        cut: set[int] = set()
        for block in removed:
            numbers = [int(n) for n in re.findall(r"\d+", block.place)]
            cut.update(range(numbers[0], numbers[-1] + 1))
        lines = html.splitlines(keepends=True)
        return Stripped("".join(s for n, s in enumerate(lines, 1) if n not in cut), removed)
    return Stripped(lxml.html.tostring(tree.root, encoding="unicode"), removed)


def strip_tree(
    tree: Tree, url: str | None = None, sheets: Mapping[str, str] | None = None
) -> tuple[Removed, ...]:
    """Cut the injected spam out of a parsed page, in place, and give it as evidence.

    `sheets` are the texts of style sheets that the page links, by absolute address; what is not given is
    not looked up.
    """
    return judge_tree(tree, url, sheets).removed


def judge_tree(
    tree: Tree,
    url: str | None = None,
    sheets: Mapping[str, str] | None = None,
    memory: Memory | None = None,
) -> Judged:
    """Cut the injected spam out of a parsed page, in place; give it, and what one signal alone suspects.

    `memory` is what is known from earlier pages of the portal, and of the same block elsewhere.
    """
    if tree.plain:
        judged = Judged(_strip_lines(tree.root), ())
    else:
        page = _Page(tree, url, sheets, memory)
        removed = page.strip()
        left = [doubt for el, doubt in page.doubts if page.stays(el)]  # the rest was cut out after all
        judged = Judged(removed, tuple(dict.fromkeys(left)))
    if judged.removed:
        tree.changed()
    return judged


def _strip_lines(root: Element) -> tuple[Removed, ...]:
    """Judge a plain-text document line by line; lines that follow each other make one block."""
    body = root.find("body")
    removed: list[Removed] = []
    after = False
    last = -1
    for p in list(body):
        text = p.text or ""
        number = int(p.get(LINE, "0"))
        reasons = _reasons(
            ("off-topic", off_topic(text)), ("joined", joined(text)), ("place", 0.6 if after else 0.0)
        )
        if _is_spam(reasons):
            if removed and last == number - 1:
                block = removed[-1]
                first = re.search(r"\d+", block.place)
                removed[-1] = block._replace(
                    place=f"lines {first[0] if first else number} to {number}",
                    text=f"{block.text}\n{text}",
                    html=f"{block.html}\n{text}",
                )
            else:
                removed.append(Removed("plain-text", f"line {number}", text, text, (), reasons))
            last = number
            body.remove(p)
        elif FOOTER_RE.search(text) and len(text) <= 120:
            after = True
    return tuple(removed)


def _reasons(*scores: tuple[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(((s, round(v, 2)) for s, v in scores if v > 0), key=lambda r: -r[1]))


def _is_spam(reasons: Sequence[tuple[str, float]]) -> bool:
    """Give the verdict: two signals, one of which tells what the block says or where it leads.

    Hidden and out of place is how share menus and QR codes are, foreign and joined is a friendly-link list,
    one foreign link after the footer is who built the site, one that is hidden a friend's in a folded list;
    none of these is enough.
    """
    score = dict(reasons)
    topic, foreign = score.get("off-topic", 0.0), score.get("foreign", 0.0)
    hidden, place, joined = score.get("hidden", 0.0), score.get("place", 0.0), score.get("joined", 0.0)
    if score.get("repeated", 0.0) >= SPOTTED and (topic >= SPOTTED or foreign >= 0.8):
        return True
    if topic >= SPOTTED:
        return max(hidden, place, joined, foreign) >= SPOTTED
    return (hidden >= SPOTTED and foreign > SPOTTED) or (place >= SPOTTED and foreign >= 0.8)


class _Find(NamedTuple):
    """A block that was judged, before it is cut."""

    kind: str
    el: Element
    tail: bool
    """Not the element but the text right after it."""
    reasons: tuple[tuple[str, float], ...]


PART_RE = re.compile(r"[^。！？\n]+[。！？\n]*|[。！？\n]+")
CLOSERS = "”’」』）)》"
KNOWN = 0.1
"""Share of its pairs of characters from which on a sentence belongs to a page: three quarters of honest
sentences have it, hardly any that was put in."""


def _share(text: str, page: str) -> float:
    """Give the share of a text's pairs of characters that stand in a page's other text as well."""
    pairs = {run[i : i + 2] for run in HAN_RE.findall(text) for i in range(len(run) - 1)}
    return sum(pair in page for pair in pairs) / len(pairs) if pairs else 0.0


def _speaks(el: Element, pieces: Container[tuple[Element, bool]]) -> bool:
    """Say whether an element holds a sentence of some length that is neither suspect nor a link."""
    spoken: list[Element] = []
    for node in el.iter():
        if _is_prose(node.text) and (node, False) not in pieces and node.tag.__class__ is str:
            spoken.append(node)
        if _is_prose(node.tail) and (node, True) not in pieces and node is not el:
            spoken.append(node.getparent())
    return any(node.tag not in UNREAD and not _linked(node) for node in spoken)


def _is_prose(text: str | None) -> bool:
    return text is not None and len(text) >= 6 and SENTENCE_RE.search(text) is not None


def _linked(el: Element) -> bool:
    return any(up.tag == "a" for up in (el, *el.iterancestors()))


def _drop(el: Element) -> None:
    """Take an element out of its tree; the text after it stays."""
    parent, before = el.getparent(), el.getprevious()
    if el.tail:
        if before is None:
            parent.text = (parent.text or "") + el.tail
        else:
            before.tail = (before.tail or "") + el.tail
    parent.remove(el)


class _Page:
    """The judgement of one page."""

    def __init__(
        self,
        tree: Tree,
        url: str | None,
        sheets: Mapping[str, str] | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.memory = memory
        self.root = tree.root
        self.outline = tree.outline
        self.url = url
        self.hosts = Hosts(self.outline, url, memory.honest if memory else None)
        self.order = _Order(self.root, self.outline.lines)
        self.heads = [head for head in self.outline.heads if head.text and head.name in HEADS]
        self.text = "".join(self.outline.pieces)
        self.words = words_in(
            "\n".join((self.text, *self.outline.unread, *(head.text for head in self.heads)))
        )
        self._hiding: Hiding | None = None
        self.sheets = sheets or {}
        self.doubts: list[tuple[Element, Removed]] = []
        self.folded = ""
        self.sizes: dict[Element, int] = {}
        self.jointed: dict[Element, int] = {}
        self.rows: dict[Element, float] = {}
        self.away = 0
        """How many links of the page lead to foreign hosts and say nothing off-topic."""
        self.links = len(self.outline.anchors)

    @property
    def hiding(self) -> Hiding:
        if self._hiding is None:
            self._hiding = Hiding(self.outline.styles, self.outline.scripts, self.linked(), self.root)
        return self._hiding

    def linked(self) -> list[str]:
        """Give the texts of the style sheets that the page links, as far as they are known."""
        if not self.sheets:
            return []
        links = (
            el.get("href") for el in self.root.iter("link") if "stylesheet" in (el.get("rel") or "").lower()
        )
        return [self.sheets[at] for href in links if href and (at := join(self.url, href)) in self.sheets]

    def dark(self) -> list[_Find]:
        """Judge what is hidden, block by block as a whole, whatever words it is made of."""
        hiding = self.hiding
        finds: list[_Find] = []
        for script in hiding.after:
            if self.stays(script) and (find := self.verdict(script, True, hidden=True)):
                finds.append(find)
        queue = [el for el in CANDIDATES(self.root) if hiding.own(el)]
        if hiding.names or hiding.wrapped:
            queue = [el for el in self.root.iter() if el.tag.__class__ is str and hiding.own(el)]
        queue.reverse()
        parts: set[Element] = set()
        while queue:
            el = queue.pop()
            up = el.getparent()
            if up is None or el.tag in ("html", "body", "script", "style", "link", "input", "option", "img"):
                continue
            if len(text_of(el)) > WHOLE and len(el):
                inner = [child for child in el if child.tag.__class__ is str]
                parts.update(inner)
                queue.extend(reversed(inner))
            elif find := self.verdict(el, False, hidden=True):
                score = dict(find.reasons)  # a lone foreign link, or one in a long folded list, is a friend's
                if score.get("off-topic", 0.0) >= SPOTTED or (el not in parts and score["foreign"] > SPOTTED):
                    finds.append(find)
        return finds

    def twice(self, text: str) -> bool:
        """Say whether the page says most of a text a second time, as print versions do."""
        if not self.folded:
            self.folded = fold(self.text)
        parts = [part for part in SENTENCE_RE.split(fold(text)) if len(part) >= 6]
        return bool(parts) and sum(self.folded.count(part) > 1 for part in parts) * 2 > len(parts)

    def open(self) -> bool:
        return bool(self.links) and self.away / self.links > 0.15

    def strip(self) -> tuple[Removed, ...]:
        strong, weak = self.suspects()
        removed = self.cut(self.scripts())
        removed += self.cut(self.dark())
        removed += self.cut(self.overwritten())
        if removed:
            strong = [s for s in strong if self.stays(s[0])]
        mixed = [(el, tail) for el, tail in strong if el.tag != "a" or tail]
        removed += self.spans(mixed)
        removed += self.cut(self.judge(strong))
        if removed:
            weak = [anchor for anchor in weak if self.stays(anchor.el)]
        removed += self.cut(self.judge([(anchor.el, False) for anchor in self.dim(weak)]))
        return tuple(removed)

    def stays(self, el: Element) -> bool:
        """Say whether an element is still in the tree."""
        return el is self.root or any(up is self.root for up in el.iterancestors())

    # ---------------------------------------------------------------------------------- blocks of the body

    def suspects(self) -> tuple[list[tuple[Element, bool]], list[Anchor]]:
        """Find what says what it should not, (element, whether its tail is meant), and links that lead away."""
        strong: list[tuple[Element, bool]] = []
        weak: list[Anchor] = []
        words, foreign = self.words, self.hosts.foreign
        if not words:
            weak = [anchor for anchor in self.outline.anchors if foreign(anchor.href)]
            self.away = len(weak)
            return strong, weak
        anchors: set[Element] = set()
        firsts = frozenset(sign for word in words for sign in (word[0], word[0].upper()))
        for anchor in self.outline.anchors:
            text = text_of(anchor.el)
            topic = 0.0 if firsts.isdisjoint(text) else off_topic(text, words)
            away = foreign(anchor.href)
            if topic >= SPOTTED or (topic and away):
                strong.append((anchor.el, False))
                anchors.add(anchor.el)
            elif away:
                weak.append(anchor)
        self.away = len(weak)
        heavy = [word for word in words if spam_words()[word] >= 0.7]
        if heavy:
            pattern = re.compile("|".join(map(re.escape, heavy)))
            for body in self.root.iter("body"):
                for el in body.iter():
                    if el.tag.__class__ is not str or el.tag in ("script", "style"):
                        owner_text = None
                    else:
                        owner_text = el.text
                    if owner_text and pattern.search(owner_text.lower()) and not self.inside(el, anchors):
                        strong.append((el, False))
                    tail = el.tail
                    if tail and el is not body and pattern.search(tail.lower()):
                        up = el.getparent()
                        if not self.inside(up, anchors):
                            strong.append((el, True))
        return strong, weak

    def dim(self, weak: Sequence[Anchor]) -> list[Anchor]:
        """Give those of the links that are hidden or, where three are in sight, out of place.

        The outline knows which may be, and spares most links the longer look.
        """
        if not weak:
            return []
        sheets = self.hiding.names or self.hiding.wrapped
        hidden = {anchor.el for anchor in weak if (sheets or anchor.covered) and self.hiding.of(anchor.el)}
        if len(weak) - len(hidden) < 3:
            return [anchor for anchor in weak if anchor.el in hidden]
        footer, begin = self.footer(), self.outline.begin
        return [
            anchor
            for anchor in weak
            if anchor.el in hidden
            or ((anchor.at > footer or anchor.at <= begin) and self.order.out_of_place(anchor.el))
        ]

    def footer(self) -> int:
        """Give the number of the last piece of text that a footer has; where there is none, that of pieces."""
        pieces = self.outline.pieces
        if any(sign in self.text for sign in FOOTER):
            for i in range(len(pieces) - 1, -1, -1):
                if len(pieces[i]) < 400 and FOOTER_RE.search(pieces[i]):
                    return i
        return len(pieces)

    def spans(self, nodes: Sequence[tuple[Element, bool]]) -> list[Removed]:
        """Cut single sentences out of text that belongs to the page, and give them in order.

        Words that sell, said as who sells says them, are one signal; that the sentence shares no pair of characters with the page's
        other text, although its neighbours do, is the second. Beside words of crime news nothing is cut.
        """
        removed: list[Removed] = []
        for el, tail in nodes:
            text = (el.tail if tail else el.text) or ""
            parts = PART_RE.findall(text)
            if len(parts) < 2:
                continue
            sold = [off_topic(part, self.words) >= SPOTTED and pitch(part) >= SPOTTED for part in parts]
            rest = "".join(part for part, sells in zip(parts, sold, strict=True) if not sells)
            if not any(sold) or all(sold):
                continue
            others = self.text.replace(text, "", 1)
            if _share(rest, others) < KNOWN:
                continue
            path = self.root.getroottree().getpath(el)
            place = f"{path}/following-sibling::text()[1]" if tail else f"{path}/text()[1]"
            kept, at = "", 0
            for part, sells in zip(parts, sold, strict=True):
                stray = 1 - _share(part, others + rest) if sells else 0.0
                if stray > 1 - KNOWN:
                    said = part.lstrip(CLOSERS)  # they belong to the sentence before
                    kept += part[: len(part) - len(said)]
                    where = f"{place}, characters {at + len(part) - len(said)} to {at + len(part)}"
                    reasons = _reasons(("off-topic", off_topic(said, self.words)), ("stray", stray))
                    removed.append(Removed("text", where, said.strip(), said, (), reasons))
                else:
                    kept += part
                at += len(part)
            if tail:
                el.tail = kept
            else:
                el.text = kept
        return removed

    @staticmethod
    def inside(el: Element, anchors: set[Element]) -> bool:
        return el in anchors or any(up in anchors for up in el.iterancestors("a"))

    def size(self, el: Element) -> int:
        if (size := self.sizes.get(el)) is None:
            size = self.sizes[el] = len(fold(text_of(el)))
        return size

    def judge(self, suspects: Sequence[tuple[Element, bool]]) -> list[_Find]:
        """Grow each suspect to the block that is suspect as a whole, and give those that are spam."""
        if not suspects:
            return []
        self.sizes.clear()
        self.jointed.clear()
        self.rows.clear()
        bad: dict[Element, int] = {}
        pieces: set[tuple[Element, bool]] = set()
        for el, tail in suspects:
            if (el, tail) in pieces:
                continue
            pieces.add((el, tail))
            text = el.tail or "" if tail else (text_of(el) if el.tag == "a" else el.text or "")
            amount = len(fold(text))
            for up in el.iterancestors() if tail else [el, *el.iterancestors()]:
                bad[up] = bad.get(up, 0) + amount
        finds: list[_Find] = []
        seen: set[tuple[Element, bool]] = set()
        for el, tail in suspects:
            block, is_tail = el, tail
            for up in el.iterancestors():
                if up.tag in ("body", "html") or bad.get(up, 0) < 0.7 * (self.size(up) - self.joints(up)):
                    break
                if self.size(up) - bad.get(up, 0) >= 6 and _speaks(up, pieces):
                    break
                block, is_tail = up, False
            if (block, is_tail) in seen:
                continue
            seen.add((block, is_tail))
            if (find := self.verdict(block, is_tail)) is not None:
                finds.append(find)
        return finds

    def joints(self, el: Element) -> int:
        if (count := self.jointed.get(el)) is None:
            text = text_of(el)
            count = self.jointed[el] = sum(text.count(joint) for joint in "|｜_丨")
        return count

    def row(self, el: Element) -> float:
        if (score := self.rows.get(el)) is None:
            score = self.rows[el] = joined(text_of(el))
        return score

    def verdict(self, el: Element, tail: bool, hidden: bool = False) -> _Find | None:
        text = el.tail or "" if tail else (_said(el) if hidden else text_of(el))
        links = [] if tail else [a for a in el.iter("a") if a.get("href")]
        base = el.getparent() if tail else el
        row = self.row(el.getparent()) if el.tag == "a" and len(text) < 60 else joined(text)
        foreign = [a for a in links if self.hosts.foreign(a.get("href"))]
        said = [text_of(a) for a in foreign]
        sold = [off_topic(words, self.words) >= SPOTTED for words in said]
        odd = sum(
            sells or not FRIENDLY_RE.search(words.strip()) for words, sells in zip(said, sold, strict=True)
        )
        away = odd / len(links) * min(1.0, 0.5 + 0.15 * (odd - 1)) if odd else 0.0
        if self.links and (self.away - sold.count(False)) / self.links > 0.15:
            away *= 0.45  # a page that sends its readers everywhere: portals with advertisements
        if not self.hosts.sure:
            away *= 0.45
        if away and next(el.iter("img", "input"), None) is not None:
            away *= 0.45  # advertisements again: link farms have no pictures
        topic = off_topic(text, self.words) if self.words else 0.0
        hidden = hidden or self.hiding.of(base)
        if topic < SPOTTED and (
            away >= SPOTTED
            or (hidden and len(foreign) == len(links) and (not links or len(fold(text)) >= 12))
        ):
            topic = max(topic, pitch(text))  # who sells does not link to the page's own host: menus, logins
        if hidden and topic >= SPOTTED and away < SPOTTED and self.twice(text):
            return None
        reasons = _reasons(
            ("hidden", 1.0 if hidden else 0.0),
            ("off-topic", topic),
            ("foreign", away),
            ("place", 0.6 if self.order.out_of_place(el, tail) else 0.0),
            ("joined", row),
            ("repeated", self.repeated(text if tail else text_of(el))),
        )
        if not _is_spam(reasons):
            if topic >= SPOTTED or away >= 0.8:
                place = self.root.getroottree().getpath(el)
                at = tuple(dict.fromkeys(join(self.url, a.get("href")) for a in links))
                whole = _lines(text if tail else text_of(el))  # as that of a block that is cut out
                self.doubts.append((el, Removed("suspect", place, whole, "", at, reasons)))
            return None
        names = dict(reasons)
        kind = "hidden" if "hidden" in names else ("link-farm" if links else "text")
        if kind == "hidden":  # the wrapper that hides goes too, if nothing else is in it
            for up in el.iterancestors():
                if up.tag in ("body", "html") or self.size(up) > self.size(el) * 1.05 + 2 or len(up) > 3:
                    break
                if not tail and self.hiding.own(up):
                    el = up
        return _Find(kind, el, tail, reasons)

    def repeated(self, text: str) -> float:
        """Score how often a block is known from elsewhere; what the page is called is no block."""
        if self.memory is None or (count := self.memory.repeated(_lines(text), self.url)) < 3:
            return 0.0
        said = fold(text)
        return 0.0 if any(said in fold(head.text) for head in self.heads) else min(1.0, 0.4 + 0.1 * count)

    # ------------------------------------------------------------------------------------- head and scripts

    def overwritten(self) -> list[_Find]:
        """Judge title, keywords and description: spam words that the page itself does not bear out."""
        finds: list[_Find] = []
        if not self.words:
            return finds
        shown = None
        for _, text, el in self.heads:
            topic = off_topic(text)
            if topic < SPOTTED:
                continue
            if shown is None:
                shown = self.shown()
            bare = fold(text)
            heading = fold(re.split(r"[_|\-—–<]", text)[0])
            if len(heading) >= 6 and heading in shown and off_topic(heading) >= SPOTTED and len(bare) < 60:
                continue  # a headline about it, printed on the page as well
            if bare in shown or _borne_out(heading or bare, shown):
                continue
            finds.append(_Find("meta", el, False, _reasons(("off-topic", topic), ("overwritten", 1.0))))
        return finds

    def shown(self) -> str:
        """Give the text that the page shows once its hidden spam is out."""
        return fold("\n".join(_texts(self.root)))

    def scripts(self) -> list[_Find]:
        """Judge scripts and frames."""
        finds: list[_Find] = []
        for el in self.outline.scripts:
            src = el.get("src")
            if src:
                if not self.hosts.foreign(src):
                    continue
                host = host_of(src)
                odd = 0.7 if THROW_AWAY_RE.search(host) else 0.0
                if not odd and not self.hosts.own:
                    continue
                hidden = el.tag == "iframe" and self.hiding.of(el) and not self.open()
                reasons = _reasons(
                    ("foreign", 0.6),
                    ("odd", odd),
                    ("hidden", 1.0 if hidden else 0.0),
                    ("place", 0.6 if el.tag == "script" and self.misplaced(el) else 0.0),
                )
                if sum(score >= SPOTTED for _, score in reasons) >= 2:
                    finds.append(_Find(el.tag, el, False, reasons))
            elif el.tag == "script" and (text := el.text):
                reasons = self.script(text)
                if sum(score >= SPOTTED for _, score in reasons) >= 2:
                    finds.append(_Find("script", el, False, reasons))
        return finds

    def misplaced(self, el: Element) -> bool:
        """Say whether a script stands where templates put none: before ``<html>`` or before all else in it."""
        up = el.getparent()
        if up is not None and up.tag == "head":
            return not any(
                s.tag in ("title", "meta", "script", "link", "base") for s in el.itersiblings(preceding=True)
            ) and (any(s.tag == "title" for s in el.itersiblings()))
        return up is not None and up.tag == "body" and self.order.before_page(el)

    def script(self, text: str) -> tuple[tuple[str, float], ...]:
        if not any(word in text for word in SUSPECT):
            return ()
        plain = _unwrap(text)
        spiders = SPIDER_RE.search(plain) and LOOK_RE.search(plain)
        addresses = ADDRESS_RE.findall(plain)
        foreign = any(self.hosts.foreign(a) for a in addresses)
        return _reasons(
            ("switch", 1.0 if spiders else 0.0),
            ("encoded", 0.7 if plain != text and ("document.write" in plain or "eval" in text) else 0.0),
            ("foreign", 0.6 if foreign else 0.0),
            ("off-topic", off_topic(plain)),
        )

    # --------------------------------------------------------------------------------------------- cutting

    def cut(self, finds: Sequence[_Find]) -> list[Removed]:
        """Take blocks out of the tree; neighbours with nothing but joints between them make one row."""
        once: dict[tuple[Element, bool], _Find] = {}  # two suspects can grow to one wrapper
        for find in finds:
            if self.stays(find.el):
                once.setdefault((find.el, find.tail), find)
        finds = list(once.values())
        inside = {f.el for f in finds if not f.tail}
        finds = [f for f in finds if not any(up in inside for up in f.el.iterancestors())]
        if not finds:
            return []
        where = {el: i for i, el in enumerate(self.root.iter())} if len(finds) > 1 else {finds[0].el: 0}
        finds.sort(key=lambda f: (where[f.el], f.tail))
        removed: list[Removed] = []
        root = self.root.getroottree()
        places = [root.getpath(f.el) for f in finds]
        before: _Find | None = None
        joinable: list[bool] = []
        for find in finds:
            joinable.append(before is not None and _neighbours(before, find))
            before = find
        for find, place, joins in zip(finds, places, joinable, strict=True):
            block = self.take(find, place)
            if (
                joins
                and removed
                and removed[-1].kind == block.kind
                and block.kind in ("hidden", "link-farm", "text")
            ):
                last = removed[-1]
                best = dict(last.reasons)
                for name, score in block.reasons:
                    best[name] = max(score, best.get(name, 0.0))
                removed[-1] = last._replace(
                    text=f"{last.text}\n{block.text}",
                    html=last.html + block.html,
                    links=tuple(dict.fromkeys((*last.links, *block.links))),
                    reasons=_reasons(*best.items()),
                )
            else:
                removed.append(block)
        return removed

    def take(self, find: _Find, place: str) -> Removed:
        el = find.el
        if find.tail:
            text = el.tail or ""
            el.tail = None
            return Removed(
                find.kind, f"{place}/following-sibling::text()[1]", text.strip(), text, (), find.reasons
            )
        tail = el.tail
        source = lxml.html.tostring(el, encoding="unicode", with_tail=False)
        if el.tag == "meta":
            text = el.get("content") or ""
        elif el.tag == "iframe":
            text = ""
        else:
            text = text_of(el)
        links: dict[str, None] = {}
        for node in el.iter("a", "script", "iframe", "img"):
            if address := node.get("href") or node.get("src"):
                links.setdefault(join(self.url, address))
        if el.tag == "script":
            for address in ADDRESS_RE.findall(_unwrap(text)):
                links.setdefault(join(self.url, address))
        if tail and not tail.strip(JOINTS):
            el.tail = None
        _drop(el)
        return Removed(find.kind, place, _lines(text), source, tuple(links), find.reasons)


CANDIDATES = lxml.etree.XPath("//body//*[@style or @hidden or self::marquee]")
WHOLE = 1500
"""Characters up to which a hidden block is judged as a whole; a longer one child by child."""


def _borne_out(heading: str, shown: str) -> bool:
    """Say whether a page's text speaks of what a heading says: its words that sell, or a third of its pairs.

    >>> _borne_out("法院宣判一起开设赌场案", "被告人开设赌场,法院昨日宣判")
    True
    """
    if any(word in shown for word in words_in(heading) if spam_words()[word] >= 0.7):
        return True
    pairs = {heading[i : i + 2] for i in range(len(heading) - 1)}
    return len(pairs) >= 4 and sum(pair in shown for pair in pairs) * 3 >= len(pairs)


def _said(el: Element) -> str:
    """Give the text of an element without scripts, and with the ends of its blocks."""
    parts = _texts(el)
    return "\n".join(parts)


_texts = lxml.etree.XPath(
    ".//text()[not(parent::script or parent::style or parent::title)]", smart_strings=False
)

JOINTS = " \t\r\n\f\v\xa0\u3000|｜_丨¦-–—·•I,，、/"
HEADS = frozenset(
    ("<title>", "keywords", "description", "articletitle", "title", "og:title", "og:description")
)
SUSPECT = ("referrer", "userAgent", "unescape", "fromCharCode", "\\x", "eval(", "document.write", "%u", "&#")
"""What a script holds that looks who is reading, or hides what it writes."""
SPIDER_RE = re.compile(
    r"baiduspider|sogou|360spider|haosou|soso|yisou|googlebot|bingbot|baidu|sm\.cn|so\.com|spider",
    re.IGNORECASE,
)
LOOK_RE = re.compile(r"referrer|userAgent", re.IGNORECASE)
ADDRESS_RE = re.compile(r"(?:https?:)?//[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}[^\s\"'<>\\)]*")
ESCAPE_RE = re.compile(r"\\x([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|%u([0-9a-fA-F]{4})")
CODES_RE = re.compile(r"fromCharCode\(([\d,\s]+)\)")


def _unwrap(script: str) -> str:
    """Undo the escapes by which a script hides what it writes."""

    def one(found: re.Match[str]) -> str:
        return chr(int(found[1] or found[2] or found[3], 16))

    def many(found: re.Match[str]) -> str:
        return "".join(chr(int(n)) for n in found[1].split(",") if n.strip().isdigit() and int(n) < 0x110000)

    text = script
    if "\\x" in text or "\\u" in text or "%u" in text:
        text = ESCAPE_RE.sub(one, text)
    if "fromCharCode" in text:
        text = CODES_RE.sub(many, text)
    if "unescape" in text:
        text = unquote(text, errors="replace")
    return entities.unescape(text) if "&#" in text else text


def _neighbours(one: _Find, other: _Find) -> bool:
    """Say whether nothing but joints lies between two blocks of one parent."""
    if one.el.getparent() is not other.el.getparent():
        return False
    if other.tail and one.el is other.el:
        return True
    if not one.tail and (one.el.tail or "").strip(JOINTS):
        return False
    following = one.el.getnext()
    while following is not None and following is not other.el:
        if following.tag not in ("br", "hr") or (following.tail or "").strip(JOINTS):
            return False
        following = following.getnext()
    return following is not None and not (
        other.tail and one.el is not other.el and other.el.tag not in ("br", "hr")
    )


def _lines(text: str) -> str:
    """Give a block's text without the empty lines and indents of its source."""
    return "\n".join(line for line in (part.strip() for part in text.splitlines()) if line)
