"""AQL's functions by family. Importing this package fills the registry."""

from tests.arango_server.functions import arrays, control, dates, documents, numbers, searching, strings, texts, types
from tests.arango_server.functions.registry import FUNCTIONS, look_up

__all__ = [
    "FUNCTIONS",
    "arrays",
    "control",
    "dates",
    "documents",
    "look_up",
    "numbers",
    "searching",
    "strings",
    "texts",
    "types",
]
