"""Injected spam: found by independent signals, cut out of the tree, kept as evidence.

One signal alone never cuts. The signals, each with a score from 0 to 1:

========== ===========================================================================================
hidden     the block or what holds it is not shown: by style, attribute, a ``<style>`` rule, a script
off-topic  its words sell what no office sells (``data/tables/spam-words.tsv``); news about crime is not
foreign    its links lead to hosts that no honest page of a portal names
place      it stands before the page begins or after its footer
joined     a row of link words with ``|``, ``_`` or ``-`` between them, no sentence
overwritten a title or description that the page itself does not bear out
switch     a script that looks for search engines
encoded    a script that hides what it writes
odd        an address such as nobody publishes: a bare number, a throw-away domain
========== ===========================================================================================
"""

from __future__ import annotations

import html as entities
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote

import lxml.etree
import lxml.html
from lxml.html import HtmlElement

from crawler.text.tables import read
from crawler.text.trees import LINE, host_of, is_plain, join, parse

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


class Stripped(NamedTuple):
    """A page without its spam, and the spam."""

    html: str
    removed: tuple[Removed, ...]


# ------------------------------------------------------------------------------------------------- words


@cache
def _words() -> dict[str, float]:
    return {word: float(weight) for word, topic, weight in read("spam-words") if topic != "context"}


@cache
def _context() -> tuple[str, ...]:
    return tuple(word for word, topic, _ in read("spam-words") if topic == "context")


def _fold(text: str) -> str:
    """Bring a text to the form in which words are looked up: lower case, nothing between the characters."""
    folded = "".join(text.lower().split())
    return folded if folded.isprintable() else FILLER_RE.sub("", folded)


FILLER_RE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]+")


@cache
def _letters() -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((word, frozenset(word)) for word in _words())


def _present(folded: str) -> list[str]:
    """Say which words of the table a page's text holds: a look at its characters spares most searches."""
    letters = set(folded)
    return [word for word, needed in _letters() if needed <= letters and word in folded]


HAN_RE = re.compile("[\u2e80-\u9fff]+")


@cache
def _by_script() -> tuple[tuple[tuple[str, frozenset[str]], ...], tuple[str, ...]]:
    han = tuple((word, needed) for word, needed in _letters() if HAN_RE.fullmatch(word))
    return han, tuple(word for word in _words() if not HAN_RE.fullmatch(word))


def _sighted(text: str) -> list[str]:
    """Say which words a whole page may hold; scripts make most of its text, and hold no Chinese words."""
    characters = "".join(HAN_RE.findall(text))
    letters = set(characters)
    han, mixed = _by_script()
    found = [word for word, needed in han if needed <= letters and word in characters]
    folded = _fold(text)
    return found + [word for word in mixed if word in folded]


def off_topic(text: str, words: Iterable[str] | None = None) -> float:
    """Score how far a text sells what no office sells: 0 not at all, 1 surely.

    In an anchor or a title one word can decide; in longer text the share of such words does, and words of
    police, court and medical news speak against it. `words` narrows the look-up to those words.

    >>> off_topic("无码一区二区三区"), off_topic("澳门新葡京官网")
    (1.0, 1.0)
    >>> off_topic("警方破获一起跨境网络赌博案,抓获犯罪嫌疑人三十名"), off_topic("筑牢社保基石 托起百姓幸福")
    (0.0, 0.0)
    >>> off_topic("法院查明,被告人开设百家乐、六合彩赌局,依法判处有期徒刑三年") < 0.5
    True
    """
    folded = _fold(text)
    if not folded:
        return 0.0
    table = _words()
    found = [word for word in words if word in folded] if words is not None else _present(folded)
    if not found:
        return 0.0
    strength = sum(table[word] for word in found)
    covered = sum(len(word) * folded.count(word) * min(1.0, table[word] + 0.3) for word in found)
    if all(table[word] < 0.5 for word in found):
        strength *= 0.3  # 登录 注册 下载 中文字幕 are on honest pages too
    score = min(1.0, strength) if len(folded) <= 30 else min(1.0, strength / 2)
    score *= min(1.0, covered / len(folded) / 0.08)
    honest = sum(word in folded for word in _context())
    if honest:
        score *= max(0.1, 1 - 0.35 * honest) if len(found) < 12 else max(0.5, 1 - 0.1 * honest)
    return round(score, 2)


