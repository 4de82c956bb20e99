"""Measure the search for near-duplicates: what is found, what is wrongly linked, what it costs beside datasketch.

    python -m tests.bench.duplicates [--texts N] [--planted N] [--orders oldest,newest,random] [--seed N]

Texts of a city's press are made up, among them series that differ in figures or names only; copies of some are planted
(edited, cut, framed, reflowed, in the other script), and what is only like another text (a quote in it, its title). All
of them are saved in several orders of arrival, as a crawl does, and the archive's own links are looked at. A copy is found
where it is linked to its original; a text is wrongly linked where its cluster has a text of another origin.

Costs are CPU seconds of the process, system calls included, in processes of their own; the peer is datasketch's MinHashLSH
in memory, if installed (128 permutations, the same runs of three folded characters), given what it takes in two ways.
Default sizes take some minutes, 300,000 texts an hour or two.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crawler.archive import Archive
from crawler.text import tables
from crawler.text.signatures import GRAM, bands, fold, sign
from tests.bench.pages import SHARED

BATCH = 50
"""Texts in a transaction, as ARCHIVE_BATCH_PAGES has it."""

# --- the words of a city ---

OFFICES = [
    "市民政局",
    "市教育局",
    "市公安局",
    "市财政局",
    "市交通运输局",
    "市水利局",
    "市农业农村局",
    "市商务局",
    "市文广旅局",
    "市卫健委",
    "市应急管理局",
    "市市场监管局",
    "市统计局",
    "市医保局",
    "市体育局",
    "市住建局",
    "市城管局",
    "市生态环境局",
    "市自然资源局",
    "市人社局",
    "市司法局",
    "市审计局",
    "市气象局",
    "市税务局",
    "市总工会",
    "团市委",
    "市妇联",
    "市残联",
    "市红十字会",
    "市慈善总会",
    "市老龄办",
    "市文明办",
    "市供电公司",
    "市自来水公司",
    "港口集团",
    "海州区政府",
    "连云区政府",
    "赣榆区政府",
    "东海县政府",
    "灌云县政府",
    "灌南县政府",
    "市开发区管委会",
    "徐圩新区管委会",
    "市高新区管委会",
    "云台山景区管委会",
]
TOWNS = [
    "新浦街道",
    "海州街道",
    "幸福路街道",
    "朐阳街道",
    "洪门街道",
    "宁海街道",
    "浦西街道",
    "新东街道",
    "新南街道",
    "路南街道",
    "南城街道",
    "花果山街道",
    "郁州街道",
    "锦屏镇",
    "新坝镇",
    "板浦镇",
    "浦南镇",
    "墟沟街道",
    "连云街道",
    "连岛街道",
    "宿城街道",
    "高公岛街道",
    "海州湾街道",
    "云山街道",
    "板桥街道",
    "徐圩街道",
    "青口镇",
    "柘汪镇",
    "石桥镇",
    "金山镇",
    "黑林镇",
    "厉庄镇",
    "海头镇",
    "塔山镇",
    "赣马镇",
    "班庄镇",
    "城头镇",
    "城西镇",
    "宋庄镇",
    "沙河镇",
    "墩尚镇",
    "牛山街道",
    "白塔埠镇",
    "黄川镇",
    "石梁河镇",
    "青湖镇",
    "温泉镇",
    "双店镇",
    "桃林镇",
    "洪庄镇",
    "安峰镇",
    "房山镇",
    "平明镇",
    "伊山镇",
    "杨集镇",
    "燕尾港镇",
    "同兴镇",
    "四队镇",
    "圩丰镇",
    "龙苴镇",
    "下车镇",
    "图河镇",
    "东王集镇",
    "小伊镇",
    "新安镇",
    "堆沟港镇",
    "北陈集镇",
    "张店镇",
    "三口镇",
    "孟兴庄镇",
    "汤沟镇",
    "百禄镇",
    "新集镇",
    "李集镇",
    "田楼镇",
]
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀霞平刚桂英华玉萍红娟建国志文海燕春梅晓东亮雪飞龙鹏宇浩然佳怡思远子轩梦琪雨欣博俊凯欣悦宁馨波辉斌成林峰晨曦瑞昊天翔"
DEEDS = [
    "召开推进会",
    "全面启动",
    "如期完成",
    "开展专项检查",
    "组织专家调研",
    "公布实施方案",
    "加快建设",
    "顺利验收",
    "举行揭牌仪式",
    "集中开工",
    "组织现场观摩",
    "发布工作指引",
    "开展业务培训",
    "部署下一阶段任务",
    "进行实地督查",
    "举办主题宣传日活动",
    "签订合作协议",
    "建立联席会议制度",
    "启用新系统",
    "接受群众评议",
]
TELLING = [
    "据了解，",
    "据介绍，",
    "记者从{office}获悉，",
    "记者近日在{town}采访时看到，",
    "{office}相关负责人{name}表示，",
    "据统计，",
    "近年来，",
    "今年以来，",
    "目前，",
    "下一步，",
    "与此同时，",
    "在{town}，",
    "{name}告诉记者，",
    "截至{month}月{day}日，",
    "据{office}介绍，",
    "根据安排，",
    "{month}月{day}日，",
    "其中，",
    "此外，",
    "为此，",
]
STOCK = [
    "扎实做好各项工作",
    "不断提升群众的获得感、幸福感、安全感",
    "为全市经济社会发展作出新的贡献",
    "切实把好事办好、实事办实",
    "受到群众一致好评",
    "进一步压实工作责任",
    "形成齐抓共管的工作格局",
    "让老百姓得到更多实惠",
    "全市共有{count}名群众从中受益",
    "累计投入资金{count}万元",
    "比去年同期增长{percent}%",
    "涉及{small}个乡镇（街道）",
    "完成年度目标任务的{percent}%",
    "组织志愿者{count}人次",
    "发放宣传资料{count}余份",
    "排查整改问题{count}处",
    "惠及居民{count}户",
    "确保按时保质完成",
    "推动各项政策落地见效",
    "打通服务群众的“最后一公里”",
    "坚持问题导向和目标导向",
    "强化部门协作和上下联动",
    "建立健全长效机制",
    "营造全社会共同参与的浓厚氛围",
    "提供全方位、多层次的服务",
    "围绕中心、服务大局",
    "严格落实属地责任",
    "把安全生产放在首位",
    "以更高标准、更实举措抓好落实",
    "得到了参会人员的普遍认可",
]
HEADS = (
    "首页　新闻中心　政务公开　互动交流\n当前位置：首页 > 要闻\n发布时间：{date}　来源：{source}　浏览次数：{count}\n",
    "【字体：大 中 小】\n来源：{source}　作者：{name}　{date}\n",
    "{source}讯　（记者 {name}）",
    "索引号：{count}\n发布机构：{office}\n生成日期：{date}\n",
)
FEET = (
    "\n责任编辑：{name}\n【打印】【关闭】\n扫一扫在手机打开当前页\n主办：{office}　备案号：苏ICP备{count}号",
    "\n（{source}　{name}）\n上一篇：{stock}\n下一篇：{stock}",
    "\n编辑：{name}　校对：{name}\n版权所有 未经授权不得转载",
)
SOURCES = [
    "连云港日报",
    "苍梧晚报",
    "连云港发布",
    "市政府网站",
    "新华日报",
    "交汇点新闻",
    "江苏民政",
    "中国江苏网",
]
GOODS = [
    "大米",
    "面粉",
    "花生油",
    "大豆油",
    "菜籽油",
    "猪肉",
    "牛肉",
    "羊肉",
    "鸡肉",
    "鸡蛋",
    "鲤鱼",
    "草鱼",
    "带鱼",
    "对虾",
    "梭子蟹",
    "青菜",
    "大白菜",
    "芹菜",
    "韭菜",
    "黄瓜",
    "西红柿",
    "茄子",
    "青椒",
    "豆角",
    "土豆",
    "胡萝卜",
    "白萝卜",
    "生姜",
    "大蒜",
    "大葱",
    "苹果",
    "香蕉",
    "西瓜",
    "豆腐",
    "牛奶",
]
SKIES = ["晴", "多云", "阴", "小雨", "中雨", "阵雨", "雷阵雨", "晴到多云", "阴有小雨", "雨夹雪"]
WINDS = ["东北风", "东南风", "偏北风", "偏南风", "西北风", "西南风", "偏东风"]
HONOURS = ["优秀志愿者", "最美护理员", "优秀社区工作者", "孝老爱亲之星", "先进个人", "优秀网格员"]


class Babble:
    """Chinese without end: characters after the two before them, as ``data/tables/ngrams.tsv`` counts them."""

    def __init__(self) -> None:
        rows = {context: followers for context, _, followers in tables.read("ngrams")}
        number = {context: at for at, context in enumerate(rows)}
        chars: list[str] = []
        following: list[int] = []
        odds: list[float] = []
        ends: list[int] = []
        for context, followers in rows.items():
            cost = 0.0
            for char in followers:
                if "a" <= char <= "z":
                    cost = (ord(char) - 97) / 2
                    continue
                chars.append(char)
                odds.append(float(np.exp(-cost)))
                following.append(number.get(context[-1:] + char, number.get(char, number["$"])))
            ends.append(len(chars))
        self.chars = np.array([ord(char) for char in chars], np.uint32)
        self.following = np.array(following)
        # one rising line for all rows: the row's number and, behind the point, how far its followers reach
        sums = np.cumsum(odds)
        starts = np.concatenate(([0], ends[:-1])).astype(np.intp)
        before = np.concatenate(([0.0], sums))[starts]
        row_of = np.repeat(np.arange(len(ends)), np.diff(np.concatenate(([0], ends))))
        whole = np.concatenate(([0.0], sums))[np.array(ends)] - before
        self.line = row_of + (sums - before[row_of]) / whole[row_of]
        self.line[np.array(ends)[whole > 0] - 1] = row_of[np.array(ends)[whole > 0] - 1] + 1.0
        self.start = number["$"]

    def tell(self, lengths: Iterable[int], chance: np.random.Generator) -> list[str]:
        """Give a text of each length, ``。`` at the ends of lines."""
        wanted = list(lengths)
        steps = max(wanted)
        states = np.full(len(wanted), self.start)
        told = np.empty((steps, len(wanted)), np.uint32)
        for step in range(steps):
            at = np.searchsorted(self.line, states + chance.random(len(wanted)) * 0.999999, side="right")
            told[step] = self.chars[at]
            states = self.following[at]
        return [
            row[:length].tobytes().decode("utf-32-le")
            for row, length in zip(np.ascontiguousarray(told.T), wanted, strict=True)
        ]


class Text(NamedTuple):
    """One text of the press."""

    kind: str
    title: str
    text: str
    day: float
    """Days since the first text."""


class Press:
    """Everything that a city's portals publish, the same for the same seed."""

    def __init__(self, seed: int, per_day: float = 80.0) -> None:
        self.chance = Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.babble = Babble()
        self.per_day = per_day
        terms = self.babble.tell([4] * 40 * 400, self.numbers)
        plain = [re.sub(r"[^\u4e00-\u9fff]", "", term) for term in terms]
        self.topics = [
            [term for term in plain[at : at + 40] if len(term) > 1] for at in range(0, len(plain), 40)
        ]

    def name(self) -> str:
        """Make up a person."""
        return self.chance.choice(SURNAMES) + "".join(
            self.chance.choices(GIVEN, k=self.chance.choice((1, 2, 2, 2)))
        )

    def fill(self, pattern: str) -> str:
        """Fill the places of a pattern."""
        if "{" not in pattern:
            return pattern
        chance = self.chance
        return pattern.format_map(_Filler(self, chance))

    def texts(self, count: int) -> Iterator[Text]:
        """Give `count` texts in order of publication: nine of ten a story, the others of some series."""
        done = 0
        while done < count:
            size = min(2000, count - done)
            lengths = np.clip(np.exp(self.numbers.normal(6.2, 0.6, size)), 90, 2600).astype(int)
            told = self.babble.tell((lengths * 0.72).astype(int), self.numbers)
            for length, clauses in zip(lengths, told, strict=True):
                day = done / self.per_day
                done += 1
                draw = self.chance.random()
                if draw < 0.9:
                    yield self.story(clauses, int(length), day)
                else:
                    make = (prices, weather, winners, appointment, recruiting)[int((draw - 0.9) * 50)]
                    title, text = make(self, day)
                    yield Text(make.__name__, title, text, day)

    def story(self, clauses: str, length: int, day: float) -> Text:
        """Write a story: what only it tells, among what all of them say."""
        chance = self.chance
        topic = chance.choice(self.topics)
        fresh = [part for part in re.split(r"[$，。；：！？、]+", clauses) if part]
        out: list[str] = []
        size = 0
        at = 0
        while size < length:
            draw = chance.random()
            if draw < 0.05:
                part = self.fill(chance.choice(TELLING))
            elif draw < 0.12:
                part = self.fill(chance.choice(STOCK)) + "，"
            elif draw < 0.16:
                part = chance.choice(OFFICES) + chance.choice(DEEDS) + "，"
            elif draw < 0.26:
                part = chance.choice(topic) + chance.choice(topic)
            elif at < len(fresh):
                part = fresh[at] + chance.choice("，，，。、")
                at += 1
            else:
                break
            out.append(part)
            size += len(part)
            if chance.random() < 0.2:
                out.append(chance.choice(("。", "。", "。", "。\n")))
        text = _with_figures("".join(out), chance)
        text = (
            re.sub("[，。、]*。[，。、]*", "。", re.sub(r"(.)\1{2,}", r"\1\1", text)).strip("，。、\n") + "。"
        )
        title = chance.choice(OFFICES) + chance.choice(topic) + chance.choice(DEEDS)
        return Text("story", title, text, day)


