"""Inject spam into honest pages and measure who lets it into the text, and who takes honest text for spam.

    python -m tests.bench.spam [--seed 1] [--each 1] [--full] [--peers-each 200] [--extractor module:function]
                               [--pages DIR] [--show N]

Any extractor can be measured: ``--extractor module:function`` names a function that takes ``(html, url)``
and gives the text, or an object with ``.text`` and, where it detects spam, ``.removed``; where it also takes a
keyword ``sheets`` it is given the page's linked style sheets, ``{absolute address: text}``.

Injected are payloads (`spam-payloads.tsv`: links and text, or text alone; half of words that the project's own
table knows, half of words that stand in none) in 30 ways at 6 places, into the replica's untampered pages and
into saved real pages. The sample is drawn from the seed alone: every way, place and kind is met ``--each`` times;
``--full`` injects every combination into every page.

*kept out*: no line and no link's words of the payload stand in the extracted title or text. *lost*: characters of
the text extracted from the clean page that are missing from the text extracted from the injected page; the
payload itself is not counted. *removed*: cut out with evidence. The second part puts honest hidden blocks and
honest texts about crime, medicine and lotteries (`honest-texts.tsv`) into the same pages: whatever is removed there
is a false removal.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urljoin

from crawler.text import decode, repair
from crawler.text.blocks import judge_tree
from crawler.text.extraction import extract_tree
from crawler.text.signatures import in_order
from crawler.text.tables import read
from crawler.text.trees import parse
from tests.bench.pages import SHARED
from tests.replica import Replica

HERE = Path(__file__).parent
PLACES = ("body top", "body middle", "body end", "page top", "footer", "after </html>")
KINDS = ("links, table", "text, table", "links, unknown", "text, unknown")


class Page(NamedTuple):
    """A clean page."""

    name: str
    url: str
    html: str
    spots: tuple[int, int, int]
    """Where a block goes in front of the body's first, middle and after its last paragraph."""
    sentences: tuple[int, int, int]
    """Behind a full stop inside the first, the middle and the last of its long paragraphs."""


class Payload(NamedTuple):
    """What is injected."""

    html: str
    pieces: tuple[str, ...]
    """What must not come out again."""
    title: str


class Injected(NamedTuple):
    """A page with a payload in it."""

    html: str
    sheets: dict[str, str]
    """Style sheets that it links, by absolute address."""
    pieces: tuple[str, ...] = ()
    """What must not come out again, where it is not the payload as made."""


# ------------------------------------------------------------------------------------------------ payloads


