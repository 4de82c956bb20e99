"""The TrueCMS portals: the city's and the civil-affairs bureau's.

Lists with their first screen in a hidden ``#initData`` and the rest behind ``getMessage.do``; article pages
with the furniture, info lines, tags and containers that such portals are known to have.
"""

from __future__ import annotations

import json
from datetime import datetime, time
from html import escape
from random import Random
from urllib.parse import urlsplit

import opencc

from . import mirror
from .replies import Reply, page
from .stories import BUREAU, BUREAU_SITE, CHANNELS, CITY, CITY_SITE, ZONE, ChannelPlan, Offsite, Story, World

FIRST_SCREEN = 60
CALL_LIMIT = 50
"""Most records that one getMessage.do call gives."""
MOVED = {"zwdc1": "zwdcjg", "mtbd": "mtjj"}
"""Lists that have another address on the second night. The first answers 301 at the old one, the second 404."""

STYLE = "body { font: 16px/1.8 宋体 }\n.footer, .top { color: #666 }\n.wza { display: none }\n"

SITES = {
    CITY: (CITY_SITE, "连云港市人民政府", "3207999901", "连云港市人民政府办公室", "http"),
    BUREAU: (BUREAU_SITE, "连云港市民政局", "3207999902", "连云港市民政局", "https"),
}


def column_id(plan: ChannelPlan) -> str:
    """Give the UUID that getMessage.do wants for a channel."""
    raw = f"{Random(f'column {plan.host} {plan.code}').getrandbits(128):032x}"
    return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))


def plans(host: str) -> tuple[ChannelPlan, ...]:
    """Give the channels of a host."""
    return tuple(plan for plan in CHANNELS if plan.host == host)


def code_on(plan: ChannelPlan, night: int) -> str:
    """Give the code under which a channel's list is found that night."""
    return MOVED.get(plan.code, plan.code) if night > 1 and plan.host == CITY else plan.code


def list_path(plan: ChannelPlan, night: int) -> str:
    """Give the path of a channel's list that night."""
    code = code_on(plan, night)
    return f"/{SITES[plan.host][0]}/{code}/{code}.html"


# --- lists


def lines(world: World, plan: ChannelPlan, night: int) -> list[Story | Offsite]:
    """Give what a channel's list shows that night, newest first, what no call can reach left out."""
    rows: list[Story | Offsite] = [
        story
        for story in world.of(plan.host, plan.code)
        if story.listed_on(night) or story.state(night) == "unlisted"
    ]
    rows += [line for line in world.offsite if line.portal == plan.host and line.channel == plan.code]
    return sorted(rows, key=lambda row: (row.listed or "", row.serial), reverse=True)


def _address(row: Story | Offsite, plan: ChannelPlan) -> str:
    if isinstance(row, Offsite) or plan.links == "absolute":
        return row.url
    if plan.links == "relative":
        return "content/" + row.url.rsplit("/", 1)[1]
    return urlsplit(row.url).path


def record(world: World, row: Story | Offsite, plan: ChannelPlan, night: int) -> str:
    """Render one record in the channel's own way."""
    title = row.title_on(night) if isinstance(row, Story) else row.title
    cut = title[:16] + "..." if len(title) > 18 else title
    href, day = escape(_address(row, plan)), row.listed
    shown, full = escape(cut), escape(title)
    if plan.record == "onclick":
        return (
            f'<li class="main-list-li"><a href="javascript:void(0);" onclick="name2(\'{href}\')">'
            f'<span class="list-text" title="{full}">{shown}</span></a><span class="list-date">{day}</span></li>'
        )
    if plan.record == "cut":
        return f'<li><a href="{href}" target="_blank">{shown}</a><span>{day}</span></li>'
    if plan.record == "bracket-before":
        return f'<li><em>[{day}]</em> <a href="{href}" title="{full}">{shown}</a></li>'
    if plan.record == "bracket-after":
        return f'<li>·<a target="_blank" href="{href}">{full}</a>&nbsp;[{day}]</li>'
    if plan.record == "bare-before":
        return f'<li>{day} <a href="{href}">{full}</a></li>'
    if plan.record == "bare-after":
        return f'<li><a href="{href}" title="{full}">{shown}</a> {day}</li>'
    if plan.record == "inside":
        return f'<li><a href="{href}" title="{full}"><img src="/images/dot.png" alt="">{shown} <i>{day}</i></a></li>'
    if plan.record == "second":
        told = world.of(CITY, "zcjd1")
        number = row.serial % max(1, len(told))
        reading = escape(urlsplit(told[number].url).path) if told else "#"
        return (
            f'<li><a href="{href}" title="{full}">{shown}</a>'
            f'<a class="jd" href="{reading}" target="_blank">解读</a><span>{day}</span></li>'
        )
    return f'<li><a href="{href}" title="{full}" target="_blank">{shown}</a><span>{day}</span></li>'


