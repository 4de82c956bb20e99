"""Small portals of further platforms, beside the world of `stories`: Hanweb, TRS, a Founder e-paper, plain lists, feeds, sitemaps.

Each has its traps: links off-site, menus and side columns that look like lists, lines twice, lines without a date.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from html import escape
from random import Random
from urllib.parse import parse_qsl

from .grammar import Desk, plain
from .replies import Reply, page, pdf
from .stories import ZONE, Story
from .truecms import body_blocks

HANWEB = "www.hanhai.example"
TRS = "www.taishan.example"
FOUNDER = "paper.fangzheng.example"
PLAIN = "www.pingan.example"
FEEDS = "www.dingyue.example"
SITEMAPS = "www.ditu.example"
JPAAS = "www.yizhan.example"
AWAY = "www.elsewhere.example"
"""A host that lists lead to and nobody may ask."""
HOSTS = (HANWEB, TRS, FOUNDER, PLAIN, FEEDS, SITEMAPS, JPAAS)

SIZES = {
    (HANWEB, "col101"): 14, (HANWEB, "col102"): 8, (TRS, "xwzx/tzgg"): 9, (TRS, "xwzx/gzdt"): 6,
    (FOUNDER, "01"): 4, (FOUNDER, "A02"): 4, (PLAIN, "tzgg/"): 8, (PLAIN, "list.asp?id=3"): 6,
    (FEEDS, "rss.xml"): 5, (FEEDS, "atom.xml"): 5, (FEEDS, "news.rdf"): 3, (SITEMAPS, "sitemap.xml"): 8,
    (JPAAS, "col201"): 8, (JPAAS, "xw/tt"): 3,
}  # fmt: skip
"""How many stories each channel has."""
NAMES = {
    "col101": "海港要闻", "col102": "部门动态", "xwzx/tzgg": "通知公告", "xwzx/gzdt": "工作动态", "01": "第01版：要闻",
    "A02": "第A02版：民生", "tzgg/": "通知公告", "list.asp?id=3": "街道信息", "rss.xml": "快讯", "atom.xml": "调研",
    "news.rdf": "公报", "sitemap.xml": "sitemap.xml", "col201": "驿站要闻", "xw/tt": "驿站图文",
}  # fmt: skip
SCREEN = {"col101": 5, "col102": 5}
"""Records that a Hanweb list carries itself, and those of a further group."""
PER_PAGE = {"xwzx/tzgg": 4, "xwzx/gzdt": 4, "tzgg/": 3, "list.asp?id=3": 4, "atom.xml": 3}
SOURCE = {
    HANWEB: "海港日报",
    TRS: "泰山区政府办",
    PLAIN: "平安街道",
    FEEDS: "订阅日报",
    SITEMAPS: "地图日报",
    JPAAS: "驿站日报",
}
"""What the pages print as their source; the printed paper prints none."""


@dataclass
class Others:
    """The stories of these portals, newest first in each channel."""

    today: date
    stories: list[Story]

    def of(self, host: str, channel: str) -> list[Story]:
        """Give a channel's stories, newest first."""
        return [story for story in self.stories if (story.host, story.channel) == (host, channel)]


