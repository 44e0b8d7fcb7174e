# Each target does all the set-up it needs: python3 with venv is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run demo test lint bench soak eval-answers clean docs bench-query test-arango
.DEFAULT_GOAL := demo

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed          ## the main job, for real, in a throw-away directory
	$(BIN)/logagent demo

run: $(VENV)/.installed           ## the daemon on ./logs, in the foreground
	mkdir -p logs
	$(BIN)/logagent run --watch logs

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto

test-arango: $(VENV)/.installed   ## the store's contract on a real ArangoDB: Docker runs one, or LOGAGENT_TEST_ARANGO_URL names it
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,docker-test]'
	$(BIN)/python -m pytest -m arango tests/store

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

eval-answers: $(VENV)/.installed  ## 15 natural questions to a made-up history, on both stores or STORE=arango-test: is the truth in the answer?
	$(BIN)/python benchmarks/eval_answers.py

docs: $(VENV)/.installed          ## docs/cli.md, from the commands' own help
	$(BIN)/python docs/make_cli.py

bench-query: $(VENV)/.installed   ## what questions cost on a million events, with limits and ratios
	$(BIN)/python benchmarks/query.py

bench: $(VENV)/.installed         ## all figures into docs/performance.md; QUICK=1 for a short run that keeps nothing
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist *.egg-info

MINUTES ?= 10
soak: $(VENV)/.installed          ## long: MINUTES of kill -9, 2,000 sequences of events, 1 GB; figures at the end
	HYPOTHESIS_PROFILE=soak LOGAGENT_TEST_KILL_MINUTES=$(MINUTES) $(BIN)/python -m pytest \
		--timeout=0 --hypothesis-show-statistics -m "soak or machine" tests