def _frame(host: str, title: str, inner: str, head: str = "", night: int = 1) -> str:
    site, name, code, keeper, _ = SITES[host]
    nav = "".join(f'<li><a href="{list_path(plan, night)}">{plan.name}</a></li>' for plan in plans(host)[:8])
    return (
        f'<!DOCTYPE html>\n<html lang="zh-CN">\n<head>\n{head}<title>{escape(title)}</title>\n'
        '<link rel="stylesheet" href="/css/main.css">\n<script src="/js/jquery.min.js"></script>\n</head>\n<body>\n'
        f'<div class="top"><a href="/{site}/index.html">{name}</a> <span>今天是<script>showDate();</script></span>'
        '<a href="javascript:void(0)" onclick="zh_tran(\'t\')">繁体</a> <a href="/wza.html">无障碍阅读</a></div>\n'
        f'<div class="nav"><ul>{nav}</ul></div>\n{inner}\n'
        f'<div class="footer"><p>版权所有：{name} 主办单位：{keeper}</p>'
        f"<p>网站标识码：{code} 苏ICP备{code[-8:]}号 苏公网安备 {code}01号</p>"
        "<p>地址：连云港市海州区云桥路1号 邮编：222000 建议使用1366×768以上分辨率浏览</p></div>\n</body>\n</html>\n"
    )


def list_page(world: World, plan: ChannelPlan, night: int) -> str:
    """Render a channel's list page."""
    rows = lines(world, plan, night)
    site, name, _, _, _ = SITES[plan.host]
    crumbs = f'<div class="wz_nav">您现在的位置：<a href="/{site}/index.html">首页</a> &gt; <a href="">{plan.name}</a></div>'
    head = (
        '<meta charset="utf-8">\n'
        f'<meta name="ColumnName" content="{plan.name}">\n<meta name="ColumnType" content="政务动态">\n'
    )
    records = [record(world, row, plan, night) for row in rows[:FIRST_SCREEN]]
    if plan.listing != "initData":
        kind, chosen = ("id", plan.listing[3:]) if "#" in plan.listing else ("class", plan.listing[3:])
        inner = f'{crumbs}<ul {kind}="{chosen}">\n' + "\n".join(records) + "\n</ul>"
        return _frame(plan.host, f"{plan.name}_{name}", inner, head, night)
    call = "/TrueCMS/messageController/getMessage.do"
    proxy = {"absolute": f"http://{plan.host}{call}", "internal": f"http://10.1.1.5:8080{call}"}.get(
        plan.more, call
    )
    hidden = "\n".join(f"<ul>{one}</ul>" for one in records)
    script = (
        "<script>\n$(function(){ $('#msgList').jpage({\n"
        f"  themeName:'default', columnId:'{column_id(plan)}', totalRecord:\"{len(rows)}\", perPage:20, groupSize:3,\n"
        f"  dataBefore:'<ul>', dataAfter:'</ul>', proxyUrl:'{proxy}',\n"
        "  openCookies:false, startPage:1, ajaxParam:{contentTemplate:'defaultList'}\n}); });\n"
        "function name2(url){ window.open(url); }\n</script>"
    )
    inner = (
        f'{crumbs}<div id="initData" style="display:none">{hidden}</div>\n'
        f'<div class="list_right"><div id="msgList"></div></div>\n{script}'
    )
    return _frame(plan.host, f"{plan.name}_{name}", inner, head, night)


