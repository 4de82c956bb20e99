"""The Daily group's site: dated ``.shtml`` addresses, channel pages with 下一页, two templates of article."""

from __future__ import annotations

from datetime import datetime, time
from html import escape
from urllib.parse import urlsplit

from .replies import Reply, page
from .stories import CHANNELS, DAILY, DAILY_BARE, ZONE, ChannelPlan, Story, World
from .truecms import body_blocks, neighbours, pager, spam_blocks

PER_PAGE = 8


def plans() -> tuple[ChannelPlan, ...]:
    """Give the channels of the Daily's site."""
    return tuple(plan for plan in CHANNELS if plan.host == DAILY)


def _frame(title: str, inner: str, head: str) -> str:
    nav = " | ".join(f'<a href="/{plan.code}/">{plan.name}</a>' for plan in plans())
    return (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        f"<html>\n<head>\n{head}<title>{escape(title)}</title>\n</head>\n<body>\n"
        f'<div class="logo"><a href="/"><img src="/images/logo.png" alt="连网"></a></div>\n<div class="menu">{nav}</div>\n'
        f"{inner}\n"
        '<div class="foot">连云港报业传媒集团 版权所有 未经授权不得转载 苏新网备0000000号<br>新闻热线：0518-10002000</div>\n'
        "</body>\n</html>\n"
    )


def line(story: Story, night: int) -> str:
    """Render one line of a channel page; the link comes with and without ``www``, the date with and without."""
    place = urlsplit(story.url).path
    href = (f"http://{DAILY}{place}", place, f"http://{DAILY_BARE}{place}")[story.serial % 3]
    day = f"<span>{story.listed}</span>" if story.channel != "news/szbdj" else ""
    return f'<li><a href="{href}" target="_blank">{escape(story.title_on(night))}</a>{day}</li>'


def continued(story: Story) -> str:
    """Render the line by which a list leads to the last page of a split story, too."""
    if not story.parts:
        return ""
    return f'\n<li><a href="{urlsplit(story.parts[-1]).path}">{escape(story.title)}（续）</a></li>'


def channel_pages(world: World, plan: ChannelPlan, night: int) -> dict[str, Reply]:
    """Render a channel's list pages: ``index.shtml``, ``index_2.shtml`` … with 下一页 between them."""
    stories = [story for story in world.of(DAILY, plan.code) if story.listed_on(night)]
    pages = [stories[at : at + PER_PAGE] for at in range(0, len(stories), PER_PAGE)] or [[]]
    found: dict[str, Reply] = {}
    gbk = plan.code == "news/tslyg"
    head = "" if gbk else '<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />\n'

    def name(number: int) -> str:
        return "index.shtml" if number == 1 else f"index_{number}.shtml"

    for number, shown in enumerate(pages, 1):
        paging = f'<a href="{name(number - 1)}">上一页</a> ' if number > 1 else ""
        paging += f'<a href="{name(number + 1)}">下一页</a>' if number < len(pages) else ""
        inner = (
            f'<div class="pos">新闻&gt; {plan.name}</div>\n<ul class="newslist">\n'
            + "\n".join(line(story, night) + continued(story) for story in shown)
            + f'\n</ul>\n<div class="page">第{number}页 共{len(pages)}页 {paging}</div>'
        )
        body = _frame(f"{plan.name}-连网", inner, head).encode("gb18030" if gbk else "utf-8")
        found[f"/{plan.code}/{name(number)}"] = Reply(body)
    found[f"/{plan.code}/"] = found[f"/{plan.code}/index.shtml"]
    return found


def article(world: World, story: Story, night: int, part: int = 1) -> Reply:
    """Answer with an article page in its template, or with a further page of a split one."""
    labels = {
        "meta utf-8": '<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />\n',
        "meta gb2312": '<meta http-equiv="Content-Type" content="text/html; charset=gb2312" />\n',
        "script utf-8, meta gb2312": '<script src="/js/tj.js" charset="utf-8"></script>\n'
        '<meta http-equiv="Content-Type" content="text/html; charset=gb2312" />\n',
    }
    title = escape(story.title_on(night))
    others = [
        one for one in world.of(DAILY, story.channel) if one is not story and one.state(1) == "present"
    ][:4]
    links = "".join(f'<li><a href="{urlsplit(one.url).path}">{escape(one.title)}</a></li>' for one in others)
    body = (
        body_blocks(story, night, part=part)
        + "\n"
        + pager(story, part)
        + "\n"
        + spam_blocks(story, "hidden spam")
    )
    if story.template == "2018":
        inner = (
            f'<div class="pos">新闻&gt; {story.channel_name}</div>\n<h1>{title}</h1>\n'
            f'<div class="content">\n{body}\n</div>\n<div class="xg"><h4>相关新闻</h4><ul>{links}</ul></div>'
        )
    else:
        inner = (
            f'<div class="bt">{title}</div>\n<div class="article">\n{body}\n</div>\n'
            f'<p class="zb">总值班: 单守成 &nbsp; 编辑: {story.editor}</p>\n<p class="ly">来源: {story.source}</p>\n'
            f'<div class="xgnews"><b>相关新闻</b><ul>{links}</ul></div>'
        )
    inner += "\n" + neighbours(world, story) + "\n" + spam_blocks(story, "spam line")
    source = _frame(f"{story.title_on(night)}-连网", inner, labels.get(story.declared, ""))
    farm = spam_blocks(story, "link farm")
    if farm:
        source = source.replace("\n</body>", f"\n{farm}\n</body>")
    day = world.today if story.state(night) == "edited" else story.day
    return Reply(
        source.encode(story.encoding),
        modified=int(
            datetime.combine(day, time(0 if story.state(night) == "edited" else 7), tzinfo=ZONE).timestamp()
        ),
    )


def site_pages(world: World, night: int) -> dict[str, Reply]:
    """Give all pages of the Daily's site by path. It has no robots.txt."""
    boxes = "".join(
        f'<div><h3><a href="http://{(DAILY, DAILY_BARE)[number % 2]}/{plan.code}/index.shtml">{plan.name}</a></h3><ul>'
        + "".join(line(story, night) for story in world.of(DAILY, plan.code)[:3] if story.listed_on(night))
        + "</ul></div>\n"
        for number, plan in enumerate(plans())
    )
    boxes += '<div><a href="http://lygrbepaper.lygfb.cn/Media/lygrb">数字报</a></div>'
    head = '<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />\n'
    home = page(_frame("连网-连云港新闻门户", boxes, head))
    found = {"/": home, "/index.shtml": home}
    for plan in plans():
        found |= channel_pages(world, plan, night)
    for story in world.stories:
        if story.host == DAILY and story.state(night) not in ("absent", "withdrawn", "gone"):
            found[story.path] = article(world, story, night)
            for part, address in enumerate(story.parts, 2):
                found[urlsplit(address).path] = article(world, story, night, part)
    return found
