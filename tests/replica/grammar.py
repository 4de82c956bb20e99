"""Texts that read like a city daily and like civil-affairs notices, made from a vocabulary of our own.

``phrases.txt`` holds the vocabulary by topic; this module holds the shapes of stories (feature, notice,
questions and answers, price bulletin, picture story …) and fills the slots. Everything is invented:
people, firms, villages and figures; only the names of districts and towns are those of the city.

The same random generator state gives the same story, in every process and on every platform.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple
from zlib import crc32


class Block(NamedTuple):
    """One block of a story's body."""

    kind: str
    """``p`` paragraph, ``h`` subheading, ``table``, ``image`` (its text is the caption), ``sign`` (signature
    and date of a notice, set to the right)."""
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


class Draft(NamedTuple):
    """A story before a portal takes it: no address, no time of day, no furniture."""

    topic: str
    shape: str
    title: str
    blocks: tuple[Block, ...]
    reporter: str
    correspondent: str
    office: str
    day: date

    @property
    def text(self) -> str:
        """Give the text as an honest extractor should: paragraphs by line, table cells by tab."""
        return plain(self.blocks)


def plain(blocks: tuple[Block, ...]) -> str:
    """Join blocks into text: one line a paragraph, caption or table row; cells joined by a tab."""
    lines: list[str] = []
    for block in blocks:
        if block.kind == "table":
            lines += ["\t".join(row) for row in block.rows]
        elif block.text:
            lines.append(block.text)
    return "\n".join(lines)


def words(line: str) -> tuple[str, ...]:
    """Part a line of words at its spaces."""
    return tuple(line.split())


DISTRICTS = ("海州区", "连云区", "赣榆区", "东海县", "灌云县", "灌南县", "市开发区", "徐圩新区")
TOWNS = words(
    "浦南镇 板浦镇 新坝镇 锦屏镇 海头镇 柘汪镇 石桥镇 班庄镇 青口镇 沙河镇 墩尚镇 白塔埠镇 黄川镇 石榴街道 牛山街道 "
    "桃林镇 双店镇 平明镇 伊山镇 杨集镇 燕尾港镇 四队镇 圩丰镇 新安镇 堆沟港镇 北陈集镇 张店镇 孟兴庄镇 高公岛街道 "
    "宿城街道 连云街道 墟沟街道 猴嘴街道 朝阳街道 中云街道 花果山街道 云台街道 宁海街道 洪门街道 新浦街道"
)
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹易常武乔贺赖龚文仲惠"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉萍红建国志海燕春梅兰凤洁琳鑫鹏宇浩晨佳欣雨婷思远文博子涵嘉怡振东晓庆立成永胜培根守业长河正道卫民学礼如意开颜望舒清源景行怀瑾"
VILLAGE_HEADS = "大小东西前后南北上下新古"
VILLAGE_BODIES = words(
    "刘庄 孙沟 尹湾 柳河 杨岭 石埝 河滩 沟崖 庄圩 湾头 赵堰 韩口 徐集 董园 何顶 宋桥 卞巷 葛墩 范荡 陆营 滕楼 "
    "谢台 邵店 桑墟 汪码 周渡 夏滨 邱塘 房山 柏埠"
)
COMMUNITIES = words(
    "海棠 建国 玉带 盐河 朐阳 幸福里 云山 瀛洲 苍梧 万润 香溪 茗泉 凤凰 龙尾 映湖 栖霞 港湾 海连 向阳 学林 锦绣 "
    "月牙岛 秦东 陇海 民主 解放 南极 通灌 花园 华盖 白虎山 西墅 平山 院前 海北 盛世 镇海"
)
ROADS = words(
    "通灌路 海连路 苍梧路 瀛洲路 巨龙路 朝阳路 盐河路 学院路 科苑路 花果山大道 港城大道 郁洲路 玉带路 幸福路 民主路 "
    "解放路 龙河路 新孔路 东方大道 黄海大道 云桥路 平山路 昌圩路 人民路 凌州路 振兴路 富华路 淮海路"
)
SCHOOL_HEADS = words(
    "苍梧 云山 解放路 师专附 墟沟 青口 牛山 伊山 新安 板浦 朝阳 浦南 海头 海州湾 连岛 宿城 锦屏 幸福 院前 玉带"
)
FIRM_HEADS = words(
    "瑞海 蓝湾 恒岳 盛沅 晶硕 德润 中汇 远桥 天朗 泰隆 启航 汇川源 正源 浩洋 锦程 拓远 博睿 卓辉 海纳德 云彤"
)
FIRM_TAILS = words(
    "新材料 生物医药 智能装备 新能源 高分子 碳纤维 精细化工 食品 物流 光电 冷链 纺织 船舶配件 水晶工艺"
)
CARGOES = words(
    "氧化铝 铁矿砂 大豆 液化天然气 木薯干 汽车零部件 光伏组件 纸浆 工程机械 跨境电商包裹 棉纱 焦炭 橡胶 冷冻海产品"
)
PRODUCTS = words(
    "碳纤维预浸料 高纯石英管 抗肿瘤注射液 风电叶片 光学膜 聚酰胺切片 硅微粉 特种电缆 环氧丙烷 智能阀门 海水淡化膜"
)
CROPS = words(
    "草莓 蓝莓 西红柿 紫菜 葡萄 黄桃 芦蒿 山药 羊角脆 梭子蟹 大蒜 樱桃 花生 淮山药 芹菜 水蜜桃 稻米 鲜切花"
)
DISHES = words(
    "红烧肉 清蒸鲈鱼 豆腐卷 煎饺 凉粉 炒藕片 冬瓜汤 粉丝煲 番茄蛋汤 烩面筋 虾皮炒韭菜 小米粥 地三鲜"
)
DRUGS = words("降压药 抗凝药 降糖药 抗癌药 心脏支架 人工晶体 胰岛素 滴眼液 止吐针")
PROVINCES = words("河南 安徽 山东 山西 陕西 浙江 湖北 上海 甘肃 新疆 河北 四川")
NUMERALS = "一二三四五六七八九十"