def more(world: World, host: str, query: dict[str, str], night: int) -> Reply:
    """Answer getMessage.do.

    JSONP with a leading semicolon where `callback` is given, plain JSON otherwise; records count from 1;
    at most 50 a call; a `perpage` of 100 and more gives none; 404 on the channel that has no such service.
    """
    plan = next((one for one in plans(host) if column_id(one) == query.get("columnId")), None)
    if plan is not None and plan.more == "404":
        return page("<html><head><title>404</title></head><body>404 Not Found</body></html>", status=404)
    rows = lines(world, plan, night) if plan else []

    def number(name: str, default: int) -> int:
        value = query.get(name, "")
        return int(value) if value.lstrip("-").isdigit() else default

    start = max(1, number("startrecord", 1))
    end = min(number("endrecord", start + 19), start + CALL_LIMIT - 1)
    chosen = rows[start - 1 : end] if plan and number("perpage", 20) < 100 else []
    records = "".join(
        f"<record><![CDATA[{record(world, row, plan, night)}]]></record>"
        for row in chosen
        if plan is not None
    )
    store = (
        f"<datastore><totalrecord>{len(rows)}</totalrecord><totalpage>{-(-len(rows) // 20)}</totalpage>"
        f"<recordset>{records}</recordset></datastore>"
    )
    answer = json.dumps({"result": store}, ensure_ascii=False).replace("</", "<\\/")
    if "callback" in query:
        answer = f";{query['callback']}({answer})"
    return Reply(
        answer.encode(),
        "text/html;charset=UTF-8" if "callback" in query else "application/json;charset=UTF-8",
    )


# --- articles


def _when(story: Story, form: str) -> str:
    told = story.published
    clock = told[11:19] or "00:00:00"
    return {
        "second": f"{told[:10]} {clock}",
        "minute": f"{told[:10]} {clock[:5]}",
        "day": told[:10],
        "han": f"{told[:4]}年{told[5:7]}月{told[8:10]}日",
    }[form]


SIZES = '字体:[<a href="javascript:doZoom(18)">大</a> <a href="javascript:doZoom(16)">中</a> <a href="javascript:doZoom(14)">小</a>]'
COUNT = '<script src="/TrueCMS/messageController/clickCount.do"></script>'


def info_line(story: Story) -> str:
    """Render the line of time and source in the story's own way; nothing where the page has none."""
    source = escape(story.source or "")
    if story.info == "spans":
        return (
            f'<div class="info"><span>时间：{_when(story, "second")}</span> <span>来源：{source}</span> '
            f"<span>阅读次数：{COUNT}</span> <span>{SIZES}</span></div>"
        )
    if story.info == "bullets":
        return (
            f'<ul class="sjly"><li>时间:{_when(story, "second")}</li><li>来源:{source}</li>'
            f"<li>阅读次数:{COUNT}</li><li>{SIZES}</li></ul>"
        )
    if story.info == "update":
        return f'<p class="xx">信息来源:{source} &nbsp; 点击数: {COUNT} &nbsp; 更新时间:{_when(story, "minute")}</p>'
    if story.info == "plain":
        return f'<div class="date">{_when(story, "day")} 来源:{source}</div>'
    if story.info == "author":
        return (
            f'<div class="ly"><i>发布日期：{_when(story, "han")}</i><i>作者：{escape(story.author or "")}</i>'
            f"<i>来源：{source}</i></div>"
        )
    if story.info == "minute":
        return (
            f'<div class="sub">发布时间：{_when(story, "minute")}&emsp;来源：{source}&emsp;浏览次数：'
            f'<span id="hits"></span>&emsp;{SIZES}</div>'
        )
    return ""


