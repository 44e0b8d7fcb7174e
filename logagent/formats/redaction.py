"""Redaction: secrets in lines replaced by marks. Pure: no I/O, no clock."""

from __future__ import annotations


class Redaction:
    """Which secrets are looked for."""
