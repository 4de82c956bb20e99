"""The plan of the replica: which story stands where, on which night, and what was done to it.

`plan` makes a `World` from (seed, today, number of stories) and nothing else; the platform modules turn it
into pages. The truth table is the list of its stories.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta, timezone
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .grammar import Block, Desk, Draft, plain, words

ZONE = timezone(timedelta(hours=8))
CITY = "www.lyg.gov.cn"
CITY_SITE = "zglygzfmhwz"
BUREAU = "mzj.lyg.gov.cn"
BUREAU_SITE = "lygmzj"
DAILY = "www.lyg01.net"
DAILY_BARE = "lyg01.net"
PAPER = "lygrbepaper.lygfb.cn"
ELSEWHERE = "files.example.com"
"""A host that a page names and nobody may ask."""
OVERSIZE = 21 * 2**20
"""The size of the one attachment that is too large, in bytes."""
HOSTS = (CITY, BUREAU, DAILY, DAILY_BARE, PAPER)


class Attached(NamedTuple):
    """One file of a story, and what a complete crawl makes of it."""

    url: str
    name: str
    kind: str
    """``attachment`` or ``image``"""
    state: str
    """``archived``, ``oversize``, ``gone`` (404), ``offsite`` (on another host: never asked)"""
    mime: str | None
    text: str | None


@dataclass(kw_only=True)
class Story:
    """One story of the truth table."""

    url: str
    """As the portal lists it, absolute."""
    host: str
    portal: str
    """As the spiders name it: the host, for the Daily's site ``lyg01.net``."""
    channel: str
    """The code in the address; for the e-paper the printed page's, such as ``A01``."""
    channel_name: str
    title: str
    text: str
    """Paragraphs joined by ``\\n``: captions and table rows are lines, cells are joined by a tab; no repeated
    title, no furniture, no attachment list, no 责任编辑 line."""
    published: str
    """ISO time with +08:00, or a date where neither page nor address tells a time."""
    source: str | None = None
    """As the page prints it, in the line of time and source, a tag or the byline (连云港日报全媒体记者); the e-paper
    prints none, its articles are the Daily's."""
    author: str | None = None
    """As the page's info line or its Author tag has it, else the names of its byline, joined by a space."""
    byline: str | None = None
    """Reporters as named inside the text: （记者 … 通讯员 …）."""
    editor: str | None = None
    section: str | None = None
    listed_title: str = ""
    """The fullest form that the list line carries; ends in ``...`` where the list only has the cut form."""
    listed: str | None = None
    document_number: str | None = None
    index_number: str | None = None
    office: str | None = None
    images: list[list[str]] = field(default_factory=list)
    """[address, caption]"""
    attachments: list[list[str]] = field(default_factory=list)
    """[address, name]"""
    planted: dict[str, str] = field(default_factory=dict)
    """By address: the state of an attachment that a complete crawl does not have: ``oversize``, ``gone``, ``offsite``."""
    encoding: str = "utf-8"
    """Codec of the bytes served."""
    declared: str = "meta utf-8"
    """What the page says of itself: ``nothing``, ``meta utf-8``, ``meta gb2312``, ``script utf-8, meta gb2312``,
    ``header utf-8``."""
    info: str = "spans"
    container: str = "div#zoom"
    metas: str = "full"
    template: str = ""
    parts: list[str] = field(default_factory=list)
    """The addresses of its further pages, where it is split over several."""
    cuts: list[int] = field(default_factory=list)
    """Which block each further page begins with."""
    pager: str = ""
    """How its pages lead to each other: ``numbers``, ``next`` within the body, ``script``, ``autopage``."""
    late: bool = False
    """Whether its last page answers 404 on the first night: `text` lacks it, `later_text` has it."""
    runover: str = ""
    """The address under which another printed page goes on with it."""
    over: list[int] = field(default_factory=list)
    """Where its first page breaks off: block, character."""
    tampered: list[str] = field(default_factory=list)
    """``mirror``, ``title``, ``hidden spam``, ``link farm``, ``spam line``"""
    spam: list[dict[str, Any]] = field(default_factory=list)
    """{kind, text, links}: each block that is no part of the page."""
    seams: int = 0
    """Places where the mirror machine broke a character."""
    duplicate_of: str | None = None
    """URL of the same story at its origin."""
    series: str | None = None
    """Name of a series whose numbers differ in figures only: look alike, are no duplicates."""
    states: dict[int, str] = field(default_factory=lambda: {1: "present", 2: "present"})
    """By night: ``present``, ``edited``, ``absent`` (not yet there), ``withdrawn`` (404, off the list), ``gone`` (404,
    still listed), ``challenged`` (listed, behind a gate), ``unlisted`` (there, but no list leads to it), ``replaced`` (off
    the list, a notice in its place). What the last night says holds for all later ones."""
    changes: dict[int, str] = field(default_factory=dict)
    """By night: the kind of version that it makes; ``furniture only`` makes none."""
    later_title: str | None = None
    later_text: str | None = None
    shape: str = "feature"
    topic: str = ""
    blocks: tuple[Block, ...] = ()
    later_blocks: tuple[Block, ...] | None = None
    serial: int = 0

    @property
    def path(self) -> str:
        """Give the path of the address."""
        return "/" + self.url.split("/", 3)[3]

    @property
    def day(self) -> date:
        """Give the day of publication."""
        return date.fromisoformat(self.published[:10])

    def state(self, night: int) -> str:
        """Give the state of a night; what nobody planned stays as it was."""
        return self.states[min(max(night, 1), max(self.states))]

    def listed_on(self, night: int) -> bool:
        """Tell whether a list leads to it that night."""
        return self.state(night) in ("present", "edited", "gone", "challenged")

    def title_on(self, night: int) -> str:
        """Give the title that the page shows that night."""
        return self.later_title if self.state(night) == "edited" and self.later_title else self.title

    def text_on(self, night: int) -> str:
        """Give the text that the page shows that night."""
        return self.later_text if self.state(night) == "edited" and self.later_text else self.text

    def blocks_on(self, night: int) -> tuple[Block, ...]:
        """Give the body that the page shows that night."""
        return self.later_blocks if self.state(night) == "edited" and self.later_blocks else self.blocks

    def page_blocks(self, night: int, part: int) -> tuple[Block, ...]:
        """Give the body that one of its pages shows that night; the first is 1."""
        edges = [0, *self.cuts, len(self.blocks_on(night))]
        return self.blocks_on(night)[edges[part - 1] : edges[part]]

    def files(self) -> list[Attached]:
        """Give the attachments and pictures as a complete crawl has them."""
        found = []
        for number, (address, name) in enumerate(self.attachments):
            state = self.planted.get(address, "archived")
            mime, text = None, None
            if state == "archived":
                word = urlsplit(address).path.endswith(".docx")
                mime = f"application/{'vnd.openxmlformats-officedocument.wordprocessingml.document' if word else 'pdf'}"
                code = f"{self.serial:05d}-{number}"
                text = (
                    f"{name}\n编号：附{code}\n序号\t姓名\n1\t王某"
                    if word
                    else f"附件全文\n编号：附{code}\n{name[:24]}"
                )
            found.append(Attached(address, name, "attachment", state, mime, text))
        found += [
            Attached(address, caption, "image", "archived", "image/png", None)
            for address, caption in self.images
        ]
        return found

    def row(self) -> dict[str, Any]:
        """Give the row of the truth table: JSON types only."""
        hidden = ("blocks", "later_blocks")
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name not in hidden}


