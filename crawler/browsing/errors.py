"""Error pages: in the reader's language, with what to do; what went wrong inside stays in the server's own log."""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from datasette import NotFound, Response
from datasette.utils import tilde_decode
from datasette.utils.asgi import Base400
from datasette.views.base import DatasetteError

from crawler.browsing.language import tr
from crawler.browsing.queries import read_query

UNREAD = ("_through", "_timelimit")
"""Arguments that Datasette 0.65 reads as JSON or as numbers without looking whether they are."""


class Problem(NamedTuple):
    """What a reader is told of an error."""

    status: int
    title: str
    advice: str
    detail: str = ""
    """What was found, in the words of whoever found it."""


def handle_exception(datasette: Any, request: Any, exception: Exception) -> Callable[[], Awaitable[Response]]:
    """Answer for an exception; one that nobody foresaw is printed for whoever runs the server."""

    async def inner() -> Response:
        found = read_problem(exception)
        if isinstance(exception, ValueError | KeyError | TypeError) and any(
            key.startswith(UNREAD) for key in request.args
        ):
            found = describe(400)
        if found.status == 500:
            traceback.print_exception(exception)
        return await answer(datasette, request, found)

    return inner


def forbidden(datasette: Any, request: Any, message: str) -> Callable[[], Awaitable[Response]]:
    """Answer for what is not open to readers."""

    async def inner() -> Response:
        return await answer(datasette, request, describe(403, message))

    return inner


async def hide() -> Response:
    """Answer as if there were no such page."""
    raise NotFound("404")


def read_problem(exception: Exception) -> Problem:
    """Understand an exception of Datasette's, or of SQLite's, or one that nobody foresaw."""
    if isinstance(exception, Base400):
        return describe(exception.status, str(exception.args[0] if exception.args else ""))
    if isinstance(exception, DatasetteError):
        if exception.title == "SQL Interrupted":
            return describe(503)
        # Datasette 0.65 says 500 where an address names a column to sort by that is not there
        status = (
            400
            if exception.status == 500 and str(exception.message).startswith("Cannot ")
            else exception.status
        )
        return describe(status, "" if exception.message_is_html else str(exception.message))
    return describe(500)


def describe(status: int, detail: str = "") -> Problem:
    """Say what an error means and what a reader can do about it."""
    home = tr("从首页或搜索找起。", "Start from the home page, or search.")
    known = {
        404: (
            tr("没有这一页", "There is no such page"),
            tr(
                "地址或许不全，或许这篇文章不在这个档案里。",
                "The address may be incomplete, or the article is not in this archive. ",
            )
            + home,
        ),
        400: (
            tr("这个地址读不懂", "This address cannot be understood"),
            tr("去掉地址里问号后面的部分再试。", "Try again without what follows the question mark."),
        ),
        403: (
            tr("这里不对读者开放", "This is not open to readers"),
            tr(
                "SQL 默认关闭，因为一条查询就能占满内存；运行本站的人可以用 scrapy browse --open-sql 打开。不用 SQL 也能搜索、筛选、统计，"
                "每个表都可取 JSON 与 CSV。",
                "SQL is off by default, for one query can take all memory; whoever runs this server opens it by scrapy browse --open-sql. "
                "Without SQL there are search, filters and counts, and each table as JSON and CSV.",
            ),
        ),
        503: (
            tr("这次查询太慢，已经停下", "This took too long and was ended"),
            tr(
                "换一种问法：少选几个条件，或改用全文搜索；每次查询都有时限，以免别人久等。",
                "Ask otherwise: with fewer conditions, or by the full-text search. Each query has a limit, so that others need not wait.",
            ),
        ),
        500: (
            tr("本站出错了", "Something went wrong here"),
            tr(
                "错误已经写在服务器的终端上，档案没有受损。",
                "The server's terminal has the error; the archive is unharmed. ",
            )
            + home,
        ),
    }
    title, advice = known.get(status) or known[400 if status < 500 else 500]
    return Problem(status, title, advice, detail)


async def answer(datasette: Any, request: Any, problem: Problem) -> Response:
    """Answer in the form that was asked for: JSON, plain text for the other endings, else a page."""
    ending = request.path.rpartition("/")[2].rpartition(".")[2] if "." in request.path else ""
    told = problem.detail or problem.title
    if ending == "json":
        body = {"ok": False, "error": told, "status": problem.status, "title": problem.title}
        return Response.json(body, status=problem.status)
    if ending in ("csv", "xml", "txt"):
        return Response.text(f"{problem.title}\n{told}\n", status=problem.status)
    named = tilde_decode((request.scope.get("url_route") or {}).get("kwargs", {}).get("database") or "")
    context = {
        "problem": problem,
        "typed": read_query(request.args.get("_search")),
        **({"database": named} if named in datasette.databases else {}),
    }
    try:
        page = await datasette.render_template("error.html", context, request=request, view_name="error")
    except sqlite3.Error:
        # an archive that cannot be asked: without anything that is read from it
        bare = {"problem": problem, "urls": datasette.urls, "menu_links": list}
        page = await datasette.jinja_env.get_template("error.html").render_async(bare)
    return Response.html(page, status=problem.status)