JOINT_RE = re.compile(r"\s*[|｜_丨¦]\s*|\s+[-–—·•]\s+|-(?=[\u4e00-\u9fff])")
SENTENCE_RE = re.compile("[。，；！？]")


def _joined(text: str) -> float:
    """Score how far a text is a row of short words with joints between them.

    >>> _joined("甲词|乙词|丙词|丁词|戊词|己词"), _joined("一句话，还有一句。")
    (0.7, 0.0)
    """
    parts = [part for part in JOINT_RE.split(text) if part.strip()]
    if len(parts) < 5 or len(text) > 40 * len(parts):
        return 0.0
    return (
        0.0
        if len(SENTENCE_RE.findall(text)) * 4 > len(parts)
        else min(1.0, round(0.4 + 0.05 * len(parts), 2))
    )


# ------------------------------------------------------------------------------------------------- hosts

OFFICIAL_RE = re.compile(r"(?:^|\.)(?:gov|edu|mil)\.cn$|(?:^|\.)政务$|(?:^|\.)公益$|\.政务\.cn$|\.公益\.cn$")
SECOND_LEVEL = frozenset(("com", "net", "org", "gov", "edu", "ac", "mil"))
THROW_AWAY_RE = re.compile(
    r"\.(?:xyz|top|vip|club|win|bid|loan|icu|pw|cc|ws|tk|ml|ga|cf|gq|men|date|racing|party|science|stream|trade"
    r"|review|buzz|cyou|rest|fun|site|online|live|shop|work)$|^\d+(?:\.\d+){3}$|^[a-z]*\d{3,}[a-z]*\.[a-z]{2,4}$"
)
"""Domains bought by the dozen, seen behind injected scripts and links; bare addresses."""

FRIENDLY_RE = re.compile(
    r"(?:局|委|办|厅|部|院|会|网|政府|报|社|台|在线|中心|大学|学院|学校|中学|小学|银行|公司|集团|协会|平台|频道|论坛|医院"
    r"|图书馆|博物馆|邮箱|系统|统计|备案\S*|技术支持\S*|浏览器|下载|客户端|微信|微博|QQ|首页|登录|更多\S*)$|^[a-zA-Z0-9.\s]{1,20}$"
)
"""How the anchors of friendly-link lists, counters and share bars end."""


def domain_of(host: str) -> str:
    """Give the domain that somebody registered.

    >>> domain_of("mzj.lyg.gov.cn"), domain_of("www.a.example"), domain_of("b.com.cn")
    ('lyg.gov.cn', 'a.example', 'b.com.cn')
    """
    labels = host.split(".")
    if len(labels) > 2 and labels[-1] == "cn" and labels[-2] in SECOND_LEVEL:
        return ".".join(labels[-3:])
    return ".".join(labels[-2:])


@cache
def _honest_hosts() -> frozenset[str]:
    return frozenset(host for host, _ in read("honest-hosts"))


