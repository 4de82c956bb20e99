"""SQL functions that readers of the archive have."""

from __future__ import annotations

from urllib.parse import urlsplit

from crawler.archive import ask, cut_snippet, match_expression
from crawler.browsing.queries import read_query
from crawler.text.differences import differ, mark, shorten


def fits(query: object, title: object, text: object, source: object) -> bool:
    """Tell whether an article has what is asked for (SQL function ``fits``); `search` finds those that may."""
    told = (str(part) if part is not None else None for part in (title, text, source))
    return ask(read_query(query)).fits(*told)


def find_entries(query: object) -> str:
    """Give the full-text expression of what is typed (SQL functions ``search`` and the stock search box's ``escape_fts``)."""
    return match_expression(read_query(query))


def snippet_zh(text: object, query: object) -> str:
    """Cut out the first place of a searched word, from the beginning of its sentence (SQL function ``snippet_zh``)."""
    return cut_snippet(str(text or ""), ask(read_query(query))) or ""


def read_host(url: object) -> str | None:
    """Give the host of a URL, None where it has none (SQL function ``host``)."""
    try:
        return urlsplit(str(url or "")).hostname
    except ValueError:
        return None


def write_difference(before: object, after: object) -> str:
    """Compare two texts; what stays is cut short.

    >>> write_difference("床位300张", "床位350张"), write_difference(None, "甲")
    ('床位[-300-]{+350+}张', '{+甲+}')
    """
    return mark(shorten(differ(str(before or ""), str(after or ""))))