@dataclass(kw_only=True)
class Offsite:
    """A list line that leads away from the portal: recorded, never asked."""

    portal: str
    channel: str
    url: str
    title: str
    listed: str
    serial: int = 0


@dataclass(frozen=True, kw_only=True)
class ChannelPlan:
    """How one channel of the replica is made up."""

    host: str
    code: str
    name: str
    count: int
    gap: float
    """Days between two stories."""
    shapes: tuple[str, ...]
    record: str = "span"
    """``span bracket-before bracket-after bare-after bare-before inside onclick cut second``"""
    listing: str = "initData"
    """Where the first screen stands: ``initData``, or the selector of a plain list."""
    more: str = "relative"
    """``relative``, ``absolute``, ``internal`` proxyUrl; ``404``: getMessage.do does not answer."""
    links: str = "path"
    """``path`` /a/b, ``relative`` content/x, ``absolute`` http://…"""
    offsite: int = 0
    sources: tuple[str, ...] = ("连云港日报",)


def _channel(host: str) -> Callable[..., ChannelPlan]:
    def make(code: str, name: str, count: int, gap: float, shapes: str, **more: Any) -> ChannelPlan:
        return ChannelPlan(
            host=host, code=code, name=name, count=count, gap=gap, shapes=tuple(shapes.split()), **more
        )

    return make