class _Filler(dict[str, str]):
    """What stands in the places of a pattern."""

    def __init__(self, press: Press, chance: Random) -> None:
        super().__init__()
        self.press, self.chance = press, chance

    def __missing__(self, key: str) -> str:
        chance = self.chance
        match key:
            case "office" | "town" | "source" | "stock":
                found = chance.choice(
                    {"office": OFFICES, "town": TOWNS, "source": SOURCES, "stock": STOCK}[key]
                )
                return found.partition("{")[0]
            case "name":
                return self.press.name()
            case "month":
                return str(chance.randint(1, 12))
            case "day":
                return str(chance.randint(1, 28))
            case "date":
                return f"20{chance.randint(10, 25)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
            case "percent":
                return f"{chance.uniform(1, 99):.1f}"
            case "small":
                return str(chance.randint(2, 40))
            case _:
                return str(int(10 ** chance.uniform(1, 4)))


def _with_figures(text: str, chance: Random) -> str:
    """Put figures and letters where the counts have a class of them."""
    text = text.replace("A", "").replace("$", "")
    return re.sub(
        "0+", lambda match: str(int(10 ** chance.uniform(0, 4))) if chance.random() < 0.5 else "", text
    )


# --- series: only figures or names change ---


def prices(press: Press, day: float) -> tuple[str, str]:
    """Write a weekly price bulletin."""
    chance = press.chance
    chosen = sorted(chance.sample(range(len(GOODS)), 18))
    told = "；".join(
        f"{GOODS[at]}每500克{chance.uniform(1, 40):.2f}元，环比{chance.choice(('上涨', '下降'))}{chance.uniform(0, 9):.1f}%"
        for at in chosen
    )
    when = date(2010, 1, 1) + timedelta(days=day)
    return (
        "市区主要农副产品价格监测周报",
        f"据市发改委价格监测中心对市区{chance.randint(6, 12)}家农贸市场和超市的监测，{when.month}月{when.day}日这一周，"
        f"我市主要农副产品价格总体平稳，有涨有跌。\n监测的{len(chosen)}种商品中，{told}。\n"
        "预计下周市场供应充足，价格以稳为主，不会出现大的波动，请广大市民合理安排采购。",
    )


