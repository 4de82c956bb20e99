"""A page's title: what it is called, by the page's own word or by where it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from crawler.text.body import joins
from crawler.text.heads import OWN, Claim, Heads
from crawler.text.labels import OUTER, SQUEEZE_RE, TABLE_LABELS
from crawler.text.lines import Line, bare, tidy
from crawler.text.outline import Outline
from crawler.text.topics import off_topic

SUFFIX_RE = re.compile(r"\s*(?:__+|--+|::|[_|｜]|\s[-–—]\s|-(?=[^-]{2,20}$)|(?<=\S)–(?=\S)|<)\s*")
SITE_RE = re.compile(
    r"(?:网|网站|门户|政府|新闻|频道|日报|晚报|在线|局|委员会|办公室|社区|论坛|中心|博客|官网|平台|资讯|连网)$"
)


def _parts(title: str) -> list[str]:
    return [part for part in (p.strip(OUTER) for p in SUFFIX_RE.split(title)) if part]


def find_title(outline: Outline, said: Heads, start: int, plain: bool) -> tuple[str | None, str]:
    """Choose the title, in order of what is trusted; see `extraction.extract`."""
    lines, meta = outline.lines, said.meta
    if plain:
        return (lines[0].text, "first line") if lines else (None, "")
    head = tidy(meta.get("<title>", ""))
    heads = [line.text for line in lines[: start + 3] if line.kind == "h1" and not line.hidden]
    if len(heads) > 1 and head:
        heads = [h for h in heads if bare(h) in bare(head)] or heads
    own = meta.get("articletitle")
    if own and own not in (meta.get("sitename"), meta.get("columnname")):
        spoilt = all(bare(own) != bare(h) for h in heads) and off_topic(own) >= 0.5
        if not spoilt:
            return own, "meta ArticleTitle"
    whole = bare(head)
    if len(heads) > 1 and not head:
        heads.reverse()  # of several that nothing repeats, the nearest to the body
    for h in heads:
        if len(h) >= 4 and (not head or bare(h) in whole or not SITE_RE.search(h)):
            return h, "h1"
    spots = [
        tidy(" ".join(line.text for line in lines[spot.start : spot.end]))
        for spot in outline.titles
        if 0 < spot.end - spot.start <= 3 and spot.start <= start + 2 and not lines[spot.start].link
    ]
    for spot in spots:
        if len(spot) >= 5 and bare(spot) in whole:
            return spot, "title container"
    # a title of the open-government table; else the longest line above the body that <title> begins with or has as one of its parts
    for line in lines[max(0, start - 60) : start + 24]:
        if not line.cells:
            continue
        for name, value in zip(line.cells, line.cells[1:], strict=False):
            if (
                SQUEEZE_RE.sub("", name).rstrip(":：") == "标题"
                and SQUEEZE_RE.sub("", value) not in TABLE_LABELS
            ):
                return value, "table 标题"
    best = ""
    for line in lines[max(0, start - 40) : start + 2]:
        text = line.text
        if 5 <= len(text) <= 120 and len(text) > len(best) and not line.link and bare(text) in whole:
            best = text
    for line in lines[max(0, start - 4) : start + 3]:
        if line.size <= 80 and (subject := SUBJECT_RE.fullmatch(line.text)):
            return subject[1], "line 主题"
    for claim in said.claims("title"):  # JSON-LD, Open Graph
        if claim.rule != "meta ArticleTitle" and len(claim.value) >= 4 and off_topic(claim.value) < 0.5:
            if claim.value == (parts := _parts(claim.value) or [""])[0] or not SITE_RE.search(parts[-1]):
                return claim.value, claim.rule
            return parts[0], claim.rule
    parts = _parts(head)
    if best and (not parts or len(best) >= 0.6 * len(parts[0])):
        return best, "line that <title> repeats"
    if spots and not head and len(spots[0]) >= 4:
        return spots[0], "title container"
    if parts and not all(SITE_RE.search(part) or len(part) <= 4 for part in parts):
        while len(parts) > 1 and (SITE_RE.search(parts[-1]) or len(parts[-1]) <= 4):
            parts.pop()
        if len(parts) > 1 and SITE_RE.search(parts[0]) and len(parts[0]) < len(parts[1]):
            parts.pop(0)
        return max(parts[:2], key=len), "<title>"
    for line in (*reversed(lines[max(0, start - 8) : start]), *lines[start : start + 1]):
        centred = line.el.get("align") == "center" or line.kind in ("h1", "h2", "h3", "th", "center")
        if 4 <= line.size <= 80 and not line.info and (joins(line) or line.kind in ("h1", "h2", "h3")):
            if centred or (not line.ends and line.size >= 6):
                return line.text, "line above the body"
            break
    return (parts[0], "<title>") if parts else (None, "")


SUBJECT_RE = re.compile(r"(?:主\s*题|标\s*题|题\s*目)\s*[:：]\s*(\S.{3,60})")
"""`主题：…`, as boards and letter boxes head a text."""
DASHES = "—―─–－-"
DASH_RE = re.compile(r"\s*(?:[—―─–－]{1,3}|-{2})\s*(?=[^\s—―─–－-])")
"""What a 副题 is set off with."""
UNDER_RE = re.compile(
    r"(?:^|[\s_-])(?:sub[_-]?titles?|sub[_-]?head(?:line)?|fu(?:biao)?ti(?:tle)?|fu[_-]?title|fbt|vice[_-]?title|second[_-]?title"
    r"|founder-subtitle)(?:$|[\s_-])",
    re.IGNORECASE,
)
OVER_RE = re.compile(
    r"(?:^|[\s_-])(?:yin(?:biao)?ti|yin[_-]?title|ybt|jianti|intro[_-]?title|pre[_-]?title|lead[_-]?title|founder-introtitle)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)
"""Names of what holds a 副题 and a 引题."""
LABELLED_RE = re.compile(r"(?:副标题|副题|引题|肩题|引标题)\s*[:：]\s*(\S.{1,60})")


class Beside(NamedTuple):
    """A line that goes with the title: the 副题 below it or the 引题 above it."""

    field: str
    claim: Claim
    place: int
    """The number of its line."""


def find_beside(lines: Sequence[Line], title: str | None, start: int) -> list[Beside]:
    """Find the lines below and above the title that a dash, a label or their elements' names set off."""
    if not title:
        return []
    same = bare(title)
    for i in range(min(start + 2, len(lines) - 1), max(-1, start - 20), -1):
        text = lines[i].text
        if text[0] == title[0] and same.startswith(bare(text)):
            break
    else:
        return []
    found: list[Beside] = []
    for k in (i + 1, i + 2, i + 3):
        if k >= len(lines) or (line := lines[k]).size > 80 or line.linked or line.role or line.hidden:
            break
        text = line.text
        if text[0] in "副引肩" and (label := LABELLED_RE.fullmatch(text)):
            found.append(Beside("subtitle", Claim(label[1], "line 副标题"), k))
            break
        if k == i + 1:
            dash = DASH_RE.match(text) if text[0] in DASHES else None
            name = not line.info and _is_named(line, UNDER_RE)
            if name or (dash and not line.ends):
                rule = "subtitle container" if name else "line below the title, behind a dash"
                found.append(Beside("subtitle", Claim(text[dash.end() :] if dash else text, rule), k))
                break
    if i:
        line = lines[i - 1]
        if line.size <= 80 and not (line.linked or line.role or line.info):
            if line.text[0] in "副引肩" and (label := LABELLED_RE.fullmatch(line.text)):
                found.append(Beside("kicker", Claim(label[1], "line 引题"), i - 1))
            elif _is_named(line, OVER_RE) or _is_named(line, UNDER_RE):
                found.append(Beside("kicker", Claim(line.text, "kicker container"), i - 1))
    return found


