"""Shell completion: runs and scripts from the store, beside what is known without one.

Whatever goes wrong completes nothing: a shell that waits for a word has no use for an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

_REFERENCES = ("@last", "@last-failed", "@last-good")
_MOST = 50


def complete_run(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """References and the newest runs."""
    known = [CompletionItem(name) for name in _REFERENCES if name.startswith(incomplete)]
    return known + [CompletionItem(name) for name in _asked(ctx, lambda reader: reader.run_ids(incomplete, _MOST))]


def complete_script(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Scripts, those with most runs first."""
    names = _asked(ctx, lambda reader: [name for name, _ in reader.overview().scripts])
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_words(metavar: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]] | None:
    """What completes an argument that is described like that."""
    if "RUN" in metavar:
        return complete_run
    return complete_script if "SCRIPT" in metavar else None


def _asked(ctx: click.Context, question: Callable[[Any], list[str]]) -> list[str]:
    from logagent.query.sources import find_place, open_source
    from logagent.query.wording import is_plain_name

    try:
        place = find_place(_given(ctx, "store"), _given(ctx, "state_dir"))
        reader = open_source(place.url)
        try:
            return [name for name in question(reader) if is_plain_name(name)]
        finally:
            reader.close()
    except Exception:  # noqa: BLE001 - the edge: see above
        return []


def _given(ctx: click.Context | None, name: str) -> str | None:
    """The option as given to this command or a group around it."""
    while ctx is not None:
        if ctx.params.get(name):
            return str(ctx.params[name])
        ctx = ctx.parent
    return None
