"""Proofs on whole bad portals: pages, lists, redirects, robots.txt, certificates, and what is shown of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tests.bench.faults.badserver import Answers, BadServer, broken_off, endless, make_canary, reply, silence
from tests.bench.faults.crawls import (
    CPU,
    DAY,
    FAST,
    RSS,
    SOURCES,
    START,
    UNSAFE_RE,
    Batch,
    Done,
    Portal,
    Verdict,
    captures_of,
    declare,
    listing,
    run,
    serve,
)
from tests.bench.faults.inputs import LAUGHS, MIB, Bad, all_bad, bomb, mark, mutants, story
from tests.bench.faults.proofs import Bench, Verdicts, all_of, proves
from tests.bench.faults.sources import CHANNEL
from tests.home import QUICK, ROOT, Home
from tests.replica import Replica, certificates
from tests.replica.replies import Reply
from tests.test_crawl import contents

ARTICLES = tuple(dict.fromkeys(bad.case for bad in all_bad()))


@proves(*ARTICLES, "B080", "B085", "B095")
def prove_articles(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl all bad articles: the light ones together, each heavy one alone; then look at what is left behind."""
    bads = [bad for bad in all_bad() if bad.case in wanted and not (bench.quick and bad.alone)]
    found: dict[str, list[tuple[str, Verdict]]] = {case: [] for case in wanted}
    light = [bad for bad in bads if not bad.alone]
    odd = "甲&#10;FORGED 2026 ERROR&#27;[31m"
    light.append(
        Bad(
            "B095", "", reply(story("B095").replace("<h1>", f"<h1>{odd}").replace("<title>", f"<title>{odd}"))
        )
    )
    light += mutants(20, bench.chance)
    home = bench.home()
    batch = Batch(light)
    done, server = batch.crawl(home)
    verdicts = batch.judge(home, done, server)
    wrong = whole(home, done, server) + settled(home, batch)
    for bad in light:
        case = bad.case if bad.case in wanted else "B080"
        if case in found:
            found[case].append((f"{bad.case} {bad.variant}".removeprefix(case).strip(), verdicts[id(bad)]))
    if "B095" in found and re.search(r"^FORGED", done.log, re.M):
        found["B095"].append(("", Verdict(False, "a line of the log was forged")))
    if "B085" in wanted:
        found["B085"].append(
            ("", Verdict(not (odd_types := types_of(home)), odd_types or "each column has its type"))
        )
    if wrong:  # it cannot be told by whose fault
        for case in found:
            found[case].append(("the whole crawl", Verdict(False, wrong)))
    for bad in bads:
        if bad.alone:
            found[bad.case].append((bad.variant, crawl_alone(bench, bad)))
    return {case: all_of(parts) for case, parts in found.items()}


def crawl_alone(bench: Bench, bad: Bad) -> Verdict:
    """Crawl one heavy page and measure what it costs."""
    home, batch = bench.home(), Batch([bad])
    done, server = batch.crawl(home)
    verdict = batch.judge(home, done, server)[id(bad)]
    wrong = [
        "" if verdict.survived else verdict.seen,
        f"{done.rss} MB of memory" if done.rss > RSS else "",
        f"{done.cpu:.1f} s of processor time" if done.cpu > CPU + START else "",
        whole(home, done, server, again=False),
    ]
    said = "; ".join(filter(None, wrong))
    return Verdict(not said, said or f"{verdict.seen[:160]} ({done.rss} MB, {done.cpu:.0f} s)")


def settled(home: Home, batch: Batch) -> str:
    """Say what a second run, a check and a rebuild find wrong; empty where nothing."""
    before = contents(home.archive)
    # what was too slow for the first run, on a busy machine, may come in the second one
    slow = "SELECT key FROM listings WHERE state = 'failed' AND error LIKE '%came within%'"
    late = {key for (key,) in home.ask(slow)}
    states = dict(home.ask("SELECT key, state || ': ' || coalesce(error, '') FROM listings"))
    done, _ = batch.crawl(home)
    if done.tells:
        return f"second run: {done.tells}"
    after = contents(home.archive)
    more = {
        name: [row for row in rows if row not in before[name] and row[0] not in late][:2]
        for name, rows in after.items()
        if name != "memory"
    }
    if any(more.values()):
        said = [f"{name} of {row[0]} ({states.get(row[0])})" for name, rows in more.items() for row in rows]
        return f"a second run added something: {said}"[:600]
    built = home.folder / "rebuilt.db"
    rebuilt = run(home, "rebuild", *SOURCES, "--to", str(built))
    if rebuilt.code or contents(built) != after:
        return f"a rebuild gives another archive (exit {rebuilt.code})"
    built.unlink()
    return ""


