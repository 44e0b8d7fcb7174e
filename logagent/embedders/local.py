"""Embedders in a directory of this machine, by the library that its files are made for (extra `embed`)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from logagent.embedders.protocol import Embedder
from logagent.errors import ConfigError


class LocalEmbedder:
    """A loaded model; nothing of it leaves the process."""

    def __init__(self, name: str, encode: Callable[[list[str]], Any]) -> None:
        self._name = name
        self._encode = encode

    @property
    def name(self) -> str:
        """The directory's own name."""
        return self._name

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The model's vectors."""
        return [[float(number) for number in vector] for vector in self._encode(list(texts))] if texts else []


def open_local(directory: str) -> Embedder:
    """The model in that directory: model2vec where its config says so, else sentence-transformers.

    Raises:
        ConfigError: the directory holds no model, or its library is not installed.
    """
    name = os.path.basename(os.path.abspath(directory))
    if _model_type(directory) == "model2vec":
        model = _library("model2vec").StaticModel.from_pretrained(directory)
    else:
        model = _library("sentence_transformers").SentenceTransformer(directory)
    return LocalEmbedder(name, model.encode)


def _model_type(directory: str) -> str | None:
    try:
        with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{directory} holds no model: its config.json cannot be read ({error})") from error
    return config.get("model_type") if isinstance(config, dict) else None


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(f"the model needs {name}: install logagent[embed], or {name} itself") from error
