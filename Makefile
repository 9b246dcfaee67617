# One line a target; what a target does stands in scripts/. `make help` prints the comments.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The vault may be named as VAULT=…; scripts/vault.sh says what is taken otherwise.
export VAULT
# Where rustup puts cargo, for a shell that has not been told.
export PATH := $(PATH):$(HOME)/.cargo/bin
THOTH := scripts/thoth.sh

.PHONY: help
help: ## List the targets
	@scripts/help.sh $(MAKEFILE_LIST)

##@ RUN
.PHONY: run dev build local-start local-stop
run: ## Build, make an example vault where none is named (VAULT=/path/to/vault), and serve it
	@scripts/run.sh
dev: ## The same from a quick build, built and started anew when a source changes
	@scripts/dev.sh
build: ## Build the release binary
	@scripts/setup.sh build
	@cargo build --release --locked --package thoth
local-start: ## Build, and serve in the background; the log is workspace/logs/api.log
	@scripts/local.sh start
local-stop: ## End what local-start began
	@scripts/local.sh stop

##@ DOCKER
.PHONY: image prod prod-restart prod-stop prod-logs start stop
image: ## Build the image, from a static binary or, without a Rust toolchain, inside Docker
	@scripts/image.sh
prod: ## Serve the vault in a container on 127.0.0.1:8080 (THOTH_PORT=…)
	@scripts/prod.sh up
prod-restart: ## Start the container anew, with the variables of this shell
	@scripts/prod.sh restart
prod-stop: ## Stop the container; its state stays in the volume
	@scripts/prod.sh down
prod-logs: ## Follow the container's log
	@scripts/prod.sh logs
start: ## Serve the vault in three containers, for development: the API on 8081, MCP on 8082, the monitor
	@scripts/development.sh up
stop: ## Stop these
	@scripts/development.sh down

##@ HOT-RELOAD (they ask the server that runs, in containers or here)
.PHONY: status health reload-settings watch-settings hot-reload-status test-hot-reload
status: ## Show what runs, and whether it is well
	@scripts/status.sh
health: ## Judge whether Thoth is well
	@$(THOTH) --each health
reload-settings: ## Read settings.json now and print the verdict
	@$(THOTH) --each reload
watch-settings: ## Print one line for each verdict, until Ctrl-C
	@$(THOTH) watch
hot-reload-status: ## Show the watch, the live generation, and the last verdicts, newest first
	@$(THOTH) health --json
	@$(THOTH) settings history --limit 5
test-hot-reload: ## Change a setting, see it live, put the file back byte for byte
	@scripts/test-hot-reload.sh

##@ TEST
.PHONY: test lint fmt test-docker test-letta prove bench bench-plan
test: ## Everything that CI checks: formatting, lints, documents, licences, links, tests
	@scripts/test.sh
lint: ## The same without the tests
	@scripts/test.sh --lint
fmt: ## Format the code
	@cargo fmt --all
test-docker: ## The container end to end, with an engine of its own where none answers
	@scripts/test-docker.sh
test-letta: ## Agent memory against a real Letta server, which is installed for it once
	@scripts/test-letta.sh
prove: ## The long proofs: kills, faults, editors, mounts, soak, the container, Letta (scripts/prove.sh WORD for one)
	@scripts/prove.sh
bench: ## Measure a save's way to every service, beside a bare loop and beside other programs (docs/figures.md)
	@scripts/bench.sh
bench-plan: ## Measure what docs/docker-hot-reload.md promises: times, success, cost of the watch, files judged
	@scripts/bench.sh --plan

##@ HOUSE
.PHONY: dist setup clean
dist: ## Pack release archives into dist/, with checksums; for arm64 too where its target and linker are there
	@scripts/dist.sh
setup: ## Install what building and testing need
	@scripts/setup.sh build test
clean: ## Remove what was built (the example vault stays)
	@cargo clean
