"""Every question that a store on ArangoDB can be asked, and what there is to ask of: together they run each query."""

from __future__ import annotations

from store_corpus import event, in_order, learning, record, run_end, run_start

from logagent.formats.key import hash_range
from logagent.formats.record import Record, Resolution
from logagent.formats.times import utc_text
from logagent.store.derived import Memory, Relation, Vector
from logagent.store.groups import ErrorSelection
from logagent.store.protocol import Batch, PruneCriteria, Reader, Store, TallyBy
from logagent.store.selection import Compare, Direction, Field, RunSelection, Selection, TextMatch


def append(store: Store, *records: Record) -> None:
    store.append(Batch(in_order(records)))


def write_something(store: Store) -> None:
    """Records of every kind, what is derived of them, and a prune."""
    resolution = record(Resolution(utc_text(5), "e1", "resolve"), 5, 9)
    failed = event(3, "failed", level="ERROR")
    append(store, run_start(0), event(1), event(2), failed, learning(4), run_end(9), resolution)
    store.mark()
    store.renew()
    store.ping()
    store.account([event(1), run_start(0)])
    store.stored_end(1)
    store.stored_lengths([event(1)])
    store.open_runs("box")
    store.mark_crashed(["run-a"], 5)
    store.save_relations([Relation(event(2).key, event(1).key, "RETRY_OF", 0.5, "m")])
    store.save_vectors([Vector(each.key, "m", (1.0, 0.0)) for each in (event(1), event(2))])
    store.save_memories([Memory("m", "note", "text")])
    store.prune(PruneCriteria(level_no=10), dry_run=True)
    store.prune(PruneCriteria(execution_ids=("nobody",)))
    append(store, event(7, level="DEBUG"))
    store.prune(PruneCriteria(level_no=10))
    append(store, event(8))


def ask_everything(store: Store, reader: Reader) -> None:
    """Every question once, each way it can be put."""
    plain, worded = Selection(), Selection(where=TextMatch("loaded"))
    for selection in (plain, worded):
        for direction in Direction:
            reader.events(Selection(where=selection.where, direction=direction), 5)
            list(reader.export(Selection(where=selection.where, direction=direction)))
        reader.ranked(selection, "rows", 5)
        reader.count(selection)
        reader.tally(selection, TallyBy.LEVEL)
    reader.events(Selection(where=Compare(Field.DURATION, ">", 1)), 5)
    mark = reader.arrivals(plain, None, 5).mark
    append(store, event(20, embeddings=b"[1]"))
    reader.arrivals(plain, mark, 5)
    reader.events_by_hash(*hash_range(event(1).short_id))
    reader.around(event(1), 1, 1)
    reader.overview(), reader.runs(RunSelection(), 5), reader.run("run-a"), reader.count_runs(RunSelection())
    reader.learnings(), reader.resolutions(), reader.error_tallies(ErrorSelection()), reader.error_events("e1")
    reader.run_lines("run-a", 5), reader.site_tallies(["run-a"]), reader.relations(["x"])
    assert len(reader.walk(event(2).key, 2, 5)) == 1
    reader.tables()
    reader.vector_models(), reader.without_vector(plain, "m", 5), reader.memories()
    reader.nearest(plain, Vector("", "m", (1.0, 0.0)), 5)
