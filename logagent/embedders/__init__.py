"""Embedders: what makes points of texts, so that events can be found by meaning.

In goes where one is (a service's URL, a model's directory), out comes an `Embedder`; `embed_pending` gives vectors
to the events that have none yet. Nothing here is needed to store or to search by words. On a crash: vectors that
were saved stay, the others are made again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from logagent.errors import ConfigError

if TYPE_CHECKING:
    from logagent.embedders.protocol import Embedder
    from logagent.settings import Settings

__all__ = ["configured_embedder", "open_embedder"]


def configured_embedder(settings: Settings) -> Embedder | None:
    """The embedder that settings name; None if they name none.

    Raises:
        ConfigError: it, or its key, cannot be had as given.
    """
    if settings.embedder is None:
        return None
    return open_embedder(settings.embedder, _key(settings.embedder_key_file))


def _key(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"embedder_key_file {path} cannot be read: {error}") from error


def open_embedder(place: str, key: str | None = None) -> Embedder:
    """The embedder at a URL (`http://host/v1/embeddings#model`) or in a directory (model2vec, sentence-transformers).

    Args:
        key: what the service wants as bearer token, if anything.

    Raises:
        ConfigError: it is neither, or the library for the directory's model is not installed.
    """
    if place.startswith(("http://", "https://")):
        from logagent.embedders.service import ServiceEmbedder

        return ServiceEmbedder(place, key)
    if os.path.isdir(place):
        from logagent.embedders.local import open_local

        return open_local(place)
    raise ConfigError(f"embedder {place!r} is neither a URL nor a directory: give http://host/v1/embeddings#model")
