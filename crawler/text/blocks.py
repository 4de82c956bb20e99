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
beside     it stands right beside links that are cut out
odd        an address such as nobody publishes: a bare number, a throw-away domain
========== ===========================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import lxml.etree
import lxml.html
from lxml.etree import _Element as Element

from crawler.text.body import densest
from crawler.text.hiding import Hiding
from crawler.text.hosts import FRIENDLY_RE, THROW_AWAY_RE, Hosts, domain_of, host_of, join
from crawler.text.lines import tidy
from crawler.text.memory import Memory
from crawler.text.outline import Anchor
from crawler.text.scripts import ADDRESS_RE, script_signals, unwrap
from crawler.text.sentences import (
    CERTAIN,
    ENOUGH,
    ENTRY,
    FAINT,
    LIKELY,
    PART_RE,
    PAUSE_RE,
    PLAIN,
    POSSIBLE,
    SPOTTED,
    SURE,
    Speech,
    quoted,
    surely,
)
from crawler.text.topics import (
    SENTENCE_RE,
    fold,
    joined,
    off_topic,
    pitch,
    spam_words,
    survey,
    words_in,
)
from crawler.text.trees import LINE, Tree, fit, parse, text_of


class Removed(NamedTuple):
    """One block that was cut out of a page: the evidence."""

    kind: str
    """``hidden``, ``link-farm``, ``plain-text``, ``text``, ``comment``, ``meta``, ``script`` or ``iframe``."""
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
    hidden, place = score.get("hidden", 0.0), score.get("place", 0.0)
    if score.get("repeated", 0.0) >= SPOTTED and (topic >= SPOTTED or foreign >= 0.8):
        return True
    if topic >= SPOTTED:
        return max(hidden, place, foreign, score.get("joined", 0.0), score.get("stray", 0.0)) >= SPOTTED
    return (hidden >= SPOTTED and foreign > SPOTTED) or (place >= SPOTTED and foreign >= 0.8)


