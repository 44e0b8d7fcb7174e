"""What each error number of the server's documentation asks of us, and a server that is reached over TLS."""

from __future__ import annotations

import ssl
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from arango_server import ArangoServer

from logagent.errors import ConfigError, RecordRejected, StoreAuthError, StoreCorrupt, StoreError, StoreUnavailable
from logagent.store import open_store
from logagent.store.arango.errors import NotReady, Reaction, ServerError, reaction_to, refusal

NUMBERS = {
    Reaction.RETRY: [
        *((18, 409), (21, 500), (28, 500), (29, 409), (30, 503), (38, 503), (503, 503), (504, 504), (1302, 500)),
        *((1303, 500), (1304, 500), (1305, 500), (1402, 500), (1403, 500), (1404, 500), (1429, 503), (1447, 500)),
        *((1449, 503), (1457, 500), (1464, 500), (1465, 503), (1474, 500), (1478, 500), (1481, 500), (1489, 500)),
        *((1490, 500), (1491, 500), (1492, 500), (1495, 503), (1496, 503), (1521, 500), (7009, 500), (7010, 500)),
        *((7011, 500), (21003, 503), (21004, 412), (21005, 500), (1654, 410), (1655, 410), (1600, 404)),
        *((0, 429), (0, 500), (0, 502), (0, 503), (0, 504), (0, 408)),
    ],
    Reaction.CONFLICT: [(1200, 409)],
    Reaction.PERSON: [
        (1004, 403),
        (1004, 503),
        (1104, 500),
        (7004, 500),
        (3, 500),
        (32, 500),
        (9001, 403),
        (9008, 403),
    ],
    Reaction.LOG_IN: [(401, 401), (0, 401), (11, 401), (11, 403), (0, 403)],
    Reaction.DOCUMENT: [
        *((1210, 409), (1216, 400), (1221, 400), (1222, 400), (1225, 400), (1226, 400), (1227, 400), (1233, 400)),
        *((1239, 400), (1466, 400), (1468, 400), (1469, 400), (1620, 400), (600, 400), (0, 413)),
    ],
    Reaction.TOO_LONG: [(1500, 410)],
    Reaction.NOT_READY: [(1203, 404), (1228, 404)],
    Reaction.CORRUPT: [(1100, 500)],
    Reaction.ASKED_WRONGLY: [
        *((10, 400), (404, 404), (405, 405), (1202, 404), (1205, 400), (1207, 409), (1208, 400), (1212, 404)),
        *((1213, 400), (1218, 400), (1229, 400), (1232, 400), (1235, 400), (1237, 400), (1501, 400), (1552, 400)),
        *((1579, 400), (1595, 400), (1621, 400), (1651, 400), (1653, 400), (1925, 409)),
    ],
}


@pytest.mark.parametrize("reaction", NUMBERS)
def test_each_number_of_the_documentation_has_its_reaction(reaction: Reaction) -> None:
    """With the status that the server sends it with."""
    assert {(pair, reaction_to(*pair)) for pair in NUMBERS[reaction]} == {(p, reaction) for p in NUMBERS[reaction]}


def refused(*numbers: int) -> StoreError:
    """What is raised for an array of which documents 10, 11, ... are refused with those numbers."""
    return refusal([(10 + at, ServerError(number, 400, "no")) for at, number in enumerate(numbers)], "arangodb://box")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        *((503, StoreUnavailable), (1429, StoreUnavailable), (1200, StoreUnavailable), (1500, StoreUnavailable)),
        *((1004, StoreUnavailable), (1203, NotReady), (11, StoreAuthError), (1100, StoreCorrupt)),
    ],
)
def test_what_is_not_about_a_document_is_no_reason_to_refuse_one(number: int, kind: type[StoreError]) -> None:
    """Though the server may say it in the place of one, and refuse others of the same array."""
    assert type(refused(1620, number)) is kind


@pytest.mark.parametrize("number", [1620, 1210, 10, 17, 4])
def test_what_may_be_about_a_document_is(number: int) -> None:
    """A number that nobody classified, too: sent for ever it would stop everything. The first is told."""
    error = refused(number, 1620)
    assert isinstance(error, RecordRejected)
    assert (error.number, error.index) == (number, 10)


# TLS


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A CA of our own, and a server's certificate by it."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=tmp_path, timeout=60)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ours")
    openssl(
        "req", "-x509", *new_key, "-keyout", "server.key", "-out", "server.pem", "-days", "2", "-subj", "/CN=server",
        "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1",
        "-addext", "basicConstraints=critical,CA:false",
    )  # fmt: skip
    return tmp_path


def test_a_server_with_a_certificate_of_our_own_ca_is_trusted_and_no_other(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the CA's file, or with one that is none, nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    with ArangoServer(tls=context) as server:
        monkeypatch.setenv("ARANGO_PASSWORD", server.password)
        url = f"arangodb+https://root@127.0.0.1:{server.port}/tls"
        with closing(open_store(url)) as store, pytest.raises(StoreUnavailable, match="certificate"):
            store.prepare()
        monkeypatch.setenv("LOGAGENT_ARANGO_CA_FILE", str(certificates / "server.key"))
        with pytest.raises(ConfigError):
            open_store(url)
        monkeypatch.setenv("LOGAGENT_ARANGO_CA_FILE", str(certificates / "ca.pem"))
        with closing(open_store(url)) as store:
            assert store.prepare() == store.prepare()
