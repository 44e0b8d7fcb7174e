"""The embedded store: one SQLite file in WAL mode, one writer at a time, any number of readers meanwhile.

In: batches, each one transaction. Out: receipts, and for readers whatever is committed.
On a crash: a batch is there whole or not at all. `synchronous=NORMAL` survives our own death; a power cut may
take the newest commits along, back to the last `mark`, which is why marks are made with `synchronous=FULL`.

Text is split into tokens as FTS5's `unicode61 remove_diacritics 2` does: runs of letters, digits and private
use characters (Unicode categories L*, N*, Co), lower-cased, without accents; everything else separates, so
`load_rows(x.py)` is load, rows, x, py. Every other store has to split the same.
"""
