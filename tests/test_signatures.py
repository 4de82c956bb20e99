"""Signatures find the same story again, and leave apart what is only like it."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import unicodedata

import pytest

from crawler.text.signatures import bands, digest, fold, is_exact, likeness, posted, same_story, sign

PLACES = [
    "市民政局",
    "市卫健委",
    "海州区",
    "连云区",
    "赣榆区",
    "灌南县",
    "灌云县",
    "东海县",
    "市教育局",
    "市交通局",
    "市水利局",
    "市商务局",
]
DEEDS = [
    "召开会议部署",
    "全面启动",
    "如期完成",
    "开展专项检查",
    "组织专家调研",
    "公布实施方案",
    "加快建设",
    "顺利验收",
]
THINGS = [
    "养老服务设施",
    "老旧小区改造",
    "防汛演练",
    "秋粮收购",
    "港口集疏运",
    "河道清淤",
    "义务教育阶段招生",
    "食品安全抽检",
    "医保报销窗口",
    "海洋牧场",
    "志愿服务站",
    "图书馆分馆",
    "公交线路优化",
    "社区食堂",
    "农村公路",
    "滨海湿地修复",
]
ENDS = [
    "受到群众好评",
    "为全年目标打下基础",
    "进度快于去年同期",
    "相关负责人到场",
    "形成长效机制",
    "惠及周边居民",
]
SURNAMES = "王李张刘陈杨赵周吴徐"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明"


def story(seed: int, length: int = 500) -> str:
    """Write a story of about `length` characters."""
    chance = random.Random(seed)
    lines: list[str] = []
    while sum(map(len, lines)) < length:
        lines.append(
            f"{chance.choice(PLACES)}{chance.choice(DEEDS)}{chance.choice(THINGS)}，"
            f"与{chance.choice(THINGS)}同步推进，投入{chance.randint(10, 9000)}万元，"
            f"涉及{chance.randint(5, 3000)}户，{chance.choice(ENDS)}。"
        )
    return "\n".join("".join(lines[at : at + 3]) for at in range(0, len(lines), 3))


def edited(text: str, share: float, seed: int) -> str:
    """Exchange, drop or insert words of two characters until about `share` of the text is touched."""
    chance = random.Random(seed)
    out: list[str] = []
    at = 0
    while at < len(text):
        if chance.random() >= share / 2:
            out.append(text[at])
            at += 1
            continue
        word = "".join(chr(chance.randint(0x4E00, 0x9000)) for _ in range(2))
        kind = chance.random()
        out.append("" if kind > 0.75 else word)
        at += 0 if 0.5 < kind <= 0.75 else 2
    return "".join(out)


def meet(one: str, other: str) -> bool:
    return bool(set(bands(sign(one))) & set(bands(sign(other))))


HEAD = "首页　政务公开　互动交流\n当前位置：首页 > 要闻\n发布时间：2024-05-06　浏览次数：\n"
FOOT = "\n责任编辑：某某\n【打印】【关闭】\n扫一扫打开当前页\n主办：连云港市人民政府办公室"

COPIES = {
    "5 % edited": lambda text, seed: edited(text, 0.05, seed),
    "10 % edited": lambda text, seed: edited(text, 0.10, seed),
    "20 % edited": lambda text, seed: edited(text, 0.20, seed),
    "cut to 60 %": lambda text, seed: text[: int(len(text) * 0.6)],
    "other boilerplate": lambda text, seed: HEAD + text + FOOT,
    "reflowed": lambda text, seed: text.replace("\n", "").replace("，", " ，\n"),
    "full width": lambda text, seed: text.translate({code: code + 0xFEE0 for code in range(0x30, 0x3A)}),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_found_and_is_the_same_story(how: str) -> None:
    lost = []
    for seed in range(40):
        text = story(seed)
        copy = COPIES[how](text, seed)
        found = same_story("某标题", text, "某标题", copy)
        if not (meet(text, copy) and found.same):
            lost.append((seed, found))
    assert len(lost) <= (2 if how == "20 % edited" else 0), lost


def test_the_other_script_has_the_same_signature_and_digest() -> None:
    simplified, traditional = (
        "连云港市养老服务设施建设进展，惠及老人三千余名。",
        "連雲港市養老服務設施建設進展，惠及老人三千餘名。",
    )
    assert (sign(simplified), digest(simplified)) == (sign(traditional), digest(traditional))


def test_what_script_conversion_exchanges_by_the_word_folds_to_the_same() -> None:
    assert fold("想像俱樂部菸草") == fold("想象俱乐部烟草")


def test_folding_at_once_is_folding_one_by_one() -> None:
    chance = random.Random(12)
    ranges = (
        (0x20, 0x250),
        (0x300, 0x600),
        (0x1100, 0x1200),
        (0x2000, 0x3400),
        (0x4E00, 0xA000),
        (0xF900, 0x10000),
    )
    for _ in range(3000):
        text = "".join(chr(chance.randrange(*chance.choice(ranges))) for _ in range(8))
        one_by_one = unicodedata.normalize("NFKC", text)
        assert fold(text) == fold(one_by_one), ascii(text)
        assert fold(text) == "".join(map(fold, one_by_one.lower())), ascii(text)


def test_what_a_text_is_found_by_is_part_of_what_it_is_looked_up_by() -> None:
    keys = bands(sign(story(1)))
    assert keys[: len(posted(keys))] == posted(keys)
    assert (len(keys), len(posted(keys)), [is_exact(key) for key in keys[:2]]) == (28, 21, [True, False])


def test_the_verdict_has_no_sides() -> None:
    chance = random.Random(3)
    texts = [weather(chance) for _ in range(12)] + [edited(story(1), 0.1, seed) for seed in range(12)]
    for one, other in itertools.combinations(texts, 2):
        assert same_story("甲", one, "乙", other) == same_story("乙", other, "甲", one)


def test_two_stories_are_not_the_same() -> None:
    texts = [story(seed) for seed in range(30)]
    same = [
        pair for pair in itertools.combinations(texts, 2) if same_story("甲", pair[0], "甲", pair[1]).same
    ]
    assert same == []


def prices(week: int, chance: random.Random) -> str:
    goods = ["大米", "面粉", "猪肉", "鸡蛋", "青菜", "带鱼", "豆油"]
    told = "，".join(
        f"{good}每斤{chance.uniform(1, 20):.2f}元，环比{chance.choice(['上涨', '下降'])}{chance.uniform(0, 9):.1f}%"
        for good in goods
    )
    return f"据监测，本月第{week}周我市主要农副产品价格总体平稳。其中，{told}。预计后期保持平稳，请市民合理安排采购。"


def winners(chance: random.Random) -> str:
    people = "\n".join(
        f"{number}、{chance.choice(SURNAMES)}{''.join(chance.sample(GIVEN, 2))}，{chance.choice(PLACES)}，"
        f"服务{chance.randint(50, 400)}小时"
        for number in range(1, 21)
    )
    return f"经评审，下列人员获得年度优秀志愿者称号，现予公示，公示期五个工作日。\n{people}\n如有异议请向市文明办反映。"


def weather(chance: random.Random) -> str:
    sky = ["多云", "晴", "阴", "小雨"]
    return (
        f"市气象台发布：今天{chance.choice(sky)}，东南风{chance.randint(3, 5)}级，最高气温{chance.randint(20, 35)}度，"
        f"最低气温{chance.randint(5, 19)}度；明天{chance.choice(sky)}转{chance.choice(sky)}，偏北风{chance.randint(3, 6)}级，"
        f"气温{chance.randint(5, 19)}到{chance.randint(20, 35)}度。请注意防范，合理安排出行，最新消息请关注后续预报。"
    )


def test_bulletins_of_one_series_are_not_the_same() -> None:
    chance = random.Random(7)
    for name, texts in {
        "prices": [prices(week, chance) for week in range(1, 21)],
        "winners": [winners(chance) for _ in range(20)],
        "weather": [weather(chance) for _ in range(20)],
    }.items():
        pairs = [same_story("通报", a, "通报", b) for a, b in itertools.combinations(texts, 2)]
        assert (name, sum(pair.same for pair in pairs) <= len(pairs) // 100) == (name, True)


def test_a_number_in_the_title_parts_a_series_even_with_equal_texts() -> None:
    text = story(1)
    found = [same_story(f"第{a}期简报", text, f"第{b}期简报", text).reason for a, b in ((3, 4), (3, 3))]
    assert found == ["title figures", "equal"]


NOTICE = (
    "各县区人民政府，市各委办局：\n经研究决定，任命{name}同志为市民政局副局长，试用期一年。{name}同志任职期间，"
    "应当认真履行职责，接受群众监督，按照规定参加培训和考核。\n特此通知。"
)


@pytest.mark.parametrize(
    ("one", "other"),
    [("王伟", "李娜"), ("王伟", "王强"), ("刘杰", "徐杰"), ("徐娜", "陈明静"), ("王明", "王明芳")],
)
def test_notices_that_differ_in_one_name_are_not_the_same(one: str, other: str) -> None:
    found = same_story("任职通知", NOTICE.format(name=one), "任职通知", NOTICE.format(name=other))
    titled = same_story(
        f"任命{one}同志的通知", NOTICE.format(name=one), f"任命{other}同志的通知", NOTICE.format(name=other)
    )
    framed = same_story("任职通知", HEAD + NOTICE.format(name=one), "任职通知", NOTICE.format(name=other))
    assert (found.same, titled.same, framed.same) == (False, False, False)


CALL = (
    "{office}面向社会公开{verb}{topic}{kind}{count}名，年龄{least}至{most}周岁，{who}优先。报名截止{month}月{day}日，"
    "地点：{road}{house}号。\n2026年{month}月{signed}日"
)
PASSED = (
    "经审核，{village}等{count}家单位符合{topic}项目申报条件，现予公示，公示期5个工作日。如有异议，请实名向{office}反映，"
    "联系人：{name}。\n2026年{month}月{signed}日"
)
CLOSED = (
    "因设备检修，{office}服务窗口将于2026年{month}月{day}日{half}暂停办理{topic}业务，次日恢复。给您带来不便，敬请谅解。"
    "咨询电话：0518-{phone}。\n2026年{month}月{signed}日"
)


def brief(pattern: str, chance: random.Random) -> str:
    """Fill a notice of a few lines as its office does each time."""
    return pattern.format(
        office=chance.choice(PLACES),
        verb=chance.choice(["招募", "选聘"]),
        topic=chance.choice(["养老", "社区", "救助", "殡葬婚姻"]),
        kind=chance.choice(["监督员", "志愿者"]),
        who=chance.choice(["本地户籍", "常住居民"]),
        village=chance.choice(["海头镇东湾村", "石桥镇南徐集村", "青口镇小河滩村", "杨集镇大邵店村"]),
        name=chance.choice(SURNAMES) + "".join(chance.sample(GIVEN, 2)),
        half=chance.choice(["上午", "下午", "全天"]),
        road=chance.choice(["盐河路", "振兴路", "云桥路", "人民路"]),
        count=chance.randint(3, 60),
        least=chance.randint(18, 22),
        most=chance.randint(55, 65),
        month=chance.randint(1, 12),
        day=chance.randint(1, 28),
        signed=chance.randint(1, 28),
        house=chance.randint(6, 260),
        phone=chance.randint(10000000, 19999999),
    )


@pytest.mark.parametrize("pattern", [CALL, PASSED, CLOSED])
def test_brief_notices_of_one_pattern_are_not_the_same(pattern: str) -> None:
    chance = random.Random(11)
    texts = [brief(pattern, chance) for _ in range(40)]
    same = [
        pair
        for pair in itertools.combinations(texts, 2)
        if same_story("关于有关事项的公示", pair[0], "关于有关事项的公示", pair[1]).same
    ]
    assert same == []
    for text in texts:
        assert same_story("公示", text, "事项公示", f"【转载】{text}\n来源：市民政局").reason == "near"
        assert same_story("公示", text, "事项公示", text.replace("。", "，", 1).replace("\n", "")).same


@pytest.mark.parametrize("length", [100, 500])
def test_notices_that_differ_in_one_figure_are_not_the_same(length: int) -> None:
    text = story(8, length)
    figure = next(word for word in text.split("投入") if word[0].isdigit()).partition("万")[0]
    found = same_story("公示", text, "公示", text.replace(f"投入{figure}万", f"投入{int(figure) + 1}万", 1))
    assert (found.same, found.reason) == (False, "figures")


@pytest.mark.parametrize(
    ("told", "taken"), [("告诉记者", "介绍"), ("记者了解到", "笔者获悉"), ("昨日", "日前"), ("我市", "全市")]
)
def test_other_words_for_telling_are_no_names(told: str, taken: str) -> None:
    text = story(9)
    told_text, taken_text = (text.replace("，与", f"，{word}与") for word in (told, taken))
    assert same_story("甲", told_text, "甲", taken_text[:-40]).reason == "near"
    assert same_story("甲", told_text, "甲", taken_text).reason == "near"


def test_a_quote_inside_a_longer_story_is_not_the_story() -> None:
    quoted = story(3, 300)
    around = story(4, 900)
    assert same_story("甲", quoted, "乙", around + quoted).reason == "quote"
    third = story(5, 900)
    assert not same_story("甲", third, "乙", around + third[:270]).same


def test_captions_that_are_alike_are_not_the_same_unless_title_and_text_are_equal() -> None:
    found = [
        same_story(a, "图为活动现场", b, "图为活动现场").reason
        for a, b in (("春耕", "秋收"), ("春耕", "春耕"))
    ]
    assert found == ["short", "equal"]


def test_a_reprint_under_another_title_is_the_same() -> None:
    text = story(8)
    assert same_story("社区食堂开进家门口", text, "我市又有十二处社区食堂", "（记者 某某）" + text).same


def test_likeness_estimates_the_share() -> None:
    text = story(9, 2000)
    found = [round(likeness(sign(text), sign(edited(text, share, 2))), 1) for share in (0.0, 0.05, 0.2)]
    assert found == sorted(found, reverse=True)
    assert found[0] == 1.0
    assert likeness(sign(text), sign(story(10, 2000))) < 0.5


@pytest.mark.parametrize("odd", ["", "。", "一", "\ud800", "\x00\x01", "a" * 100_000, "𠀀𠀁𠀂𠀃", "️‍"])
def test_odd_text_never_raises(odd: str) -> None:
    signature = sign(odd)
    assert likeness(signature, signature) == (1.0 if signature else 0.0)
    assert bool(bands(signature)) == bool(signature)
    assert same_story(None, odd, None, odd).reason in ("short", "equal", "other text")
    assert digest(odd).startswith("sha256:")


@pytest.mark.parametrize("odd", ["", "x", "====", "AAAA", "连云港"])
def test_what_is_no_signature_is_like_nothing(odd: str) -> None:
    assert (bands(odd), likeness(odd, sign("连云港日报"))) == ((), 0.0)


def test_signatures_do_not_depend_on_the_process() -> None:
    code = "from crawler.text.signatures import bands, sign; s = sign('连云港市养老服务'); print(s[:24], bands(s)[:2])"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    signature = sign("连云港市养老服务")
    assert told == {f"{signature[:24]} {bands(signature)[:2]}\n"}


def test_fold_keeps_every_letter_of_a_story() -> None:
    text = story(11)
    assert fold(text) == fold("".join(char for char in text if char.isalnum()))
