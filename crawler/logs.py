"""Log lines that are safe to read, in files that do not grow for ever."""

from __future__ import annotations

import logging
import os
import re
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from scrapy.settings import BaseSettings
from scrapy.utils.log import get_scrapy_root_handler

FILE_BYTES = 10 * 2**20
"""Size at which a log file is closed and a new one begun."""
FILES = 5
"""How many closed log files are kept."""

UNSAFE_RE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
"""Control, bidirectional and invisible characters, without tab and line feed."""


def printable(text: str) -> str:
    r"""Write what a terminal would obey or hide as escapes, so that fetched text stays text.

    >>> printable("标题\x1b[2J\u202e\nend")
    '标题\\x1b[2J\\u202e\\nend'
    """
    return UNSAFE_RE.sub(escaped, text).replace("\n", "\\n")


def escaped(found: re.Match[str]) -> str:
    """Give the escape of one character, as Python writes it."""
    return found[0].encode("unicode_escape").decode("ascii")


class SafeFormatter(logging.Formatter):
    """Log records as lines: a line feed in a message is an escape, tracebacks keep theirs."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return UNSAFE_RE.sub(escaped, super().format(record))


def formatter(settings: BaseSettings) -> SafeFormatter:
    """Make the formatter that ``LOG_FORMAT`` and ``LOG_DATEFORMAT`` ask for."""
    return SafeFormatter(settings.get("LOG_FORMAT"), settings.get("LOG_DATEFORMAT"))


def make_safe(settings: BaseSettings) -> None:
    """Let Scrapy's own log handler write safe lines."""
    if handler := get_scrapy_root_handler():
        handler.setFormatter(formatter(settings))


class LogFiles(RotatingFileHandler):
    """Rotated files that the user and the group read, nobody else: they name addresses and errors.

    Where the disk takes no more, one line says so, not a trace for each line.
    """

    told = False

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        return TextIOWrapper(open(handle, "ab"), encoding=self.encoding)

    def handleError(self, record: logging.LogRecord) -> None:
        if not self.told:
            self.told = True
            print(
                f"scrapy: {self.baseFilename}: {sys.exc_info()[1]}: lines of the log are lost",
                file=sys.stderr,
            )


def log_to_files(settings: BaseSettings, path: Path) -> None:
    """Log into `path`, which is rotated; nothing is opened before the first line.

    Raises OSError where the folder cannot be made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = LogFiles(path, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8", delay=True)
    handler.setFormatter(formatter(settings))
    handler.setLevel(settings.get("LOG_LEVEL"))
    logging.root.addHandler(handler)