class _Find(NamedTuple):
    """A block that was judged, before it is cut."""

    kind: str
    el: Element
    tail: bool
    """Not the element but the text right after it."""
    reasons: tuple[tuple[str, float], ...]


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
            parent.text = fit((parent.text or "") + el.tail)
        else:
            before.tail = fit((before.tail or "") + el.tail)
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
        self.heads = [head for head in self.outline.heads if head.text and head.name in HEADS]
        self.lines = self.outline.lines
        self.text = "".join(self.outline.pieces)
        self.seen = survey(
            [
                *(line.text for line in self.lines),
                *self.outline.unread,
                *(head.text for head in self.heads),
            ]
        )
        self.words = self.seen.words
        self.speech = Speech(self.lines, [head.text for head in self.heads], self.seen)
        self._hiding: Hiding | None = None
        self.sheets = sheets or {}
        self.doubts: list[tuple[Element, Removed]] = []
        self.folded = ""
        self.sizes: dict[Element, int] = {}
        self.jointed: dict[Element, int] = {}
        self.rows: dict[Element, float] = {}
        self.line_of: dict[tuple[Element, bool], int] = {}
        """Suspect -> the number of its line."""
        self.told: dict[Element, tuple[float, int]] = {}
        """Link that leads away -> how much its row speaks like a seller, and how many links that has."""
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

    def dark(self, spots: Iterable[tuple[Element, int]]) -> list[_Find]:
        """Judge what is hidden and holds one of some elements, block by block as a whole."""
        hiding = self.hiding
        finds: list[_Find] = []
        for script in hiding.after:
            if self.stays(script) and (find := self.verdict(script, True, hidden=True)):
                finds.append(find)
        holding: dict[Element, int] = {}
        for el, line in spots:
            for up in (el, *el.iterancestors()):
                if up in holding:
                    break
                holding[up] = line
        queue = [el for el in holding if hiding.own(el) or el.tag == "noscript"]
        parts: set[Element] = set()
        while queue:
            el = queue.pop()
            up = el.getparent()
            if up is None or el.tag in ("html", "body", "script", "style", "link", "input", "option", "img"):
                continue
            if len(text_of(el)) > WHOLE and len(el):
                inner = [child for child in el if child in holding]
                parts.update(inner)
                queue.extend(reversed(inner))
            elif find := self.verdict(el, False, holding[el], hidden=True):
                score = dict(find.reasons)  # a lone foreign link, or one in a long folded list, is a friend's
                if score.get("off-topic", 0.0) >= SPOTTED or (el not in parts and score["foreign"] > SPOTTED):
                    finds.append(find)
        return finds

    def comments(self) -> list[_Find]:
        """Judge what is commented out: links and words that nobody has seen since."""
        finds: list[_Find] = []
        for el in filter(self.stays, self.outline.comments):
            text = el.text or ""
            leads = "//" in text and any(map(self.hosts.foreign, ADDRESS_RE.findall(text)))
            if not leads and (text.isascii() or len(text) > SHORT or pitch(text) < SURE):
                continue
            inside = parse(text).root
            if (find := self.verdict(inside, False, hidden=True)) and dict(find.reasons).get(
                "off-topic", 0.0
            ) >= SPOTTED:
                finds.append(find._replace(kind="comment", el=el))
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
        if spots := self.spots(strong, weak):
            removed += self.cut(self.dark(spots))
        removed += self.cut(self.comments())
        removed += self.cut(self.overwritten())
        if removed:
            strong = [s for s in strong if self.stays(s[0])]
        mixed = [(el, tail) for el, tail in strong if el.tag != "a" or tail]
        removed += self.spans(mixed)
        finds = self.judge(strong)
        removed += self.company(finds)
        removed += self.cut(finds)
        if removed:
            weak = [anchor for anchor in weak if self.stays(anchor.el)]
        removed += self.cut(self.judge([(anchor.el, False) for anchor in self.dim(weak)]))
        return tuple(removed)

    def spots(
        self, strong: Sequence[tuple[Element, bool]], weak: Sequence[Anchor]
    ) -> list[tuple[Element, int]]:
        """Give the elements, with the numbers of their lines, by which hidden blocks are found that are worth a look."""
        spots = [(el, self.line_of[el, tail]) for el, tail in strong]
        for el, i in {self.lines[i].el: i for i in self.speech.marked if i < len(self.lines)}.items():
            spots += [(el, i), *((one, i) for one in SHY(el))]
        if any(i >= len(self.lines) for i in self.speech.marked):
            spots += [(el, -1) for el in self.root.iter("noscript")]
        sheets = bool(weak) and bool(self.hiding.names or self.hiding.wrapped)
        return spots + [(anchor.el, anchor.place) for anchor in weak if sheets or anchor.covered]

    def stays(self, el: Element) -> bool:
        """Say whether an element is still in the tree."""
        return el is self.root or any(up is self.root for up in el.iterancestors())

    # ---------------------------------------------------------------------------------- blocks of the body

    def suspects(self) -> tuple[list[tuple[Element, bool]], list[Anchor]]:
        """Find what says what it should not, (element, whether its tail is meant), and links that lead away."""
        strong: list[tuple[Element, bool]] = []
        weak: list[Anchor] = []
        holds, sells = self.seen.holds, self.seen.sells
        anchors: set[Element] = set()
        for anchor in self.outline.anchors:
            if not self.speech.marked and anchor.href[:4].lower() != "http" and anchor.href[:2] != "//":
                continue
            away = self.hosts.foreign(anchor.href)
            self.line_of[anchor.el, False] = anchor.place
            if away or anchor.place in self.speech.marked or anchor.place < 0:
                holding = self.words and (anchor.place in holds or anchor.place < 0)
                topic = off_topic(text_of(anchor.el), self.words) if holding else 0.0
                if topic >= SPOTTED or (topic and away):
                    strong.append((anchor.el, False))
                    anchors.add(anchor.el)
                elif away:
                    weak.append(anchor)
        self.away = len(weak)
        for row, told in self.sold(weak):
            strong += [(anchor.el, False) for anchor in row]
            anchors.update(anchor.el for anchor in row)
            self.told.update((anchor.el, (told, len(row))) for anchor in row)
        weak = [anchor for anchor in weak if anchor.el not in anchors]
        heavy = [word for word in self.words if spam_words()[word] >= 0.7]
        pattern = re.compile("|".join(map(re.escape, heavy))) if heavy else None
        marked = [i for i in self.speech.marked if i < len(self.lines)]
        sentences: dict[Element, dict[str, float]] = {}
        for i, found in sells.items():
            if i < len(self.lines):
                sentences.setdefault(self.lines[i].el, {}).update(found)
        looked: set[Element] = set()
        for i in sorted(marked):
            el = self.lines[i].el
            if self.lines[i].linked and i not in holds:
                continue
            if el in looked or any(up in looked for up in el.iterancestors()):
                continue
            looked.add(el)
            least = SPOTTED if i in holds else LIKELY
            sold = sentences.get(el, {})
            for node in el.iter():
                named = node.tag.__class__ is str and node.tag not in UNREAD
                for text, tail in ((node.text if named else None, False), (node.tail, True)):
                    if (
                        text
                        and not text.isspace()
                        and not (tail and node is el)
                        and ((pattern and pattern.search(fold(text))) or self.sales(text, sold, least))
                        and not self.inside(node.getparent() if tail else node, anchors)
                    ):
                        strong.append((node, tail))
                        self.line_of[node, tail] = i
        return strong, weak

    def sales(self, text: str, sold: Mapping[str, float], least: float) -> bool:
        """Say whether a sentence of a text is a seller's by a score; `sold` are those that may be, with their odds."""
        if not sold or len(text) < 4:
            return False
        for part in PART_RE.findall(text):
            said = tidy(part)
            odds = sold.get(said)
            if odds is None:  # a piece of a sentence, where an element lies within it
                odds = 9.0 if len(said) >= 4 and any(said in whole for whole in sold) else -9.0
            if odds > ENTRY[least] and pitch(part) >= least and self.speech.alien(part):
                return True
        return False

    def sold(self, weak: Sequence[Anchor]) -> Iterator[tuple[list[Anchor], float]]:
        """Give rows of links that lead away, one beside the other, whose words together are a seller's, and how surely.

        Who sells links many places; a menu leads to one host.
        """
        rows: list[list[Anchor]] = []
        for anchor in weak:
            if anchor.place >= 0:
                if rows and anchor.place - rows[-1][-1].place in (0, 1):
                    rows[-1].append(anchor)
                else:
                    rows.append([anchor])
        for row in rows:
            words = [text_of(anchor.el) for anchor in row]
            if pitch("，".join(words)) < LIKELY:
                continue
            each = [(anchor, said) for anchor, said in zip(row, words, strict=True) if pitch(said) >= FAINT]
            told = pitch("，".join(said for _, said in each))
            several = len({domain_of(host_of(anchor.href)) for anchor, _ in each}) > 1
            if told >= (SURE if several else CERTAIN):
                yield [anchor for anchor, _ in each], told

    def dim(self, weak: Sequence[Anchor]) -> list[Anchor]:
        """Give those of the links that are hidden or, where three are in sight, out of place.

        The outline knows which may be, and spares most links the longer look.
        """
        if not weak:
            return []
        sheets = self.hiding.names or self.hiding.wrapped
        hidden = {anchor.el for anchor in weak if (sheets or anchor.covered) and self.hiding.of(anchor.el)}
        three = len(weak) - len(hidden) >= 3
        return [
            anchor for anchor in weak if anchor.el in hidden or (three and self.out_of_place(anchor.place))
        ]

    @cached_property
    def begun(self) -> int:
        """How many lines stand before the page: libxml2 moves a head into the body if something is put before it."""
        return -1 if self.root.find("head/title") is not None else self.outline.begun

    @cached_property
    def footer(self) -> int:
        """The number of the last line of the page's footer; where there is none, that of lines.

        "主办单位：" above the article is none: what ends a page stands below its densest run of text.
        """
        lines = self.lines
        if any(sign in self.text for sign in FOOTER):
            for i in range(len(lines) - 1, -1, -1):
                if lines[i].size < 400 and FOOTER_RE.search(lines[i].text):
                    start, end = densest(lines)
                    if (
                        i < start < end
                        and off_topic("\n".join(line.text for line in lines[start:end])) < SPOTTED
                    ):
                        break
                    return i
        return len(lines)

    def out_of_place(self, number: int) -> bool:
        """Say whether a line stands before the page or after its footer."""
        if not 0 <= number < len(self.lines):
            return False
        if number <= self.footer:
            return number < self.begun
        footer = self.lines[self.footer].el
        el = self.lines[number].el
        return el is not footer and footer not in el.iterancestors()

    def spans(self, nodes: Sequence[tuple[Element, bool]]) -> list[Removed]:
        """Cut single sentences out of text that belongs to the page, and give them in order.

        That a sentence is a seller's is one signal; that it shares no pair of characters with the page's other
        text, although its neighbours do, is the second.
        """
        removed: list[Removed] = []
        for el, tail in nodes:
            text = (el.tail if tail else el.text) or ""
            parts = PART_RE.findall(text)
            reported = list(quoted(parts))
            sold = [
                pitch(part) >= SPOTTED and not theirs for part, theirs in zip(parts, reported, strict=True)
            ]
            if not any(sold) or all(sold):
                continue
            rest = "".join(part for part, sells in zip(parts, sold, strict=True) if not sells)
            near = rest if len(rest) >= 10 else self.speech.near(self.line_of[el, tail])
            strays = [
                self.speech.stray(part, near) if sells else 0.0
                for part, sells in zip(parts, sold, strict=True)
            ]
            for i in (*range(len(parts)), *reversed(range(len(parts)))):  # spam is put in in one piece
                beside = max(strays[max(0, i - 1) : i + 2])
                if beside and not strays[i] and not reported[i] and pitch(parts[i]) >= POSSIBLE:
                    strays[i] = self.speech.alien(parts[i])
            told = [max(off_topic(part, self.words), pitch(part)) for part in parts]
            reasons = [_reasons(("off-topic", t), ("stray", s)) for t, s in zip(told, strays, strict=True)]
            removed += self.take_parts(
                el, tail, parts, [r if s else () for r, s in zip(reasons, strays, strict=True)]
            )
        return removed

    def company(self, finds: Sequence[_Find]) -> list[Removed]:
        """Cut the sentences that stand right beside links which are cut, if they are foreign to the page as well."""
        removed: list[Removed] = []
        if not finds or self.speech.says < ENOUGH:
            return removed
        for find in finds:
            if find.tail or find.el.tag != "a":
                continue
            before = find.el.getprevious()
            up = find.el.getparent()
            nodes = ((find.el, True), (up, False) if before is None else (before, True))
            for (el, tail), way in zip(nodes, (1, -1), strict=True):
                parts = PART_RE.findall((el.tail if tail else el.text) or "")
                reasons: list[tuple[tuple[str, float], ...]] = [()] * len(parts)
                for i in range(len(parts))[::way]:
                    if not parts[i].strip(JOINTS):
                        continue
                    if pitch(parts[i]) < FAINT or not (stray := self.speech.alien(parts[i])):
                        break
                    reasons[i] = _reasons(("beside", 1.0), ("stray", stray), ("off-topic", pitch(parts[i])))
                removed += self.take_parts(el, tail, parts, reasons)
        return removed

    def take_parts(
        self,
        el: Element,
        tail: bool,
        parts: Sequence[str],
        reasons: Sequence[tuple[tuple[str, float], ...]],
    ) -> list[Removed]:
        """Cut those parts of a text node out that there are reasons for."""
        if not any(reasons):
            return []
        path = self.root.getroottree().getpath(el)
        place = f"{path}/following-sibling::text()[1]" if tail else f"{path}/text()[1]"
        removed: list[Removed] = []
        kept, at = "", 0
        for part, why in zip(parts, reasons, strict=True):
            if why:
                start, end = surely(part)
                said = part[start:end]
                kept += part[:start] + part[end:]
                where = f"{place}, characters {at + start} to {at + end}"
                removed.append(Removed("text", where, said.strip(), said, (), why))
            else:
                kept += part
            at += len(part)
        if tail:
            el.tail = fit(kept)
        else:
            el.text = fit(kept)
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
            if (find := self.verdict(block, is_tail, self.line_of.get((el, tail), -1))) is not None:
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

    def verdict(self, el: Element, tail: bool, line: int = -1, hidden: bool = False) -> _Find | None:
        text = el.tail or "" if tail else (_said(el) if hidden else text_of(el))
        links = [] if tail else [a for a in el.iter("a") if a.get("href")]
        base = el.getparent() if tail else el
        row = self.row(el.getparent()) if el.tag == "a" and not tail and len(text) < 60 else joined(text)
        foreign = [a for a in links if self.hosts.foreign(a.get("href"))]
        said = [text_of(a) for a in foreign]
        sold = [off_topic(words, self.words) >= SPOTTED for words in said]
        # who sells does not link to the page's own host, as menus and logins do, and says a sentence
        alone = (
            not links
            and len(fold(text)) >= 12
            and (row >= SPOTTED or PAUSE_RE.search(text))
            and not _linked(base)
        )
        told, mates = self.told.get(el, (0.0, 0)) if not tail else (0.0, 0)
        if not told and (alone or foreign):
            told = pitch(text)
        odd = sum(
            sells or told >= SURE or mates or not FRIENDLY_RE.search(words.strip())
            for words, sells in zip(said, sold, strict=True)
        )
        away = odd / len(links) * min(1.0, 0.5 + 0.15 * (max(odd, mates) - 1)) if odd else 0.0
        if self.links and (self.away - max(sold.count(False), mates)) / self.links > 0.15:
            away *= 0.45  # a page that sends its readers everywhere: portals with advertisements
        if not self.hosts.sure:
            away *= 0.45
        if len(foreign) > 2 and len({domain_of(host_of(a.get("href"))) for a in foreign}) == 1:
            away = min(away, SPOTTED)  # a menu of a sister site
        if away and next(el.iter("img", "input"), None) is not None:
            away *= 0.45  # advertisements again: link farms have no pictures
        topic = off_topic(text, self.words) if self.words else 0.0
        hidden = hidden or self.hiding.of(base)
        if links and (away < SPOTTED or (away == SPOTTED and told < CERTAIN)):  # one link is a friend's
            outward = len(foreign) == len(links)
            if not outward or (topic < SPOTTED and not (hidden and told >= SURE and len(links) > 1)):
                told = 0.0
        place = stray = 0.0
        if (max(topic, told) >= SPOTTED or away >= 0.8) and self.out_of_place(line):
            place = 0.6
        if line >= 0 and max(place, away, row) < SPOTTED and not hidden and not self.speech.called(text):
            if foreign and topic >= PLAIN and self.speech.says >= ENOUGH:
                stray = self.speech.alien(text)
            elif told >= SPOTTED:
                stray = self.speech.stray(text, self.speech.near(line))
        hides = hidden and (links or PAUSE_RE.search(text))  # calendars say no sentence
        if told > topic and (hides or max(place, away, row, stray) >= SPOTTED):
            topic = told
        if hidden and topic >= SPOTTED and away < SPOTTED and self.twice(text):
            return None
        reasons = _reasons(
            ("hidden", 1.0 if hidden else 0.0),
            ("off-topic", topic),
            ("foreign", away),
            ("place", place),
            ("joined", row),
            ("stray", stray),
            ("repeated", self.repeated(text if tail else text_of(el))),
        )
        if not _is_spam(reasons):
            if (max(topic, told) >= SPOTTED or away >= 0.8) and self.stays(el):
                place = self.root.getroottree().getpath(el)
                at = tuple(dict.fromkeys(join(self.url, a.get("href")) for a in links))
                whole = _lines(text if tail else text_of(el))  # as that of a block that is cut out
                signals = reasons or _reasons(("off-topic", told))
                self.doubts.append((el, Removed("suspect", place, whole, "", at, signals)))
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
        return 0.0 if self.speech.called(text) else min(1.0, 0.4 + 0.1 * count)

    # ------------------------------------------------------------------------------------- head and scripts

    def overwritten(self) -> list[_Find]:
        """Judge title, keywords and description: spam words that the page itself does not bear out."""
        finds: list[_Find] = []
        shown = None
        unread = len(self.lines) + len(self.outline.unread)
        if all(i < unread for i in self.speech.marked):
            return finds
        for i, (name, text, el) in enumerate(self.heads, unread):
            if i not in self.speech.marked:
                continue
            topic = off_topic(text)
            if topic < SPOTTED:  # who describes a site praises it
                topic = pitch(text)
                if topic < SURE or (name != "<title>" and name != "articletitle"):
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
                reasons = _reasons(*script_signals(text, self.hosts))
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
        return (
            up is not None
            and up.tag == "body"
            and self.begun >= 0
            and any(s.tag in ("title", "meta") for s in el.itersiblings())
        )

    # --------------------------------------------------------------------------------------------- cutting

    def cut(self, finds: Sequence[_Find]) -> list[Removed]:
        """Take blocks out of the tree; neighbours with nothing but joints between them make one row."""
        if not finds:
            return []
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
        texts = {f.el: f.el.tail or "" for f in finds if f.tail}
        for el in texts:  # an element that goes as well would leave it to the one before
            el.tail = None
        for find, place, joins in zip(finds, places, joinable, strict=True):
            block = _taken(find, texts[find.el], place) if find.tail else self.take(find, place)
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
        tail = el.tail
        source = lxml.html.tostring(el, encoding="unicode", with_tail=False)
        if el.tag == "meta":
            text = el.get("content") or ""
        elif el.tag == "iframe":
            text = ""
        elif find.kind == "comment":
            text = _said(parse(el.text or "").root)
        else:
            text = text_of(el)
        links: dict[str, None] = {}
        for node in el.iter("a", "script", "iframe", "img"):
            if address := node.get("href") or node.get("src"):
                links.setdefault(join(self.url, address))
        if el.tag == "script":
            text = unwrap(text)
        if el.tag == "script" or find.kind == "comment":
            for address in ADDRESS_RE.findall(el.text if find.kind == "comment" else text):
                links.setdefault(join(self.url, address))
        if tail and not tail.strip(JOINTS):
            el.tail = None
        _drop(el)
        return Removed(find.kind, place, _lines(text), source, tuple(links), find.reasons)


def _taken(find: _Find, text: str, place: str) -> Removed:
    return Removed(find.kind, f"{place}/following-sibling::text()[1]", text.strip(), text, (), find.reasons)


SHY = lxml.etree.XPath(".//*[@style or @class or @id or @hidden or self::marquee]")
SHORT = 400
"""Characters up to which a comment without a link is looked at."""
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
