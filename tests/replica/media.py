"""The e-paper: a day's printed pages, their articles, and each page as a PDF."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from html import escape

from .replies import Reply, page, pdf
from .stories import PAPER, SECTIONS, ZONE, Story, World
from .truecms import body_blocks


def _frame(title: str, inner: str) -> str:
    return (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<title>{escape(title)}</title>\n</head>\n<body>\n<div class="header">连云港日报数字报</div>\n{inner}\n'
        '<div class="copyright">连云港报业传媒集团 版权所有</div>\n</body>\n</html>\n'
    )


def issues(world: World, night: int) -> dict[str, dict[str, list[Story]]]:
    """Give the issues that are out that night: day -> page name -> stories."""
    found: dict[str, dict[str, list[Story]]] = {}
    for story in sorted((one for one in world.stories if one.host == PAPER), key=lambda one: one.serial):
        for piece in pieces(story) if story.listed_on(night) else ():
            found.setdefault(story.published, {}).setdefault(piece.section or "", []).append(piece)
    return found


def pieces(story: Story) -> tuple[Story, ...]:
    """Give what each printed page has of a story: its beginning, and where it runs over the rest."""
    if not story.runover:
        return (story,)
    code = story.runover.rsplit("/", 2)[1]
    at, char = story.over
    broken = story.blocks[at]
    begun = broken._replace(text=f"{broken.text[:char]}（下转{code}版）")
    rest = broken._replace(text=f"（上接{story.channel}版）{broken.text[char:]}")
    section = next(name for name in SECTIONS if name.startswith(code))
    return (
        replace(story, blocks=(*story.blocks[:at], begun)),
        replace(
            story,
            url=story.runover,
            section=section,
            title=story.title[: max(6, len(story.title) // 2)],
            blocks=(rest, *story.blocks[at + 1 :]),
        ),
    )


def article(story: Story, night: int) -> Reply:
    """Answer with an article of the printed paper; it names neither time nor source."""
    source = _frame(
        story.title_on(night),
        f'<div class="article-title"><h1>{escape(story.title_on(night))}</h1></div>\n'
        f'<div class="article-info"><span>{story.published}</span> <span>{story.section}</span></div>\n'
        f'<div class="article-cont">\n{body_blocks(story, night, style=0)}\n</div>\n<div class="tools"><a href="javascript:;">放大</a> '
        '<a href="javascript:;">缩小</a> <a href="javascript:;">朗读</a></div>',
    )
    return Reply(source.encode(), modified=int(datetime.combine(story.day, time(5), tzinfo=ZONE).timestamp()))


def site_pages(world: World, night: int) -> dict[str, Reply]:
    """Give all pages of the e-paper by path; a day without an issue is not there."""
    found: dict[str, Reply] = {"/robots.txt": Reply(b"User-agent: *\nDisallow: /admin/\n", "text/plain")}
    out = issues(world, night)
    for day, sections in out.items():
        place = f"/Media/lygrb/{day}"
        items = []
        for section, stories in sections.items():
            code = section[:3]
            items.append(
                f'<li class="item"><div class="titlebox"><span>{section}</span></div>'
                f'<a href="{place}/{code}"><img src="{place}/{code}.png" alt=""></a></li>'
            )
            rows = "".join(
                f'<li class="item2-menu-item"><a href="{story.path}">{escape(story.title_on(night))}</a></li>\n'
                for story in stories
            )
            tools = f'<ul><li id="pdf_toolbar"><a href="{place}/{code}.pdf">PDF</a></li></ul>'
            found[f"{place}/{code}"] = page(
                _frame(f"连云港日报 {section}", f'{tools}\n<ul class="item2-menu">\n{rows}</ul>')
            )
            found[f"{place}/{code}.pdf"] = Reply(pdf(f"lygrb {day} {code}"), "application/pdf")
            for story in stories:
                found[story.path] = article(story, night)
        found[place] = page(_frame(f"连云港日报 {day}", '<ul class="list">\n' + "\n".join(items) + "\n</ul>"))
    if out:
        newest = max(out)
        for path in ("/", "/Media/lygrb", "/Media/lygrb/"):
            found[path] = Reply(b"", status=302, headers=(("Location", f"/Media/lygrb/{newest}"),))
    return found
