"""The alarms of runs, said so that one knows what to do: what each rule means, and the command that helps."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from crawler.archive import HACKED, RANKS
from crawler.browsing.display import find_link, name_unseen, parse_json
from crawler.browsing.language import tr
from crawler.portals.entries import SPIDER

CRAWL = "scrapy crawl {spider} -a channel={channel}"
CHECK = "scrapy portal check {portal}"
EXPLAIN = "scrapy explain {url}"
VERIFY = "scrapy verify"
STATUS = "scrapy status"

RULES: dict[str, tuple[str, str, str, str, str]] = {
    HACKED: (
        "新近被入侵",
        "hacked since last seen",
        "上次看还干净，这次有了外来的内容。请通知网站。",
        "Clean when it was last seen, and not any more. Tell the portal.",
        EXPLAIN,
    ),
    "signs of hacking": (
        "有被入侵的痕迹",
        "signs of hacking",
        "页面上有外来的内容或被改过的文字；已修复，证据都在。",
        "Pages bear foreign blocks or altered text; repaired, all evidence kept.",
        EXPLAIN,
    ),
    "tampered": (
        "页面被篡改",
        "tampered with",
        "初次收录时就已被篡改。",
        "It was altered already when it was first archived.",
        EXPLAIN,
    ),
    "few new": (
        "新文变少",
        "few new",
        "新文章比这个栏目往常少得多：列表可能没有读全，或栏目停了。",
        "Far fewer new articles than this channel is used to: its list may be read in part, or it stopped.",
        CHECK,
    ),
    "many new": (
        "新文骤增",
        "many new",
        "一夜新文章比往常多得多：网站改版、补录，或被人塞了东西。",
        "Far more new articles in a night than usual: a remake, a backlog, or somebody's spam.",
        CHECK,
    ),
    "read otherwise": (
        "读法变了",
        "read otherwise",
        "标题、日期或正文由别的规则读出：多半是换了版式，看看例子读得对不对。",
        "Title, date or body are told by another rule: most likely a new layout; see whether the example is read well.",
        EXPLAIN,
    ),
    "text length": (
        "正文长短异常",
        "text length",
        "新文章比往常短得多或长得多：正文可能被截断，或混进了别的内容。",
        "New texts are far shorter or longer than usual: cut off, or mixed with something else.",
        EXPLAIN,
    ),
    "many changed": (
        "大批页面改动",
        "many changed",
        "一夜之间许多旧文章变了：换了模板，或被人改过。",
        "Many known articles changed in one night: a new template, or somebody altered them.",
        EXPLAIN,
    ),
    "many missed": (
        "取不到的变多",
        "many missed",
        "取不到、被拦截或已不在的文章比往常多。",
        "More articles than usual failed, were challenged or are gone.",
        CHECK,
    ),
    "portal moved": (
        "网站搬家了",
        "portal moved",
        "页面都通往一个没有声明的主机：核实之后加进声明；若是被入侵，请通知网站。",
        "Its pages lead to a host that is not declared: add it once you are sure; if it was hacked, tell the portal.",
        CHECK,
    ),
    "certificate expires": (
        "证书将到期",
        "certificate expires",
        "到期后就取不到了：可以提醒网站。",
        "From then on nothing can be fetched: the portal may want to know.",
        "",
    ),
    "many lines": (
        "一页行数过多",
        "many lines",
        "超过 LIST_LINES，只收了前面的；多半不是正常的列表。",
        "More than LIST_LINES; the first were taken up; most likely no ordinary list.",
        CHECK,
    ),
    "many pages": (
        "列表没有尽头",
        "many pages",
        "超过 LIST_PAGES，后面的没有再要；若确有那么长，调高设置。",
        "More than LIST_PAGES, the rest was not asked for; raise the setting if the list is that long.",
        CHECK,
    ),
    "trap": (
        "列表是个陷阱",
        "trap",
        "列表的下一页没完没了（日历、会话编号、越来越长的地址），后面的没有再要。",
        "The further pages of the list never end (a calendar, session ids, addresses that grow); the rest was not asked for.",
        CHECK,
    ),
    "feed": (
        "导出文件没有写全",
        "feed",
        "用 -o 要的文件没有写全；档案里一篇不少，可用 scrapy export 再写。",
        "The file of -o lacks items; the archive has every one: scrapy export writes them again.",
        STATUS,
    ),
    "clock": (
        "时钟不对",
        "clock",
        "这台机器的时钟往回拨了，或在运行中跳了；在上次运行的时刻之前，网页的改动不算数，抓到的都留着。",
        "The clock of this machine was set back, or jumped during the run; until the time of the last run no change of a page counts; captures are kept.",
        STATUS,
    ),
    "silent list": (
        "列表空了",
        "silent list",
        "上次有内容的列表这次一行也没有：先在浏览器里看看那个栏目。",
        "A list that had lines has none: look at the channel in a browser first.",
        CRAWL,
    ),
    "only old": (
        "久无新文",
        "only old",
        "栏目沉默得比往常久：也许停更了，也许搬了家。",
        "The channel is silent for longer than its habit: it ended, or it moved.",
        CRAWL,
    ),
    "list moved": (
        "列表搬了",
        "list moved",
        "按首页的链接找到了新地方，已经在那里读了。",
        "It was found at another place that the home page links, and was read there.",
        "",
    ),
    "no such list": (
        "没有这个列表",
        "no such list",
        "从来没有见过这个栏目：代码写错了，或网站从未有过。",
        "Nobody has ever seen this channel: its code is wrong, or the portal never had it.",
        CRAWL,
    ),
    "list refused": (
        "列表被拒",
        "list refused",
        "网站答复了，但不给列表；下次运行会再要。",
        "The portal answered, but not with the list; the next run asks again.",
        CRAWL,
    ),
    "list failed": (
        "列表取不到",
        "list failed",
        "没有答复，或断在半途；下次运行会再要。",
        "No answer, or one that was cut off; the next run asks again.",
        CRAWL,
    ),
    "first screen only": (
        "只有第一屏",
        "first screen only",
        "列表还有下文，网站却不给：更早的文章要等它修好。",
        "The list goes on, but the portal does not give it: older articles wait until it does.",
        CRAWL,
    ),
    "unread": (
        "列表读不懂",
        "list not understood",
        "网站改版了：读它的程序要跟着改（docs/adding-a-portal.md）。",
        "The portal was remade: the program that reads it must follow (docs/adding-a-portal.md).",
        CRAWL,
    ),
    "challenged": (
        "被拦截",
        "challenged",
        "一道门挡住了：过些时候再试，不要硬闯。",
        "A gate stands before it: try later, do not force it.",
        CRAWL,
    ),
    "parse rate": (
        "读出的页面变少",
        "fewer pages are read",
        "标题、正文、日期齐全的页面比往常少：看看例子，多半是改版。",
        "Fewer pages have title, text and date than before: look at the example; most likely a new layout.",
        EXPLAIN,
    ),
    "titles missing": (
        "缺标题",
        "titles missing",
        "自己写明标题的页面比往常少。",
        "Fewer pages than before say their title.",
        EXPLAIN,
    ),
    "dates missing": (
        "缺日期",
        "dates missing",
        "自己写明日期的页面比往常少。",
        "Fewer pages than before say their date.",
        EXPLAIN,
    ),
    "sources missing": (
        "缺来源",
        "sources missing",
        "自己写明来源的页面比往常少。",
        "Fewer pages than before say their source.",
        EXPLAIN,
    ),
    "books": (
        "账目不平",
        "the books do not balance",
        "有些列表行说不清下落：检查档案。",
        "Lines of a list are not accounted for: check the archive.",
        VERIFY,
    ),
    "damaged": (
        "文件损坏",
        "damaged file",
        "给来的文件有一处读不出；其余都收下了。",
        "A place in a file that was handed in cannot be read; the rest was taken in.",
        VERIFY,
    ),
    "incomplete": (
        "文章不全",
        "incomplete article",
        "分页的文章缺了几页；下次运行会再要。",
        "Some of the pages of a split article are missing; a later run asks again.",
        EXPLAIN,
    ),
    "page gone": (
        "缺页",
        "page of an article gone",
        "分页的文章有几页网站上没有：已收下其余各页。",
        "The portal has not all pages of a split article; the others were taken.",
        EXPLAIN,
    ),
    "part alone": (
        "只有续页",
        "further page alone",
        "有续页而没有首页。",
        "A further page without the page it belongs to.",
        EXPLAIN,
    ),
    "runover apart": (
        "转版没有接上",
        "runover apart",
        "报上说转到另一版，那一篇没有找到。",
        "The paper says that the story goes on elsewhere; the other piece was not found.",
        EXPLAIN,
    ),
    "many files": (
        "附件太多",
        "many files",
        "只收了前面的；多半不是正常的页面。",
        "Only the first were taken up; most likely no ordinary page.",
        EXPLAIN,
    ),
    "many parts": (
        "分页太多",
        "many pages",
        "文章说自己分成太多页，后面的没有取。",
        "The article says that it has very many pages; the last ones were not asked for.",
        EXPLAIN,
    ),
    "not delivered": (
        "报告没有送到",
        "report not delivered",
        "上一次的报告没有送到任何人：检查收报告的地址。",
        "The last report reached nobody: check the addresses that reports go to.",
        "scrapy nightly --help",
    ),
    "certificate not verified": (
        "证书未核实",
        "certificate not verified",
        "按 TLS_UNVERIFIED_HOSTS 的设定照取；取来的内容可能被人半路改过。",
        "Fetched all the same, as TLS_UNVERIFIED_HOSTS says; somebody on the way may have altered it.",
        "",
    ),
    "article failed": (
        "文章取不到",
        "article failed",
        "过一段时间自动再要；总是不行就看看它。",
        "Asked for again after a pause; look at it where that never helps.",
        EXPLAIN,
    ),
    "article challenged": (
        "文章被拦截",
        "article challenged",
        "一道门挡住了；过一段时间自动再要。",
        "A gate stands before it; asked for again after a pause.",
        STATUS,
    ),
    "article gone": (
        "文章不在了",
        "article gone",
        "网站说没有了；收录过的版本都留着。",
        "The portal says that it is not there; every version that was archived stays.",
        STATUS,
    ),
    "attachment failed": (
        "附件取不到",
        "attachment failed",
        "过一段时间自动再要。",
        "Asked for again after a pause.",
        STATUS,
    ),
    "attachment gone": (
        "附件不在了",
        "attachment gone",
        "网站给了链接，文件却没有。",
        "The portal links it, and has it not.",
        STATUS,
    ),
    "attachment challenged": (
        "附件被拦截",
        "attachment challenged",
        "一道门挡住了；过一段时间自动再要。",
        "A gate stands before it; asked for again after a pause.",
        STATUS,
    ),
    "attachment oversize": (
        "附件过大",
        "attachment too large",
        "超过上限，没有收；上限可在设置里改。",
        "Larger than the limit and not kept; the limit is a setting.",
        STATUS,
    ),
    "attachment refused": (
        "附件不许取",
        "attachment refused",
        "robots.txt 不许，或通往别的主机。",
        "robots.txt forbids it, or it leads to another host.",
        STATUS,
    ),
}
"""By rule: its name and what it means in both languages, and the command that helps; `docs/ledger.md` has their reasons."""


class Alarm(NamedTuple):
    """One alarm of a run, ready to be shown; what is stored is put out escaped."""

    rule: str
    name: str
    meaning: str
    portal: str
    channel: str
    what: str
    url: str
    command: str
    grave: bool
    """Somebody broke in: it stands first, and in red."""


class Alarms(NamedTuple):
    """The alarms of one rule and portal."""

    first: Alarm
    rest: tuple[Alarm, ...]


def read_alarms(value: object, spider: str = "", archive: str = "archive") -> list[Alarm]:
    """Read the alarms of a run, the gravest first; what is no alarm is left out.

    ``archive``: the name of the database, which the commands name where it is not the usual one.

    >>> row = '[{"portal": "a.cn", "channel": "x", "rule": "silent list", "what": "found no line", "url": "http://a.cn/"}]'
    >>> [(alarm.name, alarm.command) for alarm in read_alarms(row, "lyg_news")]
    [('列表空了', '.venv/bin/scrapy crawl lyg_news -a channel=x')]
    >>> [alarm.command for alarm in read_alarms(row, "portals")]
    ['.venv/bin/scrapy crawl portals -a portal=a.cn -a channel=x']
    >>> read_alarms("[1, {}]"), read_alarms(None)
    ([], [])
    """
    found = parse_json(value)
    alarms = [
        read_alarm(each, spider, archive)
        for each in (found if isinstance(found, list) else [])
        if isinstance(each, dict) and (each.get("rule") or each.get("what"))
    ]
    return sorted(alarms, key=lambda alarm: (alarm.rule != HACKED, RANKS.get(alarm.rule, 2)))


def read_alarm(row: Mapping[str, Any], spider: str, archive: str) -> Alarm:
    """Put one stored alarm into a reader's words."""
    rule, portal, channel, what, url = (
        "" if row.get(name) is None else str(row[name])
        for name in ("rule", "portal", "channel", "what", "url")
    )
    chinese, english, meant, meaning, command = RULES.get(rule, (rule, rule, "", "", ""))
    if spider == SPIDER:  # which crawls unproven portals by name only
        command = command.replace("{spider}", "{spider} -a portal={portal}")
    given = {"spider": spider, "portal": portal, "channel": channel, "url": find_link(url) or ""}
    return Alarm(
        rule,
        tr(chinese, english),
        tr(meant, meaning),
        portal,
        channel,
        what,
        url,
        write_command(command, given, archive),
        RANKS.get(rule, 2) < 2,
    )


