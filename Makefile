# Two commands: `make demo` and `make test`. Everything else is in `make help`.
PYTHON ?= python3
MINUTES ?= 10
PORT ?= 8080
BENCH ?= throughput
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
TEP := $(wildcard ../shared/data/tep)
export HAZGATE_TEP ?= $(if $(TEP),$(abspath $(TEP)),)
# The schemas that exports are checked against; without them those tests are skipped.
SCHEMAS := $(wildcard ../shared/data/schemas)
export HAZGATE_SCHEMAS ?= $(if $(SCHEMAS),$(abspath $(SCHEMAS)),)
# Tests start programs hundreds of times: what they import is compiled once.
unexport PYTHONDONTWRITEBYTECODE
# CI sets TESTS to a folder to run one part.
TESTS ?= tests
# One test of the fault laboratory, and where the long one keeps its results.
ONLY ?=
RESULTS ?= .cache/faults
# Tests of it at the same time: they wait more than they work.
JOBS ?= 2
# Set where this machine cannot make every fault: what was not run then fails nothing.
ALLOW_MISSING ?=

.PHONY: help setup servers demo test test-more check bench faults faults-long format clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## make .venv with everything the project needs
$(READY): pyproject.toml deploy/constraints/constraints.txt deploy/browser_modules.py gateway/supervision/dashboard/package.json
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c deploy/constraints/constraints.txt -e '.[dev]'
	@touch $@

# Only as given to make: in the environment LANGUAGE is gettext's, a list of locales.
demo: setup  ## broker, simulated plant, gateway, centre and screen: MINUTES=10 PORT=8080 LANGUAGE=zh|en
	@$(BIN)/hazgate demo --minutes $(MINUTES) --port $(PORT) $(if $(filter command line,$(origin LANGUAGE)),--language $(LANGUAGE))

servers:  ## install the real servers the tests need, where this user may
	@sh deploy/test-servers.sh

# In the order of the tree: else files of one long test each come last, and each waits for one.
test: setup servers  ## the tests, under ten minutes
	$(BIN)/python -m pytest -q -m "not more" -n 3 --dist loadfile --no-loadscope-reorder $(TESTS)

test-more: setup servers  ## the slower suites
	$(BIN)/python -m pytest -q -m more $(TESTS)

check: setup  ## style, types, import directions, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

bench: setup  ## a bench: BENCH=throughput, latency, capacity, peers, nation, soak ...
	$(BIN)/python -m bench $(BENCH)

faults: setup servers  ## the fault laboratory: every fault test with its negative controls
	$(BIN)/python -m tests.faults --jobs $(JOBS) $(if $(ONLY),--only $(ONLY)) \
	  $(if $(ALLOW_MISSING),--allow-missing)

faults-long: setup servers  ## the same in full counts; goes on where it ended: RESULTS=folder
	$(BIN)/python -m tests.faults --long --jobs $(JOBS) --resume $(RESULTS) $(if $(ONLY),--only $(ONLY)) \
	  $(if $(ALLOW_MISSING),--allow-missing)

format: setup  ## let ruff format and mend
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean:  ## remove what was made
	rm -rf $(VENV) .cache dist build gateway/supervision/dashboard/vendor
