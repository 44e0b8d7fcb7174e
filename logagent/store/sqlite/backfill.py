"""What a migration computes from what is stored: errors of old events, and folds that say more than they did."""

from __future__ import annotations

import apsw

from logagent.store.sqlite import folding
from logagent.store.sqlite.errors import ErrorCounter, stored_errors
from logagent.store.sqlite.names import Names
from logagent.store.text import original


def count_errors(db: apsw.Connection) -> None:
    """Fill the tables of errors and resolutions, and fold learnings anew."""
    names, counter = Names(db), ErrorCounter(db)
    counter.add_events(stored_errors(db))
    lines = [folding.folded_record(row) for row in db.execute(folding.SELECTED)]
    counter.add_ends(names, lines)
    folding.refold_resolutions(db, lines)
    for learning_id in list(db.execute("SELECT learning_id FROM learnings")):
        folding.refold_learning(db, original(str(learning_id[0])))
