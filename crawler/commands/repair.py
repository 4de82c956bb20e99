"""``scrapy repair [FILE|-]``: what a tampered text said before."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.text import binary_kind, decode, repair


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] [FILE|-]"

    def short_desc(self) -> str:
        return "Print the repaired text of a file or of standard input"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--explain", action="store_true", help="print decoding and edits as JSON instead of the text"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) > 1:
            raise UsageError(
                f"repair: found {len(args)} files, wanted one, or - for standard input", print_help=False
            )
        if not args or args[0] == "-":
            body = sys.stdin.buffer.read()
        else:
            try:
                body = Path(args[0]).read_bytes()
            except OSError as wrong:
                raise UsageError(f"repair: {args[0]}: {wrong.strerror}", print_help=False) from None
        if kind := binary_kind(body):
            raise UsageError(
                f"repair: found {kind}, wanted text, in {args[0] if args else '-'}", print_help=False
            )
        decoded = decode(body)
        repaired = repair(decoded.text)
        if not opts.explain:
            sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
            sys.stdout.write(repaired.text)
            return
        trail = {
            "encoding": decoded.encoding,
            "reason": decoded.reason,
            "damage": [damage._asdict() for damage in decoded.damage],
            "steps": [
                {
                    "fixer": step.fixer,
                    "certainty": step.certainty,
                    "edits": [edit._asdict() for edit in step.edits],
                }
                for step in repaired.steps
            ],
        }
        print(json.dumps(trail, ensure_ascii=False, indent=1, default=repr))