def _table(story: Story, title: str) -> str:
    """Render the open-government table of a document."""
    day = _when(story, "han") if story.serial % 2 else _when(story, "day")
    cells = (
        ("索引号", story.index_number), ("分类", "综合政务 / 通知"), ("发布机构", story.office), ("发文日期", day),
        ("标题", title), ("文号", story.document_number), ("主题词", f"{story.topic} 工作 通知"),
        ("内容概述", f"关于{story.topic}工作的文件"), ("时效", "有效"),
    )  # fmt: skip
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td class="bt">{name}：</td><td>{escape(value or "")}</td>'
            for name, value in cells[at : at + 2]
        )
        + "</tr>\n"
        for at in range(0, len(cells), 2)
    )
    return (
        f'<table class="xxgk_table" width="100%">{rows}</table>\n<div class="xxgk_bt">{escape(title)}</div>'
    )


def head_tags(story: Story, night: int) -> str:
    """Render the tags that the rule for government sites asks for, as this page has them."""
    if story.metas == "none":
        return ""
    title, source = story.title_on(night), story.source or ""
    form = "second" if story.metas != "minute" else "minute"
    if len(story.published) == 10:
        form = "day"
    elif story.info in ("update", "minute"):
        form = "minute"
    name, code = SITES[story.host][1], SITES[story.host][2]
    tags = [
        ("SiteName", name), ("SiteDomain", story.host), ("SiteIDCode", code), ("ColumnName", story.channel_name),
        ("ColumnType", "政务动态"), ("ArticleTitle", title), ("PubDate", _when(story, form)),
        ("ContentSource", source), ("Keywords", story.topic), ("Author", "" if story.byline else story.author or ""),
        ("Description", ""), ("Url", urlsplit(story.url).path),
    ]  # fmt: skip
    if story.metas == "leaked":
        tags[5] = ("ArticleTitle", f'<p style="text-align:center">{title}</p>')
    elif story.metas == "wrong":
        tags[5:8] = [("ArticleTitle", name), ("PubDate", ""), ("ContentSource", "")]
        tags[9] = ("Author", "")
    elif story.metas == "title":
        words = next(block["text"] for block in story.spam if block["kind"] == "title")
        tags[5], tags[8] = ("ArticleTitle", words), ("Keywords", words.replace("_", ","))
        tags[10] = ("Description", words)
    elif story.metas == "repeated":
        tags = [tag for tag in tags for _ in range(2)]
    if story.metas == "lower":
        return "".join(f'<meta content="{escape(value)}" name="{key.lower()}"/>\n' for key, value in tags)
    return "".join(f'<meta name="{key}" content="{escape(value)}">\n' for key, value in tags)


INDENTS = ("　　", "&nbsp;&nbsp;&nbsp;&nbsp;", "", "&emsp;&emsp;")


def body_blocks(story: Story, night: int, style: int | None = None, part: int = 1) -> str:
    """Render the body's blocks: paragraphs as an editor's programme leaves them, tables, pictures, signatures."""
    style = story.serial % 5 if style is None else style
    indent = INDENTS[story.serial % len(INDENTS)]
    before = [block for earlier in range(1, part) for block in story.page_blocks(night, earlier)]
    pictures = iter(story.images[sum(block.kind == "image" for block in before) :])
    found: list[str] = []
    for block in story.page_blocks(night, part):
        text = escape(block.text, quote=False)
        if style == 3:
            text = text.replace("“", "&ldquo;").replace("”", "&rdquo;")
        if block.kind == "table":
            rows = "".join(
                "<tr>" + "".join(f"<td><p>{escape(cell)}</p></td>" for cell in row) + "</tr>"
                for row in block.rows
            )
            found.append(f'<table border="1" cellspacing="0"><tbody>{rows}</tbody></table>')
        elif block.kind == "image":
            address = urlsplit(next(pictures)[0]).path
            found.append(
                f'<p style="text-align: center"><img src="{address}" alt=""></p>\n<p style="text-align: center">{text}</p>'
            )
        elif block.kind == "h":
            found.append(f"<p>{indent}<strong>{text}</strong></p>")
        elif block.kind == "sign":
            found.append(f'<p style="text-align: right">{text}</p>')
        elif style == 1:
            found.append(
                f'<p style="text-indent: 2em"><span style="font-size: 16px; font-family: 宋体">{text}</span></p>'
            )
        elif style == 2:
            found.append(f"<div>{indent}{text}</div>")
        elif style == 4:
            found.append(f"{indent}{text}<br><br>")
        else:
            found.append(f"<p>{indent}{text}</p>")
    return "\n".join(found)


