"""The archive's plugin for Datasette: `data/plugins/archive_plugin.py` hands these hooks to it.

What the plugin knows of a table it reads from that database alone, so any number of archives (`archive.db`,
`demo.db`, a copy) can lie side by side in the directory.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from datasette.facets import Facet
from datasette.plugins import pm
from datasette.utils import tilde_decode, tilde_encode

from crawler.browsing import display, errors, functions, language, nights, safety, tables
from crawler.browsing.article import tell_article
from crawler.browsing.comparison import show_difference
from crawler.browsing.facets import YearFacet
from crawler.browsing.feeds import give_feed
from crawler.browsing.guide import give_guide, give_robots
from crawler.browsing.history import tell_history
from crawler.browsing.home import show_home
from crawler.browsing.marked import name_fixer, name_kind, name_reasons, show_marked, tell_marks
from crawler.browsing.nights import show_night, show_nights
from crawler.browsing.plain import lead_on, permanent
from crawler.browsing.queries import list_archives, name_channels
from crawler.browsing.results import give_csv, give_json, show_results
from crawler.browsing.rows import tell_row
from crawler.browsing.tampering import show_campaign, show_desk
from crawler.text import repair


def prepare_connection(conn: Any) -> None:
    """Register SQL functions: ``escape_fts`` is what the stock search box calls on what a person typed."""
    for name in ("escape_fts", "search"):
        conn.create_function(name, 1, functions.find_entries, deterministic=True)
    conn.create_function("fits", 4, functions.fits, deterministic=True)
    conn.create_function("snippet_zh", 2, functions.snippet_zh, deterministic=True)
    conn.create_function("repair", 1, lambda text: repair(text).text if isinstance(text, str) else text)
    conn.create_function("host", 1, functions.read_host, deterministic=True)
    conn.create_function("diff", 2, functions.write_difference, deterministic=True)


def startup(datasette: Any) -> None:
    """Say of every served file what metadata.yaml says of the tables of `archive`: they are the same tables."""
    # once and in place: the get_metadata hook is asked some hundred times for a page
    databases = datasette._metadata_local.setdefault("databases", {})
    tables = (databases.get("archive") or {}).get("tables") or {}
    for name, db in datasette.databases.items():
        if not db.is_memory:
            databases.setdefault(name, {}).setdefault("tables", tables)
    # Datasette asks every handler and takes the first answer: its own would render `error.html` a second time
    # without what that needs, and, where rich is installed, print every 404 with all local variables
    if pm.has_plugin("datasette.handle_exception"):
        pm.unregister(name="datasette.handle_exception")


def prepare_jinja2_environment(env: Any) -> None:
    """Register the filters that the templates use."""
    env.filters.update(
        shown=display.show_unseen,
        cut=display.cut,
        address=display.write_address,
        tilde=tilde_encode,
        named=display.name_unseen,
        piece=display.show_piece,
        blocks=display.split_blocks,
        when=display.show_date,
        excerpt=display.cut_excerpt,
        marked=display.mark_words,
        both=display.show_both,
        said=display.say,
        fixer=name_fixer,
        blockkind=name_kind,
        why=name_reasons,
        sized=display.show_size,
        indented=display.indent_json,
        label=display.name_field,
        lasting=nights.say_seconds,
    )
    env.globals.update(
        tr=language.tr,
        tongue=display.tongue,
        language=language.language,
        counted=language.counted,
        namesake=tables.name_channel,
        name_lookup=tables.name_lookup,
        link=display.show_link,
        find_link=display.find_link,
        permanent=permanent,
        without=tables.drop_args,
    )


def extra_template_vars(
    datasette: Any, database: str | None, table: str | None, view_name: str | None, request: Any
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Give each page what its template wants: the house, and the article page its article."""

    async def collect() -> dict[str, Any]:
        archives = await list_archives(datasette)
        here = next((db for db in archives if db.name == database), None)
        given: dict[str, Any] = {
            "house": (here or archives[0]).name if archives and (here or database is None) else None,
            "archives": [db.name for db in archives],
        }
        if here is not None and view_name in ("table", "row") and table in ("articles", "versions"):
            given["names"] = await name_channels(here)
        if here is not None and view_name == "row" and table == "articles":
            article = await tell_article(here, tilde_decode(request.url_vars["pks"]), request.args)
            given["article"] = article
            given["history"] = await tell_history(here, article["row"]) if article else None
            if article and article["captured"]:
                given["marks"] = await tell_marks(datasette, here, article["row"]["id"], article["captured"])
        elif here is not None and view_name == "row" and table:
            given["told"] = await tell_row(datasette, here, table, tilde_decode(request.url_vars["pks"]))
        return given

    return collect


def register_routes() -> list[tuple[str, Callable[..., Any]]]:
    """Give the addresses of the archive's own pages."""
    archive = r"^/(?P<database>[^/]+)/-/"
    return [
        (rf"{archive}search$", show_results),
        (rf"{archive}search\.json$", give_json),
        (rf"{archive}search\.csv$", give_csv),
        (rf"{archive}feed\.xml$", give_feed),
        (rf"{archive}diff$", show_difference),
        (rf"{archive}marked/(?P<id>\d{{1,15}})\.json$", show_marked),
        (rf"{archive}at$", lead_on),
        (rf"{archive}tampering$", show_desk),
        (rf"{archive}tampering/(?P<campaign>[0-9A-Za-z]{{1,64}})$", show_campaign),
        (rf"{archive}nights$", show_nights),
        (rf"{archive}nights/(?P<night>[0-9-]{{1,20}})$", show_night),
        (r"^/-/search$", show_results),  # over all archives
        (r"^/-/search\.json$", give_json),
        (r"^/-/search\.csv$", give_csv),
        (r"^/$", show_home),  # the stock one counts every table and asks of each who may see it
        # what the server and its threads are like, paths of files, tools of Datasette's own developers: nobody needs
        # it to read. Left are the limits (settings), and what tables and columns mean (metadata).
        (r"^/-/(?!static/|static-plugins/|settings(\.json)?$|metadata(\.json)?$)", errors.hide),
        (r"^/llms\.txt$", give_guide),
        (r"^/robots\.txt$", give_robots),
    ]


def asgi_wrapper() -> Callable[[Any], Any]:
    """Choose the reader's language, and guard what leaves the server."""
    return safety.guard


def register_facet_classes() -> list[type[Facet]]:
    """Give Datasette the facet by year."""
    return [YearFacet]
