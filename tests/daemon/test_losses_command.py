"""`logagent losses`: the ledger as people and programs read it."""

from __future__ import annotations

import json

from logagent.daemon.losses import LostRanges
from tests.daemon.commands import logagent, logagent_json
from tests.daemon.rig import Rig


def row(file: str, start: int, end: int | None, fingerprint: int = 1, hour: int = 0) -> str:
    """One row of the ledger."""
    document = {
        "v": 1,
        "time": f"2026-11-22T{hour:02d}:00:00.000000Z",
        "file": file,
        "fingerprint": f"{fingerprint:016x}",
        "from": start,
        "to": end,
        "reason": "deleted or rewritten unread",
    }
    return json.dumps(document) + "\n"


def test_no_ledger_is_no_loss(rig: Rig) -> None:
    assert logagent(rig, "losses") == "nothing was lost\n"
    assert logagent_json(rig, "losses")["lost_bytes"] == 0


def test_bytes_are_summed_in_all_and_by_file_and_rows_come_newest_first(rig: Rig) -> None:
    (rig.state / "losses.jsonl").write_text(
        row("a.log", 0, 100, hour=1) + row("b.log", 50, 60, 2, hour=2) + row("a.log", 200, 250, hour=3)
    )
    told = logagent_json(rig, "losses")
    assert told["lost_bytes"] == 160
    assert [(file["file"], file["lost_bytes"]) for file in told["files"]] == [("a.log", 150), ("b.log", 10)]
    assert [item["time"][11:13] for item in told["items"]] == ["03", "02", "01"]


def test_a_range_written_twice_counts_once(rig: Rig) -> None:
    (rig.state / "losses.jsonl").write_text(row("a.log", 0, 100) * 2 + row("a.log", 50, 150) + '{"v":1,"file":"to')
    assert logagent_json(rig, "losses")["lost_bytes"] == 150


def test_an_unknown_end_is_said_and_not_summed(rig: Rig) -> None:
    (rig.state / "losses.jsonl").write_text(row("a.gz", 100, None))
    text = logagent(rig, "losses")
    assert "0 bytes lost in 1 files, and 1 files whose end nobody knows" in text
    assert "everything from 100 on" in text


def test_a_bounded_answer_says_how_many_rows_there_are(rig: Rig) -> None:
    (rig.state / "losses.jsonl").write_text("".join(row("a.log", n * 10, n * 10 + 5) for n in range(50)))
    assert "newest first, 2 of 50" in logagent(rig, "losses", "--limit", "2")
    assert logagent_json(rig, "losses", "--limit", "2")["total"] == 50


def test_a_file_name_cannot_steer_a_terminal(rig: Rig) -> None:
    (rig.state / "losses.jsonl").write_text(row("\x1b[2Jevil.log", 0, 1))
    assert "\x1b" not in logagent(rig, "losses")


def test_a_file_deleted_unread_shows_up(rig: Rig) -> None:
    path = rig.write("a.jsonl", '{"message": "never read"}\n')
    rig.start()
    rig.running.shipper.saving.save_unmarked()
    rig.kill()
    path.unlink()
    rig.start()
    rig.rest(60)
    assert logagent_json(rig, "losses")["lost_bytes"] == 26


def test_ranges_merge_whatever_their_order() -> None:
    lost = LostRanges()
    for start, end in ((50, 60), (0, 10), (10, 20), (5, 15)):
        lost.add(start, end)
    assert lost.ranges == [(0, 20), (50, 60)]
    assert [offset in lost for offset in (0, 19, 20, 55, 60)] == [True, True, False, True, False]