def _is_named(line: Line, names: re.Pattern[str]) -> bool:
    own = f"{line.kind} {line.el.get('class') or ''} {line.el.get('id') or ''}"
    return names.search(own) is not None


NO_TITLE = frozenset(
    [
        "正文",
        "详情",
        "详情页",
        "内容",
        "内容页",
        "文章内容",
        "文章页",
        "详细内容",
        "新闻详情",
        "无标题文档",
        "untitleddocument",
        "null",
        "undefined",
    ]
)


def title_claims(outline: Outline, said: Heads, start: int, title: str, channel: str | None) -> list[Claim]:
    """Give what places say of the title without repeating it, and without those that only name site or channel."""
    meta = said.meta
    claims = [claim for claim in said.claims("title") if title not in claim.value]
    for line in reversed(outline.lines[: start + 3]):  # the nearest to the body
        if line.kind == "h1" and line.size > 4 and not line.hidden:
            if title not in line.text:
                claims.append(Claim(line.text, "h1"))
            break
    if (head := meta.get("<title>")) and title not in head:
        claims.append(Claim(head, "<title>"))
    if not claims:
        return claims
    names = {bare(name) for name in (meta.get("sitename"), meta.get("columnname"), channel) if name}
    return [
        claim
        for claim in claims
        if bare(claim.value) not in names and (claim.rule in OWN or _tells(claim.value, names))
    ]


def _tells(title: str, names: set[str]) -> bool:
    """Say whether a title has a part that is no name of a site or a channel; spam may look like one."""
    parts = [part for part in map(bare, _parts(title)) if len(part) > 4 and part not in names]
    return any(part.lower() not in NO_TITLE and not SITE_RE.search(part) for part in parts) or (
        bool(parts) and off_topic(title) >= 0.5
    )
