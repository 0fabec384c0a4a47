# Everything a contributor needs: python3 (3.11+) with venv, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SERVERS := .servers
WORKERS ?= auto

.PHONY: demo test test-browser test-servers lint format bench screenshot lock clean

demo: $(STAMP)
	$(BIN)/jiesu demo $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# The console in a real browser. Needs node, npm and Debian's chromium; SHOTS=folder keeps pictures.
test-browser: $(STAMP) node_modules/playwright-core
	node tests/browser/run.mjs

# The office on a real Matrix server, on loopback, about two minutes. The server has an environment of its own.
test-servers: $(STAMP) $(SERVERS)/.installed
	$(BIN)/python -m pytest tests/servers/matrix_day.py $(ARGS)

$(SERVERS)/.installed: requirements-servers.lock | $(STAMP)
	test -x $(SERVERS)/bin/python || $(PYTHON) -m venv $(SERVERS)
	$(BIN)/uv pip install --quiet --python $(SERVERS)/bin/python --compile-bytecode --require-hashes -r $<
	touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m bench $(ARGS)

# Needs node, npm, Debian's chromium and a Chinese font.
screenshot: $(STAMP) node_modules/playwright-core
	node docs/screenshot.mjs

node_modules/playwright-core:
	npm install --silent --no-save --no-package-lock --no-audit --no-fund playwright-core@1.65.1

# The lock files carry hashes and no address; uv.lock would name one.
lock: $(STAMP)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra test pyproject.toml -o requirements-test.lock
	printf 'hatchling>=1.27,<2\neditables>=0.5\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --constraint requirements-test.lock - -o requirements-build.lock
	echo 'matrix-synapse>=1.163,<1.164' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header - -o requirements-servers.lock

$(STAMP): pyproject.toml requirements-test.lock requirements-build.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-test.lock -r requirements-build.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $(STAMP)

clean:
	rm -rf $(VENV) $(SERVERS) .pytest_cache .mypy_cache .ruff_cache .hypothesis