def weather(press: Press, day: float) -> tuple[str, str]:
    """Write a daily forecast."""
    chance = press.chance
    when = date(2010, 1, 1) + timedelta(days=day)
    days = "；".join(
        f"{name}{chance.choice(SKIES)}转{chance.choice(SKIES)}，{chance.choice(WINDS)}{chance.randint(2, 4)}到{chance.randint(5, 6)}级，"
        f"最低气温{chance.randint(-5, 20)}℃，最高气温{chance.randint(8, 36)}℃"
        for name in ("今天夜里到明天", "后天", "大后天")
    )
    return (
        "全市天气预报",
        f"市气象台{when.month}月{when.day}日{chance.randint(15, 17)}时发布：{days}。\n明晨各县区最低气温：市区{chance.randint(-5, 20)}℃、"
        f"赣榆{chance.randint(-5, 20)}℃、东海{chance.randint(-5, 20)}℃、灌云{chance.randint(-5, 20)}℃、灌南{chance.randint(-5, 20)}℃。"
        "请注意防范大风和降温的影响，合理安排出行，最新消息请关注后续预报。",
    )


def winners(press: Press, day: float) -> tuple[str, str]:
    """Write a list of people who were chosen."""
    chance = press.chance
    people = "\n".join(
        f"{number}、{press.name()}，{chance.choice(TOWNS)}，服务时长{chance.randint(50, 400)}小时"
        for number in range(1, chance.randint(12, 30))
    )
    return (
        f"全市{chance.choice(HONOURS)}评选结果公示",
        f"根据评选工作安排，经个人申报、单位推荐、专家评审，拟确定下列人员为全市{chance.choice(HONOURS)}，现予公示，"
        f"公示期五个工作日。\n{people}\n公示期间如有异议，请以书面形式实名向评选工作办公室反映。",
    )


