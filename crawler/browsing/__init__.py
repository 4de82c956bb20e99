"""What readers of the archive see, through Datasette: `hooks` names what is hung in where.

A module a page (`home`, `article`, `history`, `comparison`), and what they share: `display` shows stored text
safely, `language` gives each text in the reader's, `queries` asks, `tables` and `facets` better the stock pages,
`functions` are SQL's, `safety` guards what leaves the server.
"""