class _Hosts:
    """The hosts that belong to one page."""

    def __init__(self, tree: HtmlElement, url: str | None) -> None:
        own = [host_of(url)]
        for el in tree.iter("meta"):
            if (el.get("name") or "").lower() in ("sitedomain", "url"):
                own.append(host_of(_absolute(el.get("content") or "")))
        self.own = frozenset(domain_of(host) for host in own if "." in host)
        self.sure = bool(self.own)
        """Whether the page's own host is known; else what is foreign is a guess."""
        if not self.own:  # no address: the hosts that many of the page's links lead to
            count = Counter(domain_of(host_of(a.get("href"))) for a in tree.iter("a"))
            del count[""]
            self.own = frozenset(d for d, n in count.items() if n >= 10 and n * 10 > count.total())
        self.known: dict[str, bool] = {}

    def foreign(self, href: str) -> bool:
        """Say whether an address leads to a host that no honest page of this portal names."""
        if href[:2] != "//" and href[:4].lower() != "http":
            return False
        host = host_of(href)
        if (verdict := self.known.get(host)) is None:
            verdict = bool(host) and not self._belongs(host)
            self.known[host] = verdict
        return verdict

    def _belongs(self, host: str) -> bool:
        if OFFICIAL_RE.search(host) or domain_of(host) in self.own:
            return True
        labels = host.split(".")
        return any(".".join(labels[i:]) in _honest_hosts() for i in range(len(labels) - 1))


def _absolute(value: str) -> str:
    return value if "//" in value else "//" + value


# ------------------------------------------------------------------------------------------------ hiding

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


class _Hiding:
    """Which elements of one page are hidden, and how; looked up only for what is suspect."""

    def __init__(self, tree: HtmlElement) -> None:
        self.names: set[str] = set()
        self.wrapped: set[HtmlElement] = set()
        for sheet in tree.iter("style"):
            for selectors, rule in RULE_RE.findall(sheet.text or ""):
                if hides(rule):
                    for selector in selectors.split(","):
                        if found := SIMPLE_RE.match(selector.strip()):
                            self.names.add(found[1])
        for script in tree.iter("script"):
            text = script.text or ""
            if "document" in text and WRITE_RE.search(text):
                written = text.replace("\\", "")
                style = re.search(r"style\s*=\s*[\"']?([^\"'>]+)", written)
                if style and hides(style[1]) and "</div" not in written.lower():
                    for sibling in script.itersiblings():
                        if sibling.tag == "script" and "</" in (sibling.text or ""):
                            break
                        self.wrapped.add(sibling)
        self.seen: dict[HtmlElement, bool] = {}
        self.below: dict[HtmlElement, bool] = {}

    def own(self, el: HtmlElement) -> bool:
        if (verdict := self.seen.get(el)) is None:
            verdict = self.seen[el] = self._own(el)
        return verdict

    def _own(self, el: HtmlElement) -> bool:
        if el in self.wrapped:
            return True
        attributes = el.attrib
        if not attributes:
            return False
        if "hidden" in attributes or ((style := attributes.get("style")) and hides(style)):
            return True
        if self.names:
            if (name := attributes.get("id")) and f"#{name}" in self.names:
                return True
            if any(f".{name}" in self.names for name in attributes.get("class", "").split()):
                return True
        if el.tag in ("marquee", "iframe"):  # one-pixel cells and tables only keep a distance
            sizes = [attributes.get(name) for name in ("width", "height")]
            return any(size in ("0", "1", "0px", "1px") for size in sizes)
        return False

    def of(self, el: HtmlElement) -> bool:
        """Say whether an element, or one that holds it, is hidden."""
        chain: list[HtmlElement] = []
        verdict = False
        node: HtmlElement | None = el
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


# ------------------------------------------------------------------------------------------------- place

FOOTER_RE = re.compile(
    r"版权所有|[Cc]opyright|COPYRIGHT|©|ICP备|公网安备|网站标识码|主办单位\s*[:：]|承办单位\s*[:：]|扫一扫|扫描二维码"
)
UNREAD = frozenset(("script", "style", "title", "textarea"))
HEADS = frozenset(("title", "meta", "base"))


