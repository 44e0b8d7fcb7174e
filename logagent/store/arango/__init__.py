"""ArangoDB as the store: documents, folds, search, graph and vectors, for a team and its cluster.

In: batches of records, questions as selections. Out: receipts and records, the same as SQLite's.
On a crash: a document's key is its record's, inserts ignore what is there, and what is folded or rolled up takes
minima, maxima and sets alone; so whatever had no receipt may be sent again as it is.
"""