def appointment(press: Press, day: float) -> tuple[str, str]:
    """Write a notice that differs from the others in a name and an office."""
    name, office = press.name(), press.chance.choice(OFFICES[:30])
    return (
        "关于干部任职的通知",
        f"各县区人民政府，市各委办局，市各直属单位：\n经研究决定，任命{name}同志为{office}副局长，试用期一年。\n"
        f"{name}同志任职期间，应当认真履行职责，自觉接受组织和群众的监督，按照规定参加教育培训和年度考核。\n"
        "特此通知，请遵照执行。",
    )


def recruiting(press: Press, day: float) -> tuple[str, str]:
    """Write a notice of a few lines with some figures."""
    chance = press.chance
    return (
        "公开招聘工作人员公告",
        press.fill(
            f"因工作需要，{{office}}面向社会公开招聘编外工作人员{chance.randint(2, 30)}名，年龄{chance.randint(18, 25)}至"
            f"{chance.randint(35, 45)}周岁，大专以上学历。报名时间为{{month}}月{{day}}日至{{day}}日，报名地点为{{town}}便民服务中心"
            f"{chance.randint(1, 5)}楼，联系人{{name}}，咨询电话0518-{chance.randint(80000000, 89999999)}。"
            "报名者应如实提供身份证、学历证书等材料，资格审查贯穿招聘全过程，弄虚作假者取消聘用资格。"
        ),
    )