class _Order:
    """Where the page's footer ends, in document order; worked out once, if anybody asks."""

    def __init__(self, tree: HtmlElement) -> None:
        self.tree = tree
        self.index: dict[HtmlElement, int] | None = None
        self.footer = -1
        self.footer_el: HtmlElement | None = None
        self.begin = -1

    def _build(self) -> dict[HtmlElement, int]:
        if self.index is None:
            self.index = {}
            body = self.tree.find("body")
            for i, el in enumerate(self.tree.iter()):
                self.index[el] = i
                if el.tag in HEADS and el.getparent() is body:
                    self.begin = i  # libxml2 moves a head into the body if something stands before <html>
                if el.tag in UNREAD:
                    continue
                if (text := el.text) and len(text) < 400 and FOOTER_RE.search(text):
                    self.footer, self.footer_el = i, el
                if (text := el.tail) and len(text) < 400 and FOOTER_RE.search(text):
                    self.footer, self.footer_el = i, el.getparent()
        return self.index

    def before_page(self, el: HtmlElement) -> bool:
        """Say whether an element stands before ``<html>`` or ``<head>``."""
        return 0 <= self._build().get(el, -1) < self.begin

    def out_of_place(self, el: HtmlElement, tail: bool = False) -> bool:
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
                self.footer <= last and self.footer_el is not up and self.footer_el not in up.iterancestors()
            )
        return i > self.footer and self.footer_el not in el.iterancestors()


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
    plain = is_plain(tree)
    removed = strip_tree(tree, url)
    if not removed:
        return Stripped(html, ())
    if plain:
        cut: set[int] = set()
        for block in removed:
            numbers = [int(n) for n in re.findall(r"\d+", block.place)]
            cut.update(range(numbers[0], numbers[-1] + 1))
        lines = html.splitlines(keepends=True)
        return Stripped("".join(s for n, s in enumerate(lines, 1) if n not in cut), removed)
    return Stripped(lxml.html.tostring(tree, encoding="unicode"), removed)


def strip_tree(tree: HtmlElement, url: str | None = None) -> tuple[Removed, ...]:
    """Cut the injected spam out of a parsed page, in place, and give it as evidence."""
    if is_plain(tree):
        return _strip_lines(tree)
    return _Page(tree, url).strip()


