"""An embedder behind HTTP: one POST for some texts, in the form that most servers of models understand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urldefrag, urlsplit
from urllib.request import Request, urlopen

from logagent.errors import EmbedderUnavailable

_TIMEOUT_S: Final = 60.0
"""A model that has to be loaded first takes its time."""
_MOST_BYTES: Final = 256 << 20


class ServiceEmbedder:
    """Posts `{"input": [...], "model": ...}`; takes `{"data": [{"embedding"}]}`, `{"embeddings"}` or a bare list."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._url, self._model = urldefrag(url)
        self._key = key

    @property
    def name(self) -> str:
        """The model that the URL names behind #, else the service's host."""
        return self._model or urlsplit(self._url).netloc.rpartition("@")[2]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The service's vectors, in the order of the texts."""
        if not texts:
            return []
        body = {"input": list(texts), **({"model": self._model} if self._model else {})}
        vectors = _vectors(self._answer(json.dumps(body).encode()))
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
            raise EmbedderUnavailable(f"{self.name} gave {len(vectors)} vectors for {len(texts)} texts")
        return vectors

    def _answer(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            with urlopen(Request(self._url, body, headers), timeout=_TIMEOUT_S) as answer:
                return json.loads(answer.read(_MOST_BYTES))
        except HTTPError as error:
            with error:
                raise EmbedderUnavailable(f"embedder {self.name} answers {error.code} {error.reason}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise EmbedderUnavailable(f"embedder {self.name} cannot be had: {error}") from error


def _vectors(answer: Any) -> list[list[float]]:
    try:
        if isinstance(answer, dict) and "data" in answer:
            found = [each["embedding"] for each in sorted(answer["data"], key=lambda each: each.get("index", 0))]
        else:
            found = answer["embeddings"] if isinstance(answer, dict) else answer
        return [[float(number) for number in vector] for vector in found]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EmbedderUnavailable("the embedder's answer holds no vectors") from error