SERIES = tuple(make.__name__ for make in (prices, weather, winners, appointment, recruiting))


# --- copies, and what is only like a copy ---

_COMMON = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严"


def edited(text: str, share: float, words: bool, chance: Random) -> str:
    """Exchange (mostly), drop or insert characters, or words of two, until `share` of the characters is touched."""
    size = 2 if words else 1
    out: list[str] = []
    at = 0
    while at < len(text):
        if chance.random() >= share / size:
            out.append(text[at])
            at += 1
            continue
        draw = chance.random()
        if draw < 0.85:
            out.extend(chance.choices(_COMMON, k=size))
        at += 0 if 0.7 < draw < 0.85 else size
    return "".join(out)


def _converter() -> Callable[[str], str]:
    try:
        from opencc import OpenCC
    except ImportError:
        forms = {ord(several[0]): char for char, several in tables.read("traditional") if several}
        return lambda text: text.translate(forms)
    return OpenCC("s2t").convert


def copies(press: Press) -> dict[str, Callable[[Text], str]]:
    """Give the ways to copy a text."""
    chance, convert = press.chance, _converter()

    def framed(of: Text) -> str:
        return press.fill(chance.choice(HEADS)) + of.text + press.fill(chance.choice(FEET))

    def reflowed(of: Text) -> str:
        wide = {code: code + 0xFEE0 for code in range(0x30, 0x3A)} if chance.random() < 0.5 else {}
        return re.sub(
            "[，。]", lambda match: match.group() + chance.choice(("", " ", "\n")), of.text.replace("\n", "")
        ).translate(wide)

    ways: dict[str, Callable[[Text], str]] = {}
    for share in (5, 10, 20):
        ways[f"{share} % characters"] = lambda of, share=share: edited(of.text, share / 100, False, chance)  # type: ignore[misc]
        ways[f"{share} % words"] = lambda of, share=share: edited(of.text, share / 100, True, chance)  # type: ignore[misc]
    ways["cut to 60 %"] = lambda of: of.text[: int(len(of.text) * 0.6)]
    ways["framed"] = framed
    ways["reflowed"] = reflowed
    ways["other script"] = lambda of: convert(of.text)
    return ways


WANTED = {
    "5 %": 99.5,
    "10 %": 99.5,
    "20 %": 95.0,
    "cut": 98.0,
    "framed": 99.5,
    "reflowed": 100.0,
    "other": 99.0,
}
"""Recall in percent that the archive is held to, by the beginning of the kind."""


