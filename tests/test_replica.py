"""The replica portals: the same every time, served as the truth table says, in the platforms' own shapes."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from email.message import Message
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest

from tests.replica import HOSTS, Replica, Story
from tests.replica.grammar import grams, likeness
from tests.replica.mirror import annotate, copy, php_cp936, swallowed, to_traditional
from tests.replica.stories import CHANNELS
from tests.replica.truecms import column_id

TODAY = date(2024, 3, 20)
CITY = "www.lyg.gov.cn"
CALL = f"http://{CITY}/TrueCMS/messageController/getMessage.do"


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes


def ask(replica: Replica, url: str, **headers: str) -> Answer:
    """Ask for a page as a crawler does: through the proxy, with CONNECT for https."""
    place = urlsplit(url)
    assert place.hostname
    target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    connection: http.client.HTTPConnection
    if place.scheme == "https":
        context = ssl.create_default_context(cafile=replica.ca_file)
        connection = http.client.HTTPSConnection("127.0.0.1", replica.port, timeout=10, context=context)
        connection.set_tunnel(place.hostname, 443)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", replica.port, timeout=10)
        target = f"http://{place.hostname}{target}"
    try:
        connection.request(
            "GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def whole() -> Iterator[Replica]:
    with Replica(seed=1, today=TODAY) as replica:
        yield replica


@pytest.fixture
def small() -> Iterator[Replica]:
    with Replica(seed=3, today=TODAY, stories=60) as replica:
        yield replica


def first(replica: Replica, channel: str, **wanted: str) -> Story:
    """Give the first plain story of a channel whose fields have the wanted values."""
    return next(
        story
        for story in replica.expected()
        if story.channel == channel and all(getattr(story, name) == value for name, value in wanted.items())
    )


# --- the plan


def test_the_same_seed_and_day_give_the_same_truth_and_the_same_bytes_in_every_process() -> None:
    program = (
        "import hashlib, json; from datetime import date; from tests.replica import HOSTS, Replica\n"
        "replica = Replica(seed=5, today=date(2024, 3, 20), stories=40)\n"
        "digest = hashlib.sha256()\n"
        "for story in replica.truth: digest.update(json.dumps(story.row()).encode())\n"
        "for night in (1, 2):\n"
        "    for host in HOSTS:\n"
        "        for path, reply in sorted(replica.pages(host, night).items()):\n"
        "            digest.update(path.encode() + reply.body)\n"
        "print(digest.hexdigest())"
    )
    root = Path(__file__).parents[1]
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={"PYTHONHASHSEED": salt, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for salt in ("1", "2")
    ]
    assert said[0] == said[1]
    assert len(said[0]) == 65


def test_another_seed_gives_other_stories() -> None:
    one, other = (Replica(seed=seed, today=TODAY, stories=20) for seed in (1, 2))
    assert not {story.text for story in one.truth} & {story.text for story in other.truth}


def test_there_are_three_hundred_different_stories_of_300_to_2000_characters(whole: Replica) -> None:
    long = [story for story in whole.truth if 300 <= len(story.text) <= 2000 and not story.duplicate_of]
    assert len(long) >= 300
    assert len({story.title for story in long}) == len(long)
    assert max(len(story.text) for story in whole.truth) <= 2100


def test_no_two_unrelated_stories_are_near_duplicates(whole: Replica) -> None:
    unrelated = [
        grams(story.text)
        for story in whole.truth
        if not story.duplicate_of and not story.series and story.shape not in ("short", "chronicle")
    ]
    sample = unrelated[::5]
    alike = [likeness(one, other) for number, one in enumerate(sample) for other in sample[:number]]
    assert max(alike) < 0.3


def test_a_reprint_is_near_its_origin_and_a_bulletin_near_the_week_before(whole: Replica) -> None:
    by_url = {story.url: story for story in whole.truth}
    reprints = [story for story in whole.truth if story.duplicate_of]
    assert len(reprints) > 20
    for story in reprints:
        origin = by_url[story.duplicate_of or ""]
        assert story.portal != origin.portal
        assert likeness(grams(story.text), grams(origin.text)) > 0.5
    weeks = [story for story in whole.truth if story.series]
    assert all(likeness(grams(one.text), grams(other.text)) > 0.4 for one, other in pairwise(weeks))
    assert len({story.text for story in weeks}) == len(weeks) > 10


def test_the_truth_table_holds_each_kind_that_the_portals_are_known_for(whole: Replica) -> None:
    truth = whole.truth
    assert {story.state(1) for story in truth} == {"present", "absent", "gone", "challenged", "unlisted"}
    assert {story.state(2) for story in truth} == {
        "present",
        "edited",
        "withdrawn",
        "replaced",
        "gone",
        "challenged",
        "unlisted",
    }
    assert {mark for story in truth for mark in story.tampered} == {
        "mirror", "title", "hidden spam", "link farm", "spam line",
    }  # fmt: skip
    assert {(story.encoding, story.declared) for story in truth} == {
        ("utf-8", "meta utf-8"), ("utf-8", "meta charset utf-8"), ("utf-8", "header utf-8"), ("utf-8", "nothing"),
        ("utf-8", "meta gb2312"), ("gb18030", "meta gb2312"), ("gb18030", "nothing"),
        ("gb18030", "script utf-8, meta gb2312"),
    }  # fmt: skip
    assert {story.info for story in truth} == {
        "spans", "bullets", "update", "plain", "meta only", "none", "author", "minute", "document",
    }  # fmt: skip
    assert {story.metas for story in truth} == {
        "full", "minute", "lower", "repeated", "none", "leaked", "wrong", "title",
    }  # fmt: skip
    states = [(story.state(1), story.state(2)) for story in truth]
    assert sorted(story.changes[2] for story in truth if story.changes) == [
        "corrected", "corrected", "edited", "extended", "extended", "furniture only", "withdrawn", "withdrawn",
    ]  # fmt: skip
    assert [story.changes for story in truth if story.state(2) == "replaced"] == [
        {2: "withdrawn", 3: "restored"}
    ]
    assert states.count(("present", "edited")) == 6
    assert {story.pager for story in truth if story.parts} == {"numbers", "autopage", "script", "next"}
    assert states.count(("present", "withdrawn")) == 1
    assert sum(night == ("absent", "present") for night in states) >= 8


def test_the_truth_table_is_written_as_json_lines(small: Replica, tmp_path: Path) -> None:
    small.write_truth(tmp_path / "truth.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["url"] for row in rows] == [story.url for story in small.truth]
    assert rows[0]["states"] == {str(night): state for night, state in small.truth[0].states.items()}


# --- the machine of tampered copies


def test_the_copy_breaks_the_seeds_specimen_as_the_seed_has_it() -> None:
    assert copy("缓退等政策，进一步", {"復": "fù", "進": "jìn"}) == "緩?fù)说日\ue479撸\ue0faM(jìn)一步"


def test_a_note_goes_behind_every_annotated_character_and_nowhere_else() -> None:
    assert copy("养老服务", {"養": "yǎng", "務": "wù"}) == "養(yǎng)老服務(wù)"
    assert annotate("面后里".encode("gbk")) == "面后里".encode("gbk")


def test_simplified_becomes_traditional_character_by_character() -> None:
    assert to_traditional("云里后面只干着政策A1，") == "云里后面只干著政策A1，"


def test_the_converter_swallows_and_invents_as_phps_cp936_does() -> None:
    assert php_cp936(b"\xc0<p>") == "?p>"
    assert php_cp936(b"\xfe\xb2\xac\xdf\xa2\xab\x80\xff") == "\ue479\ue0fa\ue766€\uf8f5"
    assert swallowed("养老服务") == ()


def test_a_mirrored_page_is_what_the_machine_makes_of_its_story(whole: Replica) -> None:
    # Some pages write their quotation marks as entities: those lines are not looked at.
    copies = [story for story in whole.truth if "mirror" in story.tampered]
    assert len(copies) == 8
    assert sum(story.seams > 0 for story in copies) >= 5
    for story in copies:
        served = whole.pages(CITY, 1)[story.path].body.decode()
        assert copy(story.title) in served
        lines = [line for line in story.text.split("\n") if "“" not in line]
        assert [line for line in lines if copy(line) not in served] == []


# --- the platforms


def test_every_story_is_served_in_the_encoding_that_the_truth_names(whole: Replica) -> None:
    for story in whole.truth:
        if story.state(1) not in ("present", "unlisted", "challenged") or "mirror" in story.tampered:
            continue
        reply = whole.pages(story.host, 1)[story.path]
        served = reply.body.decode(story.encoding, "replace" if story.encoding == "gb18030" else "strict")
        assert story.title.replace("&", "&amp;") in served, story.url
        head = served.split("</head>")[0]
        assert ("charset=gb2312" in head) == story.declared.endswith("meta gb2312")
        assert ("charset" in reply.content_type) == (story.declared == "header utf-8")


def test_an_unlabelled_gbk_page_is_no_utf_8(whole: Replica) -> None:
    story = first(whole, "news/lygxw", declared="nothing")
    body = ask(whole, story.url).body
    assert b"charset" not in body
    with pytest.raises(UnicodeDecodeError):
        body.decode()


def test_the_first_screen_stands_in_the_hidden_list_and_the_visible_one_is_empty(whole: Replica) -> None:
    text = ask(whole, f"http://{CITY}/zglygzfmhwz/gcyw/gcyw.html").body.decode()
    hidden = text.split('<div id="initData"')[1].split("</div>")[0]
    assert hidden.count("<ul>") == hidden.count("<li>") == 60
    assert '<div id="msgList"></div>' in text
    assert re.search(r'totalRecord:"(\d+)"', text)[1] == "136"  # type: ignore[index]
    assert "proxyUrl:'http://10.1.1.5:8080/TrueCMS/messageController/getMessage.do'" in text


@pytest.mark.parametrize(
    ("start", "end", "perpage", "given"),
    [
        (1, 20, 20, 20),
        (61, 160, 50, 50),
        (101, 150, 50, 36),
        (1, 120, 100, 0),
        (500, 520, 20, 0),
        (0, 19, 20, 19),
    ],
)
def test_further_records_come_fifty_at_a_time(
    whole: Replica, start: int, end: int, perpage: int, given: int
) -> None:
    plan = next(plan for plan in CHANNELS if plan.code == "gcyw")
    query = {"startrecord": start, "endrecord": end, "perpage": perpage, "columnId": column_id(plan)}
    answer = ask(whole, f"{CALL}?{urlencode(query)}&callback=raw")
    text = answer.body.decode()
    assert (answer.status, text[:15], text[-3:]) == (200, ';raw({"result":', '"})')
    store = json.loads(text[5:-1])["result"]
    assert store.startswith("<datastore><totalrecord>136</totalrecord>")
    assert store.count("<record><![CDATA[<li>") == given
    assert r"<\/record>" in text or not given
    bare = ask(whole, f"{CALL}?{urlencode(query)}")
    assert json.loads(bare.body) == {"result": store}


def test_a_column_id_that_is_not_there_gives_no_record_and_one_channel_answers_404(whole: Replica) -> None:
    asked = "startrecord=1&endrecord=20&perpage=20"
    assert b"<record>" not in ask(whole, f"{CALL}?{asked}&columnId=nothing").body
    plan = next(plan for plan in CHANNELS if plan.code == "bmdt")
    assert ask(whole, f"{CALL}?{asked}&columnId={column_id(plan)}").status == 404
    assert sum(story.state(1) == "unlisted" for story in whole.truth if story.channel == "bmdt") == 12


def test_every_expected_story_answers_200_and_the_extras_say_what_they_are(small: Replica) -> None:
    for story in small.expected(documents=True):
        assert story.path in small.pages(story.host), story.url
    gone = next(story for story in small.truth if story.state(1) == "gone")
    gated = next(story for story in small.truth if story.state(1) == "challenged")
    assert ask(small, gone.url).status == 404
    challenge = ask(small, gated.url)
    assert (challenge.status, b"document.cookie" in challenge.body) == (521, True)
    assert ask(small, gated.url, Cookie="__jsl_clearance_s=open").status == 521  # it stays closed
    small.faults[gated.path] = "gate"
    opened = ask(small, gated.url, Cookie="__jsl_clearance_s=open")
    del small.faults[gated.path]
    assert opened.status == 200


def test_attachments_and_pictures_answer_with_real_bytes(whole: Replica) -> None:
    story = next(
        story
        for story in whole.expected()
        if any("download.do" in address for address, _ in story.attachments)
    )
    address = next(address for address, _ in story.attachments if "download.do" in address)
    answer = ask(whole, address)
    assert answer.body.startswith(b"%PDF-1.4")
    assert answer.body.rstrip().endswith(b"%%EOF")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    picture = next(story for story in whole.expected() if story.images).images[0][0]
    assert ask(whole, picture).body.startswith(b"\x89PNG")


def test_channel_pages_of_the_daily_go_on_with_the_next_page_and_mix_hosts(whole: Replica) -> None:
    found: set[str] = set()
    page, count = "index.shtml", 0
    while page:
        text = ask(whole, f"http://lyg01.net/news/lygxw/{page}").body.decode()
        found |= set(
            re.findall(r'href="((?:http://(?:www\.)?lyg01\.net)?/news/lygxw/\d{4}/\d{4}/\d+\.shtml)"', text)
        )
        following = re.search(r'<a href="(index_\d+\.shtml)">下一页</a>', text)
        page, count = (following[1] if following else ""), count + 1
    expected = [story for story in whole.expected("www.lyg01.net") if story.channel == "news/lygxw"]
    assert count == 4
    assert {re.sub(r"^http://[^/]+", "", link) for link in found} == {story.path for story in expected}
    assert {link.split("/news")[0] for link in found} == {"", "http://lyg01.net", "http://www.lyg01.net"}


def test_the_paper_misses_a_day(whole: Replica) -> None:
    base = "http://lygrbepaper.lygfb.cn/Media/lygrb"
    assert [ask(whole, f"{base}/2024-03-{day}").status for day in (19, 17, 16, 15, 20)] == [
        200,
        200,
        404,
        200,
        404,
    ]
    assert ask(whole, f"{base}/2024-03-19/A01.pdf").headers["Content-Type"] == "application/pdf"


# --- the server


def test_the_proxy_answers_plain_requests_and_connect_with_a_certificate_that_verifies(
    small: Replica,
) -> None:
    moved = ask(small, "http://mzj.lyg.gov.cn/")
    assert (moved.status, moved.headers["Location"]) == (301, "https://mzj.lyg.gov.cn/")
    root = ask(small, "https://mzj.lyg.gov.cn/")
    assert (root.status, b'location.href="/lygmzj/index.html"' in root.body) == (200, True)
    assert b"mzzj.lyg.gov.cn" in ask(small, "https://mzj.lyg.gov.cn/lygmzj/index.html").body
    assert [(request.scheme, request.host, request.status) for request in small.requests] == [
        ("http", "mzj.lyg.gov.cn", 301),
        ("https", "mzj.lyg.gov.cn", 200),
        ("https", "mzj.lyg.gov.cn", 200),
    ]
    assert small.strays == []


def test_an_unknown_host_is_counted_as_a_stray(small: Replica) -> None:
    assert ask(small, "http://www.lyg-gov.cn/a.html").status == 502
    with pytest.raises(OSError, match="502"):
        ask(small, "https://mzzj.lyg.gov.cn/")
    assert small.strays == ["http://www.lyg-gov.cn/a.html", "https://mzzj.lyg.gov.cn"]


def test_robots_txt_is_there_except_on_the_dailys_site(small: Replica) -> None:
    found = [
        ask(small, f"{'https' if host.startswith('mzj') else 'http'}://{host}/robots.txt").status
        for host in HOSTS
    ]
    assert dict(zip(HOSTS, found, strict=True)) == {
        "www.lyg.gov.cn": 200, "mzj.lyg.gov.cn": 200, "www.lyg01.net": 404, "lyg01.net": 404, "lygrbepaper.lygfb.cn": 200,
    }  # fmt: skip


def test_a_page_that_has_not_changed_answers_304_and_an_edited_one_200(small: Replica) -> None:
    edited = next(
        story for story in small.truth if story.state(2) == "edited" and story.url.startswith("http:")
    )
    same = first(small, "gcyw")
    tags = {story.url: ask(small, story.url).headers["ETag"] for story in (edited, same)}
    assert [ask(small, url, If_None_Match=tag).status for url, tag in tags.items()] == [304, 304]
    since = ask(small, same.url).headers["Last-Modified"]
    assert ask(small, same.url, If_Modified_Since=since).status == 304
    small.night = 2
    assert [ask(small, url, If_None_Match=tag).status for url, tag in tags.items()] == [200, 304]
    assert "if-none-match" in small.asked(same.url)[-1].headers


def test_on_the_second_night_lists_move_and_a_story_is_withdrawn(small: Replica) -> None:
    withdrawn = next(story for story in small.truth if story.state(2) == "withdrawn")
    assert ask(small, withdrawn.url).status == 200
    small.night = 2
    assert ask(small, withdrawn.url).status == 404
    site = f"http://{CITY}/zglygzfmhwz"
    moved = ask(small, f"{site}/zwdc1/zwdc1.html")
    assert (moved.status, moved.headers["Location"]) == (301, "/zglygzfmhwz/zwdcjg/zwdcjg.html")
    assert ask(small, f"{site}/mtbd/mtbd.html").status == 404
    home = ask(small, f"{site}/index.html").body.decode()
    assert '<a href="/zglygzfmhwz/mtjj/mtjj.html">媒体报道</a>' in home
    assert ask(small, f"{site}/mtjj/mtjj.html").status == 200
    listed = ask(small, f"{site}/gcyw/gcyw.html").body.decode()
    new = [story for story in small.truth if story.channel == "gcyw" and story.state(1) == "absent"]
    assert len(new) == 3
    assert all(story.path in listed for story in new)
    assert withdrawn.path not in listed


def test_faults_are_served_on_request(small: Replica) -> None:
    stories = [story for story in small.expected(CITY) if story.channel == "gcyw" and not story.tampered][:5]
    flaky, gone, chain, gated, cut = stories
    small.faults = {
        flaky.path: "500-then-fine",
        gone.host + gone.path: "404",
        chain.path: "redirect:2",
        gated.path: "gate200",
        cut.path: "cut-then-fine",
    }
    assert [ask(small, flaky.url).status for _ in range(2)] == [500, 200]
    assert ask(small, gone.url).status == 404
    hops = [ask(small, chain.url + hop) for hop in ("", "?hop=1", "?hop=2")]
    assert [(hop.status, hop.headers["Location"]) for hop in hops] == [
        (302, f"{chain.path}?hop=1"),
        (302, f"{chain.path}?hop=2"),
        (200, None),
    ]
    assert b"document.cookie" in ask(small, gated.url).body
    with pytest.raises(http.client.IncompleteRead):
        ask(small, cut.url)
    assert ask(small, cut.url).status == 200


def test_the_command_line_prints_where_it_serves_and_ends_with_its_input(tmp_path: Path) -> None:
    ca_file, truth = tmp_path / "ca.pem", tmp_path / "truth.jsonl"
    program = subprocess.Popen(
        [
            sys.executable, "-m", "tests.replica", "--stories", "20", "--today", "2024-03-20", "--seconds", "30",
            "--ca-file", str(ca_file), "--truth", str(truth),
        ],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert program.stdin
    assert program.stdout
    row = json.loads(program.stdout.readline())
    program.stdin.close()
    assert program.wait(10) == 0
    program.stdout.close()
    lines = truth.read_text(encoding="utf-8").splitlines()
    assert (row["ca_file"], row["stories"], row["night"]) == (str(ca_file), len(lines), 1)
    assert row["proxy"].startswith("http://127.0.0.1:")