_city, _bureau, _daily = _channel(CITY), _channel(BUREAU), _channel(DAILY)
OFFICES = ("市政府办", "市民政局", "市教育局", "市水利局", "市商务局", "市交通运输局", "市卫生健康委")
CHANNELS = (
    _city("gcyw", "港城要闻", 134, 0.5, "feature feature feature feature table", more="internal", offsite=2),
    _city("bmdt", "部门信息", 72, 4, "feature notice table", record="onclick", more="404", sources=OFFICES),
    _city("gsgg", "公示公告", 14, 9, "notice", record="onclick", sources=OFFICES, links="absolute"),
    _city("zcjd1", "政策解读", 10, 14, "interview", record="bracket-after", sources=OFFICES, offsite=2),
    _city(
        "mtbd",
        "媒体报道",
        12,
        8,
        "feature",
        record="bare-after",
        offsite=6,
        sources=("新华日报", "江苏经济报", "扬子晚报"),
    ),
    _city("shms", "社会民生", 66, 3, "feature feature bulletin", record="bracket-before", more="absolute"),
    _city("tpxw2020", "图片新闻", 10, 7, "picture", record="inside", links="relative"),
    _city("gzdt_msss2023", "工作动态", 26, 5, "feature", record="cut"),
    _city("zwdc1", "政务督查", 8, 16, "table notice", record="bare-before", sources=OFFICES),
    _city("zfdsj1", "政府大事记", 8, 30, "chronicle", record="span", sources=("市政府办",)),
    _city("xwfbh", "新闻发布会", 10, 12, "interview", record="span", listing="ul.list-ul", sources=OFFICES),
    _city("szfwj1", "市政府文件", 8, 25, "notice", record="second", sources=("市政府",)),
    _city(
        "szfbgswj1",
        "市政府办公室文件",
        6,
        30,
        "notice",
        record="span",
        listing="ul.xxgk-list-con",
        sources=("市政府办",),
    ),
    _bureau("tzgg", "通知公告", 14, 5, "short notice", record="onclick", sources=("市民政局",)),
    _bureau("gzdt", "工作动态", 12, 4, "feature", record="span", sources=("市民政局",), offsite=2),
    _bureau(
        "zcfg", "政策法规", 6, 30, "notice", record="bracket-before", listing="ul#msg", sources=("市民政局",)
    ),
    _bureau(
        "shjz",
        "社会救助",
        8,
        10,
        "table notice short",
        record="inside",
        links="relative",
        sources=("市民政局",),
    ),
    _bureau("ylfw", "养老服务", 8, 11, "feature interview", record="bare-after", sources=("市民政局",)),
    _daily("news/lygxw", "连云港新闻", 30, 0.6, "feature"),
    _daily("news/tslyg", "图说连云港", 14, 4, "picture"),
    _daily("news/szbdj", "时政报道集", 10, 6, "feature table"),
    _daily("zx/xqxw", "县区新闻", 12, 5, "feature"),
    _daily("video/wslyg", "网视连云港", 4, 9, "picture"),
    _daily("temp/zt2021/llgn", "理论观念", 5, 20, "interview"),
)
BUREAU_TOPICS = ("救助", "养老", "儿童", "殡葬婚姻", "社区")
SECTIONS = ("A01版：要闻", "A02版：综合", "A03版：民生", "A04版：县区")
PAPER_DAYS = 10
MISSING_DAY = 4

INFO = ("spans", "bullets", "update", "plain", "meta only", "none", "author", "minute")
CONTAINERS = (
    "div#zoom", "div#zoomcon", "div.zoomcon", "div.zoom", "div#UCAP-CONTENT", "div.page_con", "div.pp3", "div.cont_mid",
    "div.txt", "div.wz", "div.TRS_Editor", "div#ivs_content", "div.article-content", "div#js_content", "div#contains",
    "div.art_content", "div.pages_content", "div.TRS_UEDITOR", "div.xlxlcont", "td.main-cell",
)  # fmt: skip
METAS = ("full", "minute", "lower", "repeated", "none", "leaked", "wrong")
ENCODINGS = {
    5: ("gb18030", "meta gb2312"),
    9: ("gb18030", "nothing"),
    13: ("utf-8", "meta gb2312"),
    17: ("gb18030", "script utf-8, meta gb2312"),
    20: ("utf-8", "header utf-8"),
}
RARE_NAMES = ("张\u4dae", "李\u3b1a", "王\u4e04")
"""Names whose second character has four bytes in GB18030, and a plain rare one."""

SPAM_SITES = (
    "www.k8vip77.example",
    "m.xpj8866.example",
    "bet365-cn.example",
    "www.lhc49.example",
    "hg0088.example",
)
GAMBLING = words(
    "澳门新葡京娱乐 六合彩开奖结果 时时彩平台 真人百家乐 棋牌游戏下载 体育投注网址 老虎机技巧 北京赛车计划 网上赌场开户 "
    "足球外围盘口 彩票代理加盟 电子游艺送彩金 德州扑克现金 捕鱼平台上下分 快三走势预测 皇冠投注网"
)
ADULT = words(
    "亚洲无码在线观看| 成人视频免费播放| 国产精品一区二区| 中文字幕无码专区| 久久精品视频大全| 日韩无码av网站| "
    "欧美成人在线| 无码中文字幕日韩| 人妻少妇精品| 国产av一区二区三区| 免费成人影院| 激情视频在线"
)


@dataclass(kw_only=True)
class World:
    """All that the replica serves."""

    seed: int
    today: date
    stories: list[Story]
    offsite: list[Offsite]
    extras: bool
    by_path: dict[tuple[str, str], Story] = field(default_factory=dict)

    def of(self, host: str, channel: str) -> list[Story]:
        """Give a channel's stories, all nights, newest first."""
        return [story for story in self.stories if story.host == host and story.channel == channel]

    def channel_size(self, plan: ChannelPlan) -> int:
        """Count the stories of a channel."""
        return len(self.of(plan.host, plan.code))