def compose(place: Path, count: int, planted: int, seed: int) -> None:
    """Write the whole press into a file: ``texts`` in order of publication, each with its kind and its origin."""
    press = Press(seed)
    with closing(sqlite3.connect(place)) as conn:
        conn.execute("PRAGMA synchronous=OFF")
        conn.execute("CREATE TABLE drafts (n INTEGER PRIMARY KEY, kind, origin, title, text, day REAL)")
        conn.executemany(
            "INSERT INTO drafts VALUES (?, ?, NULL, ?, ?, ?)",
            ((n, *each) for n, each in enumerate(press.texts(count))),
        )

        def some(condition: str, several: int) -> list[tuple[int, Text]]:
            numbers = [
                row[0] for row in conn.execute(f"SELECT n FROM drafts WHERE n < {count} AND {condition}")
            ]
            chosen = press.chance.sample(numbers, min(several, len(numbers)))
            fetch = "SELECT kind, title, text, day FROM drafts WHERE n = ?"
            return [(n, Text(*conn.execute(fetch, (n,)).fetchone())) for n in chosen]

        def plant(kind: str, origin: int | None, title: str, text: str, day: float) -> None:
            conn.execute(
                "INSERT INTO drafts (kind, origin, title, text, day) VALUES (?, ?, ?, ?, ?)",
                (kind, origin, title, text, day + press.chance.expovariate(1 / 20)),
            )

        ways = copies(press)
        originals = some("kind = 'story' AND length(text) >= 200", planted * (len(ways) + 2))
        for at, (n, of) in enumerate(originals[: planted * len(ways)]):
            way = list(ways)[at % len(ways)]
            title = of.title if press.chance.random() < 0.7 else of.title + "取得新进展"
            plant(way, n, title, ways[way](of), of.day)
        for n, of in some(f"kind IN {SERIES}", planted // 2):
            plant("bulletin framed", n, of.title, ways["framed"](of), of.day)
        rest = originals[planted * len(ways) :]
        others = (each for each in Press(seed + 1).texts(2 * len(rest) + 100) if each.kind == "story")
        for at, ((_, of), own) in enumerate(zip(rest, others, strict=False)):
            if at % 2:
                quoted = of.text[: max(40, int(len(own.text) * 0.3 / 0.7))]
                plant("quote", None, own.title, own.text + "\n" + quoted, of.day)
            else:
                plant("same title", None, of.title, edited_year(of, own), of.day + 365)
        conn.execute(
            "CREATE TABLE texts AS SELECT row_number() OVER (ORDER BY day, n) AS n, kind, origin, n AS draft, title, text, day FROM drafts"
        )
        conn.execute("DROP TABLE drafts")
        conn.execute("CREATE UNIQUE INDEX place ON texts(n)")
        conn.commit()


def edited_year(of: Text, own: Text) -> str:
    """Write what the same office says a year later under the same title: a beginning alike, other figures, another story."""
    start = of.text.find("。", 30) + 1 or 60
    return re.sub(r"\d+", lambda match: str(int(match.group()) + 7), of.text[: min(start, 80)]) + own.text


class Corpus:
    """The press as it lies in its file."""

    def __init__(self, place: Path) -> None:
        self.conn = sqlite3.connect(place)
        self.count: int = self.conn.execute("SELECT count(*) FROM texts").fetchone()[0]

    def batches(self, order: str) -> Iterator[list[tuple[int, str, str, str]]]:
        """Give number, title, text and day of publication in batches, in an order of arrival."""
        numbers = list(range(1, self.count + 1))
        if order == "newest":
            numbers.reverse()
        elif order == "random":
            Random(0).shuffle(numbers)
        for at in range(0, len(numbers), BATCH):
            batch = []
            for n in numbers[at : at + BATCH]:
                title, text, day = self.conn.execute(
                    "SELECT title, text, day FROM texts WHERE n = ?", (n,)
                ).fetchone()
                batch.append((n, title, text, (date(2010, 1, 1) + timedelta(days=day)).isoformat()))
            yield batch

    def origins(self) -> dict[int, int]:
        """Give the number of the original of each copy."""
        numbers = dict(self.conn.execute("SELECT draft, n FROM texts"))
        copied = self.conn.execute("SELECT n, origin FROM texts WHERE origin IS NOT NULL")
        return {n: numbers[origin] for n, origin in copied}


# --- what is measured, each in a process of its own ---


def memory(name: str) -> float:
    """Give what the kernel says of this process's memory, in MB: ``VmRSS`` now, ``VmHWM`` at most."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


class Meter:
    """CPU time of the parts that are measured, and growth of memory at its peak."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.texts = 0
        self.before = memory("VmRSS")

    def __enter__(self) -> None:
        self.begun = time.process_time()

    def __exit__(self, *failure: object) -> None:
        self.seconds += time.process_time() - self.begun

    def told(self) -> dict[str, float]:
        """Give texts a CPU second and the growth in MB."""
        return {"speed": self.texts / self.seconds, "memory": memory("VmHWM") - self.before}


def index_alone(corpus: Corpus, place: Path) -> dict[str, object]:
    """Sign, look up and put into the index, committed in batches."""
    archive = Archive(place)
    archive.conn.execute("PRAGMA foreign_keys=OFF")  # there are no articles in this file
    sign("连云港1")
    meter = Meter()
    candidates = 0
    origin = corpus.origins()
    met = 0
    for batch in corpus.batches("oldest"):
        worth = []
        with meter:
            with archive._write():
                for n, _, text, _ in batch:
                    keys = bands(sign(text))
                    found = archive._look_up(keys)
                    worth.append((n, archive._candidates(n, found)))
                    archive._post(n, keys, found)
            archive.commit()
        meter.texts += len(batch)
        candidates += sum(len(others) for _, others in worth)
        met += sum(any(origin[n] == other for other, _ in others) for n, others in worth if n in origin)
    told = meter.told()
    archive.close()
    return {
        **told,
        "candidates": candidates / meter.texts,
        "met": met / max(1, len(origin)),
        "file": place.stat().st_size / 2**20,
    }


def with_vote(corpus: Corpus, place: Path, order: str) -> dict[str, object]:
    """Save articles and let the archive relate them; then look at the links."""
    archive = Archive(place)
    sign("连云港1")
    meter = Meter()
    for batch in corpus.batches(order):
        with meter:
            for n, title, text, published in batch:
                with archive._write():
                    row = {
                        "url": f"http://x.example/{n}",
                        "key": f"x.example/{n}",
                        "portal": "x",
                        "title": title,
                        "text": text,
                    }
                    row |= {
                        "published": published,
                        "tampered": 0,
                        "first_seen": "2026-01-01",
                        "last_seen": "2026-01-01",
                    }
                    archive._relate(
                        archive._insert("articles", {"id": n, **row, "version": 1, "signature": sign(text)})
                    )
            archive.commit()
        meter.texts += len(batch)
    told = meter.told()
    roots = dict(archive.conn.execute("SELECT id, coalesce(duplicate_of, id) FROM articles").fetchall())
    archive.close()
    kinds = {}
    origins = {}
    numbers = {}
    for n, kind, origin, draft in corpus.conn.execute("SELECT n, kind, origin, draft FROM texts"):
        kinds[n], origins[n], numbers[draft] = kind, draft if origin is None else origin, n
    clusters = defaultdict(list)
    for n, root in roots.items():
        clusters[root].append(n)
    found: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for n, root in roots.items():
        cluster = clusters[root]
        wrong[kinds[n]] += any(origins[other] != origins[n] for other in cluster)
        found[kinds[n]] += roots[numbers[origins[n]]] == root
    return {
        **told,
        "kinds": Counter(kinds.values()),
        "found": found,
        "wrong": wrong,
        "links": [roots[n] for n in sorted(roots)],
    }


PEERS = {
    "datasketch": "its own way",
    "datasketch hashed": "handed our hashes of the runs, which is quicker than any hash function that it can be given",
    "datasketch legacy": "with the permutations that it had before 2.0",
    "datasketch 42 x 3": "with 42 bands of 3, the fewest that meet as many of the copies",
}


def peer(corpus: Corpus, how: str) -> dict[str, object]:
    """Let datasketch do it in memory, as `PEERS` says: sign by batches, look up, insert."""
    from datasketch import MinHash, MinHashLSH

    from crawler.text.signatures import _grams

    sign("连云港1")
    lsh = MinHashLSH(num_perm=128, params=(42, 3)) if "42" in how else MinHashLSH(threshold=0.5, num_perm=128)
    more = {"scheme": "legacy"} if "legacy" in how else {}
    MinHash.bulk([[b"x"]], num_perm=128, **more)
    meter = Meter()
    origin = corpus.origins()
    met = 0
    for batch in corpus.batches("oldest"):
        with meter:
            if "hashed" in how:
                runs: list[list[object]] = [np.unique(_grams(fold(text))).tolist() for _, _, text, _ in batch]
                signed = MinHash.bulk(runs, num_perm=128, hashfunc=int)
            else:
                runs = []
                for _, _, text, _ in batch:
                    code = fold(text).encode("utf-16-le")
                    runs.append(
                        list({code[at : at + 2 * GRAM] for at in range(0, len(code) - 2 * GRAM + 2, 2)})
                    )
                signed = MinHash.bulk(runs, num_perm=128, **more)
            for (n, *_), minhash in zip(batch, signed, strict=True):
                candidates = lsh.query(minhash)
                lsh.insert(n, minhash, check_duplication=False)
                if n in origin:
                    met += origin[n] in candidates
        meter.texts += len(batch)
    return {**meter.told(), "met": met / max(1, len(origin))}


def overlap(texts: list[str], letters: int = 600) -> str:
    """Tell how many runs of three unrelated texts share, of the shorter: mean, 90th, 99th percentile, most."""
    from crawler.text.signatures import _grams

    runs: list[npt.NDArray[np.uint32]] = [np.unique(_grams(fold(text)[:letters])) for text in texts]
    runs = [each for each in runs if len(each) >= 150]
    shares = [
        len(np.intersect1d(one, other, assume_unique=True)) / min(len(one), len(other))
        for one, other in combinations(runs, 2)
    ]
    mean, *rest = np.mean(shares) * 100, *np.percentile(shares, (90, 99, 100)) * 100
    return f"{len(runs)} texts: mean {mean:.2f} %, " + ", ".join(
        f"{name} {share:.1f} %" for name, share in zip(("90th", "99th", "most"), rest, strict=True)
    )


# --- the run ---


def apart(part: str, corpus: Path, place: Path) -> dict[str, object]:
    """Run one part in a process of its own."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.bench.duplicates",
            "--part",
            part,
            "--corpus",
            corpus,
            "--place",
            place,
        ],
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def run_part(part: str, corpus: Corpus, place: Path) -> dict[str, object]:
    """Do one part in this process."""
    if part == "index":
        return index_alone(corpus, place)
    if part in PEERS:
        return peer(corpus, part)
    return with_vote(corpus, place, part)


def report_links(order: str, told: dict[str, object]) -> None:
    """Print what one order of arrival gave."""
    kinds, found, wrong = (told[name] for name in ("kinds", "found", "wrong"))
    assert isinstance(kinds, dict)
    assert isinstance(found, dict)
    assert isinstance(wrong, dict)
    print(
        f"\n{order} first: {told['speed']:.0f} texts a CPU second with the vote, memory + {told['memory']:.0f} MB"
    )
    for kind, count in kinds.items():
        wanted = next((share for start, share in WANTED.items() if kind.startswith(start)), None)
        line = f"  {kind:<18} {count:>7}"
        if wanted is not None or kind == "bulletin framed":
            line += f"  found {100 * found.get(kind, 0) / count:6.2f} %" + (
                f" (wanted {wanted})" if wanted else ""
            )
        print(line + f"  wrongly linked {100 * wrong.get(kind, 0) / count:.2f} %")
    hard = [kind for kind in kinds if kind in (*SERIES, "quote", "same title")]
    share = sum(wrong.get(kind, 0) for kind in hard) / sum(kinds[kind] for kind in hard)
    print(f"  hard negatives wrongly linked: {100 * share:.3f} % (at most 0.5)", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the search for near-duplicates.")
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument(
        "--planted", type=int, help="copies of each kind (default: a hundredth of the texts, at most 1000)"
    )
    parser.add_argument("--peers", type=int, default=len(PEERS), help="how many of the peers")
    parser.add_argument("--orders", default="oldest,newest,random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help="keep the texts in this file, or take them from it")
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        json.dump(run_part(asked.part, Corpus(asked.corpus), asked.place), sys.stdout)
        return
    with tempfile.TemporaryDirectory() as scratch:
        place = asked.corpus or Path(scratch) / "press.db"
        if not place.exists():
            compose(place, asked.texts, asked.planted or min(1000, asked.texts // 100), asked.seed)
        corpus = Corpus(place)
        size = corpus.conn.execute("SELECT avg(length(text)) FROM texts").fetchone()[0]
        print(f"{corpus.count} texts of {size:.0f} characters on average, seed {asked.seed}")
        sample = "SELECT text FROM texts WHERE kind = 'story' ORDER BY n LIMIT 200"
        print("shared by unrelated stories of", overlap([row[0] for row in corpus.conn.execute(sample)]))
        if (SHARED / "cleaned").is_dir():
            print(
                "shared by real pages of",
                overlap([f.read_text() for f in sorted((SHARED / "cleaned").iterdir())]),
            )
        ours = apart("index", place, Path(scratch) / "index.db")
        print(
            f"index alone: {ours['speed']:.0f} texts a CPU second, memory + {ours['memory']:.0f} MB, copies met "
            f"{100 * float(str(ours['met'])):.1f} %, {ours['candidates']:.1f} candidates a text, file {ours['file']:.0f} MB",
            flush=True,
        )
        for part, how in [*PEERS.items()][: asked.peers]:
            try:
                told = apart(part, place, Path(scratch) / "none")
            except subprocess.CalledProcessError:
                print("datasketch is not installed")
                break
            print(
                f"{part} ({how}): {told['speed']:.0f} texts a CPU second, memory + {told['memory']:.0f} MB, copies met "
                f"{100 * float(str(told['met'])):.1f} %: ours {float(str(ours['speed'])) / float(str(told['speed'])):.1f} x the speed, "
                f"1/{float(str(told['memory'])) / max(1.0, float(str(ours['memory']))):.0f} of the memory",
                flush=True,
            )
        links = []
        for order in filter(None, asked.orders.split(",")):
            archive = Path(scratch) / f"{order}.db"
            told = apart(order, place, archive)
            report_links(order, told)
            links.append(told["links"])
            for file in Path(scratch).glob(f"{order}.db*"):
                os.unlink(file)
        for other in links[1:]:
            differ = sum(one != two for one, two in zip(links[0], other, strict=True))  # type: ignore[call-overload]
            print(f"links that differ from the first order: {differ} of {corpus.count}")


if __name__ == "__main__":
    main()