OPENERS = (
    "[连日来|近段时间|近期]，{office}{act}，{act}。",
    "“{quote}。”{office}{post}{who}[告诉记者|这样说]。[为此|眼下]，当地{act}。",
    "在{T}，[工作人员|党员干部]{act}；在{town}，{act}。",
    "[变化|底气]从何而来？{office}[给出的答案是|的做法是]：{act}，{act}。",
    "[记者从{office}了解到|据{office}介绍]，[今年以来|{ytd}]，我市{act}，同时{act}。",
    "[聚焦|围绕]群众反映集中的问题，{D}{act}，并{act}。",
    "[不仅如此|与此同时|另一方面]，{office}还{act}，{act}。",
    "{act}，{act}——{D}的[探索|尝试|做法]，[正在全市推开|被写进了今年的民生实事清单|引来{n:3-9}个兄弟县区考察]。",
    "[距离|离]{T}[十几|二十多]公里的{town}，[走的是另一条路|也没有闲着]：{act}，[随后|接着]又{act}。",
    "[早在|还在]{lastyear}年，{office}就{act}；{year}年，又[进一步|在此基础上]{act}。",
    "[为了让实事落地|针对短板弱项|对照年度任务]，{office}{post}{who}[牵头|带队][调研|走访]了{n:12-60}个点位，随后{act}。",
    "{act}，是{D}今年的[重头戏|头一件事|新动作]。[{who}介绍|据介绍]，[下一步|接下来]还将{act}。",
    "一边是{act}，一边是{act}，{T}[两手一起抓|忙而不乱]。",
    "[制度先行|机制保障]。我市{act}，[责任到岗|压到一线]；[服务跟上|力量下沉]，{act}。",
)
RESULTS = (
    "[数据显示|统计表明]，{effect}，{effect}。",
    "{effect}；{effect}——[一组数字|一串数据][折射出变化|记录着努力]。",
    "截至{day}，{effect}，{effect}，{effect}。",
    "[成效|账本]摆在眼前：{effect}，{effect}。",
    "[一年|几个月]下来，{effect}。[更让{who}高兴的是|与之相伴的是]，{effect}。",
    "[与上年同期相比|放在一年前看]，{effect}，[变化不小|来之不易]。",
    "{effect}。[在{T}|在{D}]，[这一数字还要更高|这样的故事每天都在发生]。",
)
VOICES = (
    "“{quote}。”{folk}说。",
    "“{quote}，”{office}{post}{who}说，“{quote}。”",
    "{folk}[感慨|坦言|笑着说]：“{quote}。”",
    "[说起这件事|采访中|临别时]，{who}[顿了顿|想了想]：“{quote}。”",
    "“{quote}。”{town}{village}[党支部书记|村委会主任]{who}[扳着手指头|翻开笔记本]说。",
    "[“真没想到。”|“说实话。”]{folk}[拉着记者的手|一边忙一边]说，“{quote}。”",
    "{n:26-58}岁的{who}在这个岗位上[干了|待了]{n:3-26}年，“{quote}。”",
    "“{quote}！”[微信群里|留言簿上]，{community}居民{who}写道。",
)
CLOSINGS = (
    "{office}[相关负责人|有关负责人]表示，[下一步|下阶段]将{act}，{act}，[让更多群众受益|把好事办好、实事办实]。",
    "[夜色渐浓|天色暗下来]，{road}两旁的灯[次第|一盏一盏]亮起。[明天|第二天]{n:5-8}点，{who}和同事们又要[出发|上岗]。",
    "[小事连着民心|民生无小事]。{office}[提醒|提示]，[市民|群众]如有[疑问|建议]，可拨打12345热线，或到{road}{n:6-260}号现场咨询。",
    "[离开|走出]{village}时，{who}[追出来|站在路口]喊了一句：“{quote}。”",
    "[记者手记|采访后记]：[一个细节|一句话]最难忘——“{quote}。”[答案|道理]，就在{T}的[巷子|田埂|院子]里。",
    "[路还长|任务仍重]，{office}{post}{who}说，{year}年内还要{act}，[到年底|力争]{effect}。",
    "[又一批|新一轮]工作已经铺开：{act}。[时间|群众]，会给出[最公正|最实在]的评价。",
)
SUBHEADS = (
    "[补短板|强弱项] [从最难处做起|先难后易]",
    "[机制|服务]“[向前一步|多走一里]”",
    "[一件接着一件办|一年接着一年干]",
    "[数字|脚步]里的[温度|分量]",
    "[向深处走|往实里做]",
    "[大家的事|身边事] 大家[议|办]",
    "[小切口|小窗口] [大民生|大作为]",
)
POSTS = ("副局长", "副主任", "科长", "负责人", "党委书记", "综合科科长", "工作人员", "值班长")
CAPTIONS = (
    "图为{who}在{T}{village}[了解情况|查看进度]。",
    "{day}，{D}{community}，[工作人员|志愿者]在[现场忙碌|为居民服务]。",
    "[航拍|俯瞰]{road}一带。",
    "{school}的学生[正在参加活动|在课堂上]。",
    "{F}的[生产车间|研发大楼]。",
)
NOTICE_BASIS = (
    "[根据|按照]《[江苏省|连云港市]{topic}工作[条例|办法|实施细则]》和[市政府年度重点工作安排|省、市有关文件精神]，[经研究|经市政府同意]，现将[有关事项|{year}年度有关工作]通知如下：",
    "为[进一步做好|切实加强]全市{topic}工作，[保障群众合法权益|规范办理程序]，[结合我市实际|经征求各县区意见]，现就有关[事项|要求]公告如下：",
    "[近日|日前]，{office}[印发|会同有关部门印发]了{topic}领域的[若干措施|工作方案]，[主要内容|具体安排]如下：",
    "[各县区|各有关单位]：为[贯彻落实|做好]{year}年{topic}[各项部署|重点任务]，[现将|特将]工作安排明确如下，请[认真组织实施|结合实际抓好落实]。",
)
NOTICE_CLOSINGS = (
    "[以上措施|本通知]自{day}起施行，有效期至{nextyear}年12月31日。[此前规定与本通知不一致的|原有规定有出入的]，以本通知为准。",
    "[执行|办理]中遇到的[问题|新情况]，请于{n:3-15}个工作日内[反馈|报送]至{office}（{road}{n:6-260}号，联系人：{who}，电话：0518-{n:10000000-19999999}）。",
    "[请各单位|各县区]于每[月{n:3-9}日前|季度末]报送[进展情况|工作台账]，{office}将[适时|会同督查部门]开展[督促检查|评估]。",
    "[公示|征求意见]期为{n:5-10}个工作日，[对公示内容有异议的|如有意见建议]，可[来电、来函|实名]向{office}反映。",
)
QUESTIONS = (
    "[为什么要|出于什么考虑]出台这项{topic}政策？",
    "[与以往相比|跟过去的办法比]，[主要变化是什么|新在哪里]？",
    "哪些[人|家庭|单位]可以[享受|申请]？",
    "[怎么|到哪里]办理？需要[多长时间|带哪些材料]？",
    "[如何确保|怎样监督]资金和责任落到实处？",
    "[后续|接下来]还有哪些[打算|安排]？",
)