def whole(home: Home, done: Done, server: BadServer, again: bool = True) -> str:
    """Say what is wrong after a crawl, whatever it met; empty where nothing is."""
    states = home.ask("SELECT DISTINCT state FROM listings")
    left = sorted(
        path.name for path in home.folder.iterdir() if not re.match(r"archive\.db|warc$|logs$", path.name)
    )
    checked = run(home, "verify", *SOURCES)
    wrong = [
        done.tells,
        f"exit {done.code}" if done.code not in (0, 4) else "",
        f"{done.rss} MB" if done.rss > RSS else "",
        f"lines are left {states}" if ("pending",) in states else "",
        f"asked for {server.strays[:3]}" if server.strays else "",
        f"left behind {left}" if left else "",
        f"verify: {(checked.out + checked.log).splitlines()[0][:200]}" if checked.code else "",
    ]
    return "; ".join(filter(None, wrong))


def types_of(home: Home) -> str:
    """Name the columns that hold a value of another type than their shape says; empty where none does."""
    wrong = []
    for table, column, kind in home.ask(
        "SELECT m.name, p.name, p.type FROM sqlite_schema m, pragma_table_info(m.name) p "
        "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND p.type IN ('TEXT', 'INTEGER', 'FLOAT')"
    ):
        allowed = {"TEXT": "'text'", "INTEGER": "'integer'", "FLOAT": "'real', 'integer'"}[kind]
        sql = f'SELECT count(*) FROM "{table}" WHERE typeof("{column}") NOT IN ({allowed}, \'null\')'
        if home.ask(sql) != [(0,)]:
            wrong.append(f"{table}.{column}")
    return ", ".join(wrong)


# --- redirects and addresses ---


def location(to: str | bytes, status: str = "302 Found") -> bytes:
    raw = to.encode() if isinstance(to, str) else to
    return b"HTTP/1.1 %s\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % (
        status.encode(),
        raw,
    )


def redirects() -> Iterator[Bad]:
    """Give articles that lead elsewhere; `HOST` stands for the own host of each."""
    yield Bad("B033", "loop", location("http://HOST/loop"), "failed", r"redirect", asked=1)
    yield Bad("B033", "chain", location("http://HOST/chain?n=0"), "failed", r"redirect", asked=1)
    refused = r"refused host: found "
    for case, variant, to in (
        ("B034", "loopback", "http://127.0.0.2/x"),
        ("B034", "port", "http://127.0.0.2:8000/x"),
        ("B034", "10.", "http://10.0.0.1/x"),
        ("B034", "decimal", "http://2130706434/x"),
        ("B034", "own host, other port", "http://HOST:8080/x"),
        ("B035", "", "http://169.254.169.254/latest/meta-data/"),
    ):
        yield Bad(case, variant, location(to), "failed", refused)
    for variant, to in (
        ("file", "file:///etc/passwd"),
        ("ftp", "ftp://127.0.0.2/x"),
        ("data", "data:text/html,x"),
    ):
        yield Bad("B038", variant, location(to), "failed", r"answers 302|refused")
    text = '<html><head><meta http-equiv=refresh content="0;url=file:///etc/passwd"></head><body>跳转</body></html>'
    yield Bad("B039", "", reply(text), "failed", r"\w", kept=text.encode())
    for variant, path in (("utf-8", "/目标.shtml".encode()), ("gbk", "/目标.shtml".encode("gbk"))):
        yield Bad("B044", variant, location(b"http://HOST" + path), "archived", calm=False)
    yield Bad("B044", "line", location("http://HOST/a%0d%0aX-Injected:%201.shtml"), "archived", calm=False)


