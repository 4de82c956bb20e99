"""Facets that Datasette does not have."""

from __future__ import annotations

from typing import Any

from datasette.database import QueryInterrupted
from datasette.facets import Facet
from datasette.utils import escape_sqlite, path_with_added_args, path_with_removed_args


class YearFacet(Facet):  # type: ignore[misc]  # Datasette ships no types
    """Count by the year of an ISO time column: ``facets: [{year: published}]``."""

    type = "year"

    async def facet_results(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Count the years of each column asked for; columns that took too long come second."""
        given, late = [], []
        pairs = self.get_querystring_pairs()
        for asked in self.get_configs():
            column = asked["config"].get("column") or asked["config"]["simple"]
            name, size = escape_sqlite(column), self.get_facet_size()
            try:
                counted = await self.ds.execute(
                    self.database,
                    f"SELECT substr({name}, 1, 4) AS value, count(*) AS count FROM ({self.sql})"
                    f" WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 1 DESC LIMIT {size + 1}",
                    self.params,
                    truncate=False,
                    custom_time_limit=self.ds.setting("facet_time_limit_ms"),
                )
            except QueryInterrupted:
                late.append(column)
                continue
            results = []
            for row in counted.rows[:size]:
                picked = (f"{column}__startswith", str(row["value"]))
                selected = picked in pairs
                path = (path_with_removed_args if selected else path_with_added_args)(
                    self.request, dict([picked])
                )
                results.append(
                    {
                        "value": row["value"],
                        "label": row["value"],
                        "count": row["count"],
                        "selected": selected,
                        "toggle_url": self.ds.absolute_url(self.request, self.ds.urls.path(path)),
                    }
                )
            given.append(
                {
                    "name": column,
                    "type": self.type,
                    "results": results,
                    "hideable": asked["source"] != "metadata",
                    "toggle_url": path_with_removed_args(self.request, {"_facet_year": column}),
                    "truncated": len(counted.rows) > size,
                }
            )
        return given, late
