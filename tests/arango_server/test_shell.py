"""What arangosh shows of a script, and how outputs are read."""

from __future__ import annotations

from typing import Any

import pytest

from arango_server.client import Client
from arango_server.errors import Unsupported
from arango_server.shell import Shell, values_in
from arango_server.shell_things import ShellError


def shown(client: Client, source: str) -> list[Any]:
    """What a script shows."""
    shell = Shell(client)
    shell.run(source)
    return shell.shown


def test_objects_are_shown_as_texts_and_cursors_with_their_rows(client: Client) -> None:
    """An empty one has none to show."""
    number = client.send("GET", "/_api/collection/c").body["id"]
    assert shown(client, 'db._collection("c");') == [f'[ArangoCollection {number}, "c" (type document, status loaded)]']
    cursor = "[object ArangoQueryCursor, count: {}, results cached: false, hasMore: false]"
    assert shown(client, 'db._query("RETURN 1"); db._query("FOR d IN c RETURN d");') == [
        cursor.format(1), [1], cursor.format(0),
    ]  # fmt: skip


def test_a_view_that_is_set_is_shown_or_not(client: Client) -> None:
    """So the script shows something unknown."""
    shell = Shell(client)
    shell.run('v = db._createView("v", "arangosearch");')
    assert (shell.shown, shell.shows_unknown) == ([], True)


def test_documents_are_changed_one_by_one_and_in_arrays(client: Client) -> None:
    """With what the options ask for; marks of hidden lines may stand within a statement."""
    source = """
        ~db.c.insert([
        ~  { _key: "1", a: 1 }, { _key: "2" }
        ~]);
        db.c.update("1", { b: 2 }, { returnNew: true }).new.b;
        db.c.replace(["1", { _key: "2" }], [{ c: 3 }, { c: 4 }]).length;
        db.c.document(["1", "2"]).map(d => d.c);
        db._dropIndex(db.c.ensureIndex({ type: "persistent", fields: ["c"] }));
    """
    assert shown(client, source) == [2, 2, [3, 4], True]


def test_a_transaction_of_a_script_writes(client: Client) -> None:
    """What it did is seen outside once it is committed."""
    source = """
        ~var trx = db._createTransaction({ collections: { write: ["c"] } });
        if (trx) { trx.collection("c").save({ _key: "1" }); trx.commit(); }
        trx.status().status;
        db.c.count();
    """
    assert shown(client, source)[1:] == ["committed", 1]


def test_a_loop_can_be_left_and_an_unknown_name_tried(client: Client) -> None:
    """Outside of try it is refused."""
    source = 'for (let i = 0; i < 9; i++) { if (i == 2) { break; } db.c.save({}); } try { nope("c"); } catch (e) {}'
    assert len(shown(client, source + " db.c.count();")) == 2
    assert client.query("RETURN LENGTH(c)") == [2]
    with pytest.raises(Unsupported):
        shown(client, "nope();")


def test_rights_are_shown_as_words(client: Client) -> None:
    """Those on the system's collections are as on the database, but for some."""
    source = """
        const users = require("@arangodb/users");
        ~users.save("u", "pw"); ~users.grantDatabase("u", "_system");
        users.permission("u", "_system");
        users.permission("u", "_system", "_graphs");
        users.permission("u", "_system", "_users");
        users.remove("u");
    """
    assert shown(client, source) == ["rw", "rw", "none"]
    with pytest.raises(ShellError, match="1703"):
        shown(client, 'require("@arangodb/users").document("u");')


def test_outputs_are_read_as_values_and_texts() -> None:
    """What is neither is refused."""
    text = '[ArangoView 5, "v" (type arangosearch)]\n\nrw\n{ \n  "a" : 1 \n}\n[ArangoError 1: x]'
    assert values_in(text) == ['[ArangoView 5, "v" (type arangosearch)]', "rw", {"a": 1}, "[ArangoError 1: x]"]
    assert values_in("Empty output") == []
    with pytest.raises(Unsupported):
        values_in("Query String (47 chars)")
