# `make demo` shows the main job on this machine, `make test` runs every test. Both set up what
# they need: a virtual environment in .venv, and restic, built from source, in the user's cache.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/backup-webhook

export PATH := $(CURDIR)/$(BIN):$(CACHE)/bin:$(PATH)
# A virtual environment that was active before, or a stray path, must not leak into ours.
unexport PYTHONPATH VIRTUAL_ENV

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: setup ## Back up, change and restore an example app here: no cluster, no root, no Docker
	@$(BIN)/python -m demo

TEST_PARTS := lint test-units test-services

.PHONY: test
test: $(TEST_PARTS) ## Run the linters and every test

.PHONY: test-parts
test-parts:
	@echo $(TEST_PARTS)

# What waits for real servers, and for restic, for most of its time.
SERVICES := tests/faults tests/integration tests/services

.PHONY: test-units
test-units: rclone test-restic ## Run all tests but those of test-services
	$(BIN)/python -m tests.run --numprocesses=4 $(addprefix --ignore=,$(SERVICES))

.PHONY: test-services
test-services: rclone test-restic ## Run the tests that wait for real servers, side by side
	$(BIN)/python -m tests.run --numprocesses=8 $(SERVICES)

.PHONY: test-pythons
test-pythons: setup ## Run the unit tests on the oldest and the newest Python
	@$(BIN)/python -m tests.run.pythons

.PHONY: lint
lint: setup ## Check style, types, imports between modules, and shell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/shellcheck runner/supervise.sh tools/*.sh tests/*/*.sh tests/*/*/*.sh .ci/run

.PHONY: fuzz
fuzz: setup ## Fuzz for MINUTES=30, and keep what is found
	$(BIN)/python -m tests.fuzz.campaign $(or $(MINUTES),30)

.PHONY: mutants
mutants: setup test-restic ## Plant faults one by one, and count those that tests notice (ONLY=id)
	@$(BIN)/python -m tests.mutants --only "$(ONLY)"

.PHONY: audit
audit: setup ## Look for known vulnerabilities in what the locks name
	@# Where it cannot be built, the audit says that Go's modules are not checked.
	@sh tools/govulncheck.sh $(CACHE)/bin || true
	@$(BIN)/python -m tools.audit

.PHONY: setup
setup: $(VENV)/.installed restic

# The locks name every file by its hash; our own package is then linked in without a network.
$(VENV)/.installed: requirements/dev.txt pyproject.toml runner/supervise.sh
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) -V 2>&1);" \
	    "set PYTHON=/path/to/one" >&2; exit 1; }
	@echo "Setting up Python in $(VENV) ..."
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: restic
restic:
	@sh tools/restic.sh $(CACHE)/bin

.PHONY: test-restic
test-restic:
	@sh tests/run/restic.sh $(CACHE)/tests

.PHONY: rclone
rclone: setup
	@$(BIN)/python -c 'from tests.cluster.programs import build; build.rclone()'

.PHONY: images
images: ## Build the images for ARCH="amd64 arm64", with docker, podman or buildah
	sh tools/images.sh build

.PHONY: push
push: ## Push the images to REGISTRY=registry.example.com/folder
	sh tools/images.sh push "$(REGISTRY)"

.PHONY: cluster
cluster: setup ## Start a Kubernetes cluster here, for the tests (Linux, root)
	@$(BIN)/python -m tests.cluster up

.PHONY: cluster-down
cluster-down: setup ## Stop it and leave nothing behind
	@$(BIN)/python -m tests.cluster down

.PHONY: cluster-prepare
cluster-prepare: setup ## Build and install what a cluster here needs
	@$(BIN)/python -m tests.cluster prepare

.PHONY: test-cluster
test-cluster: setup ## Run the tests on a real cluster
	sh tests/cluster/run.sh $(TESTS)

.PHONY: bench-cluster
bench-cluster: setup ## Measure what backups cost apps on a real cluster
	$(BIN)/python -m tests.bench.cluster

.PHONY: bench
bench: setup ## Measure what the runner costs: idle, per look, per backup
	$(BIN)/python -m tests.bench.runner

.PHONY: bench-backup
bench-backup: setup ## Measure backups beside bare restic: time, time over S3, memory
	$(BIN)/python -m tests.bench.backup

.PHONY: bench-sqlite
bench-sqlite: setup ## Measure what looking for SQLite databases costs an unchanged backup
	$(BIN)/python -m tests.bench.sqlite

.PHONY: bench-restore
bench-restore: setup ## Measure restores beside bare restic: time, and what later starts pay
	$(BIN)/python -m tests.bench.restore

.PHONY: bench-herd
bench-herd: setup ## Simulate many sidecars on one repository
	$(BIN)/python -m tests.bench.herd

.PHONY: bench-webhook
bench-webhook: setup ## Measure how fast the webhook answers (needs wrk)
	@$(BIN)/python -m tests.bench.webhook

.PHONY: dashboard-picture
dashboard-picture: setup ## Draw the dashboard anew, of a week of real runs (minutes)
	$(BIN)/python -m tests.alerts.picture.draw

.PHONY: docs
docs: setup ## Build the documentation as a site, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.PHONY: reference
reference: setup ## Write the tables of docs/ and the chart's README from the code
	$(BIN)/python -m tools.docs_tables
	$(BIN)/python -m tools.chart_values

.PHONY: lock
lock: ## Resolve the Python dependencies anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --extra runner pyproject.toml -o requirements/runner.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --extra webhook pyproject.toml -o requirements/webhook.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --extra runner --extra webhook --extra kubectl --extra dev pyproject.toml -o requirements/dev.txt
	echo 'hatchling>=1.27' | uv pip compile -q --universal --python-version 3.11 \
	  --generate-hashes --no-header - -o requirements/build.txt