@proves("B033", "B034", "B035", "B038", "B039", "B044")
def prove_redirects(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl articles that lead to where nobody may go."""
    bads = [bad for bad in redirects() if bad.case in wanted]
    batch = Batch(bads)
    answers = dict(batch.answers)
    for bad in bads:
        place = batch.places[id(bad)]
        host = place.split("/")[0]
        assert isinstance(bad.answer, bytes)
        answers[place] = bad.answer.replace(b"HOST", host.encode())
        landed = reply(story(bad.case, bad.variant))
        if bad.variant == "loop":
            answers[f"{host}/loop"] = location(f"http://{host}/loop2")
            answers[f"{host}/loop2"] = location(f"http://{host}/loop")
        elif bad.variant == "chain":
            for n in range(40):
                answers[f"{host}/chain?n={n}"] = location(f"http://{host}/chain?n={n + 1}")
        elif bad.case == "B044":
            answers[f"{host}/*"] = landed
    batch.answers = answers
    home = bench.home()
    with make_canary() as canary:
        done, server = batch.crawl(home)
    verdicts = batch.judge(home, done, server)
    wrong = whole(home, done, server) + (f"canary: {canary.asked}" if canary.asked else "")
    injected = [head for head in server.heads.values() if "\nx-injected" in head.lower()]
    wrong += "a header was injected" if injected else ""
    found: dict[str, list[tuple[str, Verdict]]] = {}
    for bad in bads:
        found.setdefault(bad.case, []).append((bad.variant, verdicts[id(bad)]))
        if wrong:
            found[bad.case].append(("the whole crawl", Verdict(False, wrong)))
    return {case: all_of(parts) for case, parts in found.items()}


PRIVATE = {
    "B036": ("2130706434", "0x7f000002", "127.2", "[::ffff:127.0.0.2]", "127.0.0.2"),
    "B037": ("localhost", "localhost.localdomain"),
}


@proves("B036", "B037")
def prove_private_portals(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Declare portals on hosts that are this machine, with no proxy in the way: nothing connects."""
    found = {}
    for case in wanted:
        home = bench.home()
        hosts = PRIVATE[case]
        declare(home, [Portal(host, (host.strip("[]"),), (), f"http://{host}/") for host in hosts])
        with make_canary() as canary:
            done = run(home, "nightly", *QUICK, *FAST, *SOURCES, "-s", "RETRY_TIMES=0")
            hits = list(canary.asked)
        alarms = json.loads(home.ask("SELECT alarms FROM runs")[0][0])
        told = {alarm["portal"]: alarm["what"] for alarm in alarms if alarm["rule"] == "list failed"}
        wrong = [
            f"{host}: {told.get(host, 'no alarm')}"
            for host in hosts
            if not re.search(r"refused|resolve|wanted a public address|invalid|[Dd]NS", told.get(host, ""))
        ]
        wrong += [f"canary: {hits}"] if hits else []
        wrong += [done.tells] if done.tells else []
        wrong += [f"exit {done.code}"] if done.code not in (3, 8) else []
        where = (
            f"canary on port {canary.server_port}: 0 hits; exit {done.code}; {told.get(hosts[0], '')[:90]}"
        )
        found[case] = Verdict(not wrong, "; ".join(wrong)[:400] or where)
    return found


@proves("B045")
def prove_certificates(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl https portals: one whose certificate is for another name, one whose authority nobody knows, a good one."""
    home = bench.home()
    folder = home.folder
    good = certificates.make(("good.example",), folder / "ca.pem")
    unknown = certificates.make(("unknown.example",), folder / "unknown.pem")
    hosts = ("good.example", "other.example", "unknown.example")
    url = f"https://good.example/{CHANNEL}/{DAY}/1.shtml"
    lines = ((url, f"海州区{mark('B045', '')}码头开工"),)
    portals = [
        Portal(host, (host,), lines if host == "good.example" else (), f"https://{host}/") for host in hosts
    ]
    declare(home, portals)
    answers = serve(portals, {urlsplit(url).netloc + urlsplit(url).path: reply(story("B045"))})
    with BadServer(
        answers, {"good.example": good, "other.example": good, "unknown.example": unknown}
    ) as server:
        home.env |= server.environment | {"SSL_CERT_FILE": str(folder / "ca.pem")}
        done = run(home, "nightly", *QUICK, *FAST, *SOURCES, "-s", "RETRY_TIMES=0")
    for name in ("ca.pem", "unknown.pem"):
        (folder / name).unlink()
    alarms = json.loads(home.ask("SELECT alarms FROM runs")[0][0])
    told = {alarm["portal"]: alarm["what"] for alarm in alarms if alarm["rule"] == "list failed"}
    asked = [key for key in server.asked if not key.startswith("good")]
    right = set(told) == {"other.example", "unknown.example"} and not asked and not done.tells
    right = right and home.ask("SELECT count(*) FROM articles") == [(1,)]
    return {
        "B045": Verdict(right, f"exit {done.code}; {json.dumps(told)[:300]}; asked {asked}; {done.tells}")
    }


# --- lists ---


@proves("B040", "B041", "B042", "B043", "B072", "B074", "B087")
def prove_lists(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl lists whose lines lead to files, nowhere, or have no end."""
    home = bench.home()
    day = f"/{CHANNEL}/{DAY}"
    long = f"http://own.example{day}/{'9' * 3000}.shtml"
    odd = [
        ("file:///etc/passwd", "文件"), (f"file://own.example{day}/7.shtml", "文件二"),
        ("javascript:alert(1)", "脚本"), ("http://[::1", "括号"), (f"http://own.example:99999{day}/8.shtml", "端口"),
        ("", "无地址"), (long, "长地址"),
    ]  # fmt: skip
    lines = tuple(
        (f"http://own.example{day}/{n}.shtml", f"海州区{mark('good', str(n))}码头开工") for n in (1, 2, 3)
    )
    own = Portal("own.example", ("own.example",), lines)
    laughing = Portal("laugh.example", ("laugh.example",), ())
    sitemap = Portal("map.example", ("map.example",), ())
    declare(home, [own, laughing, sitemap])
    rows = [*lines[:2], *odd, lines[2], lines[0]]
    text = listing(rows).replace("<ul>", "<ul><li><a>没有地址</a></li><li><a name=x>也没有</a></li>")
    urls = "<url><loc>file:///etc/passwd</loc></url><url><loc>http://map.example/&k;</loc></url>"
    answers: dict[str, Answers] = {
        f"own.example/{CHANNEL}/": reply(text),
        f"laugh.example/{CHANNEL}/": reply(f"{LAUGHS}<urlset><url><loc>&k;</loc></url></urlset>"),
        f"map.example/{CHANNEL}/": reply(
            f'<?xml version="1.0"?><urlset>{urls}</urlset>', content_type="text/xml"
        ),
        **{f"own.example{day}/{n}.shtml": reply(story("good", str(n))) for n in (1, 2, 3)},
        f"own.example{day}/{'9' * 3000}.shtml": reply(story("B072")),
    }
    with BadServer(serve([own, laughing, sitemap], answers)) as server:
        home.env |= server.environment
        done = run(home, "nightly", *QUICK, *FAST, *SOURCES)
    listed = dict(home.ask("SELECT url, state FROM listings"))
    had = {url for (url,) in home.ask("SELECT url FROM articles")}
    captured = b"".join(body or b"" for url in listed for body, _ in captures_of(home, url))
    alarms = json.loads(home.ask("SELECT alarms FROM runs")[0][0])
    wrong = "; ".join(
        filter(None, [
            done.tells, f"{done.rss} MB" if done.rss > RSS else "",
            "a file was read" if b"root:" in captured else "",
            "" if {url for url, _ in lines} <= had else f"good lines are missing: {had}",
            f"asked for {server.strays}" if server.strays else "",
        ])
    )  # fmt: skip
    files = [url for url, state in listed.items() if url.startswith("file:") and state != "offsite"]
    keyless = home.ask("SELECT count(*) FROM listings WHERE key IS NULL OR key = ''")
    told = {alarm["portal"]: f"{alarm['rule']}: {alarm['what']}"[:150] for alarm in alarms}
    skipped = home.ask("SELECT json_extract(stats, '$.\"links/skipped\"') FROM runs")[0][0]
    checked = run(home, "verify", *SOURCES)
    wrong += f"; verify exit {checked.code}" if checked.code else ""
    verdicts = {
        "B040": (not files, f"lines of files: {files}"),
        "B041": (not files, f"lines of files: {files}"),
        "B042": ("map.example" in told, told.get("map.example", "no alarm")),
        "B043": (
            skipped == 5,
            f"{len(listed)} lines listed, {skipped} links passed over and counted (links/skipped), exit {done.code}",
        ),
        "B072": (listed.get(long) == "failed", f"{listed.get(long)}"),
        "B074": ("laugh.example" in told, told.get("laugh.example", "no alarm")),
        "B087": (keyless == [(0,)], f"{keyless[0][0]} rows without a key"),
    }
    return {
        case: Verdict(right and not wrong, f"{seen}{'; ' + wrong if wrong else ''}")
        for case, (right, seen) in verdicts.items()
        if case in wanted
    }


@proves("B071")
def prove_traps(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl lists that never end: the run ends at their bounds, and says what they are."""

    def calendar(number: int, host: str, growing: bool) -> bytes:
        url = f"http://{host}/{CHANNEL}/{DAY}/{number}.shtml"
        further = f"/{CHANNEL}/{'x/' * (number + 1) if growing else ''}index_{number + 1}.shtml{'?sid=7' if growing else ''}"
        more = f'<div class=pages><a href="{further}">下一页</a></div>'
        return reply(listing([(url, f"第{number}日的消息")], more))

    async def endless_pages(wire: Any) -> None:
        target = wire.head.split(" ", 2)[1]
        found = re.search(r"index_(\d+)\.", target)
        number = int(found[1]) if found else 1
        host = urlsplit(target).hostname or ""
        shown = calendar(number, host, host == "grow.example")
        if host == "sid.example":  # the same lines under ever other addresses
            line = [(f"http://{host}/{CHANNEL}/{DAY}/7.shtml", "第7日的消息")]
            shown = reply(listing(line, f'<a href="/{CHANNEL}/index_{number + 1}.shtml">下一页</a>'))
        await wire.send(shown)

    home = bench.home()
    portals = [Portal(host, (host,), ()) for host in ("day.example", "grow.example", "sid.example")]
    declare(home, portals)
    answers = serve(portals, {f"{p.hosts[0]}/{CHANNEL}/": endless_pages for p in portals})
    answers |= {f"{p.hosts[0]}/{CHANNEL}/{DAY}/*": reply(story("B071")) for p in portals}
    answers |= {f"{p.hosts[0]}/{CHANNEL}/*": endless_pages for p in portals}
    with BadServer(answers) as server:
        home.env |= server.environment
        done = run(home, "crawl", "bad", "-a", "full=1", "-s", "LIST_PAGES=60", *QUICK, *FAST, *SOURCES)
    alarms = json.loads(home.ask("SELECT alarms FROM runs")[0][0])
    traps = {alarm["portal"]: alarm["what"] for alarm in alarms if alarm["rule"] == "trap"}
    deepest = max(map(len, server.asked))
    counts = dict(home.ask("SELECT state, count(*) FROM listings GROUP BY 1"))
    checked = run(home, "verify", *SOURCES)
    right = (
        home.ask("SELECT outcome FROM runs") == [("partial",)]
        and not done.tells
        and done.rss <= RSS
        and checked.code == 0
    )
    right = (
        right
        and set(counts) <= {"archived", "unchanged"}
        and set(traps) == {portal.name for portal in portals}
    )
    seen = f"{'; '.join(f'{name}: trap: {what}' for name, what in sorted(traps.items()))}; exit {done.code} after {done.wall:.0f} s, {sum(server.asked.values())} requests, {counts}, {done.rss} MB, verify {checked.code}, longest address {deepest}; {done.tells}"
    return {"B071": Verdict(right, seen)}


@proves("B076", "B096", "B088")
def prove_attachments(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl an article whose attachments are a bomb and have names that lead out of every folder."""
    home = bench.home()
    day = f"/{CHANNEL}/{DAY}"
    evil = f"{day}/..%2f..%2f..%2fetc%2fevil.pdf"
    files = (
        f'<p><a href="{day}/map.zip">附件：网站地图.gz</a></p>'
        f'<p><a href="{evil}">../../etc/evil.pdf</a></p><p><a href="{day}/n.pdf">a\0\x1b\u202e/../b.pdf</a></p>'
    )
    url = f"http://own.example{day}/1.shtml"
    huge = f"http://own.example{day}/2.shtml"
    own = Portal("own.example", ("own.example",), ((url, f"海州区{mark('B096', '')}码头开工"), (huge, "大")))
    declare(home, [own])
    packed = bomb("gzip", 304 * MIB)
    answers: dict[str, Answers] = {
        f"own.example{day}/1.shtml": reply(story("B096", inside=files)),
        f"own.example{day}/2.shtml": endless(reply(b"<html>", length=1_181_116_006), b"x" * MIB),
        f"own.example{day}/map.zip": reply(packed, content_type="application/gzip"),
        f"own.example{evil}": reply(
            b"%PDF-1.4 evil", 'Content-Disposition: attachment; filename="../../evil.pdf"'
        ),
        f"own.example{day}/n.pdf": reply(b"%PDF-1.4 odd"),
    }
    with BadServer(serve([own], answers)) as server:
        home.env |= server.environment
        done = run(home, "nightly", *QUICK, *FAST[:4], *SOURCES)
    states = home.ask("SELECT name, state, size FROM attachments ORDER BY url")
    wrong = whole(home, done, server)
    evil_files = [str(path) for path in Path(tempfile.gettempdir()).glob("*evil*")]
    names = [name for name, _, _ in states if name and UNSAFE_RE.search(name.replace("\u202e", ""))]
    bombs = [row for row in states if row[2] == len(packed) and row[1] == "archived"]
    listed = dict(home.ask("SELECT url, coalesce(error, '') FROM listings"))
    seen = f"{[(name, state) for name, state, _ in states]}, {done.rss} MB; {wrong}"
    verdicts = {
        "B076": Verdict(bool(bombs) and not wrong, seen),
        "B096": Verdict(not (wrong or evil_files or names) and len(states) == 3, seen),
        "B088": Verdict("larger than any page" in listed[huge] and not wrong, listed[huge]),
    }
    return {case: verdict for case, verdict in verdicts.items() if case in wanted}


class BadReplica(Replica):
    """The replica, whose city portal answers for the further pages of its lists in hostile JSON."""

    hostile = ""

    def answer(self, scheme: str, host: str, target: str, headers: dict[str, str]) -> Reply:
        if self.hostile and "getMessage.do" in target:
            return Reply(self.hostile.encode("utf-8", "surrogatepass"), "application/json")
        return super().answer(scheme, host, target, headers)


RECORD = "<datastore><totalrecord>9</totalrecord><recordset><record><li><a href=/zglygzfmhwz/gcyw/content/{}.html>{}</a><span>2024-03-01</span></li></record></recordset></datastore>"


@proves("B078", "B079", "B083")
def prove_json(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl a portal whose lists go on in hostile JSON."""
    total = RECORD.replace(">9<", ">9223372036854775808<")
    forms = {
        "B078": [f'{{"result": {word}, "result": {json.dumps(RECORD.format("a", "甲"))}, "n": {word}}}' for word in ("NaN", "1e999")],
        "B079": ['{"result": "' + RECORD.format("b", "半个\\ud800字").replace('"', '\\"') + '"}'],
        "B083": [json.dumps({"result": total.format("c", "丙")})],
    }  # fmt: skip
    found = {}
    for case in wanted:
        parts = []
        for hostile in forms[case]:
            home = bench.home()
            with BadReplica(seed=3, stories=60) as replica:
                replica.hostile = hostile
                done = run(
                    home.through(replica), "crawl", "lyg_news", *QUICK, "-a", "channel=gcyw", "-a", "full=1"
                )
            checked = run(home, "verify")
            odd = [
                t for (t,) in home.ask("SELECT title FROM listings") if t and re.search("[\ud800-\udfff]", t)
            ]
            alarms = [alarm["rule"] for alarm in json.loads(home.ask("SELECT alarms FROM runs")[0][0])]
            right = not (done.tells or checked.code or odd) and done.code in (0, 3, 4)
            rows = home.ask("SELECT count(*) FROM articles")[0][0]
            seen = f"exit {done.code}, {rows} articles, alarms {sorted(set(alarms))[:4]}, verify {checked.code} {done.tells}"
            parts.append(("", Verdict(right and rows > 0, seen)))
        found[case] = all_of(parts)
    return found


# --- robots.txt ---

RULE = "User-agent: *\nDisallow: /news/\n"
ROBOTS: dict[str, tuple[tuple[str, Answers, bool], ...]] = {
    "B046": (
        ("500", reply("<h1>500</h1>", status="500 Internal Server Error"), False),
        ("503", reply("", status="503 Service Unavailable"), False),
    ),
    "B047": (("silence", silence, False), ("closed", broken_off(b"", reset=False), False)),
    "B048": (("", reply(RULE.encode("utf-16"), content_type="text/plain"), False),),
    "B049": (
        ("BOM", reply(("\ufeff" + RULE).encode(), content_type="text/plain"), False),
        ("GBK", reply("# 爬虫协议\n".encode("gbk") + RULE.encode(), content_type="text/plain"), False),
        ("2 MB", reply("# long\n" * 300_000 + RULE, content_type="text/plain"), False),
    ),
    "B050": (
        ("redirect", location("/other-robots.txt"), False),
        ("wildcards", reply(f"User-agent: *\nDisallow: /{'*a' * 30}$\n", content_type="text/plain"), True),
    ),
}  # fmt: skip


@proves(*ROBOTS)
def prove_robots(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl portals with all kinds of robots.txt: who may be asked is, nobody else."""
    home = bench.home()
    portals, answers, forms = [], {}, []
    for case in sorted(wanted):
        for number, (variant, answer, open_) in enumerate(ROBOTS[case]):
            host = f"{case.lower()}-{number}.example"
            portals.append(Portal(host, (host,), ((f"http://{host}/{CHANNEL}/{DAY}/1.shtml", "甲"),)))
            answers |= {
                f"{host}/robots.txt": answer,
                f"{host}/other-robots.txt": reply(RULE, content_type="text/plain"),
                f"{host}/{CHANNEL}/{DAY}/1.shtml": reply(story(case, variant)),
            }
            forms.append((case, variant, host, open_))
    declare(home, portals)
    with BadServer(serve(portals, answers)) as server:
        home.env |= server.environment
        done = run(home, "nightly", *QUICK, *FAST, *SOURCES)
    alarms = {a["portal"]: a["what"] for a in json.loads(home.ask("SELECT alarms FROM runs")[0][0])}
    found: dict[str, list[tuple[str, Verdict]]] = {}
    for case, variant, host, open_ in forms:
        asked = bool(server.asked[f"{host}/{CHANNEL}/"])
        said = alarms.get(host, "")
        right = asked == open_ and bool(said or open_) and not done.tells
        found.setdefault(case, []).append(
            (variant, Verdict(right, f"asked: {asked}; {said[:120]}{done.tells}"))
        )
    return {case: all_of(parts) for case, parts in found.items()}


# --- what is shown ---


@contextmanager
def browsing(home: Home) -> Iterator[str]:
    """Serve an archive by ``scrapy browse``; give its address."""
    with subprocess.Popen(
        home.command("browse", "--port", "0"), cwd=ROOT, env=home.env,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split(" ")[0].strip()
        finally:
            process.terminate()
            process.wait(20)


def get(url: str, seconds: float = 30) -> tuple[int, str]:
    """Ask for a page of this machine, past every proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=seconds) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")


SHOWN = ("B090", "B091", "B092", "B093", "B094")
LIVE = {
    "B090": r"<script>alert|<img src=x onerror",
    "B091": r"href=\"?'?(?:javascript|data):",
    "B092": r"href=[\"']?http://spam\.example(?![^>]*nofollow)",
    "B093": r"(?m)(?:^|,)\"?=HYPERLINK",
    "B094": "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b]",
}


@proves(*SHOWN)
def prove_views(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl hostile texts and look at them in Datasette and in exports."""
    home = bench.home()
    bads = [bad for bad in all_bad() if bad.case in wanted]
    batch = Batch(bads)
    batch.crawl(home)
    pages: dict[str, str] = {}
    with browsing(home) as address:
        paths = [
            "",
            "archive",
            "archive/articles",
            "archive/articles.json?_shape=array",
            "archive/versions",
            "archive/listings",
            "archive/captures",
        ]
        paths += [f"archive/articles/{n}" for (n,) in home.ask("SELECT id FROM articles")]
        paths += [f"archive/articles?_search={quote('码头')}", "archive/articles.csv"]
        for path in paths:
            status, pages[path] = get(address + path)
            if status >= 500:
                return dict.fromkeys(wanted, Verdict(False, f"{path} answers {status}"))
    for kind in ("csv", "jsonl"):
        out = home.folder / f"export.{kind}"
        done = run(home, "export", str(out))
        pages[f"export.{kind}"] = out.read_text(encoding="utf-8") if out.exists() else done.out
    found = {}
    for case in wanted:
        html = {p: t for p, t in pages.items() if ("csv" in p) == (case == "B093") and "json" not in p}
        live = [path for path, text in html.items() if re.search(LIVE[case], text)]
        shown = any(mark(case, "") in text for text in pages.values())
        found[case] = Verdict(not live and shown, f"{len(html)} pages; live in {live}; shown: {shown}")
    return found


# --- a portal that fails ---


def portal_of(host: str, count: int = 3) -> Portal:
    lines = tuple(
        (f"http://{host}/{CHANNEL}/{DAY}/{n}.shtml", f"海州区{mark('good', str(n))}码头开工")
        for n in range(1, count + 1)
    )
    return Portal(host, (host,), lines)


def pages_of(portal: Portal) -> dict[str, Answers]:
    return {
        url.removeprefix("http://"): reply(story("good", str(n)))
        for n, (url, _) in enumerate(portal.lines, 1)
    }


def crawl_portal(
    bench: Bench,
    answers: Mapping[str, Answers],
    env: Mapping[str, str],
    *words: str,
    home: Home | None = None,
) -> tuple[Home, Done, BadServer]:
    """Crawl one small portal, some of whose answers are bad, by ``scrapy nightly``."""
    home = home or bench.home()
    portal = portal_of("own.example")
    declare(home, [portal])
    with BadServer(serve([portal], {**pages_of(portal), **answers})) as server:
        home.env |= server.environment
        done = run(home, "nightly", *QUICK, *FAST, *SOURCES, *words, env=env)
    return home, done, server


MISTAKES = {
    "F49": ({"BAD_MISTAKE": "callback"}, (), 5, [("failed", 3)]),
    "F50": ({}, ("-s", "STAGES"), 5, [("failed", 3)]),
    "F51": ({"BAD_MISTAKE": "start"}, (), 5, []),
    "B081": ({"BAD_STAGE": "/2.shtml"}, ("-s", "STAGES"), 5, [("archived", 2), ("failed", 1)]),
}
FAILING = "tests.bench.faults.sources.FailingPipeline"


@proves(*MISTAKES)
def prove_mistakes(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl with mistakes in the program itself: in a callback, in a stage, at the start."""
    from crawler.settings import ITEM_PIPELINES

    stages = f"ITEM_PIPELINES={json.dumps({**ITEM_PIPELINES, FAILING: 250})}"
    found = {}
    for case in wanted:
        env, words, code, states = MISTAKES[case]
        home, done, _ = crawl_portal(
            bench, {}, env, *(stages if word == "STAGES" else word for word in words)
        )
        counted = home.ask("SELECT state, count(*) FROM listings GROUP BY 1 ORDER BY 1")
        errors = home.ask(
            "SELECT count(*) FROM listings WHERE state = 'failed' AND error LIKE '%a mistake in%'"
        )
        right = done.code == code and counted == states
        right = right and errors == [(sum(n for s, n in states if s == "failed"),)]
        found[case] = Verdict(right, f"exit {done.code}, lines {counted}, {errors[0][0]} with the reason")
    return found


@proves("F47", "F48", "F53")
def prove_sites(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl portals that are down, or redesigned, or lose a page of their list."""
    found: Verdicts = {}
    broken = reply("<h1>500</h1>", status="500 Internal Server Error")
    first = f"own.example/{CHANNEL}/"
    if "F47" in wanted:
        parts = []
        for variant, answers, code in (
            ("every page 500", {first: broken}, {3, 8}),
            ("refused", {first: broken_off(b"")}, {8, 3}),
        ):
            home, done, _ = crawl_portal(bench, answers, {})
            alarms = home.ask("SELECT alarms FROM runs")[0][0]
            right = done.code in code and "own.example" in alarms and not done.tells
            parts.append((variant, Verdict(right, f"exit {done.code}; {alarms[:160]}")))
        home = bench.home()
        declare(home, [Portal("dead.invalid", ("dead.invalid",), ())])
        done = run(home, "nightly", *QUICK, *FAST, *SOURCES, "-s", "RETRY_TIMES=0")
        alarms = home.ask("SELECT alarms FROM runs")[0][0]
        right = done.code == 8 and "dead.invalid" in alarms and not done.tells
        parts.append(("name dead", Verdict(right, f"exit {done.code}; {alarms[:160]}")))
        found["F47"] = all_of(parts)
    if "F48" in wanted:
        text = "<html><body><div class=new>新版</div><script>load()</script></body></html>"
        home, done, _ = crawl_portal(bench, {first: reply(text)}, {})
        alarms = home.ask("SELECT alarms FROM runs")[0][0]
        found["F48"] = Verdict(done.code == 3 and not done.tells, f"exit {done.code}; {alarms[:200]}")
    if "F53" in wanted:
        portal = portal_of("own.example")

        def page(n: int) -> bytes:
            more = f'<div><a href="/{CHANNEL}/index_{n + 1}.shtml">下一页</a></div>' if n < 3 else ""
            return reply(listing([portal.lines[n - 1]], more))

        pages = {first: page(1), f"{first}index_2.shtml": broken, f"{first}index_3.shtml": page(3)}
        home, done, _ = crawl_portal(bench, pages, {})
        had = home.ask("SELECT count(*) FROM articles")[0][0]
        _, after, _ = crawl_portal(bench, {**pages, f"{first}index_2.shtml": page(2)}, {}, home=home)
        then = home.ask("SELECT count(*) FROM articles")[0][0]
        alarms = home.ask("SELECT alarms FROM runs ORDER BY id LIMIT 1")[0][0]
        right = (done.code, had, after.code, then) == (4, 1, 0, 3) and "index_2.shtml answers 500" in alarms
        found["F53"] = Verdict(
            right, f"exit {done.code} with {had} of 3, then exit {after.code} with {then}; {alarms[:160]}"
        )
    return found


@proves("F55")
def prove_times(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl pages of summer time and of today's."""
    answers: dict[str, Answers] = {}
    for number, day in ((1, "1988-07-01 09:00"), (2, "2024-07-01 09:00")):
        answers[f"own.example/{CHANNEL}/{DAY}/{number}.shtml"] = reply(
            story("good", str(number)).replace("2024-03-01 09:00", day)
        )
    home, done, _ = crawl_portal(bench, answers, {})
    dates = home.ask("SELECT published FROM articles ORDER BY url LIMIT 2")
    wanted_dates = [("1988-07-01T09:00:00+09:00",), ("2024-07-01T09:00:00+08:00",)]
    pytz = subprocess.run(
        [sys.executable, "-c", "import crawler.sources, sys; print('pytz' in sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    ).stdout.strip()  # fmt: skip
    return {
        "F55": Verdict(
            dates == wanted_dates and pytz == "False", f"{dates}, pytz loaded: {pytz}; {done.tells}"
        )
    }


@proves("F57")
def prove_logs(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl 60 pages at INFO, and at DEBUG with 70 MB to say, and measure the logs."""
    sizes = {}
    for level, mistake in (("INFO", ""), ("DEBUG", "chatter")):
        home = bench.home()
        portal = portal_of("own.example", 60)
        declare(home, [portal])
        with BadServer(serve([portal], pages_of(portal))) as server:
            home.env |= server.environment
            began = time.monotonic()
            run(home, "nightly", *QUICK, *FAST, *SOURCES, "-L", level, env={"BAD_MISTAKE": mistake})
            took = time.monotonic() - began
        files = list((home.folder / "logs").iterdir())
        sizes[level] = sum(file.stat().st_size for file in files)
    rotated = f"in {len(files)} files, the oldest lines are gone"
    right = sizes["INFO"] < 60 * 1000 and 40 * MIB < sizes["DEBUG"] < 60 * MIB and len(files) == 6
    return {
        "F57": Verdict(
            right, f"60 pages: INFO {sizes['INFO']} bytes, DEBUG {sizes['DEBUG']}; {rotated} ({took:.0f} s)"
        )
    }