TITLES = (
    '<h1 class="tit">{}</h1>',
    '<div class="title">{}</div>',
    '<h2 class="con_bt">{}</h2>',
    '<p class="con_title">{}</p>',
)
LINE_AFTER_QR = '<div class="qr"><img src="/images/ewm.png" alt="二维码"><p>扫一扫打开当前页</p></div>'


def spam_blocks(story: Story, kind: str) -> str:
    """Render a story's spam blocks of one kind as HTML."""
    found = []
    for block in story.spam:
        if block["kind"] != kind:
            continue
        if kind == "spam line":
            found.append(f"<p>{escape(block['text'])}</p>")
            continue
        words = block["text"].split(" ")
        links = " ".join(
            f'<a href="{link}">{escape(word)}</a>' for word, link in zip(words, block["links"], strict=True)
        )
        style = ' style="display:none"' if kind == "hidden spam" else ' class="flink"'
        found.append(f"<div{style}>{links}</div>")
    return "\n".join(found)


def related(world: World | None, story: Story) -> str:
    """Render links to other stories of the channel."""
    others = (
        [one for one in world.of(story.host, story.channel) if one is not story and one.listed_on(1)][:5]
        if world
        else []
    )
    rows = "".join(
        f'<li><a href="{escape(urlsplit(one.url).path)}">{escape(one.title)}</a></li>' for one in others
    )
    return f'<div class="xgxx"><h3>相关链接</h3><ul>{rows}</ul></div>' if rows else ""


def pager(story: Story, part: int) -> str:
    """Render how a page of a split story leads to the others."""
    if not story.parts:
        return ""
    pages = [story.url, *story.parts]
    names = [address.rpartition("/")[2] for address in pages]
    stem, _, ending = names[0].rpartition(".")
    if story.pager == "script":
        call = f'createPageHTML({len(pages)}, {part - 1}, "{stem}", "{ending}");'
        return f'<div class="fenye"><script>{call}</script></div>'
    if story.pager == "autopage":
        return (
            f'<div id="autopage"><script>\nvar currentPage = {part - 1};\nvar countPage = {len(pages)};\n'
            f'document.write("<a href=\\"{stem}" + "_" + (currentPage + 1) + ".{ending}\\">下一页</a>");\n</script></div>'
        )
    links = [
        f"<span>{number}</span>" if number == part else f'<a href="{name}">{number}</a>'
        for number, name in enumerate(names, 1)
    ]
    back = f'<a href="{names[part - 2]}">上一页</a>' if part > 1 else "上一页"
    on = f'<a href="{names[part]}">下一页</a>' if part < len(names) else "下一页"
    tag = "p" if story.pager == "next" else "div"
    return f'<{tag} class="fenye">{back} {" ".join(links)} {on}</{tag}>'


def neighbours(world: World | None, story: Story) -> str:
    """Render the links to the story before and after a split one."""
    if world is None or not story.parts:
        return ""
    stem = story.url.rpartition(".")[0]
    others = [one for one in world.of(story.host, story.channel) if one is not story and one.listed_on(1)]
    others.sort(key=lambda one: not one.url.startswith(f"{stem}_"))
    rows = "".join(
        f'<p>{called}：<a href="{escape(urlsplit(one.url).path)}">{escape(one.title)}</a></p>'
        for called, one in zip(("上一篇", "下一篇"), others, strict=False)
    )
    return f'<div class="sxp">{rows}</div>'