class _Planner:
    def __init__(self, seed: int, today: date, stories: int | None, extras: bool) -> None:
        self.rng = Random(f"replica {seed} {today.isoformat()}")
        self.desk = Desk(Random(f"desk {seed} {today.isoformat()}"))
        self.today = today
        self.scale = 1.0 if stories is None else min(1.0, stories / sum(plan.count for plan in CHANNELS))
        self.extras = extras
        self.stories: list[Story] = []
        self.offsite: list[Offsite] = []
        self.serial = 0

    def day(self, back: float) -> date:
        return max(self.today - timedelta(days=1 + int(back)), date(2023, 1, 3))

    def moment(self, day: date) -> datetime:
        rng = self.rng
        # The second night's stories may be served on the very day they are dated: not in the future, please.
        hour = 0 if day >= self.today else rng.randint(8, 18)
        return datetime.combine(day, time(hour, rng.randint(0, 59), rng.randint(1, 59)), tzinfo=ZONE)

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial

    def size(self, count: int) -> int:
        return count if self.scale == 1.0 else max(3, round(count * self.scale))

    # --- addresses

    def truecms_url(self, host: str, code: str) -> str:
        site = CITY_SITE if host == CITY else BUREAU_SITE
        rng, kind = self.rng, self.serial % 7
        raw = rng.getrandbits(128)
        name = str(uuid.UUID(int=raw, version=4))
        if kind == 2:
            name = f"{raw:032X}{rng.getrandbits(8):02X}"
        elif kind == 4:
            name = f"zwgk_{raw:032x}"
        ending = ("html", "html", "shtml", "html", "htm")[self.serial % 5]
        scheme = "http" if host == CITY else "https"
        return f"{scheme}://{host}/{site}/{code}/content/{name}.{ending}"

    def daily_url(self, code: str, day: date) -> str:
        number = 382539 + 97 * (day - date(2025, 12, 26)).days + self.serial % 97
        return f"http://{DAILY}/{code}/{day:%Y}/{day:%m%d}/{number}.shtml"

    # --- stories

    def truecms(self, plan: ChannelPlan, draft: Draft, *, origin: Story | None = None) -> Story:
        rng, serial = self.rng, self.next_serial()
        moment = self.moment(draft.day)
        blocks, title = draft.blocks, draft.title
        document = plan.code in ("szfwj1", "szfbgswj1", "zcfg")
        info = "document" if document else INFO[serial % len(INFO)]
        if plan.host == BUREAU and info in ("bullets", "author"):
            info = "plain"
        metas = METAS[serial % len(METAS)]
        if info in ("none", "document"):
            metas = "none"
        if info == "meta only" and metas not in ("full", "minute", "lower"):
            metas = "full"
        published = moment.isoformat()
        if info in ("update", "minute") or (info == "meta only" and metas == "minute"):
            published = moment.replace(second=0).isoformat()
        elif info in ("plain", "author", "none", "document"):
            published = draft.day.isoformat()
        source = None if info in ("none", "document") else plan.sources[serial % len(plan.sources)]
        byline = None
        if origin is not None:
            title, blocks, byline = self.reprint(origin, title, blocks, named=info != "author")
            source = None if source is None else "连云港日报"
        url = self.truecms_url(plan.host, plan.code)
        story = Story(
            url=url,
            host=plan.host,
            portal=plan.host,
            channel=plan.code,
            channel_name=plan.name,
            title=title,
            text="",
            published=published,
            source=source,
            info=info,
            metas=metas,
            container=CONTAINERS[serial % len(CONTAINERS)],
            shape=draft.shape,
            topic=draft.topic,
            blocks=blocks,
            serial=serial,
            listed=draft.day.isoformat(),
            duplicate_of=origin.url if origin else None,
            series="价格监测周报" if draft.shape == "bulletin" else None,
        )
        if byline:
            story.byline, story.author = byline, byline.replace(" 通讯员", "")
        elif info == "author" or (metas == "full" and serial % 2):
            story.author = draft.reporter
        if serial % 5 == 0 and draft.shape != "short":
            story.editor = Random(serial).choice(("孙", "林", "郑")) + rng.choice(("晓帆", "一诺", "海涛"))
        if document:
            kind = "连政发" if plan.code == "szfwj1" else "连政办发" if plan.code == "szfbgswj1" else "连民发"
            story.document_number = f"{kind}〔{draft.day.year}〕{rng.randint(2, 160)}号"
            story.index_number = (
                f"0143{rng.randint(1000, 9999)}/{draft.day.year}-{rng.randint(100, 99999):05d}"
            )
            story.office = {"szfwj1": "连云港市人民政府", "szfbgswj1": "连云港市人民政府办公室"}.get(
                plan.code, "连云港市民政局"
            )
        if serial % 23 in ENCODINGS:
            story.encoding, story.declared = ENCODINGS[serial % 23]
        elif serial % 3 == 0:
            story.declared = "meta charset utf-8"
        if story.encoding == "gb18030":
            story.blocks = (*story.blocks[:1], self.rare(serial), *story.blocks[1:])
        if draft.shape in ("notice", "table") and serial % 3 == 1:
            self.attach(story)
        self.finish(story)
        cut = len(title) > 18 and plan.record == "cut"
        story.listed_title = title[:16] + "..." if cut else title
        return story

    def rare(self, serial: int) -> Block:
        name = RARE_NAMES[serial % len(RARE_NAMES)]
        return Block("p", f"参加现场活动的还有市民代表{name}等{2 + serial % 7}人。")

    def attach(self, story: Story) -> None:
        rng, story_host = self.rng, story.host
        scheme = story.url.split(":")[0]
        number = rng.getrandbits(40)
        kinds = (
            (f"/upload/{story.day:%Y}/{story.day:%m%d}/{number:010x}.pdf", "申报材料清单.pdf"),
            (f"/upload/{story.day:%Y}/{story.day:%m%d}/{number:010x}.docx", "汇总表.docx"),
            (
                f"/TrueCMS/attachmentController/download.do?id={uuid.UUID(int=rng.getrandbits(128), version=4)}",
                "公示名单.pdf",
            ),
        )
        for address, name in kinds[story.serial % 3 : story.serial % 3 + 1 + story.serial % 2]:
            story.attachments.append([f"{scheme}://{story_host}{address}", name])

    def plant(self) -> None:
        """Add attachments that are too large, not there, on another host, or named to do harm, one a story."""
        ready = [
            story
            for story in self.stories
            if story.attachments and not story.tampered and set(story.states.values()) == {"present"}
        ]
        for number, story in enumerate(sorted(ready, key=lambda story: story.serial)[:8]):
            kind = ("oversize", "gone", "offsite", "harm")[number % 4]
            scheme, place = story.url.split(":")[0], f"/upload/{story.day:%Y}/{story.serial:05d}"
            address, name = {
                "oversize": (f"{scheme}://{story.host}{place}/atlas.zip", "规划图集.zip"),
                "gone": (f"{scheme}://{story.host}{place}/lost.pdf", "旧版附件.pdf"),
                "offsite": (f"http://{ELSEWHERE}{place}.pdf", "外站附件.pdf"),
                "harm": (
                    f"{scheme}://{story.host}{place}/..%2F..%2Fetc%2Fpasswd.pdf",
                    "../../etc/passwd<img src=x onerror=alert(1)>.pdf",
                ),
            }[kind]
            story.attachments.append([address, name])
            if kind != "harm":
                story.planted[address] = kind

    def finish(self, story: Story) -> None:
        """Number the pictures, take the text from the blocks."""
        story.text = plain(story.blocks)
        scheme = story.url.split(":")[0]
        number = 0
        for block in story.blocks:
            if block.kind == "image":
                number += 1
                address = (
                    f"{scheme}://{story.host}/uploadpics/{story.day:%Y%m}/{story.serial:05d}{number}.png"
                )
                story.images.append([address, block.text])

    def reprint(
        self, origin: Story, title: str, blocks: tuple[Block, ...], named: bool = True
    ) -> tuple[str, tuple[Block, ...], str | None]:
        """Take a story over as another site does: other first words, small edits, sometimes no last paragraph.

        Gives title, body and the byline that the body now carries; `named` allows one.
        """
        edits = (("我市", "连云港市"), ("昨日", "日前"), ("记者了解到", "笔者获悉"), ("告诉记者", "介绍"))
        old, new = edits[origin.serial % len(edits)]
        taken = tuple(
            Block(block.kind, block.text.replace(old, new), block.rows)
            for block in blocks
            if block.kind != "image"
        )
        if taken[0].text.startswith("【连网】"):
            taken = (Block("p", taken[0].text.split(") ", 1)[1]), *taken[1:])
        if origin.serial % 3 == 0 and len(taken) > 5:
            taken = taken[:-1]
        byline = origin.byline if origin.serial % 2 and named else None
        if byline:
            taken = (Block("p", f"本报讯（记者 {byline}）{taken[0].text}"), *taken[1:])
        return (title.replace(" ", "，") if origin.serial % 4 == 0 else title), taken, byline

    def daily(self, plan: ChannelPlan, draft: Draft) -> Story:
        serial = self.next_serial()
        template = "2018" if serial % 2 else "2021"
        blocks = draft.blocks
        byline = None
        if template == "2018" and blocks[0].kind == "p":
            byline = f"{draft.reporter} 通讯员 {draft.correspondent}"
            first = f"【连网】 (连云港日报全媒体记者 {byline}) {blocks[0].text}"
            blocks = (Block("p", first), *blocks[1:])
        story = Story(
            url=self.daily_url(plan.code, draft.day),
            host=DAILY,
            portal="lyg01.net",
            channel=plan.code,
            channel_name=plan.name,
            title=draft.title,
            text="",
            published=draft.day.isoformat(),
            source="连云港发布" if template == "2021" else "连云港日报" if byline else None,
            editor=self.rng.choice(("王一鸣", "徐晓白", "葛思雨", "陆江")) if template == "2021" else None,
            author=byline.replace(" 通讯员", "") if byline else None,
            byline=byline,
            template=template,
            metas="none",
            info="none",
            container="div.content" if template == "2018" else "div.article",
            shape=draft.shape,
            topic=draft.topic,
            blocks=blocks,
            serial=serial,
            listed=draft.day.isoformat(),
            listed_title=draft.title,
        )
        if template == "2018":
            story.encoding, story.declared = (
                "gb18030",
                ("meta gb2312", "nothing", "script utf-8, meta gb2312")[serial % 3],
            )
        elif serial % 6 == 0:
            story.declared = "meta gb2312"
        self.finish(story)
        return story

    def paper(self, draft: Draft, section: int, number: int) -> Story:
        serial = self.next_serial()
        story = Story(
            url=f"http://{PAPER}/Media/lygrb/{draft.day.isoformat()}/{SECTIONS[section][:3]}/{number}",
            host=PAPER,
            portal=PAPER,
            channel=SECTIONS[section][:3],
            channel_name="连云港日报",
            title=draft.title,
            text="",
            published=draft.day.isoformat(),
            source="连云港日报",
            section=SECTIONS[section],
            metas="none",
            info="none",
            declared="nothing",
            container="div.article-cont",
            shape=draft.shape,
            topic=draft.topic,
            blocks=tuple(block for block in draft.blocks if block.kind != "table"),
            serial=serial,
            listed=draft.day.isoformat(),
            listed_title=draft.title,
        )
        self.finish(story)
        return story

    # --- the whole

    def plan(self) -> None:
        for plan in CHANNELS:
            if plan.host == DAILY:
                self.fill_daily(plan)
        self.fill_paper()
        for plan in CHANNELS:
            if plan.host != DAILY:
                self.fill_truecms(plan)
        self.second_night()
        self.tamper()
        self.split()
        self.run_over()
        self.plant()
        if self.extras:
            self.add_extras()
        self.stories.sort(key=lambda story: (story.listed or "", story.serial), reverse=True)
        for plan in CHANNELS:
            if plan.more == "404":
                listed = [
                    story for story in self.stories if story.host == plan.host and story.channel == plan.code
                ]
                for story in listed[60:]:
                    story.states = dict.fromkeys((1, 2), "unlisted")

    def fill_daily(self, plan: ChannelPlan) -> None:
        for number in range(self.size(plan.count)):
            draft = self.desk.commission(plan.shapes[number % len(plan.shapes)], self.day(number * plan.gap))
            self.stories.append(self.daily(plan, draft))

    def issue(self, day: date) -> list[Story]:
        per_section = 2 if self.scale > 0.5 else 1
        found = []
        elsewhere = [
            story
            for story in self.stories
            if story.host == DAILY
            and story.channel == "news/lygxw"
            and story.day == day
            and story.shape == "feature"
        ]
        for section in range(len(SECTIONS) if self.scale > 0.3 else 2):
            for number in range(1, per_section + 1):
                if section == 0 and elsewhere:
                    origin = elsewhere.pop()
                    draft = Draft(origin.topic, "feature", origin.title, origin.blocks, "", "", "", day)
                    title, blocks, byline = self.reprint(origin, origin.title, origin.blocks)
                    story = self.paper(draft._replace(title=title, blocks=blocks), section, number)
                    story.duplicate_of, story.byline = origin.url, byline
                    story.author = byline.replace(" 通讯员", "") if byline else None
                else:
                    story = self.paper(
                        self.desk.commission("feature", day, size=self.rng.random() * 0.5), section, number
                    )
                found.append(story)
        return found

    def fill_paper(self) -> None:
        days = PAPER_DAYS if self.scale > 0.3 else 4
        for back in range(1, days + 1):
            if back != min(MISSING_DAY, days - 1):
                self.stories += self.issue(self.today - timedelta(days=back))

    def fill_truecms(self, plan: ChannelPlan) -> None:
        origins = [
            story
            for story in self.stories
            if story.portal in ("lyg01.net", PAPER) and story.shape == "feature" and not story.duplicate_of
        ]
        for number in range(self.size(plan.count)):
            day = self.day(number * plan.gap)
            shape = plan.shapes[number % len(plan.shapes)]
            topic = self.rng.choice(BUREAU_TOPICS) if plan.host == BUREAU else None
            origin = None
            if (plan.code == "gcyw" and number % 5 == 2) or (
                plan.host == BUREAU and plan.code == "gzdt" and number % 3 == 1
            ):
                near = [
                    one for one in origins if one.url not in {story.duplicate_of for story in self.stories}
                ]
                origin = near[number % len(near)] if near else None
            if origin is not None:
                draft = Draft(
                    origin.topic, origin.shape, origin.title, origin.blocks, self.rng.choice(("陈港", "周海")), "", "",
                    origin.day,
                )  # fmt: skip
            else:
                size = self.rng.random() ** 1.5
                draft = self.desk.commission(shape, day, topic, size)
            self.stories.append(self.truecms(plan, draft, origin=origin))
        places = (
            "https://mp.weixin.qq.com/s/{0:016x}",
            "http://www.mca.gov.cn/article/xw/{0:08x}.shtml",
            "http://www.lyg-gov.cn/zglygzfmhwz/gcyw/content/{0:016x}.html",
            "http://www.jiangsu.gov.cn/art/2024/1/8/art_{0:x}.html",
            "http://mzzj.lyg.gov.cn/lygmzzj/gzdt/content/{0:016x}.html",
        )
        for number in range(plan.offsite):
            listed = self.day(number * plan.gap * 2 + 1)
            title = f"{('转载', '关注', '视频', '链接')[number % 4]}：连云港{self.desk.commission('short', listed).title}"
            url = places[(number + len(plan.code)) % len(places)].format(self.rng.getrandbits(60))
            self.offsite.append(
                Offsite(
                    portal=plan.host,
                    channel=plan.code,
                    url=url,
                    title=title,
                    listed=listed.isoformat(),
                    serial=self.next_serial(),
                )
            )

    def recent(self, host: str, channel: str) -> list[Story]:
        """Give the stories of the last ten days that are free for a change."""
        return [
            story
            for story in self.stories
            if story.host == host
            and story.channel == channel
            and (self.today - story.day).days <= 10
            and set(story.states.values()) == {"present"}
            and story.shape in ("feature", "notice", "short", "picture")
            and not story.duplicate_of
        ]

    def second_night(self) -> None:
        new = [
            ("gcyw", CITY, 0),
            ("gcyw", CITY, 0),
            ("gzdt_msss2023", CITY, 0),
            ("shms", CITY, 0),
            ("mtbd", CITY, 0),
        ]
        new += [
            ("tzgg", BUREAU, 0),
            ("gzdt", BUREAU, 0),
            ("news/lygxw", DAILY, 0),
            ("zx/xqxw", DAILY, 0),
            ("gcyw", CITY, 6),
        ]
        for code, host, back in new:
            plan = next(one for one in CHANNELS if one.host == host and one.code == code)
            topic = "养老" if host == BUREAU else None
            draft = self.desk.commission("feature", self.today - timedelta(days=back), topic)
            story = self.daily(plan, draft) if host == DAILY else self.truecms(plan, draft)
            story.states = {1: "absent", 2: "present"}
            self.stories.append(story)
        for story in self.issue(self.today):
            story.states = {1: "absent", 2: "present"}
            self.stories.append(story)
        changed = (
            (CITY, "gcyw", "corrected"),
            (BUREAU, "tzgg", "extended"),
            (DAILY, "news/lygxw", "edited"),
            (CITY, "gsgg", "corrected"),
            (CITY, "mtbd", "furniture only"),
        )
        for host, code, kind in changed:
            found = self.recent(host, code)
            if found:
                self.edit(found[len(found) // 2], kind)
        found = self.recent(CITY, "gcyw")
        if found:
            found[-1].states = {1: "present", 2: "withdrawn"}
            found[-1].changes = {2: "withdrawn"}
        found = self.recent(BUREAU, "ylfw")
        if found:
            found[0].states = {1: "present", 2: "replaced", 3: "present"}
            found[0].changes = {2: "withdrawn", 3: "restored"}

    def edit(self, story: Story, kind: str) -> None:
        """Have a story changed by its editors on the second night, or the furniture of its page by the portal."""
        blocks = list(story.blocks)
        at = next(i for i, block in enumerate(blocks) if block.kind == "p")
        further = Block("p", f"截稿前又有新的进展：相关工作已延伸到{7 + story.serial % 30}个村（社区）。")
        if kind == "corrected":
            said = blocks[at].text + "（更正：原文中的个别数据有误，现已按主管部门核定数改正。）"
            blocks[at : at + 1] = [Block("p", said), further]
            story.later_title = story.title + "（更新）" if story.channel == "gsgg" else None
        elif kind == "extended":
            blocks.insert(at + 1, further)
        elif kind == "edited":
            last = max(i for i, block in enumerate(blocks) if block.kind == "p")
            blocks[last] = Block("p", "据相关负责人介绍，" + blocks[last].text)
        story.states = {1: "present", 2: "edited"}
        story.changes = {2: kind}
        story.later_text = plain(blocks)
        if kind == "furniture only":
            blocks.append(Block("p", f"累计阅读：{1000 + 7 * story.serial} 人次"))
        story.later_blocks = tuple(blocks)

    def free(self, host: str, channel: str) -> list[Story]:
        """Give the stories to which nothing was done."""
        return [
            story
            for story in self.stories
            if story.host == host
            and story.channel == channel
            and set(story.states.values()) == {"present"}
            and not story.duplicate_of
            and not story.tampered
            and story.shape == "feature"
        ]

    def tamper(self) -> None:
        from .truecms import mirror_page  # the page decides whether a copy of it can be undone

        wanted = 8 if self.scale > 0.5 else 3
        plan = next(one for one in CHANNELS if one.code == "gzdt_msss2023")
        for number, story in enumerate(self.free(CITY, plan.code)[:wanted]):
            story.info, story.metas, story.encoding, story.declared = "bullets", "none", "utf-8", "meta utf-8"
            story.container, story.editor, story.author, story.source = "div#zoom", None, None, "连云港日报"
            story.published = self.moment(story.day).isoformat()
            story.tampered = ["mirror"]
            for _ in range(60):
                draft = self.desk.commission("feature", story.day, size=0.1 + 0.07 * number)
                story.title, story.blocks, story.topic = draft.title, draft.blocks, draft.topic
                story.images, story.attachments = [], []
                self.finish(story)
                fit = mirror_page(story)
                # Two copies out of three must have a broken character: those are what repair is about.
                if fit is not None and (fit > 0 or number % 3 == 0):
                    story.seams = fit
                    break
            story.listed_title = story.title[:16] + "..." if len(story.title) > 18 else story.title
            if number % 2 == 0:
                self.add_spam(story, "spam line", number)
        pools = (
            (CITY, "gcyw", ("hidden spam", "link farm", "spam line", "title")),
            (CITY, "shms", ("hidden spam", "spam line")),
            (CITY, "bmdt", ("link farm", "hidden spam", "title")),
            (DAILY, "news/lygxw", ("hidden spam", "link farm")),
            (DAILY, "zx/xqxw", ("spam line",)),
            (BUREAU, "gzdt", ("link farm",)),
        )
        for host, code, kinds in pools:
            pool = self.free(host, code)
            for number, kind in enumerate(kinds * (2 if self.scale > 0.5 else 1)):
                if number < len(pool):
                    self.add_spam(pool[number], kind, number)

    def add_spam(self, story: Story, kind: str, number: int) -> None:
        rng = self.rng
        if kind == "title" and story.info in ("none", "document"):
            kind = "hidden spam"  # its tags are needed for the date
        story.tampered.append(kind)
        if kind == "spam line":
            said = [word.rstrip("|") + "|" for word in (*ADULT[number % 5 :], *ADULT[: number % 5])]
            story.spam.append({"kind": kind, "text": " ".join(said), "links": []})
            return
        said = rng.sample(GAMBLING, 4 if kind == "title" else 9)
        links = [f"http://{rng.choice(SPAM_SITES)}/{rng.getrandbits(24):06x}/" for _ in said]
        if kind == "title":
            story.spam.append({"kind": kind, "text": "_".join(said), "links": []})
            story.metas = "title"
            if story.info == "meta only":
                story.info, story.published = "spans", self.moment(story.day).isoformat()
            story.author = story.author if story.info == "author" else None
        else:
            story.spam.append({"kind": kind, "text": " ".join(said), "links": links})

    def split(self) -> None:
        """Split some stories over several pages, in each way that platforms have, and set a trap beside one."""
        ways = (
            (CITY, "gcyw", "numbers", 3),
            (CITY, "gcyw", "autopage", 2),
            (CITY, "shms", "script", 3),
            (DAILY, "news/lygxw", "next", 2),
        )
        for host, code, pager, count in ways:
            pool = [one for one in self.free(host, code) if len(one.blocks) >= 2 * count and not one.parts]
            if pager == "script":  # one whose every page has spam
                pool = [
                    one
                    for one in self.of(host, code)
                    if "hidden spam" in one.tampered and len(one.blocks) >= 2 * count
                ]
            if not pool or len(self.of(host, code)) < 6:
                continue  # a small world keeps its few stories plain
            story = pool[len(pool) // 2]
            first = 1 if pager in ("script", "autopage") else 2
            stem, _, ending = story.url.rpartition(".")
            story.parts = [f"{stem}_{number}.{ending}" for number in range(first, first + count - 1)]
            story.cuts = [number * len(story.blocks) // count for number in range(1, count)]
            story.pager = pager
            if pager == "autopage":
                story.late, story.states = True, {1: "present", 2: "edited"}
                story.changes = {2: "extended"}
                story.text, story.later_text = plain(story.blocks[: story.cuts[-1]]), story.text
            elif pager == "numbers":  # its neighbour has the name of a part, and is none
                others = [one for one in self.free(host, code) if one is not story and not one.parts]
                for neighbour in others[:1]:
                    neighbour.url = f"{stem}_9.{ending}"

    def run_over(self) -> None:
        """Let a story of the newest issue's front page go on, in the middle of a sentence, on another page."""
        paper = [one for one in self.stories if one.host == PAPER and set(one.states.values()) == {"present"}]
        newest = max(one.published for one in paper)
        issue = [one for one in paper if one.published == newest]
        story = next(one for one in issue if one.section == SECTIONS[0] and len(one.blocks) > 3)
        other = max(one.url for one in issue).rpartition("/")[0]
        block = next(at for at in (2, 1, 3, 0) if "，" in story.blocks[at].text)
        story.runover = f"{other}/9"
        story.over = [block, story.blocks[block].text.index("，") + 1]

    def of(self, host: str, channel: str) -> list[Story]:
        """Give a channel's stories, as they were planned."""
        return [story for story in self.stories if story.host == host and story.channel == channel]

    def add_extras(self) -> None:
        for code, state in (("gcyw", "gone"), ("shms", "challenged")):
            free = [one for one in self.free(CITY, code) if not one.parts]
            if free:
                free[-1].states = dict.fromkeys((1, 2), state)


def plan(seed: int = 1, today: date | None = None, stories: int | None = None, extras: bool = True) -> World:
    """Plan the replica.

    `today` is the day of night 1, from which all dates are counted backwards (default: the real one);
    `stories` scales the world down to about so many; `extras` adds one story that is always 404 and one
    behind a gate. The same arguments give the same world.
    """
    today = today or datetime.now(ZONE).date()
    planner = _Planner(seed, today, stories, extras)
    planner.plan()
    world = World(seed=seed, today=today, stories=planner.stories, offsite=planner.offsite, extras=extras)
    world.by_path = {(story.host, story.path): story for story in world.stories}
    return world