@cache
def topics() -> dict[str, dict[str, tuple[str, ...]]]:
    """Read ``phrases.txt``: topic -> kind -> phrases, in file order."""
    found: dict[str, dict[str, list[str]]] = {}
    kinds: dict[str, list[str]] = {}
    phrases: list[str] = []
    for line in (Path(__file__).parent / "phrases.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("== "):
            kinds = found.setdefault(line[3:].strip(), {})
        elif line.startswith("-- "):
            phrases = kinds.setdefault(line[3:].strip(), [])
        else:
            phrases.append(line.strip())
    return {topic: {kind: tuple(said) for kind, said in kinds.items()} for topic, kinds in found.items()}


CHOICE_RE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
SLOT_RE = re.compile(r"\{(\w+)(?::(\d+)-(\d+))?\}")
# Months of a given day as a newspaper names the time since New Year.
SINCE_NEW_YEAR = {1: "1月份", 2: "前两个月", 3: "一季度", 6: "上半年", 9: "前三季度", 12: "全年"}


class Writer:
    """Write one story: keeps what must stay the same inside it, and never says a phrase twice."""

    def __init__(self, rng: Random, topic: str, day: date, second: str | None = None) -> None:
        self.rng = rng
        self.topic = topic
        self.day = day
        self.second = second or topic
        self.now = topic
        self.said: set[str] = set()
        self.district = rng.choice(DISTRICTS)
        self.town = rng.choice(TOWNS)
        self.firm = self._firm()
        self.office = self.write(rng.choice(topics()[topic]["office"]))
        self.reporter = self.person()
        self.correspondent = self.person()

    def turn(self) -> None:
        """Decide what the next paragraph is about: mostly the topic, now and then the second one."""
        self.now = self.second if self.rng.random() < 0.35 else self.topic

    def person(self) -> str:
        """Invent a full name of two or three characters."""
        rng = self.rng
        return rng.choice(SURNAMES) + "".join(rng.sample(GIVEN, rng.choice((1, 2, 2, 2))))

    def pick(self, kind: str, topic: str | None = None) -> str:
        """Give a phrase of a kind that this story has not said yet, where one is left."""
        pool = topics()[topic or self.now][kind]
        fresh = [phrase for phrase in pool if phrase not in self.said]
        if not fresh and topic is None:
            fresh = [phrase for phrase in topics()[self.second][kind] if phrase not in self.said]
        phrase = self.rng.choice(fresh or list(pool))
        self.said.add(phrase)
        return phrase

    def one_of(self, pool: tuple[str, ...]) -> str:
        """Give a frame that this story has not used yet, filled."""
        fresh = [frame for frame in pool if frame not in self.said] or list(pool)
        frame = self.rng.choice(fresh)
        self.said.add(frame)
        return self.write(frame)

    def write(self, pattern: str) -> str:
        """Fill a pattern: choices first, then slots, until none is left."""
        while CHOICE_RE.search(pattern) or SLOT_RE.search(pattern):
            pattern = CHOICE_RE.sub(lambda found: self.rng.choice(found[1].split("|")), pattern)
            pattern = SLOT_RE.sub(self._fill, pattern)
        return pattern

    def _firm(self) -> str:
        return (
            self.rng.choice(FIRM_HEADS) + self.rng.choice(FIRM_TAILS) + self.rng.choice(("公司", "有限公司"))
        )

    def _fill(self, found: re.Match[str]) -> str:
        rng, name = self.rng, found[1]
        if name == "n":
            return str(rng.randint(int(found[2]), int(found[3])))
        if name in ("act", "effect", "quote"):
            return self.pick(name)
        simple = {
            "D": self.district,
            "T": self.town,
            "F": self.firm,
            "topic": self.topic,
            "office": getattr(self, "office", ""),
            "year": str(self.day.year),
            "lastyear": str(self.day.year - 1),
            "nextyear": str(self.day.year + 1),
        }
        if name in simple:
            return simple[name]
        if name == "day":
            if rng.random() < 0.2:
                return "昨日"
            told = self.day - timedelta(days=rng.randint(1, 6))
            return f"{told.month}月{told.day}日"
        if name == "ytd":
            return SINCE_NEW_YEAR.get((self.day - timedelta(days=12)).month) or "今年以来"
        if name == "pct":
            return f"{rng.randint(1, 38)}.{rng.randint(1, 9)}%"
        if name == "folk":
            return rng.choice(
                (
                    f"{rng.randint(52, 88)}岁的{self.person()}",
                    f"{rng.choice(SURNAMES)}{rng.choice(('大爷', '阿姨', '大娘', '师傅', '女士', '先生'))}",
                    f"居民{self.person()}",
                    f"{rng.choice(VILLAGE_HEADS)}{rng.choice(VILLAGE_BODIES)}的{self.person()}",
                )
            )
        makers = {
            "who": self.person,
            "town": lambda: rng.choice(TOWNS),
            "village": lambda: rng.choice(VILLAGE_HEADS) + rng.choice(VILLAGE_BODIES) + "村",
            "community": lambda: rng.choice(COMMUNITIES) + "社区",
            "road": lambda: rng.choice(ROADS),
            "school": lambda: (
                rng.choice(SCHOOL_HEADS) + rng.choice(("小学", "中心小学", "实验学校", "中学", "高级中学"))
            ),
            "cargo": lambda: rng.choice(CARGOES),
            "product": lambda: rng.choice(PRODUCTS),
            "crop": lambda: rng.choice(CROPS),
            "dish": lambda: rng.choice(DISHES),
            "drug": lambda: rng.choice(DRUGS),
            "province": lambda: rng.choice(PROVINCES),
            "post": lambda: rng.choice(POSTS),
        }
        return makers[name]()


def feature(writer: Writer, paragraphs: int) -> tuple[Block, ...]:
    """Write a newspaper feature: scene, what was done, voices, figures, a last word."""
    rng = writer.rng
    blocks = [Block("p", writer.write(writer.pick("scene")))]
    if rng.random() < 0.5:
        blocks.append(Block("p", writer.one_of(VOICES)))
    subheads = paragraphs >= 6 and rng.random() < 0.5
    for number in range(paragraphs):
        writer.turn()
        if subheads and number and number % 2 == 0:
            blocks.append(Block("h", writer.one_of(SUBHEADS)))
        if number and rng.random() < 0.3:
            blocks.append(Block("p", writer.write(writer.pick("scene")) + writer.one_of(VOICES)))
        said = writer.one_of(OPENERS)
        if rng.random() < 0.6:
            said += writer.one_of(RESULTS if rng.random() < 0.55 else VOICES)
        blocks.append(Block("p", said))
        if rng.random() < 0.4:
            blocks.append(Block("p", writer.one_of(VOICES if rng.random() < 0.6 else RESULTS)))
    writer.now = writer.topic
    blocks.append(Block("p", writer.one_of(CLOSINGS)))
    return tuple(blocks)


def notice(writer: Writer, items: int) -> tuple[Block, ...]:
    """Write a notice: what it rests on, numbered measures, how to reply, signature and date."""
    blocks = [Block("p", writer.one_of(NOTICE_BASIS))]
    numbered = writer.rng.choice(("、", "bracket", "first"))
    measures = topics()[writer.topic]["measure"]
    for number, measure in enumerate(writer.rng.sample(measures, min(items, len(measures)))):
        head, _, said = measure.partition("|{") if "|" not in measure else _parted(measure)
        head, said = writer.write(head), writer.write(said)
        more = "，".join(writer.write("{act}") for _ in range(writer.rng.choice((1, 1, 2))))
        if numbered == "、":
            blocks.append(Block("p", f"{NUMERALS[number]}、{head}"))
            blocks.append(Block("p", f"{said}。{more}。"))
        elif numbered == "bracket":
            blocks.append(Block("p", f"（{NUMERALS[number]}）{head}。{said}；{more}。"))
        else:
            blocks.append(Block("p", f"{number + 1}．{head}：{said}。{more}。"))
    blocks.append(Block("p", writer.one_of(NOTICE_CLOSINGS)))
    if writer.rng.random() < 0.6:
        blocks.append(Block("p", writer.one_of(NOTICE_CLOSINGS)))
    blocks.append(
        Block("sign", "连云港" + writer.office if writer.office.startswith("市") else writer.office)
    )
    blocks.append(Block("sign", f"{writer.day.year}年{writer.day.month}月{writer.day.day}日"))
    return tuple(blocks)


def _parted(measure: str) -> tuple[str, str, str]:
    """Part a measure at the first ``|`` outside brackets."""
    depth = 0
    for at, char in enumerate(measure):
        depth += (char == "[") - (char == "]")
        if char == "|" and not depth:
            return measure[:at], "|", measure[at + 1 :]
    return measure, "", ""


def interview(writer: Writer, questions: int) -> tuple[Block, ...]:
    """Write questions and answers on a policy."""
    blocks = [
        Block(
            "p", writer.write("[日前|近日]，{office}{post}{who}就{topic}政策[回答了记者提问|接受本报专访]。")
        )
    ]
    for question in writer.rng.sample(QUESTIONS, min(questions, len(QUESTIONS))):
        blocks.append(Block("p", "问：" + writer.write(question)))
        answer = "答：" + writer.one_of(OPENERS)
        measure = _parted(writer.pick("measure", writer.topic))
        answer += f"{writer.write(measure[0])}，{writer.write(measure[2])}。"
        if writer.rng.random() < 0.5:
            answer += writer.one_of(RESULTS)
        blocks.append(Block("p", answer))
    blocks.append(Block("p", writer.one_of(NOTICE_CLOSINGS)))
    return tuple(blocks)


def chronicle(writer: Writer, days: int) -> tuple[Block, ...]:
    """Write a month's chronicle 大事记: one paragraph a day."""
    before = writer.day.replace(day=1) - timedelta(days=1)
    told = [before.replace(day=number) for number in sorted(writer.rng.sample(range(1, 29), days))]
    blocks = []
    for day in told:
        topic = writer.rng.choice(tuple(topics()))
        other = Writer(writer.rng, topic, day)
        frame = writer.rng.choice(
            (
                "市长{who}到{T}[调研|督查]{topic}工作，[要求|强调][要|必须]{act}。",
                "全市{topic}工作[推进会|现场会]在{D}召开，{n:60-380}人参加，[部署|研究]{act}等事项。",
                "{office}[发布|通报]：{effect}，{effect}。",
                "{F}[项目|基地]在{D}[开工|投产]，总投资{n:3-66}亿元，{act}。",
            )
        )
        blocks.append(Block("p", f"{day.day}日 " + other.write(frame)))
    return tuple(blocks)


def table_story(writer: Writer) -> tuple[Block, ...]:
    """Write a short report whose figures stand in a table."""
    rng = writer.rng
    rows = [("县区", "本期完成", "同比", "年度进度")]
    rows += [
        (
            name,
            f"{rng.randint(40, 990)}",
            f"{rng.randint(1, 29)}.{rng.randint(1, 9)}%",
            f"{rng.randint(20, 99)}%",
        )
        for name in rng.sample(DISTRICTS, rng.randint(4, 7))
    ]
    return (
        Block("p", writer.one_of(OPENERS)),
        Block("p", writer.one_of(RESULTS)),
        Block(
            "p", writer.write("[各县区|分县区]{topic}[进展情况|主要指标]见下表（单位：[件|万元|人次|户]）：")
        ),
        Block("table", rows=tuple(rows)),
        Block("p", writer.one_of(OPENERS) + writer.one_of(VOICES)),
        Block("p", writer.one_of(OPENERS)),
        Block("p", writer.one_of(CLOSINGS)),
    )


# Product and its usual price for 500 grams, in tenths of a yuan.
PRICED = (
    ("粳米", 29),
    ("花生油", 142),
    ("精瘦肉", 158),
    ("牛肉", 386),
    ("鸡蛋", 51),
    ("带鱼", 183),
    ("大白菜", 14),
    ("芹菜", 37),
)


def bulletin(rng: Random, day: date) -> tuple[str, tuple[Block, ...]]:
    """Write one number of a weekly price bulletin: title and body. Only figures differ between weeks.

    The hard negative of near-duplicate search: two weeks are two stories.
    """
    start = day - timedelta(days=6)
    span = f"{start.month}月{start.day}日—{day.month}月{day.day}日"
    title = f"市区主要生活必需品价格监测周报（{span}）"

    def price(usual: int) -> str:
        return f"{usual / 10 + rng.randint(-9, 9) / 10:.2f}"

    def change() -> str:
        return f"{rng.randint(-49, 49) / 10:+.1f}%"

    rows = [("品种", "单位", "本周均价（元）", "环比")]
    rows += [(name, "500克", price(usual), change()) for name, usual in PRICED]
    ups, downs = rng.randint(1, 4), rng.randint(1, 3)
    said = (
        f"据对市区12家农贸市场、6家超市的监测，本周（{span}）市区8种主要生活必需品价格{ups}升{downs}降{8 - ups - downs}平，"
        f"总体环比{change()}。",
        f"粮油价格平稳。目前粮食企业库存充足，米、面、油货源稳定，零售网点陈列丰满，未出现抢购现象。粳米零售均价每500克"
        f"{price(29)}元，花生油零售均价每500克{price(142)}元，与上周基本持平。",
        f"肉蛋价格小幅波动。受养殖成本和节令消费影响，批发市场白条肉到货量略有增减，居民以随吃随买为主。精瘦肉零售均价每500克"
        f"{price(158)}元，环比{change()}；鸡蛋零售均价每500克{price(51)}元，环比{change()}。",
        f"蔬菜价格随季节变化。本地大棚菜陆续上市，外埠客菜补充调剂，市场供应品种齐全。大白菜零售均价每500克{price(14)}元，"
        f"芹菜零售均价每500克{price(37)}元，环比{change()}。",
        f"预计下周市区蔬菜上市量日均{rng.randint(900, 2600)}吨，主要生活必需品供应充足，价格以稳为主。价格监测部门提醒广大市民"
        "理性消费，如发现哄抬价格、缺斤短两等行为，请拨打12345热线举报。",
    )
    return title, (
        *(Block("p", line) for line in said[:4]),
        Block("table", rows=tuple(rows)),
        Block("p", said[4]),
    )


def short_notice(writer: Writer) -> tuple[Block, ...]:
    """Write a notice of under 200 characters."""
    said = writer.write(
        writer.rng.choice(
            (
                "因[设备检修|系统升级|办公用房调整]，{office}服务窗口[定于|将于]{year}年{month}月{n:1-28}日[上午|下午|全天]暂停办理{topic}业务，次日恢复。"
                "给您带来不便，敬请谅解。咨询电话：0518-{n:10000000-19999999}。",
                "[经审核|经评审]，{T}{village}等{n:3-26}家单位符合{topic}项目申报条件，现予公示，公示期{n:5-7}个工作日。"
                "如有异议，请实名向{office}反映，联系人：{who}。",
                "{day}，{office}在{road}{n:6-260}号召开{topic}工作座谈会，{n:12-60}名代表参加。"
                "[会上|座谈中]，{who}等{n:3-9}人发言。{act}等意见被当场采纳。",
                "{office}面向社会公开[招募|选聘]{topic}[志愿者|监督员]{n:10-60}名，年龄{n:18-22}至{n:55-65}周岁，"
                "[本地户籍|常住居民]优先。报名截止{month}月{n:1-28}日，地点：{road}{n:6-260}号。",
            )
        ).replace("{month}", str(writer.day.month))
    )
    return (Block("p", said), Block("sign", f"{writer.day.year}年{writer.day.month}月{writer.day.day}日"))


NOTICE_TITLES = (
    "关于[做好|加强]{year}年{topic}工作的[通知|通告]",
    "关于印发《{D}{topic}工作[实施方案|三年行动计划]》的通知",
    "{year}年全市{topic}[专项资金|项目]分配[公示|公告]（第{n:2-19}批）",
    "关于开展{T}等地{topic}[专项检查|集中排查]的公告",
    "关于[调整|公布]{D}{topic}[标准|名单]的[通知|公告]",
    "关于公开征求{topic}[办法|方案]意见的[公告|函]（{n:2-60}号）",
)


def compose(rng: Random, topic: str, day: date, shape: str, size: float, second: str | None = None) -> Draft:
    """Write one story.

    `size` runs from 0 (about 300 characters) to 1 (about 2,000); `shape` is ``feature``, ``notice``,
    ``interview``, ``chronicle``, ``table``, ``picture``, ``short`` or ``bulletin``.
    """
    writer = Writer(rng, topic, day, second if size > 0.35 else None)
    title = writer.write(writer.pick("title", topic))
    if shape == "notice":
        title = writer.write(rng.choice(NOTICE_TITLES))
        blocks = notice(writer, 3 + round(size * 4))
    elif shape == "interview":
        title = writer.write("[一图|问答]读懂：{topic}新政[{n:3-9}问|看这里]（{D}）")
        blocks = interview(writer, 2 + round(size * 4))
    elif shape == "chronicle":
        month = day.replace(day=1) - timedelta(days=1)
        title = f"连云港市人民政府{month.year}年{month.month}月大事记（{day.day}日发布）"
        blocks = chronicle(writer, 6 + round(size * 9))
    elif shape == "table":
        blocks = table_story(writer)
    elif shape == "picture":
        blocks = (
            Block("image", writer.one_of(CAPTIONS)[:-1] + f"。{writer.person()} 摄"),
            Block("p", writer.write(writer.pick("scene", topic)) + writer.one_of(OPENERS)),
            Block("p", writer.one_of(OPENERS) + writer.one_of(VOICES)),
            Block("p", writer.one_of(RESULTS)),
            Block("image", writer.one_of(CAPTIONS)[:-1] + f"。{writer.person()} 摄"),
            Block("p", writer.one_of(OPENERS) + writer.one_of(CLOSINGS)),
        )
    elif shape == "short":
        title = writer.write(
            "{office}[关于{topic}|{topic}]事项的[温馨提示|公示|通告]（{year}年第{n:2-190}号）"
        )
        blocks = short_notice(writer)
    elif shape == "bulletin":
        title, blocks = bulletin(rng, day)
    else:
        blocks = feature(writer, 4 + round(size * 10))
        if rng.random() < 0.18:
            at = rng.randint(1, len(blocks) - 1)
            caption = Block("image", writer.one_of(CAPTIONS)[:-1] + f"。{writer.person()} 摄")
            blocks = (*blocks[:at], caption, *blocks[at:])
    return Draft(topic, shape, title, blocks, writer.reporter, writer.correspondent, writer.office, day)


def grams(text: str, size: int = 5) -> set[str]:
    """Give the set of a text's character n-grams, white space left out."""
    flat = re.sub(r"\s+", "", text)
    return {flat[at : at + size] for at in range(len(flat) - size + 1)}


def likeness(left: set[str], right: set[str]) -> float:
    """Give the Jaccard likeness of two sets of n-grams."""
    shared = len(left & right)
    return shared / max(1, len(left) + len(right) - shared)


class _Sketch(NamedTuple):
    """A story's n-grams, and one in eight of them by a digest that is the same in every process."""

    grams: set[str]
    sample: set[str]

    @classmethod
    def of(cls, text: str) -> _Sketch:
        found = grams(text)
        return cls(found, {gram for gram in found if crc32(gram.encode()) % 8 == 0})

    def near(self, other: _Sketch, limit: float) -> bool:
        """Tell whether another story is as like as `limit`; the sample spares most of the comparisons."""
        return likeness(self.sample, other.sample) > limit / 2 and likeness(self.grams, other.grams) >= limit


ATTEMPTS = 60
"""How often a story is written anew before shorter ones are tried, too."""


class Desk:
    """Write many stories of which no two unrelated ones are near-duplicates of one another."""

    def __init__(self, rng: Random, limit: float = 0.26) -> None:
        self.rng = rng
        self.limit = limit
        self.titles: set[str] = set()
        self.written: dict[str, list[_Sketch]] = {}
        self.turns: dict[str, int] = {}

    def commission(
        self, shape: str, day: date, topic: str | None = None, size: float | None = None, least: int = 300
    ) -> Draft:
        """Have a story written, and rewritten while it is too short, too like an earlier one or its title is taken."""
        series = shape in ("bulletin", "short", "chronicle")
        least = 0 if series else least
        for attempt in range(10 * ATTEMPTS):
            subject = topic or min(topics(), key=lambda name: (self.turns.get(name, 0), self.rng.random()))
            second = self.rng.choice([name for name in topics() if name != subject])
            length = self.rng.random() ** 1.5 if size is None else size
            if attempt >= ATTEMPTS:  # long ones have said all that the topic has
                length *= self.rng.random()
            draft = compose(self.rng, subject, day, shape, length, second)
            if draft.title in self.titles or not least <= len(draft.text) <= 2000:
                continue
            found = _Sketch.of(draft.text)
            earlier = (*self.written.get(subject, ()), *self.written.get(second, ()))
            if series or not any(found.near(other, self.limit) for other in earlier):
                break
        else:
            raise ValueError(
                f"no fresh {shape} story in {10 * ATTEMPTS} attempts, last title {draft.title!r}"
            )
        self.turns[subject] = self.turns.get(subject, 0) + 1
        self.titles.add(draft.title)
        if not series:
            self.written.setdefault(subject, []).append(found)
            self.written.setdefault(second, []).append(found)
        return draft