def article_source(world: World | None, story: Story, night: int, part: int = 1) -> str:
    """Render an article page, or one of the further pages of a split one, as text, before it is encoded or copied."""
    site, name, _, _, _ = SITES[story.host]
    title = story.title_on(night)
    labels = {
        "meta utf-8": '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n',
        "meta charset utf-8": '<meta charset="utf-8">\n',
        "meta gb2312": '<meta http-equiv="Content-Type" content="text/html; charset=gb2312" />\n',
        "script utf-8, meta gb2312": '<script type="text/javascript" charset="utf-8" src="/js/share.js"></script>\n'
        '<meta http-equiv="Content-Type" content="text/html; charset=gb2312">\n',
    }
    head = labels.get(story.declared, "") + head_tags(story, night)
    shown = (f"{title}_{story.channel_name}_{name}", f"{title} - {name}", title, name)[story.serial % 4]
    if story.metas == "title":
        shown = f"{next(block['text'] for block in story.spam if block['kind'] == 'title')}|{name}"
    tag, _, label = story.container.partition("#" if "#" in story.container else ".")
    kind = "id" if "#" in story.container else "class"
    opening, closing = f'<{tag} {kind}="{label}">', f"</{tag}>"
    if tag == "td":
        opening, closing = f"<table><tr>{opening}", f"{closing}</tr></table>"
    heading = (
        _table(story, title) if story.info == "document" else TITLES[story.serial % 4].format(escape(title))
    )
    parts = [
        f'<div class="wz_nav">您现在的位置：<a href="/{site}/index.html">首页</a> &gt; '
        f'<a href="/{site}/{story.channel}/{story.channel}.html">{story.channel_name}</a> &gt; 正文</div>',
        '<div class="main">',
        heading,
        info_line(story),
        opening,
        body_blocks(story, night, part=part),
        closing,
        pager(story, part),
        spam_blocks(story, "hidden spam"),
    ]
    last = part == 1 + len(story.parts)
    if story.editor and last:
        parts.append(f'<div class="bj">责任编辑：{story.editor}</div>')
    if story.attachments and last:
        own = story.url.removesuffix(story.path)
        files = "".join(
            f'<li><a href="{escape(address.removeprefix(own))}">{escape(label)}</a></li>'
            for address, label in story.attachments
        )
        parts.append(f'<div class="fujian">附件：<ul>{files}</ul></div>')
    parts += [
        neighbours(world, story),
        LINE_AFTER_QR,
        spam_blocks(story, "spam line") if "mirror" not in story.tampered else "<!--spam-->",
        '<div class="opt"><a href="javascript:window.print()">打印</a> <a href="javascript:window.close()">关闭</a> '
        '<span class="share">分享到：<a href="javascript:share(1)">微信</a> <a href="javascript:share(2)">微博</a></span></div>',
        related(world, story),
        "</div>",
    ]
    text = _frame(story.host, shown, "\n".join(part for part in parts if part), head, 1)
    farm = spam_blocks(story, "link farm")
    return text.replace("\n</body>", f"\n{farm}\n</body>") if farm else text


def mirror_page(story: Story) -> int | None:
    """Give how many characters a copy of this page breaks; None where the copy could not be undone for certain.

    It could not where the converter swallows anything but a note's bracket, or where a character does not
    come back from Traditional to itself.
    """
    text = article_source(None, story, 1)
    if mirror.swallowed(text) or "著" in text:
        return None
    back = opencc.OpenCC("t2s")
    shown = story.title + story.text
    if any(
        back.convert(mirror.to_traditional(char)).replace("著", "着") != char
        for char in set(shown)
        if char > "\u2e80"
    ):
        return None
    return mirror.copy(text).count("?") - text.count("?")