def plan(seed: int, today: date) -> Others:
    """Write the stories of all these portals; the same seed and day give the same ones."""
    desk = Desk(Random(f"others {seed} {today.isoformat()}"))
    stories: list[Story] = []
    for (host, channel), count in SIZES.items():
        for number in range(count):
            back = 1 + number * 2 if host != FOUNDER else 1 + 2 * (number // 2)
            day = today - timedelta(days=back)
            draft = desk.commission("feature", day, size=0.1)
            serial = len(stories) + 1
            blocks = tuple(block for block in draft.blocks if block.kind != "image")
            moment = datetime.combine(day, time(23 - number % 3, 10 + number, 5), tzinfo=ZONE)
            story = Story(
                url=f"http://{host}{address(host, channel, day, serial)}",
                host=host,
                portal=host.removeprefix("www."),
                channel=channel,
                channel_name=NAMES[channel],
                title=draft.title,
                text=plain(blocks),
                published=day.isoformat() if host in (FOUNDER, TRS) else moment.isoformat(),
                source=SOURCE.get(host, "方正日报"),
                section=NAMES[channel] if host == FOUNDER else None,
                listed=day.isoformat(),
                blocks=blocks,
                serial=serial,
            )
            stories.append(story)
    return Others(today, stories)


def address(host: str, channel: str, day: date, serial: int) -> str:
    """Give the path of an article as its platform makes it."""
    if host == HANWEB and channel == "col102":
        return f"/col/col102/art/{day:%Y}/art_{Random(serial).getrandbits(128):032x}.html"
    return {
        HANWEB: f"/art/{day.year}/{day.month}/{day.day}/art_{channel.removeprefix('col')}_{60350 + serial}.html",
        TRS: f"/{channel}/{day:%Y%m}/t{day:%Y%m%d}_{5790 + serial}.html",
        FOUNDER: f"/pingan/html/{day:%Y-%m}/{day:%d}/content_{603500 + serial}.htm",
        PLAIN: f"/show.asp?id={800 + serial}" if "asp" in channel else f"/tzgg/{9300 + serial}.html",
        FEEDS: f"/posts/{serial}-{day:%m%d}.html",
        SITEMAPS: f"/{('xw', 'zw')[serial % 2]}/{day:%Y/%m%d}/c{serial:05d}.html",
        JPAAS: f"/{f'col/{channel}' if channel == 'col201' else channel}/art/{day:%Y}/art_{Random(serial).getrandbits(128):032x}.html",
    }[host]


def site_pages(world: Others, host: str) -> dict[str, Reply]:
    """Give all fixed pages of a host by path, or by path and query where the query tells."""
    makers = {
        HANWEB: hanweb_lists,
        TRS: trs_lists,
        FOUNDER: founder_lists,
        PLAIN: plain_lists,
        FEEDS: feed_lists,
        SITEMAPS: sitemap_lists,
        JPAAS: jpaas_lists,
    }
    found = makers[host](world)
    found["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /admin/\n", "text/plain")
    for story in world.stories:
        if story.host == host:
            found[story.path] = article(story)
    return found


# --- articles


def article(story: Story) -> Reply:
    """Answer with an article as its platform lays it out."""
    title, body = escape(story.title), body_blocks(story, 1, style=0)
    told, source = story.published, story.source or ""
    clock = f"{told[:10]} {told[11:19]}".strip()
    head = f"<title>{title}</title>"
    if story.host in (HANWEB, JPAAS):
        head += (
            f'<meta name="ArticleTitle" content="{title}"><meta name="PubDate" content="{clock}">'
            f'<meta name="ContentSource" content="{source}"><meta name="ColumnName" content="{story.channel_name}">'
        )
        inner = (
            f'<div class="bt">{title}</div><div class="xx"><span>发布日期：{clock}</span><span>浏览次数：</span></div>'
            f'<div id="zoom" class="bt_content"><meta name="ContentStart">{body}<meta name="ContentEnd"></div>'
        )
    elif story.host == TRS:
        inner = (
            f'<h1>{title}</h1><div class="info">日期：{clock} 来源：{source} 【字号：<a href="#">大</a> <a href="#">小</a>】</div>'
            f'<div class="TRS_Editor">{body}</div>'
        )
    elif story.host == FOUNDER:
        inner = (
            f"<founder-title><h1>{title}</h1></founder-title>"
            f'<div class="info">{told} {story.section}</div><div id="ozoom"><founder-content>{body}</founder-content></div>'
        )
    else:
        inner = (
            f'<article><h1>{title}</h1><p class="info">时间：{clock} 来源：{source}</p>'
            f'<div class="content">{body}</div></article>'
        )
    return page(_frame(head, inner))


def _frame(head: str, inner: str, menu: str = "") -> str:
    return (
        f'<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8">{head}</head>\n<body>\n'
        f'<div class="top"><a href="/">首页</a><a href="/login.html">登录</a><a href="http://{AWAY}/">English</a></div>\n'
        f'<div class="nav"><ul>{menu}</ul></div>\n{inner}\n'
        f'<div class="friend"><a href="http://{AWAY}/a/20240101.html">兄弟区县门户网站甲</a>'
        f'<a href="http://{AWAY}/b/20240102.html">兄弟区县门户网站乙</a></div>\n'
        '<div class="footer"><p>版权所有 主办单位：办公室</p></div>\n</body>\n</html>\n'
    )


def _menu(*places: tuple[str, str]) -> str:
    away = f'<li><a href="http://{AWAY}/zwfw/">政务服务</a></li>'
    return "".join(f'<li><a href="{path}">{name}</a></li>' for path, name in places) + away


def _pages(stories: Sequence[Story], size: int) -> list[list[Story]]:
    return [list(stories[at : at + size]) for at in range(0, len(stories), size)]


# --- Hanweb


HANWEB_MENU = (("/col/col101/index.html", "海港要闻"), ("/col/col102/index.html", "部门动态"))


def _record(story: Story) -> str:
    """Render one record of a datastore; one in seven has no date."""
    day = f"<span>{story.listed}</span>" if story.serial % 7 else ""
    return f'<record><![CDATA[<li><a href="{story.path}" title="{escape(story.title)}">{escape(story.title[:12])}…</a>{day}</li>]]></record>'


def _store(records: Sequence[str], total: int, group: int = 0) -> str:
    link = f"/module/web/jpage/dataproxy.jsp?page={group}&webid=1&path=/&columnid=101&unitid=325&webname=海港&permissiontype=0"
    further = f'<nextgroup><![CDATA[<a href="{link}"></a>]]></nextgroup>' if group else ""
    return (
        f"<datastore><totalrecord>{total}</totalrecord>{further}<recordset>"
        + "\n".join(records)
        + "</recordset></datastore>"
    )


def hanweb_lists(world: Others) -> dict[str, Reply]:
    """Render the home page and both lists: one is continued by its next group, the other by what its script says."""
    boxes = "".join(
        f'<div><h3><a href="{path}">{name}</a></h3><ul>'
        + "".join(
            f'<li><a href="{s.path}">{escape(s.title)}</a></li>'
            for s in world.of(HANWEB, path.split("/")[2])[:2]
        )
        + "</ul></div>"
        for path, name in HANWEB_MENU
    )
    found = {"/": page(_frame("<title>海港</title>", boxes, _menu(*HANWEB_MENU)))}
    side = "".join(
        f'<li><a href="{s.path}">{escape(s.title)}</a></li>' for s in world.of(HANWEB, "col102")[:3]
    )
    for path, name in HANWEB_MENU:
        code = path.split("/")[2]
        stories = world.of(HANWEB, code)
        records = [_record(story) for story in stories[: SCREEN[code]]]
        script = ""
        if code == "col101":
            away = f'<record><![CDATA[<li><a href="http://{AWAY}/art/2024/1/8/art_9_9.html">转载：外地经验</a><span>2024-01-08</span></li>]]></record>'
            store = _store([*records, records[0], away], len(stories), 1)
        else:
            store = _store(records, len(stories)).replace(f"<totalrecord>{len(stories)}</totalrecord>", "")
            script = (
                f"<script>$('#77').jpage({{perPage:5,totalRecord:{len(stories)},"
                "proxyUrl:'/module/web/jpage/dataproxy.jsp',ajaxParam:{webid:1,path:'/',columnid:102,"
                "sourceContentType:1,unitid:'77',permissiontype:0}});</script>"
            )
        inner = (
            f'<div class="hot"><h3>热点</h3><ul>{side}</ul></div>'
            f'<div id="325"><script type="text/xml">{store}</script></div>{script}'
        )
        head = f'<title>{name}-海港</title><meta name="ColumnName" content="{name}">'
        found[path] = page(_frame(head, inner, _menu(*HANWEB_MENU)))
    return found


def more(world: Others, query: str) -> Reply:
    """Answer dataproxy.jsp: the group of a number, or the records from one number to another, counted from 1."""
    asked = dict(parse_qsl(query))
    code = f"col{asked.get('columnid', '')}"
    stories = world.of(HANWEB, code) if code in SCREEN else []
    size = SCREEN.get(code, 5)
    if "page" in asked:
        number = int(asked["page"])
        shown = stories[number * size : (number + 1) * size]
        group = number + 1 if (number + 1) * size < len(stories) else 0
        store = _store([_record(s) for s in shown], len(stories), group)
        return Reply(store.replace("/module/web/jpage/", "./").encode(), "text/xml")
    start, end = int(asked.get("startrecord", "1")), int(asked.get("endrecord", "0"))
    shown = stories[max(start - 1, 0) : end]
    return Reply(_store([_record(s) for s in shown], len(stories)).encode(), "text/xml")


# --- Hanweb, whose newest portals have the parts of a page built


BUILT = {"col201": ("/col/col201/index.html", "201"), "xw/tt": ("/xw/tt/index.html", "tt")}
"""Where each list is, and what its column is called in the call."""
ROWS = 5
"""Records that a built list has, whatever size is asked for."""


def _unit(place: str, page: str) -> str:
    query = f"{{'parseType':'bulidstatic','webId':'9','pageType':'column','tagId':'{place}','editType':'null','pageId':'{page}'}}"
    return f'<script src="/cms_files/script/unitbuild.js" url="/api-gateway/jpaas-publish-server/front/page/build/unit" queryData="{query}"></script>'


def jpaas_lists(world: Others) -> dict[str, Reply]:
    """Render the home page and two list pages: what they show is built, and a part that is no list comes first."""
    menu = _menu(*((path, NAMES[code]) for code, (path, _) in BUILT.items()))
    found = {"/": page(_frame("<title>驿站</title>", _unit("首页要闻", "0"), menu))}
    for code, (path, number) in BUILT.items():
        parts = _unit("导航列表", "menu") + f'<div class="list">{_unit("当前栏目list", number)}</div>'
        found[path] = page(_frame(f"<title>{NAMES[code]}-驿站</title>", parts, menu))
    return found


def built(world: Others, query: str) -> Reply:
    """Answer the call that builds a part: a menu, or a page of a list; its size is its own, its number comes in paramJson."""
    asked = dict(parse_qsl(query))
    code = next((code for code, (_, number) in BUILT.items() if number == asked.get("pageId")), "")
    number = int(json.loads(asked.get("paramJson", "{}")).get("pageNo", 1))
    stories = world.of(JPAAS, code) if code else []
    rows = "".join(
        f'<li><a href="{s.path}" title="{escape(s.title)}">{escape(s.title[:10])}…</a><span>{s.listed}</span></li>'
        for s in stories[(number - 1) * ROWS : number * ROWS]
    )
    html = f"<ul>{rows}</ul><div queryData=\"{{'rows':'{ROWS}','count':'{len(stories)}','pageNo':'{number}'}}\"></div>"
    if not code:
        html = f"<ul>{_menu(('/col/col201/index.html', '驿站要闻'))}</ul>"
    return Reply(json.dumps({"success": True, "data": {"html": html}}).encode(), "application/json")


# --- TRS


def trs_lists(world: Others) -> dict[str, Reply]:
    """Render the home page and the folders' lists; the second counts its pages the other way."""
    places = (("/xwzx/tzgg/", "通知公告"), ("/xwzx/gzdt/", "工作动态"))
    news = "".join(
        f'<li><a href="{s.path}">{escape(s.title)}</a><span>{s.listed}</span></li>'
        for s in world.of(TRS, "xwzx/tzgg")[:3]
    )
    box = f'<div><h3>通知公告</h3><a href="/xwzx/tzgg/">更多&gt;&gt;</a><ul>{news}</ul></div>'
    found = {"/": page(_frame("<title>泰山</title>", box, _menu(*places)))}
    for path, name in places:
        code = path.strip("/")
        pages = _pages(world.of(TRS, code), PER_PAGE[code])
        other = world.of(TRS, "xwzx/gzdt" if code == "xwzx/tzgg" else "xwzx/tzgg")[:2]
        side = "".join(f'<li><a href="{s.path}">{escape(s.title)}</a> {s.listed}</li>' for s in other)
        first = 1 if code == "xwzx/gzdt" else 0
        for number, shown in enumerate(pages):
            rows = "".join(
                f'<li><span>{s.listed}</span><a href="./{s.path.removeprefix(path)}">{escape(s.title)}</a></li>'
                for s in (*shown, shown[0])
            )
            rows += (
                f'<li><span>2024-01-08</span><a href="http://{AWAY}/t20240108_1.html">外站：转发通知</a></li>'
            )
            call = f'{len(pages)}, {number + first}, "index", "html"'
            call = f"'page_div', {call}, {len(pages) * 4}" if first else call
            inner = (
                f'<div class="right"><ul>{side}</ul></div><div class="list"><ul>{rows}</ul></div>'
                f"<script>createPageHTML({call});</script>"
            )
            place = path if number == 0 else f"{path}index_{number + first}.html"
            found[place] = page(_frame(f"<title>{name}_泰山</title>", inner, _menu(*places)))
    return found


# --- the printed paper


def founder_lists(world: Others) -> dict[str, Reply]:
    """Render the home page, which sends its reader to the newest issue, and two nodes an issue; each other day has none."""
    found: dict[str, Reply] = {}
    days = sorted({story.day for story in world.stories if story.host == FOUNDER}, reverse=True)
    nodes = (("01", "node_1.htm", "第01版：要闻"), ("A02", "node_2.htm", "第A02版：民生"))
    for day in days:
        folder = f"/pingan/html/{day:%Y-%m}/{day:%d}/"
        links = "".join(
            f'<li><a href="{place}">{name}</a> <a href="../../../{day:%Y%m%d}_{code}.pdf"></a></li>'
            for code, place, name in nodes
        )
        other = f"/pingan/html/{days[-1]:%Y-%m}/{days[-1]:%d}/node_1.htm"
        for code, place, name in nodes:
            shown = [s for s in world.of(FOUNDER, code) if s.day == day]
            rows = "".join(
                f'<li><a href="{s.path.rpartition("/")[2]}?div=-1">{escape(s.title)}</a></li>' for s in shown
            )
            areas = "".join(f'<area href="{s.path.rpartition("/")[2]}" coords="0,0,9,9">' for s in shown)
            inner = (
                f'<ul class="nodes">{links}</ul><map>{areas}</map><ul class="titles">{rows}</ul>'
                f'<a href="{other}">上一期</a><a href="http://{AWAY}/html/2024-01/18/content_1.htm">合作媒体</a>'
            )
            found[f"/pingan/{day:%Y%m%d}_{code}.pdf"] = Reply(pdf(f"{day} {code}"), "application/pdf")
            found[folder + place] = page(_frame(f"<title>方正日报 {name}</title>", inner))
    newest = f"pingan/html/{days[0]:%Y-%m}/{days[0]:%d}/node_1.htm"
    found["/"] = page(
        f'<html><head><meta http-equiv="refresh" content="0;URL={newest}"></head><body></body></html>'
    )
    return found


# --- plain lists


def plain_lists(world: Others) -> dict[str, Reply]:
    """Render a table with dates that a script turns, and undated lines whose pages are numbers."""
    places = (("/tzgg/", "通知公告"), ("/list.asp?id=3", "街道信息"), ("/about.html", "关于我们"))
    menu = _menu(*places)
    news = "".join(
        f'<p>[{s.listed}] <a href="{s.path}">{escape(s.title)}</a></p>' for s in world.of(PLAIN, "tzgg/")[:3]
    )
    found = {"/": page(_frame("<title>平安街道</title>", f"<div><p>欢迎</p>{news}</div>", menu))}
    pages = _pages(world.of(PLAIN, "tzgg/"), PER_PAGE["tzgg/"])
    for number, shown in enumerate(pages, 1):
        rows = "".join(
            f'<tr><td>·</td><td><a href="{s.path}" title="{escape(s.title)}">{escape(s.title[:10])}...</a></td>'
            f"<td>[{s.listed}]</td></tr>\n"
            for s in (*shown, shown[-1])
        )
        rows += f'<tr><td>·</td><td><a href="http://{AWAY}/x/77001.html">外站：防汛提示</a></td><td>[2024-01-08]</td></tr>'
        further = f'<a href="javascript:turn({min(number + 1, len(pages))})">下一页</a>'
        further += "<script>function turn(n) { location.href = n == 1 ? './' : 'p' + n + '.html'; }</script>"
        inner = f'<table class="wz"><tr><td><table>{rows}</table></td></tr></table><div class="page">{further}</div>'
        found["/tzgg/" if number == 1 else f"/tzgg/p{number}.html"] = page(
            _frame("<title>通知公告-平安街道</title>", inner, menu)
        )
    pages = _pages(world.of(PLAIN, "list.asp?id=3"), PER_PAGE["list.asp?id=3"])
    hot = "".join(f'<li><a href="{s.path}">{escape(s.title)}</a></li>' for s in world.of(PLAIN, "tzgg/")[:3])
    for number, shown in enumerate(pages, 1):
        rows = "".join(f'<div class="row"><a href="{s.path}">{escape(s.title)}</a></div>\n' for s in shown)
        numbers = "".join(
            f'<a href="list.asp?id=3&amp;page={n}">{n}</a>' if n != number else f"<b>{n}</b>"
            for n in range(1, len(pages) + 1)
        )
        inner = f'<div class="hot"><ul>{hot}</ul></div><div class="rows">{rows}</div><div class="pages">{numbers}</div>'
        found["/list.asp?id=3" if number == 1 else f"/list.asp?id=3&page={number}"] = page(
            _frame("<title>街道信息-平安街道</title>", inner, menu)
        )
    return found


# --- feeds


def feed_lists(world: Others) -> dict[str, Reply]:
    """Render an RSS 2.0 feed, an Atom feed of two pages and an RSS 1.0 feed, and the page that names them."""
    kinds = (("rss.xml", "rss"), ("atom.xml", "atom"), ("news.rdf", "rdf"))
    links = "".join(
        f'<link rel="alternate" type="application/{kind}+xml" title="{NAMES[code]}" href="/{code}">'
        for code, kind in kinds
    )
    found = {"/": page(_frame(f"<title>订阅</title>{links}", "<p>订阅</p>"))}

    def when(story: Story) -> datetime:
        return datetime.fromisoformat(story.published).astimezone(UTC)

    items = "".join(
        f"<item><title>{escape(escape(s.title)) if s.serial % 2 else f'<![CDATA[{s.title}]]>'}</title><link>{s.path}</link>"
        f"<pubDate>{format_datetime(when(s))}</pubDate><guid isPermaLink='false'>{s.serial}</guid></item>"
        for s in world.of(FEEDS, "rss.xml")
    )
    items += f"<item><title>外站</title><link>http://{AWAY}/posts/1.html</link></item>"
    trap = '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "&a;&a;">]>'
    found["/rss.xml"] = Reply(
        f'<?xml version="1.0" encoding="utf-8"?>{trap}<rss version="2.0"><channel><title>快讯&b;</title>{items}</channel></rss>'.encode(),
        "application/rss+xml",
    )
    pages = _pages(world.of(FEEDS, "atom.xml"), PER_PAGE["atom.xml"])
    for number, shown in enumerate(pages, 1):
        entries = "".join(
            f'<entry><title type="html">{escape(escape(s.title))}</title><link rel="self" href="/api/{s.serial}"/>'
            f'<link href="{s.path.rpartition("/")[2]}"/><updated>{when(s).isoformat()}</updated><id>tag:{s.serial}</id></entry>'
            for s in shown
        )
        further = f'<link rel="next" href="/atom{number + 1}.xml"/>' if number < len(pages) else ""
        found["/atom.xml" if number == 1 else f"/atom{number}.xml"] = Reply(
            f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/posts/"><title>调研</title>{further}{entries}</feed>'.encode(),
            "application/atom+xml",
        )
    items = "".join(
        f'<item rdf:about="{s.url}"><title>{escape(s.title)}</title><dc:date>{s.published}</dc:date></item>'
        for s in world.of(FEEDS, "news.rdf")
    )
    found["/news.rdf"] = Reply(
        (
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
            f'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>公报</title></channel>{items}</rdf:RDF>'
        ).encode(),
        "application/rdf+xml",
    )
    return found


# --- sitemaps


def sitemap_lists(world: Others) -> dict[str, Reply]:
    """Render an index of three sitemaps: one packed, one of folders only, and one with an address elsewhere."""
    space = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    stories = world.of(SITEMAPS, "sitemap.xml")

    def entries(shown: Sequence[Story]) -> str:
        return "".join(f"<url><loc>{s.url}</loc><lastmod>{s.published}</lastmod></url>" for s in shown)

    def reply(kind: str, inner: str) -> Reply:
        return Reply(f'<?xml version="1.0"?><{kind} {space}>{inner}</{kind}>'.encode(), "application/xml")

    older, newer = [s for s in stories if s.serial % 2], [s for s in stories if not s.serial % 2]
    places = (
        ("old.xml.gz", older[-1].listed),
        ("folders.xml", world.today.isoformat()),
        ("new.xml", newer[0].listed),
    )
    index = "".join(
        f"<sitemap><loc>http://{SITEMAPS}/maps/{place}</loc><lastmod>{day}</lastmod></sitemap>"
        for place, day in places
    )
    index += f"<sitemap><loc>http://{AWAY}/sitemap.xml</loc></sitemap>"
    folders = "".join(f"<url><loc>http://{SITEMAPS}/{path}</loc></url>" for path in ("", "xw/", "zw/"))
    away = f"<url><loc>http://{AWAY}/xw/2024/0108/c00001.html</loc></url>"
    old = reply("urlset", entries(older) + entries(older[:1]))
    return {
        "/sitemap.xml": reply("sitemapindex", index),
        "/maps/old.xml.gz": Reply(gzip.compress(old.body, mtime=0), "application/octet-stream"),
        "/maps/folders.xml": reply("urlset", folders),
        "/maps/new.xml": reply("urlset", folders + entries(newer) + away),
    }
