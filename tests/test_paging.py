"""How a list goes on where only a script or a form leads to its next page."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.portals import Ask, Portal, plain
from crawler.portals.listing import parse_page
from crawler.portals.paging import find_next
from crawler.portals.scripts import Reading, Unknown, evaluate

HOST = "http://www.pingan.example"
LIST = HOST + "/tzgg/"
PORTAL = Portal(name="pingan.example", platform=plain, hosts=("www.pingan.example",), home=HOST + "/")
GO = '<a href="javascript:goPage({})">{}</a>'
FORM = (
    '<form id="f" action="/list.asp?x=1" method="{}"><input type="hidden" name="id" value="3">'
    '<input name="page" value="1"><input type="submit" name="go" value="GO"></form>'
)


def next_of(page: str, number: int = 2, url: str = LIST) -> tuple[str | None, str | None]:
    tree = parse_page(page)
    assert tree is not None
    return find_next(tree, url, PORTAL, number)


@pytest.mark.parametrize(
    ("script", "place"),
    [
        ("function goPage(n){ location.href = 'list_' + n + '.html'; }", "/tzgg/list_2.html"),
        ("function goPage(n) { window.location.replace('list_' + (n - 1) + '.html') }", "/tzgg/list_1.html"),
        ("var goPage = function (n) { self.location = `p${n}.html`; };", "/tzgg/p2.html"),
        ("const goPage = (n) => { window.open('?page=' + parseInt(n), '_self') }", "/tzgg/?page=2"),
        (
            "function goPage(n) {\n // to the first one\n if (n == 1) { location.href = 'list.html'; }\n"
            " else { location.href = 'list_' +\n n + '.html'; }\n}",
            "/tzgg/list_2.html",
        ),
        (
            "var folder = '/tzgg/'; var size = 20;\nfunction goPage(n) { var url = folder + 'list.asp?from=';\n"
            "url += (n - 1) * size; location.href = url + '&page=' + n; }",
            "/tzgg/list.asp?from=20&page=2",
        ),
        (
            "var pager = {goPage: function(n) { jump('x', n); }};\nfunction jump(a, b) { location.href = a + '_' + b + '.shtml' }",
            "/tzgg/x_2.shtml",
        ),
        ("function goPage(n) { location.href = n > 1 ? 'p' + n + '.html' : './'; }", "/tzgg/p2.html"),
    ],
)
def test_a_call_leads_where_its_function_says(script: str, place: str) -> None:
    pager = GO.format("'2'", "2") + GO.format(2, "下一页")
    assert next_of(f'<div class="page">{pager}</div><script>{script}</script>') == (HOST + place, None)
    assert next_of(f"<button onclick='goPage(2)'>下一页</button><script>{script}</script>") == (
        HOST + place,
        None,
    )
    numbers = f'<ul class="pagination">{GO.format(1, "1")}{GO.format(2, "2")}</ul>'
    assert next_of(f"{numbers}<script>{script}</script>") == (HOST + place, None)


@pytest.mark.parametrize(
    ("page", "place"),
    [
        ("<span onclick=\"location.href='?page=2'\">下一页</span>", "/tzgg/?page=2"),
        (
            "<a href='javascript:next()'>下一页</a><script>var now = 4;\nfunction next() { location.href = 'p' + (now + 1) + '.html' }</script>",
            "/tzgg/p5.html",
        ),
        (
            "<select onchange='location.href=this.value'><option value='p1.html'>第1页<option value='p2.html'>第2页</select>",
            "/tzgg/p2.html",
        ),
        (
            "<select onchange='to(this.options[this.selectedIndex].value)'><option value='1'>1<option value='2'>2</select>"
            "<script>function to(n) { location.href = 'p' + n + '.html' }</script>",
            "/tzgg/p2.html",
        ),
        (
            "<div id=p></div><script>laypage({cont: 'p', pages: 9, jump: function (o, first) {"
            " if (!first) { location.href = 'index_' + (o.curr - 1) + '.html' } }});</script>",
            "/tzgg/index_1.html",
        ),
        (
            FORM.format("get") + "<a href='javascript:goPage(2)'>下一页</a><script>function goPage(n) {"
            "document.getElementById('f').page.value = n; document.getElementById('f').submit(); }</script>",
            "/list.asp?id=3&page=2",
        ),
        (
            FORM.format("GET")
            + """<a onclick="goPage(2)">下一页</a><script>function goPage(n) { $('input[name="page"]').val(n); $('#f').submit() }</script>""",
            "/list.asp?id=3&page=2",
        ),
        (FORM.format("get") + "<p>共<b>9</b>页</p>", "/list.asp?id=3&page=2"),
        ("<script>var currentPage = 0;\nvar countPage = 3;\n</script>", "/tzgg/index_1.html"),
    ],
)
def test_the_next_page_may_be_behind_a_choice_a_form_or_a_library(page: str, place: str) -> None:
    assert next_of(page) == (HOST + place, None)


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        (GO.format(2, "下一页"), "the link '下一页' that leads nowhere"),
        (f'<div class="page">{GO.format(2, "[2]")}</div>', "the link '[2]' that leads nowhere"),
        (
            FORM.format("post")
            + GO.format(2, "下一页")
            + "<script>function goPage(n) { f.page.value = n; f.submit() }</script>",
            "the link '下一页' that leads nowhere",
        ),
        (
            """<a href="javascript:__doPostBack('pager','2')">下一页</a><script>function __doPostBack(a, b) {"""
            "theForm.__EVENTARGUMENT.value = b; theForm.submit(); }</script>",
            "the link '下一页' that leads nowhere",
        ),
        (
            GO.format(2, "下一页")
            + "<script>function goPage(n) { $.post('/more', {page: n}, show); }</script>",
            "the link '下一页' that leads nowhere",
        ),
        (
            GO.format(2, "下一页")
            + "<script>function goPage(n) { location.href = 'http://b.example/p' + n }</script>",
            "the link '下一页' that leads nowhere",
        ),
        (
            "<p>当前1/12页 <a href='javascript:;'>下一页</a></p>",
            "a list of 12 pages and no link to the next one",
        ),
        (
            "<script>$('#p').pagination({totalPage: 7});</script>",
            "a list of 7 pages and no link to the next one",
        ),
    ],
)
def test_a_list_whose_next_page_cannot_be_told_says_what_shows_it(page: str, shown: str) -> None:
    assert next_of(page) == (None, f"Found {shown}, wanted the address of page 2, at {LIST}")


@pytest.mark.parametrize(
    ("page", "number"),
    [
        ("<p>共12页</p>" + GO.format(13, "下一页"), 13),
        ("<p>共1页</p>" + GO.format(1, "下一页"), 2),
        ("<p>12/12页</p>" + GO.format(12, "下一页"), 2),
        ("<a href='javascript:;'>下一页</a>", 2),
        ("<a class='disabled' href='javascript:goPage(2)'>下一页</a>", 2),
        ("<a href='javascript:show(2)'>2</a><a href='javascript:show(3)'>»</a>", 2),
        ("<p><a href='/tzgg/77.html'><b>规划共12页已公布</b></a></p>", 2),
        (
            GO.format(1, "下一页")
            + "<script>function goPage(n) { location.href = n > 1 ? 'p' + n + '.html' : './' }</script>",
            2,
        ),
    ],
)
def test_a_last_page_and_a_slide_show_are_no_list_that_goes_on(page: str, number: int) -> None:
    assert next_of(page, number) == (None, None)


ROWS = '<ul><li><a href="/tzgg/101.html">渔港换新颜</a> 2024-01-18</li><li><a href="/tzgg/102.html">航标灯改用太阳能</a> 2024-01-17</li></ul>'


def test_a_plain_list_follows_its_script_from_page_to_page() -> None:
    script = "<script>function goPage(n) { location.href = n == 1 ? './' : 'list_' + n + '.html' }</script><p>共3页</p>"
    ask = Ask(LIST, "list", "tzgg/")
    places = []
    for number in (1, 2, 3):
        pager = GO.format(min(number + 1, 3), "下一页")
        found = plain.read(ask, ROWS + pager + script, ask.url, PORTAL)
        assert (len(found.lines), found.problems, found.beyond) == (2, (), None)
        if found.next is None:
            break
        ask = found.next
        places.append(ask.url)
    assert places == [LIST + "list_2.html", LIST + "list_3.html"]


def test_the_lines_of_a_list_that_goes_on_out_of_reach_are_taken() -> None:
    found = plain.read(Ask(LIST, "list", "tzgg/"), ROWS + GO.format(2, "下一页"), LIST, PORTAL)
    assert (len(found.lines), found.next, found.problems) == (2, None, ())
    assert (
        found.beyond == f"Found the link '下一页' that leads nowhere, wanted the address of page 2, at {LIST}"
    )


@pytest.mark.parametrize(
    "text",
    ["", "a", "f(1)", "'a' + ", "(1", "1 ? 2", "'a' 'b'", "x.y", "(" * 20 + "1", "'a' * 2", "/re/", "{}"],
)
def test_an_expression_that_is_more_than_texts_and_numbers_is_unknown(text: str) -> None:
    with pytest.raises(Unknown):
        evaluate(text, {})


PIECES = st.sampled_from(
    [
        *"'\"`(){}[];:?+-*=.,\\\n n12$",
        "function go(n){",
        "location.href=",
        "go(2)",
        "return ",
        "${",
        "var a=",
        "//",
        "/*",
        ".value=",
        ".submit(",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.lists(PIECES, max_size=20).map("".join))
def test_no_script_is_too_odd_to_read(script: str, call: str) -> None:
    tree = parse_page(f"<p>x</p><script>{script.replace('<', '')}</script>")
    assert tree is not None
    reading = Reading(tree)
    assert isinstance(reading.lead(call, 2), str | None)
    assert isinstance(reading.jump(2), str | None)