def article(world: World, story: Story, night: int, part: int = 1) -> Reply:
    """Answer with an article page: encoded, labelled and tampered with as planned."""
    if story.state(night) == "replaced":
        notice = '<div class="tip"><p>对不起，您访问的文章已被删除。</p><p><a href="/">返回首页</a></p></div>'
        return page(_frame(story.host, "提示信息", notice, '<meta charset="utf-8">\n', night))
    source = article_source(None if "mirror" in story.tampered else world, story, night, part)
    if "mirror" in story.tampered:
        source = mirror.copy(source).replace("<!--spam-->", spam_blocks(story, "spam line"))
    body = source.encode(story.encoding)
    if story.encoding == "gb18030" and story.serial % 2:
        # Two illegal pairs in the footer of a page that is otherwise fine.
        known = "分辨率".encode("gb18030")
        body = body.replace(known, known + b"\xff\xff\x81 ")
    label = "text/html; charset=utf-8" if story.declared == "header utf-8" else "text/html"
    return Reply(body, label, modified=_modified(world, story, night))


def _modified(world: World, story: Story, night: int) -> int:
    if story.state(night) == "edited":
        return int(datetime.combine(world.today, time(0, night), tzinfo=ZONE).timestamp())
    return int(datetime.combine(story.day, time(9), tzinfo=ZONE).timestamp())


# --- the whole site


def home(world: World, host: str, night: int) -> str:
    """Render the home page: every channel's list linked, other bureaus' sites too."""
    name = SITES[host][1]
    blocks = []
    for plan in plans(host):
        newest = [row for row in lines(world, plan, night) if isinstance(row, Story)][:4]
        rows = "".join(
            f'<li><a href="{escape(urlsplit(row.url).path)}" title="{escape(row.title_on(night))}">{escape(row.title_on(night))}</a></li>'
            for row in newest
        )
        blocks.append(
            f'<div class="box"><h3><a href="{list_path(plan, night)}">{plan.name}</a>'
            f'<a class="more" href="{list_path(plan, night)}">更多&gt;&gt;</a></h3><ul>{rows}</ul></div>'
        )
    others = (
        '<div class="yqlj"><a href="http://www.mca.gov.cn/">民政部</a> <a href="http://mzt.jiangsu.gov.cn/">省民政厅</a> '
        '<a href="http://mzzj.lyg.gov.cn/lygmzzj/index.html">市民族宗教局</a> <a href="http://jyj.lyg.gov.cn/">市教育局</a> '
        '<a href="http://www.lyg.gov.cn/zglygzfmhwz/index.html">市政府</a></div>'
    )
    return _frame(host, name, "\n".join(blocks) + others, '<meta charset="utf-8">\n', night)


def site_pages(world: World, host: str, night: int) -> dict[str, Reply]:
    """Give all pages of a host by path, as they stand that night. getMessage.do is `more`."""
    site = SITES[host][0]
    found = {
        f"/{site}/index.html": page(home(world, host, night)),
        "/robots.txt": Reply(f"User-agent: *\nDisallow: /{site}/system/\n".encode(), "text/plain"),
        "/css/main.css": Reply(STYLE.encode(), "text/css"),
    }
    if host == BUREAU:
        found["/"] = page(
            f'<html><head><script>location.href="/{site}/index.html";</script></head><body></body></html>'
        )
    else:
        found["/"] = Reply(b"", status=302, headers=(("Location", f"/{site}/index.html"),))
    for plan in plans(host):
        found[list_path(plan, night)] = page(list_page(world, plan, night))
        if code_on(plan, night) != plan.code and plan.code == "zwdc1":
            found[list_path(plan, 1)] = Reply(
                b"", status=301, headers=(("Location", list_path(plan, night)),)
            )
    for story in world.stories:
        if story.host != host or story.state(night) in ("absent", "withdrawn", "gone"):
            continue
        found[story.path] = article(world, story, night)
        for part, address in enumerate(story.parts, 2):
            if night > 1 or not (story.late and part == 1 + len(story.parts)):
                found[urlsplit(address).path] = article(world, story, night, part)
    return found
