"""AQL's functions by family. Importing this package fills the registry."""

from ..functions import (
    arrays,
    bits,
    control,
    dates,
    documents,
    geo,
    local_dates,
    numbers,
    searching,
    strings,
    texts,
    types,
)
from ..functions.registry import FUNCTIONS, look_up

__all__ = [
    "FUNCTIONS",
    "arrays",
    "bits",
    "control",
    "dates",
    "documents",
    "geo",
    "local_dates",
    "look_up",
    "numbers",
    "searching",
    "strings",
    "texts",
    "types",
]