def write_command(command: str, given: Mapping[str, str], archive: str) -> str:
    """Fill in a command; empty where a value is not known or not fit to stand in one.

    What is filled in was written by a portal: it is quoted, and a shell does nothing with it.

    >>> write_command(EXPLAIN, {"url": "http://a.cn/?a=$(reboot)"}, "archive")
    ".venv/bin/scrapy explain 'http://a.cn/?a=$(reboot)'"
    >>> write_command(EXPLAIN, {"url": ""}, "archive"), write_command(STATUS, {}, "demo")
    ('', 'ARCHIVE_PATH=data/demo.db .venv/bin/scrapy status')
    """
    wanted = {name: value for name, value in given.items() if f"{{{name}}}" in command}
    if not command or not all(wanted.values()) or any(name_unseen(each) != each for each in wanted.values()):
        return ""
    filled = command.format(**{name: shlex.quote(value) for name, value in wanted.items()})
    place = "" if archive == "archive" else f"ARCHIVE_PATH={shlex.quote(f'data/{archive}.db')} "
    return f"{place}.venv/bin/{filled}"


def group_alarms(alarms: Iterable[Alarm]) -> list[Alarms]:
    """Put the alarms of one rule and portal together, in the order in which the first of each stands.

    >>> one = read_alarms('[{"rule": "tampered", "portal": "a.cn", "what": "x"}]')
    >>> [(each.first.what, len(each.rest)) for each in group_alarms(one * 3)]
    [('x', 2)]
    """
    groups: dict[tuple[str, str], list[Alarm]] = {}
    for alarm in alarms:
        groups.setdefault((alarm.rule, alarm.portal), []).append(alarm)
    return [Alarms(first, tuple(rest)) for first, *rest in groups.values()]