def _rows(name: str) -> list[list[str]]:
    lines = (HERE / f"{name}.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


@cache
def payload_words() -> tuple[dict[tuple[str, str], list[str]], int]:
    """Give lines and anchors by trade, and how many were left out because a table came to know a word of theirs."""
    table = [
        word for word, topic, weight in read("spam-words") if topic != "context" and float(weight) >= 0.5
    ]
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    known = 0
    for trade, kind, text in _rows("spam-payloads"):
        if trade != "table" and any(word in text.lower() for word in table):
            known += 1
        else:
            found[trade, kind].append(text)
    return dict(found), known


FIRST, SECOND = "鑫汇乐鼎盈凤雅顺泽腾珑澜屿璟霖", "汇达盛悦缘途尚宝颜域弈晟芯嘉翎"
ENDINGS = (".example", ".top", ".vip", ".com", ".net", ".cc", ".xyz", ".cn", ".info")


def make_payload(kind: str, rng: Random) -> Payload:
    """Make one payload; an unknown one is of one trade, with an invented brand."""
    links, unknown = kind.startswith("links"), kind.endswith("unknown")
    words, _ = payload_words()
    trades = sorted({trade for trade, _ in words} - {"table"})
    trade = rng.choice(trades) if unknown else "table"
    brand = rng.choice(FIRST) + rng.choice(SECOND)

    def filled(text: str) -> str:
        return text.replace("{B}", brand).replace(
            "{N}", str(rng.choice((3, 8, 38, 88, 168, 588, 13900000000 + rng.randrange(10**8))))
        )

    lines = [
        filled(text)
        for text in rng.sample(words[trade, "line"], k=min(len(words[trade, "line"]), rng.choice((1, 1, 2))))
    ]
    if not links:
        return Payload("".join(lines), tuple(lines), lines[0])
    pool = words[trade, "anchor"]
    anchors = [filled(text) for text in rng.sample(pool, k=min(len(pool), rng.randint(2, 8)))]
    hosts = [
        "".join(rng.choices("abcdefghijkmnpqrstuvwxyz0123456789", k=rng.randint(4, 9))) + rng.choice(ENDINGS)
        for _ in anchors
    ]
    joint = rng.choice((" ", "", "|", "，"))
    row = joint.join(
        f'<a href="http://www.{host}/">{escape(text)}</a>' for host, text in zip(hosts, anchors, strict=True)
    )
    said = lines[:1] if rng.random() < 0.7 else []
    return Payload(row + "".join(said), (*anchors, *said), anchors[0])


# ---------------------------------------------------------------------------------------------------- ways

Way = Callable[[Page, str, Payload, Random], Injected | None]
"""Puts a payload into a page at a place; None where the way does not go there or with such a payload."""
WAYS: dict[str, Way] = {}


def at(page: Page, place: str) -> int:
    """Give the offset of a place."""
    if place.startswith("body"):
        return page.spots[("body top", "body middle", "body end").index(place)]
    if place == "page top":
        body = re.search(r"<body\b[^>]*>", page.html, re.IGNORECASE)
        return body.end() if body else 0
    ends = [m.start() for m in re.finditer(r"</body\s*>", page.html, re.IGNORECASE)]
    if place == "footer":
        return ends[-1] if ends else len(page.html)
    return len(page.html)


def put(page: Page, place: str, fragment: str, head: str = "", foot: str = "") -> Injected:
    """Put a fragment at a place, and something into the head and before the end of the body."""
    cuts = [(at(page, place), fragment)]
    if head:
        found = re.search(r"</head\s*>|<body\b", page.html, re.IGNORECASE)
        cuts.append((found.start() if found else at(page, place), head))
    if foot:
        cuts.append((at(page, "footer"), foot))
    html = page.html
    for where, text in sorted(cuts, key=lambda cut: -cut[0]):
        html = html[:where] + text + html[where:]
    return Injected(html, {})


def name(rng: Random) -> str:
    """Invent the name of a class or an id."""
    return "".join(rng.choices("abcdefghklmnopqrstuvwxyz", k=rng.randint(2, 6))) + rng.choice(
        ("", "1", "_2", "-x")
    )


def styled(*styles: str) -> Way:
    """Hide by a style attribute."""

    def way(page: Page, place: str, payload: Payload, rng: Random) -> Injected:
        tag, style = rng.choice(("div", "div", "p", "span", "ul")), rng.choice(styles)
        if rng.random() < 0.2:
            style = style.upper().replace(":", " : ")
        return put(page, place, f'<{tag} style="{style}">{payload.html}</{tag}>')

    return way


def wrapped(*wrappers: str) -> Way:
    """Hide by markup around the payload, ``@``."""

    def way(page: Page, place: str, payload: Payload, rng: Random) -> Injected:
        return put(page, place, rng.choice(wrappers).replace("@", payload.html))

    return way


def sheet(rules: Sequence[tuple[str, str]], linked: bool = False) -> Way:
    """Hide by a rule of a style sheet: (selector, markup), ``%`` is an invented name."""

    def way(page: Page, place: str, payload: Payload, rng: Random) -> Injected:
        selector, markup = rng.choice(list(rules))
        called = name(rng)
        hiding = rng.choice(
            (
                "display:none",
                "position:absolute;left:-3000px",
                "visibility:hidden",
                "height:0;overflow:hidden",
            )
        )
        css = f"/* {called} */ @media screen{{ h9 {{color:#111}} }}\n h9 > a:hover, {selector.replace('%', called)} {{ {hiding} !important }} .h8{{margin:0}}"
        fragment = markup.replace("%", called).replace("@", payload.html)
        if not linked:
            return put(page, place, fragment, head=f'<style type="text/css">{css}</style>')
        path = f"/css/{called}.css"
        made = put(page, place, fragment, head=f'<link rel="stylesheet" href="{path}?v=3">')
        return made._replace(sheets={urljoin(page.url, path + "?v=3"): css})

    return way


def inside(joint: str) -> Way:
    """Put it into an honest paragraph, or at its end."""

    def way(page: Page, place: str, payload: Payload, rng: Random) -> Injected | None:
        if not place.startswith("body"):
            return None
        where = page.sentences[("body top", "body middle", "body end").index(place)]
        if joint == "end":
            paragraph = re.compile(r"</p>|<br|</div>|</td>", re.IGNORECASE).search(page.html, where)
            where = paragraph.start() if paragraph else where
        return Injected(page.html[:where] + payload.html + page.html[where:], {})

    return way


def scripted(*scripts: str) -> Way:
    """Write or hide by a script: ``@`` the payload, ``%`` an invented name; ``<!>`` parts block and foot."""

    def way(page: Page, place: str, payload: Payload, rng: Random) -> Injected:
        block, _, foot = rng.choice(scripts).replace("%", name(rng)).partition("<!>")
        return put(page, place, block.replace("@", payload.html), foot=foot)

    return way


def farm(page: Page, place: str, payload: Payload, rng: Random) -> Injected | None:
    """Put a link farm in plain sight."""
    if "<a " not in payload.html or place.startswith("body"):
        return None
    made = [make_payload(rng.choice(KINDS[::2]), rng).html for _ in range(3)]
    return put(
        page,
        place,
        rng.choice(("<div>@</div>", "<p>@</p>", "@", "<table><tr><td>@</td></tr></table>")).replace(
            "@", " ".join((payload.html, *made))
        ),
    )


def joined(page: Page, place: str, payload: Payload, rng: Random) -> Injected | None:
    """Put a row of link words, joined, in plain sight."""
    words, _ = payload_words()
    if "<a " in payload.html:
        return None
    trade = next(
        t for t, k in words if k == "line" and any(_fits(line, payload.pieces[0]) for line in words[t, k])
    )
    anchors = [text.replace("{B}", rng.choice(FIRST) + rng.choice(SECOND)) for text in words[trade, "anchor"]]
    row = rng.choice("|_-I").join(anchors * 2)
    return put(page, place, f"<p>{row}</p>")._replace(pieces=tuple(anchors))


def _fits(line: str, said: str) -> bool:
    return max(re.split(r"\{.\}", line), key=len) in said


def plain(page: Page, place: str, payload: Payload, rng: Random) -> Injected:
    """Put it as a paragraph of its own in plain sight."""
    return put(page, place, f"<p>{payload.html}</p>")


def switch(page: Page, place: str, payload: Payload, rng: Random) -> Injected:
    """Send the readers of search engines elsewhere, and show spiders other words."""
    look = rng.choice(
        (
            'if(/baiduspider|sogou|360spider/i.test(navigator.userAgent)){document.write("@")}',
            'var r=document.referrer;if(r.indexOf("baidu")>0||r.indexOf("sogou")>0){location.href="http://%.example/";}document.write("@")',
        )
    )
    text = look.replace("%", name(rng)).replace("@", payload.html.replace('"', "'"))
    return put(page, place, f"<script>{text}</script>")


def foreign_script(page: Page, place: str, payload: Payload, rng: Random) -> Injected:
    """Load a script from elsewhere, which writes the words in escapes."""
    codes = "".join(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else char for char in payload.html)
    return put(
        page,
        place,
        f'<script src="http://{name(rng)}{rng.randint(100, 9999)}.top/j.js"></script><script>document.write("{codes}")</script>',
    )


def foreign_frame(page: Page, place: str, payload: Payload, rng: Random) -> Injected:
    """Show a frame of another host, the words as its content."""
    return put(
        page,
        place,
        f'<iframe src="http://{name(rng)}.vip/{rng.randint(1, 99)}" width="1" height="1" frameborder="0">{payload.html}</iframe>',
    )


def overwritten(page: Page, place: str, payload: Payload, rng: Random) -> Injected | None:
    """Overwrite title, keywords and description; half of them in numeric entities."""
    if place != "page top" or "<title" not in page.html.lower():
        return None
    said = payload.title
    text = "".join(f"&#{ord(char)};" for char in said) if rng.random() < 0.5 else escape(said)
    html = re.sub(
        r"(<title[^>]*>).*?(</title>)",
        lambda m: f"{m[1]}{text}{m[2]}",
        page.html,
        count=1,
        flags=re.IGNORECASE | re.DOTALL,
    )
    head = f'<meta name="keywords" content="{text}"><meta name="description" content="{text}">'
    found = re.search(r"<title", html, re.IGNORECASE)
    where = found.start() if found else 0
    html = html[:where] + (head if found else f"<title>{text}</title>{head}") + html[where:]
    return Injected(html, {})


WAYS |= {
    "display:none": styled("display:none", "color:red;display:none;", "display: none !important"),
    "visibility:hidden": styled("visibility:hidden", "visibility:collapse;height:1px"),
    "opacity:0": styled("opacity:0", "filter:alpha(opacity=0);opacity:0.0"),
    "hidden attribute": wrapped("<div hidden>@</div>", '<p hidden="hidden">@</p>'),
    "one-pixel box": styled("height:1px;overflow:hidden", "width:0;height:0;overflow:hidden", "max-height:0px;overflow:hidden", "overflow-y:hidden;height:0"),
    "off-screen position": styled("position:absolute;left:-9999px", "position:fixed;top:-1000px;left:0", "position:absolute;left:-200em"),
    "text-indent": styled("text-indent:-9999px", "display:block;text-indent:-600em"),
    "negative margin": styled("margin-left:-5000px", "margin:-3000px 0 0 0", "margin-top:-999px"),
    "transform": styled("transform:scale(0)", "transform:translateX(-9999px)", "-webkit-transform:translate(0,-5000px);transform:translate(0,-5000px)", "transform: scale(0, 0)"),
    "clip": styled("position:absolute;clip:rect(0,0,0,0)", "position:absolute;clip:rect(1px 1px 1px 1px)", "clip-path:inset(100%)", "clip-path:circle(0)"),
    "font size 0-2": styled("font-size:0", "font-size:1px;line-height:1px", "font-size:2px", "font:0/0 a"),
    "colour of the ground": styled("color:#fff;background:#ffffff", "background-color:white;color:#FFF", "color:rgb(255,255,255);background-color:#fff", "color:transparent"),
    "marquee of one pixel": wrapped('<marquee width="1" height="1" scrollamount="9000">@</marquee>', "<marquee height=1 width=10>@</marquee>", '<marquee style="width:1px;height:1px">@</marquee>'),
    "noscript": wrapped("<noscript>@</noscript>", "<noscript><div>@</div></noscript>"),
    "comment": wrapped("<!-- @ -->", "<!--[if lt IE 5]><div>@</div><![endif]-->"),
    "style rule, class or id": sheet(((".%", '<div class="ad %">@</div>'), ("#%", '<p id="%">@</p>'), ("div.%", '<div class="%">@</div>'))),
    "style rule, selector": sheet(
        (
            ("body .% > p", '<div class="%"><p>@</p></div>'),
            ("div[data-v='%']", '<div data-v="%">@</div>'),
            ("#% + div", '<i id="%"></i><div>@</div>'),
            (".% :first-child", '<div class="%"><p>@</p></div>'),
            ("[class^='%']", '<span class="%09">@</span>'),
        )
    ),
    "linked style sheet": sheet(((".%", '<div class="%">@</div>'), ("#% p", '<div id="%"><p>@</p></div>')), linked=True),
    "written wrapper": scripted(
        "<script>document.write(\"<div style='display:none'>\")</script>@<script>document.write('</div>')</script>",
        "<script>document.write('<div id=\"%\" style=\"position:absolute;left:-999px\">');</script><p>@</p><script>document.write('</div>');</script>",
        '<script language="javascript">document.writeln("<marquee height=1 width=1>");</script>@<script>document.writeln("</marquee>");</script>',
    ),
    "script hides it afterwards": scripted(
        '<div id="%">@</div><!><script>document.getElementById("%").style.display="none";</script>',
        "<div id=%>@</div><!><script>var e=document.getElementById('%');e.style.cssText='position:absolute;left:-9000px';</script>",
        '<div class="%">@</div><!><script>$(".%").hide();</script>',
        '<p id="%">@</p><!><script>document.getElementById(\'%\').style.visibility = "hidden"</script>',
    ),
    "link farm": farm,
    "joined words": joined,
    "sentence in a paragraph": inside("sentence"),
    "junk at a paragraph's end": inside("end"),
    "plain paragraph": plain,
    "user-agent and referrer switch": switch,
    "foreign script": foreign_script,
    "foreign frame": foreign_frame,
    "title and tags overwritten": overwritten,
    "nested and mixed": wrapped(
        '<div style="height:0"><div style="overflow:hidden;height:0;width:0"><ul><li>@</li></ul></div></div>',
        '<div style="display:none"><table><tr><td><font color="#fff">@</font></td></tr></table></div>',
        '<span style="display:inline-block;width:1px;height:1px;overflow:hidden"><b>@</b></span>',
    ),
}  # fmt: skip


# --------------------------------------------------------------------------------------------- honest blocks

HONEST_BLOCKS = {
    "records of a list": '<div id="initData" style="display:none">[{"title":"关于印发二〇二三年度工作要点的通知","url":"/art/1.html","date":"2023-04-11"}]</div>',
    "tab panels": '<div class="tab"><ul><li class="on">通知公告</li><li>政策解读</li></ul><div class="con"><a href="/a/1.html">关于开展春季防火检查的通知</a></div>'
    '<div class="con" style="display:none"><ul><li><a href="/a/2.html">一图读懂养老服务条例</a><span>04-12</span></li><li><a href="/a/3.html">图解：就业补贴怎么领</a></li></ul></div></div>',
    "tab panel of text": '<div class="tabcon" style="display: none"><p>办理时间：周一至周五上午九时至十二时，下午一时三十分至五时。地址：政务服务中心二楼十二号窗口，咨询电话 0518-00000000。</p></div>',
    "folded question and answer": '<div class="faq"><h4>问：社保卡丢了怎么办？</h4><div class="answer" style="display:none">答：请先拨打 12333 挂失，再持身份证到就近的银行网点补办，工本费二十元。</div></div>',
    "accessible label": '<span class="sr-only" style="position:absolute;clip:rect(0,0,0,0);width:1px;height:1px;overflow:hidden">跳转到主要内容区</span>',
    "accessible search label": '<label for="q" style="position:absolute;left:-9999px">请输入要查找的关键词</label><input id="q" name="q">',
    "logo with indented text": '<h2 style="text-indent:-9999px;background:url(/logo.png)"><a href="/">市人民政府门户网站</a></h2>',
    "share block": '<div class="share" style="display:none"><a href="http://service.weibo.com/share/share.php?url=x">新浪微博</a> <a href="http://sns.qzone.qq.com/share?u=x">QQ空间</a> 分享到微信朋友圈 打开微信，点击底部的“发现”，使用“扫一扫”即可将网页分享至朋友圈。</div>',
    "QR block": '<div id="qr" style="display:none"><img src="/qr.png"><p>扫一扫在手机打开当前页</p></div>',
    "collapsed attachments": '<div class="fj" style="display:none"><p>附件：</p><a href="/files/1.pdf">1.申请表.pdf</a><br><a href="/files/2.docx">2.人员名单.docx</a></div>',
    "friendly links": '<div class="links" style="display:none"><a href="http://www.mof.gov.cn/">财政部</a> <a href="http://www.jiangsu.gov.cn/">江苏省人民政府</a> <a href="http://www.xinhuanet.com/">新华网</a> <a href="http://www.people.com.cn/">人民网</a></div>',
    "friendly links of elsewhere": '<select style="display:none"><option value="http://www.example-port.com/">港口集团</option></select><div class="yqlj"><a href="http://www.lygport.example/">港口集团</a>|<a href="http://www.hospital.example/">第一人民医院</a>|<a href="http://www.univ.example/">海洋大学</a></div>',
    "leaving the site": '<div class="layer" style="display:none"><p>您访问的链接即将离开“市政府门户网站”，是否继续？</p><button>继续访问</button><button>放弃</button></div>',
    "loading note": '<div class="loading" style="visibility:hidden">正在加载中，请稍候……</div>',
    "login form": '<form style="display:none"><p>您好，请登录</p><input name="user" placeholder="手机号"><input type="password"><a href="/user/reg">立即注册</a> <a href="/user/forget">忘记密码</a> 验证码 换一张</form>',
    "mail form": '<div id="pl" style="display:none"><p>我要纠错：姓名、联系电话、电子邮箱、内容、验证码（提交后工作人员会在三个工作日内回复）</p></div>',
    "noscript note": "<noscript><p>您的浏览器不支持脚本，请启用脚本或更换浏览器后再访问本站。</p></noscript>",
    "editor's comment": "<!-- 正文开始：请勿删除，栏目模板二〇一九版 -->",
    "counter": '<div style="display:none"><script src="https://s4.cnzz.com/z_stat.php?id=1&web_id=1"></script><a href="https://www.cnzz.com/stat/website.php?web_id=1">站长统计</a></div>',
    "own script that hides": '<div id="more1"><a href="/zt/">更多专题</a></div><script>document.getElementById("more1").style.display="none";</script>',
    "white on a picture": '<div style="background:#c00 url(/b.png)"><span style="color:#fff">学习贯彻会议精神</span></div>',
    "mobile switch": '<script>if(/Android|iPhone/i.test(navigator.userAgent)){location.href="/m/index.html";}</script>',
    "search engine's own script": '<script>(function(){var bp=document.createElement("script");bp.src="https://zz.bdstatic.com/linksubmit/push.js";document.body.appendChild(bp)})();</script>',
    "font size undone": '<div style="font-size:0"><span style="font-size:14px">字号：大 中 小</span></div>',
    "calendar": '<div class="calendar" style="display:none">一月 二月 三月 四月 五月 六月 七月 八月 九月 十月 十一月 十二月 今天 清空 确定</div>',
    "hidden editor's note": '<p style="display:none">编辑：高翔 审核：钱月 校对：孙明</p>',
}  # fmt: skip
"""Hidden or suspicious, and honest. ``print version`` is made of each page's own text."""


# --------------------------------------------------------------------------------------------------- pages


OPENING_RE = re.compile(r"<(?:p|br|div|td)\b", re.IGNORECASE)


def place_spots(html: str, text: str) -> tuple[tuple[int, int, int], tuple[int, int, int]] | None:
    """Find where a page's text stands in its source: fronts and ends of paragraphs, full stops inside."""
    starts: list[int] = []
    stops: list[int] = []
    after = 0
    lines = [line.strip("\u3000 \t") for line in text.splitlines()]
    for line in lines:
        if len(line) < 15 or (where := html.find(line[:14], after)) < 0:
            continue
        after = where
        opened = [m.start() for m in OPENING_RE.finditer(html, max(0, where - 2000), where)]
        if not opened:
            continue
        tag = opened[-1]
        if html[tag : tag + 3].lower() == "<br":
            tag = html.find(">", tag) + 1
        starts.append(tag)
        if (
            "。" in line[8:-8]
            and (stop := html.find(line[line.index("。", 8) - 6 : line.index("。", 8) + 1], where)) > 0
        ):
            stops.append(html.index("。", stop + 5) + 1)
    if len(starts) < 2 or not stops:
        return None
    closing = re.compile(r"</p>|<br[^>]*>|</div>|</td>", re.IGNORECASE).search(html, after)
    if closing is None:
        return None
    end = closing.start() if closing[0].lower() in ("</div>", "</td>") else closing.end()
    return (starts[0], starts[len(starts) // 2], end), (stops[0], stops[len(stops) // 2], stops[-1])


def replica_pages(seed: int, most: int) -> list[Page]:
    """Take article pages of the replica that nobody tampered with."""
    replica = Replica(seed=1)
    stories = [s for s in replica.expected() if not s.tampered and len(s.text) > 150]
    found = []
    for story in Random(seed).sample(stories, k=len(stories)):
        html = repair(decode(replica.pages(story.host)[story.path].body).text).text
        if spots := place_spots(html, story.text):
            found.append(Page(f"replica {story.path}", story.url, html, *spots))
        if len(found) == most:
            break
    return found


def saved_pages(folder: Path) -> list[Page]:
    """Take the saved real pages that come with gold text."""
    found = []
    for file in sorted((folder / "original").iterdir()):
        html = repair(decode(file.read_bytes()).text).text
        text = (folder / "cleaned" / f"{file.stem}.txt").read_text(encoding="utf-8")
        own = re.search(r'name="(?:SiteDomain|Url)"\s+content="([^"]+)"', html, re.IGNORECASE)
        url = urljoin(own[1] if own and "//" in own[1] else "http://www.example.cn/", f"/{file.name}")
        if spots := place_spots(html, text):
            found.append(Page(file.stem[:8], url, html, *spots))
    return found


# ---------------------------------------------------------------------------------------------- extractors


class Extraction(NamedTuple):
    """What an extractor gave."""

    text: str
    """Title and text."""
    body: str
    removed: str | None
    """Texts of what it removed; None: it does not say."""
    rows: int
    suspects: str


Extractor = Callable[[str, str, Mapping[str, str]], Extraction]


def ours(html: str, url: str, sheets: Mapping[str, str]) -> Extraction:
    """Run this project's strip and extract."""
    tree = parse(html)
    removed, suspects = judge_tree(tree, url, sheets)
    page = extract_tree(tree, url)
    return Extraction(
        f"{page.title or ''}\n{page.text}", page.text, "\n".join(f"{row.text}\n{row.html}" for row in removed), len(removed),
        "\n".join(row.text for row in suspects),
    )  # fmt: skip


def _plug(function: Callable[..., Any]) -> Extractor:
    try:
        sheets_too = "sheets" in inspect.signature(function).parameters
    except ValueError:
        sheets_too = False

    def run(html: str, url: str, sheets: Mapping[str, str]) -> Extraction:
        try:
            found = function(html, url, sheets=sheets) if sheets_too else function(html, url)
        except Exception:  # what an extractor cannot read it did not let through
            found = ""
        text = found if isinstance(found, str) else getattr(found, "text", None) or ""
        removed = getattr(found, "removed", None)
        said = None if removed is None else "\n".join(getattr(row, "text", str(row)) for row in removed)
        return Extraction(text, text, said, len(removed or ()), "")

    return run


def peers() -> Iterator[tuple[str, Extractor]]:
    """Give the extractors that are installed here."""
    try:
        import trafilatura

        yield "trafilatura", _plug(lambda html, url: trafilatura.extract(html, url=url) or "")
    except ImportError:
        pass
    try:
        import lxml.html
        import readability

        yield (
            "readability-lxml",
            _plug(
                lambda html, url: lxml.html.fromstring(readability.Document(html).summary()).text_content()
            ),
        )
    except ImportError:
        pass
    try:
        from resiliparse.extract.html2text import extract_plain_text

        yield "resiliparse", _plug(lambda html, url: extract_plain_text(html, main_content=True))
    except ImportError:
        pass
    try:
        import justext

        def jus(html: str, url: str) -> str:
            found = justext.justext(
                html.encode(),
                frozenset(),
                encoding="utf-8",
                length_low=20,
                length_high=40,
                stopwords_low=0,
                stopwords_high=0,
            )
            return "\n".join(p.text for p in found if not p.is_boilerplate)

        yield "jusText", _plug(jus)
    except ImportError:
        pass
    try:
        import newspaper

        def paper(html: str, url: str) -> str:
            article = newspaper.Article(url, language="zh", fetch_images=False)
            article.download(input_html=html)
            article.parse()
            return str(article.text)

        yield "newspaper4k", _plug(paper)
    except ImportError:
        pass
    try:
        from gne import GeneralNewsExtractor

        yield "gne", _plug(lambda html, url: GeneralNewsExtractor().extract(html, host=url)["content"])
    except ImportError:
        pass


def squeeze(text: str) -> str:
    """Leave white space out."""
    return "".join(text.split())


def lost(clean: str, found: str) -> int:
    """Count the characters of the clean text that are missing."""
    one, other = squeeze(clean), squeeze(found)
    return 0 if one == other else len(one) - in_order(one, other)


# ------------------------------------------------------------------------------------------------- measures


class Case(NamedTuple):
    """One injection."""

    way: str
    place: str
    kind: str
    page: Page
    payload: Payload
    injected: Injected


def cases(pages: Sequence[Page], seed: int, each: int) -> Iterator[Case]:
    """Draw the sample: every way, place and kind `each` times; 0: into every page."""
    for way, place, kind in ((w, p, k) for w in WAYS for p in PLACES for k in KINDS):
        rng = Random(f"{seed} {way} {place} {kind}")
        for page in rng.sample(list(pages), k=min(each, len(pages))) if each else pages:
            payload = make_payload(kind, rng)
            injected = WAYS[way](page, place, payload, rng)
            if injected is not None:
                payload = payload._replace(pieces=injected.pieces or payload.pieces)
                yield Case(way, place, kind, page, payload, injected)


class Outcome(NamedTuple):
    """How one extractor did on one injection."""

    case: Case
    kept_out: bool
    lost: int
    removed: bool
    suspect: bool
    leaked: str


def judge(extractor: Extractor, case: Case, clean: Extraction) -> Outcome:
    """Run one extractor on one injection."""
    found = extractor(case.injected.html, case.page.url, case.injected.sheets)
    text, before = squeeze(found.text), squeeze(clean.text)
    leaked = [
        piece for piece in case.payload.pieces if squeeze(piece) in text and squeeze(piece) not in before
    ]
    gone = squeeze(found.removed or "")
    return Outcome(
        case, not leaked, lost(clean.body, found.body), bool(gone) and any(squeeze(piece) in gone for piece in case.payload.pieces),
        any(squeeze(piece) in squeeze(found.suspects) for piece in case.payload.pieces), " / ".join(leaked),
    )  # fmt: skip


def percent(part: int, whole: int) -> str:
    """Print a share."""
    return f"{100 * part / whole:6.1f} %" if whole else "       -"


def table(title: str, outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> None:
    """Print one table: kept out, removed, recorded as suspect, pages with lost characters."""
    rows: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        rows[key(outcome)].append(outcome)
    print(f"\n  {title:32} {'cases':>6}  kept out   removed   suspect  pages that lost, characters")
    for label, found in rows.items():
        losses = [o.lost for o in found if o.lost]
        print(
            f"  {label:32} {len(found):6} {percent(sum(o.kept_out for o in found), len(found))}  {percent(sum(o.removed for o in found), len(found))}"
            f"  {percent(sum(o.suspect for o in found), len(found))}  {len(losses):5} {sum(losses):7}"
        )


class Honest(NamedTuple):
    """An honest page."""

    name: str
    page: Page
    html: str
    said: str
    """Text that must be kept; empty where a block is furniture anyway."""


def honest(pages: Sequence[Page], seed: int, most: int) -> Iterator[Honest]:
    """Put honest hidden blocks and honest texts into clean pages: `most` pages a block and text, 0 all."""
    rng = Random(f"honest {seed}")

    def some() -> Sequence[Page]:
        return rng.sample(list(pages), k=min(most, len(pages))) if most else pages

    for page in pages:
        yield Honest("clean page", page, page.html, "")
    for label, block in HONEST_BLOCKS.items():
        for page in some():
            yield Honest(label, page, put(page, rng.choice(PLACES[:5]), block).html, "")
    for page in some():
        copy = page.html[page.spots[0] : page.spots[2]]
        yield Honest(
            "print version",
            page,
            put(page, "body end", f'<div class="print" style="display:none">{copy}</div>').html,
            "",
        )
    for topic, title, text in _rows("honest-texts"):
        paragraphs = text.split("¶")
        for page in some():
            start, _, end = page.spots
            said = "".join(f"<p>　　{escape(p, quote=False)}</p>" for p in paragraphs)
            headline = f"<h1>{escape(title, quote=False)}</h1>"  # honest pages print what they are called
            whole = re.sub(
                r"<title>.*?</title>",
                lambda m, t=title: f"<title>{t}</title>",
                page.html[:start] + headline + said + page.html[end:],
                count=1,
                flags=re.DOTALL,
            )
            yield Honest(f"text about {topic}", page, whole, "")
            for place in ("body middle", "body end"):
                yield Honest(
                    f"paragraph about {topic}",
                    page,
                    put(page, place, said).html,
                    squeeze("".join(paragraphs)),
                )


def main() -> int:
    """Measure and print; 1 where a bar of our own is missed is left to who reads."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--each", type=int, default=1, help="pages for every way, place and kind")
    options.add_argument("--full", action="store_true", help="every combination into every page")
    options.add_argument(
        "--peers-each", type=int, default=120, help="cases that peers run, drawn evenly; 0: none"
    )
    options.add_argument("--replica", type=int, default=40, help="how many replica pages")
    options.add_argument("--pages", type=Path, default=SHARED, help="folder with original/ and cleaned/")
    options.add_argument("--extractor", action="append", default=[], help="module:function, run like a peer")
    options.add_argument("--only", default="", help="ways whose names hold this")
    options.add_argument("--show", type=int, default=0, help="print the first N payloads that came through")
    chosen = options.parse_args()
    pages = replica_pages(chosen.seed, chosen.replica)
    saved = saved_pages(chosen.pages) if (chosen.pages / "original").is_dir() else []
    pages += saved
    _, known = payload_words()
    drawn = [
        case
        for case in cases(pages, chosen.seed, 0 if chosen.full else chosen.each)
        if chosen.only in case.way
    ]
    print(
        f"{len(pages)} clean pages, {len(saved)} of them saved ones; {len(WAYS)} ways, {len(drawn)} injections, seed {chosen.seed}"
    )
    print(f"payload lines and anchors left out because a table came to know them: {known}")

    clean = {page.name: ours(page.html, page.url, {}) for page in pages}
    started = time.process_time()
    outcomes = [judge(ours, case, clean[case.page.name]) for case in drawn]
    print(f"\n== this project ({1000 * (time.process_time() - started) / max(1, len(drawn)):.1f} ms a page)")
    table("way", outcomes, lambda o: o.case.way)
    table("payload", outcomes, lambda o: o.case.kind)
    table("place", outcomes, lambda o: o.case.place)
    table("pages", outcomes, lambda o: "replica" if o.case.page.name.startswith("replica") else "saved")
    table("all", outcomes, lambda o: "")
    for outcome in [o for o in outcomes if not o.kept_out or o.lost][: chosen.show]:
        print(
            f"    {outcome.case.way} | {outcome.case.place} | {outcome.case.kind} | {outcome.case.page.name} | lost {outcome.lost} | {outcome.leaked[:90]}"
        )

    print("\n== honest pages")
    trials = list(honest(pages, chosen.seed, 0 if chosen.full else 2 * chosen.each))
    wrong: Counter[str] = Counter()
    many: Counter[str] = Counter()
    suspect = missing = 0
    for trial in trials:
        found = ours(trial.html, trial.page.url, {})
        already = clean[trial.page.name].rows if trial.name != "clean page" else 0
        false = found.rows > already
        kept = not trial.said or len(trial.said) - in_order(trial.said, squeeze(found.body)) == 0
        many[trial.name] += 1
        wrong[trial.name] += false
        suspect += bool(found.suspects)
        missing += not kept
        if (false or not kept) and chosen.show:
            print(
                f"    {trial.name} | {trial.page.name} | {squeeze(found.removed or '')[:90] if false else 'not all in the text: ' + trial.said[:40]}"
            )
    print(
        f"  {len(trials)} pages, {len(many)} sorts; false removals {wrong.total()}; honest paragraphs not whole in the text {missing}; with suspects {suspect}"
    )
    for label, count in wrong.items():
        if count:
            print(f"    {label:32} {count} of {many[label]}")
    true = sum(o.removed for o in outcomes)
    out = sum(o.kept_out for o in outcomes)
    print(
        f"\n  removed with evidence: precision {percent(true, true + wrong.total()).strip()}, recall {percent(true, len(outcomes)).strip()}"
        f"; kept out of the text: {percent(out, len(outcomes)).strip()}"
    )

    others = list(peers()) if chosen.peers_each else []
    for target in chosen.extractor:
        module, _, function = target.partition(":")
        others.append((target, _plug(getattr(importlib.import_module(module), function))))
    if others:
        few = Random(chosen.seed).sample(drawn, k=min(len(drawn), chosen.peers_each))
        print(f"\n== peers, {len(few)} of the injections")
        print(
            f"  {'':20} kept out | links, table  text, table  links, unknown  text, unknown | characters lost | ms a page"
        )
        for label, extractor in [("this project", ours), *others]:
            cleaned = {
                page.name: extractor(page.html, page.url, {})
                for page in {case.page.name: case.page for case in few}.values()
            }
            started = time.process_time()
            results = [judge(extractor, case, cleaned[case.page.name]) for case in few]
            spent = 1000 * (time.process_time() - started) / len(few)
            shares = "   ".join(
                percent(
                    sum(o.kept_out for o in results if o.case.kind == kind),
                    sum(o.case.kind == kind for o in results),
                )
                for kind in KINDS
            )
            total = sum(len(squeeze(cleaned[o.case.page.name].body)) for o in results)
            print(
                f"  {label:20} {percent(sum(o.kept_out for o in results), len(results))} | {shares} | {percent(sum(o.lost for o in results), total)} | {spent:7.1f}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