def _strip_lines(tree: HtmlElement) -> tuple[Removed, ...]:
    """Judge a plain-text document line by line; lines that follow each other make one block."""
    body = tree.find("body")
    removed: list[Removed] = []
    after = False
    last = -1
    for p in list(body):
        text = p.text or ""
        number = int(p.get(LINE, "0"))
        reasons = _reasons(
            ("off-topic", off_topic(text)), ("joined", _joined(text)), ("place", 0.6 if after else 0.0)
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
    one foreign link after the footer is who built the site; none of these is enough.
    """
    score = dict(reasons)
    topic, foreign = score.get("off-topic", 0.0), score.get("foreign", 0.0)
    hidden, place, joined = score.get("hidden", 0.0), score.get("place", 0.0), score.get("joined", 0.0)
    if topic >= SPOTTED:
        return max(hidden, place, joined, foreign) >= SPOTTED
    return foreign >= SPOTTED and (hidden >= SPOTTED or (place >= SPOTTED and foreign >= 0.8))


class _Find(NamedTuple):
    """A block that was judged, before it is cut."""

    kind: str
    el: HtmlElement
    tail: bool
    """Not the element but the text right after it."""
    reasons: tuple[tuple[str, float], ...]


class _Page:
    """The judgement of one page."""

    def __init__(self, tree: HtmlElement, url: str | None) -> None:
        self.tree = tree
        self.url = url
        self.body = tree.find("body")
        self.hosts = _Hosts(tree, url)
        self.order = _Order(tree)
        self.words = _sighted(tree.text_content())
        self._hiding: _Hiding | None = None
        self.sizes: dict[HtmlElement, int] = {}
        self.jointed: dict[HtmlElement, int] = {}
        self.rows: dict[HtmlElement, float] = {}
        self.away = 0
        """How many links of the page lead to foreign hosts and say nothing off-topic."""
        self.links = 0

    @property
    def hiding(self) -> _Hiding:
        if self._hiding is None:
            self._hiding = _Hiding(self.tree)
        return self._hiding

    def open(self) -> bool:
        return bool(self.links) and self.away / self.links > 0.15

    def strip(self) -> tuple[Removed, ...]:
        strong, weak = self.suspects()
        removed = self.cut([*self.heads(), *self.scripts()])
        removed += self.cut(self.judge(strong))
        if weak:
            weak = [s for s in weak if s[0].getroottree().getroot() is self.tree]
            dark = [s for s in weak if self.hiding.of(s[0])]
            if len(weak) - len(dark) >= 3:
                dark = [s for s in weak if self.hiding.of(s[0]) or self.order.out_of_place(s[0])]
            removed += self.cut(self.judge(dark))
        return tuple(removed)

    # ---------------------------------------------------------------------------------- blocks of the body

    def suspects(self) -> tuple[list[tuple[HtmlElement, bool]], list[tuple[HtmlElement, bool]]]:
        """Find links and texts that say or lead where they should not: (element, whether its tail is meant)."""
        strong: list[tuple[HtmlElement, bool]] = []
        weak: list[tuple[HtmlElement, bool]] = []
        anchors: set[HtmlElement] = set()
        if self.body is None:
            return strong, weak
        words = self.words
        for a in self.tree.iter("a"):
            href = a.get("href")
            if href is None:
                continue
            foreign = self.hosts.foreign(href)
            self.links += 1
            topic = off_topic(a.text_content(), words) if words else 0.0
            if topic >= SPOTTED or (topic and foreign):
                strong.append((a, False))
                anchors.add(a)
            elif foreign:
                weak.append((a, False))
        self.away = len(weak)
        heavy = [word for word in words if _words()[word] >= 0.7]
        if heavy:
            pattern = re.compile("|".join(map(re.escape, heavy)))
            for body in self.tree.iter("body"):
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

    @staticmethod
    def inside(el: HtmlElement, anchors: set[HtmlElement]) -> bool:
        return el in anchors or any(up in anchors for up in el.iterancestors("a"))

    def size(self, el: HtmlElement) -> int:
        if (size := self.sizes.get(el)) is None:
            size = self.sizes[el] = len(_fold(el.text_content()))
        return size

    def judge(self, suspects: Sequence[tuple[HtmlElement, bool]]) -> list[_Find]:
        """Grow each suspect to the block that is suspect as a whole, and give those that are spam."""
        if not suspects:
            return []
        self.sizes.clear()
        self.jointed.clear()
        self.rows.clear()
        bad: dict[HtmlElement, int] = {}
        pieces: set[tuple[HtmlElement, bool]] = set()
        for el, tail in suspects:
            if (el, tail) in pieces:
                continue
            pieces.add((el, tail))
            text = el.tail or "" if tail else (el.text_content() if el.tag == "a" else el.text or "")
            amount = len(_fold(text))
            for up in el.iterancestors() if tail else [el, *el.iterancestors()]:
                bad[up] = bad.get(up, 0) + amount
        finds: list[_Find] = []
        seen: set[tuple[HtmlElement, bool]] = set()
        for el, tail in suspects:
            block, is_tail = el, tail
            for up in el.iterancestors():
                if up.tag in ("body", "html") or bad.get(up, 0) < 0.7 * (self.size(up) - self.joints(up)):
                    break
                block, is_tail = up, False
            if (block, is_tail) in seen:
                continue
            seen.add((block, is_tail))
            if (find := self.verdict(block, is_tail)) is not None:
                finds.append(find)
        return finds

    def joints(self, el: HtmlElement) -> int:
        if (count := self.jointed.get(el)) is None:
            text = el.text_content()
            count = self.jointed[el] = sum(text.count(joint) for joint in "|｜_丨")
        return count

    def row(self, el: HtmlElement) -> float:
        if (score := self.rows.get(el)) is None:
            score = self.rows[el] = _joined(el.text_content())
        return score

    def verdict(self, el: HtmlElement, tail: bool) -> _Find | None:
        text = el.tail or "" if tail else el.text_content()
        links = [] if tail else [a for a in el.iter("a") if a.get("href")]
        base = el.getparent() if tail else el
        row = self.row(el.getparent()) if el.tag == "a" and len(text) < 60 else _joined(text)
        foreign = [a for a in links if self.hosts.foreign(a.get("href"))]
        said = [a.text_content() for a in foreign]
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
        reasons = _reasons(
            ("hidden", 1.0 if self.hiding.of(base) else 0.0),
            ("off-topic", topic),
            ("foreign", away),
            ("place", 0.6 if self.order.out_of_place(el, tail) else 0.0),
            ("joined", row),
        )
        if not _is_spam(reasons):
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

    # ------------------------------------------------------------------------------------- head and scripts

    def heads(self) -> list[_Find]:
        """Judge title, keywords and description: spam words that the page itself does not bear out."""
        if not self.words:
            return self.spelt()
        finds: list[_Find] = []
        shown = None
        for el in self.tree.iter("title", "meta"):
            if el.tag == "meta":
                name = (el.get("name") or el.get("property") or "").lower()
                if name not in META_NAMES:
                    continue
                text = el.get("content") or ""
            else:
                text = el.text or ""
            topic = off_topic(text) if text else 0.0
            if topic < SPOTTED:
                continue
            if shown is None:
                shown = self.shown()
            bare = _fold(text)
            heading = _fold(re.split(r"[_|\-—–<]", text)[0])
            if len(heading) >= 6 and heading in shown and off_topic(heading) >= SPOTTED and len(bare) < 60:
                continue  # a headline about it, printed on the page as well
            if bare in shown:
                continue
            finds.append(_Find("meta", el, False, _reasons(("off-topic", topic), ("overwritten", 1.0))))
        return finds

    def spelt(self) -> list[_Find]:
        """Find keywords and descriptions that are spam although the text holds none of its words."""
        finds: list[_Find] = []
        for el in self.tree.iter("meta"):
            name = (el.get("name") or el.get("property") or "").lower()
            if name in META_NAMES and (text := el.get("content")) and (topic := off_topic(text)) >= SPOTTED:
                finds.append(_Find("meta", el, False, _reasons(("off-topic", topic), ("overwritten", 1.0))))
        return finds

    def shown(self) -> str:
        """Give the text that the page shows in honest places: what is neither hidden nor a link."""
        body = self.body
        if body is None:
            return ""
        parts: list[str] = []
        for el in body.iter("h1", "h2", "h3", "p", "td", "div", "span"):
            if el.text and not self.hiding.of(el) and not any(True for _ in el.iterancestors("a")):
                parts.append(el.text)
        return _fold("\n".join(parts))

    def scripts(self) -> list[_Find]:
        """Judge scripts and frames."""
        finds: list[_Find] = []
        for el in self.tree.iter("script", "iframe"):
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

    def misplaced(self, el: HtmlElement) -> bool:
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
        finds = [f for f in finds if f.el.getroottree().getroot() is self.tree]
        inside = {f.el for f in finds if not f.tail}
        finds = [f for f in finds if not any(up in inside for up in f.el.iterancestors())]
        if not finds:
            return []
        where = {el: i for i, el in enumerate(self.tree.iter())} if len(finds) > 1 else {finds[0].el: 0}
        finds.sort(key=lambda f: (where[f.el], f.tail))
        removed: list[Removed] = []
        root = self.tree.getroottree()
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
            text = el.text_content()
        links: dict[str, None] = {}
        for node in el.iter("a", "script", "iframe", "img"):
            if address := node.get("href") or node.get("src"):
                links.setdefault(join(self.url, address))
        if el.tag == "script":
            for address in ADDRESS_RE.findall(_unwrap(text)):
                links.setdefault(join(self.url, address))
        if tail and not tail.strip(JOINTS):
            el.tail = None
        el.drop_tree()
        return Removed(find.kind, place, _lines(text), source, tuple(links), find.reasons)


JOINTS = " \t\r\n\f\v\xa0\u3000|｜_丨¦-–—·•I,，、/"
META_NAMES = frozenset(("keywords", "description", "articletitle", "title", "og:title", "og:description"))
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
