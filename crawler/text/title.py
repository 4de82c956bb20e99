"""A page's title: what it is called, by the page's own word or by where it stands."""

from __future__ import annotations

import re

from crawler.text.body import joins
from crawler.text.labels import OUTER, SQUEEZE_RE, TABLE_LABELS
from crawler.text.lines import bare, tidy
from crawler.text.outline import Outline
from crawler.text.topics import off_topic

SUFFIX_RE = re.compile(r"\s*(?:__+|--+|::|[_|｜]|\s[-–—]\s|-(?=[^-]{2,20}$)|(?<=\S)–(?=\S)|<)\s*")
SITE_RE = re.compile(
    r"(?:网|网站|门户|政府|新闻|频道|日报|晚报|在线|局|委员会|办公室|社区|论坛|中心|博客|官网|平台|资讯|连网)$"
)


def _parts(title: str) -> list[str]:
    return [part for part in (p.strip(OUTER) for p in SUFFIX_RE.split(title)) if part]


def find_title(outline: Outline, meta: dict[str, str], start: int, plain: bool) -> tuple[str | None, str]:
    """Choose the title, in order of what is trusted; see `extraction.extract`."""
    lines = outline.lines
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
    spots = [
        tidy(" ".join(line.text for line in lines[spot.start : spot.end]))
        for spot in outline.titles
        if 0 < spot.end - spot.start <= 3 and spot.start <= start + 2 and not lines[spot.start].link
    ]
    whole = bare(head)
    for h in heads:
        if len(h) >= 4 and (not head or bare(h) in whole or not SITE_RE.search(h)):
            return h, "h1"
    for spot in spots:
        if len(spot) >= 5 and bare(spot) in whole:
            return spot, "title container"
    # a title of the open-government table; else the longest line above the body that <title> begins with or has as one of its parts
    for line in lines[max(0, start - 60) : start + 24]:
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
