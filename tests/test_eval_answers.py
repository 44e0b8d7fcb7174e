"""The evaluation of `make eval-answers`, as a test: 15 of 15 true, why under 800 tokens, no false news."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / "query"), str(ROOT / "benchmarks")]

from eval_answers import WHY_TOKENS, evaluate, false_news, table  # noqa: E402
from made_history import history_store  # noqa: E402


def test_fifteen_questions_get_a_true_answer(tmp_path: Path) -> None:
    """Of a history whose truths are known; the table is what `make eval-answers` prints."""
    url, truth = history_store(tmp_path)
    answers = evaluate(url, truth)
    assert [answer.question.text for answer in answers if not answer.is_true] == [], table(answers)
    assert len(answers) == 15
    assert next(answer.tokens for answer in answers if answer.question.command == ("why",)) < WHY_TOKENS
    assert false_news(url) == []
