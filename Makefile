# The only door, for people and for CI: `make` shows what there is.
#
# Needed: a Rust toolchain (rustup takes the version from rust-toolchain.toml), a C linker, and
# Python 3.10 or later, which fetches the rest and runs one of the official libraries in the tests.
# For the tests with Svix's Java SDK, a JDK and Maven; without them, `make test` leaves it out.
# Everything else is found on this machine or fetched into .tools/, which git ignores.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CARGO ?= cargo
IMAGE ?= posthorn:dev
BENCH ?= acceptance
PROFILE ?=
TOOLS := .config/tools
TARGET := $(or $(CARGO_TARGET_DIR),target)
DASHBOARD := services/api/dashboard/build/build.sh

##@ First

.PHONY: run
run: need-rust dashboard-if-possible ## Start Posthorn here with a demo: NATS, PostgreSQL, all services, one signed delivery
	@$(TOOLS) with $(CARGO) run --locked --bin posthorn -- dev --demo

.PHONY: test
test: need-rust need-python official-libraries dashboard-if-possible ## Run all tests, against real servers, with Svix's SDKs and a browser
	@$(TOOLS) with $(CARGO) build --workspace --locked --bins --tests
	@failed=0; \
	$(TOOLS) with $(CARGO) test --workspace --locked --no-fail-fast || failed=1; \
	$(TOOLS) with tests/sdk/check.py $(TARGET)/debug/posthorn || failed=1; \
	$(TOOLS) with tests/browser/run.sh $(TARGET)/debug/posthorn || failed=1; \
	exit $$failed

.PHONY: check
check: lint docs deny dashboard-check test ## Everything that must hold before a change goes in

##@ One at a time

.PHONY: fmt
fmt: need-rust ## Format the code
	@$(CARGO) fmt --all
	@$(CARGO) fmt --all --manifest-path tests/sdk/rust/Cargo.toml

.PHONY: lint
lint: fmt-check typos clippy ## Check format, spelling and clippy's rules

.PHONY: fmt-check
fmt-check: need-rust
	@$(CARGO) fmt --check --all
	@$(CARGO) fmt --check --all --manifest-path tests/sdk/rust/Cargo.toml

.PHONY: typos
typos: need-python
	@program=$$($(TOOLS) typos); "$$program"

.PHONY: clippy
clippy: need-rust
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

.PHONY: docs
docs: need-rust ## Build the documentation of all crates; warnings are errors
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --workspace --locked

.PHONY: openapi
openapi: need-rust ## Write docs/openapi.json anew, from the routes
	@mkdir -p docs
	@$(CARGO) run --quiet --locked --bin posthorn -- openapi >docs/openapi.json.new
	@mv docs/openapi.json.new docs/openapi.json

.PHONY: deny
deny: need-rust ## Check who may depend on what, and under which licences
	@program=$$($(TOOLS) cargo-deny); "$$program" --locked --log-level error --config .deny.toml check bans licenses sources

.PHONY: advisories
advisories: need-rust ## Look for known weaknesses in what we depend on (fetches the RustSec list)
	@program=$$($(TOOLS) cargo-deny); "$$program" --locked --log-level error --config .deny.toml check advisories

.PHONY: e2e
e2e: need-rust need-python official-libraries ## Run only the tests of the whole fleet
	@$(TOOLS) with $(CARGO) build --workspace --locked --bins --tests
	@$(TOOLS) with $(CARGO) test --locked --no-fail-fast --package posthorn-e2e

.PHONY: bench
bench: need-rust ## Measure, with the release build (BENCH="throughput --tls http2", BENCH=sweep)
	@$(TOOLS) with $(CARGO) build --release --locked --package posthorn --package posthorn-bench
	@$(TOOLS) with target/release/posthorn-bench $(BENCH)

.PHONY: profile
profile: need-rust ## Profile each process under load, into target/profile (PROFILE="--door publish --fan-out 10")
	@$(TOOLS) with $(CARGO) build --release --locked --package posthorn --package posthorn-bench
	@$(TOOLS) with target/release/posthorn-bench profile $(PROFILE)

.PHONY: allocations
allocations: need-rust ## Count what each step of a delivery allocates
	@$(CARGO) bench --locked --package posthorn --package posthorn-bench --bench allocations

.PHONY: sdk
sdk: need-rust need-python ## Run only the walks with Svix's SDKs (SDKS="go java": only these)
	@$(TOOLS) with $(CARGO) build --locked --bin posthorn
	@$(TOOLS) with tests/sdk/check.py $(TARGET)/debug/posthorn $(SDKS)

.PHONY: dashboard
dashboard: need-python ## Build the dashboard, which the next build of the server contains
	@$(DASHBOARD)

.PHONY: dashboard-if-possible
dashboard-if-possible: need-python
	@$(DASHBOARD) --if-possible

.PHONY: dashboard-check
dashboard-check: dashboard ## Check the dashboard's code, and run its unit tests
	@$(DASHBOARD) lint
	@$(DASHBOARD) test

.PHONY: browser
browser: need-rust dashboard ## Run only the browser tests (WALKS="portal keyboard": only these)
	@$(TOOLS) with $(CARGO) build --locked --bin posthorn
	@$(TOOLS) with tests/browser/run.sh $(TARGET)/debug/posthorn $(WALKS)

.PHONY: screenshots
screenshots: need-rust dashboard ## Take a picture of every page of the dashboard, into target/screenshots
	@$(TOOLS) with $(CARGO) build --locked --bin posthorn
	@$(TOOLS) with tests/browser/run.sh --screenshots target/screenshots $(TARGET)/debug/posthorn $(PAGES)

.PHONY: official-libraries
official-libraries: need-python
	@tests/official-libraries/install.sh

##@ Shipping

# What goes into the image, as a folder: the Dockerfile calls this, and image-check looks at it.
IMAGE_PROFILE ?= release
IMAGE_ROOT := $(TARGET)/image/root

.PHONY: image-root
image-root: need-rust
	@$(CARGO) build --profile $(IMAGE_PROFILE) --locked --bin posthorn $(if $(filter dev,$(IMAGE_PROFILE)),--workspace)
	@rm -rf $(IMAGE_ROOT)
	@install -D --mode=755 $(TARGET)/$(subst dev,debug,$(IMAGE_PROFILE))/posthorn $(IMAGE_ROOT)/usr/local/bin/posthorn
	@strip $(IMAGE_ROOT)/usr/local/bin/posthorn
	@install -D --mode=644 LICENSE $(IMAGE_ROOT)/usr/share/doc/posthorn/LICENSE

.PHONY: image-check
image-check: need-python ## Check what the image holds, without Docker (IMAGE_PROFILE=dev: without optimising)
	@$(MAKE) image-root
	@python3 tests/chart/image.py $(IMAGE_ROOT)

.PHONY: image
image: ## Build the container image (IMAGE=posthorn:dev)
	@$(TOOLS) check docker
	@docker build --file deploy/Dockerfile --tag "$(IMAGE)" .

.PHONY: chart-test
chart-test: need-rust need-python ## Run the chart's quick start as local processes, upgrade it under load (as root)
	@tests/chart/install.sh
	@CARGO="$(CARGO)" tests/chart/previous.sh $(CURDIR)/$(TARGET)/chart/previous
	@$(MAKE) image-check IMAGE_PROFILE=dev
	@python3 tests/chart/settings.py $(IMAGE_ROOT)/usr/local/bin/posthorn
	@$(TOOLS) with tests/chart/run.sh $(IMAGE_ROOT) $(CURDIR)/$(TARGET)/chart/previous

.PHONY: helm-check
helm-check: need-python ## Check the Helm chart: rendered with many values, held against schemas and rules
	@tests/chart/install.sh
	@node=$$($(TOOLS) node); promtool=$$($(TOOLS) promtool || true); \
	PROMTOOL=$$promtool python3 tests/chart/check.py "$$node/node"

.PHONY: helm
helm: ## Build Helm 4 into .tools, if there is none; without it, helm-check uses Helm's SDK
	@$(TOOLS) helm

##@ Help

.PHONY: tools
tools: need-rust need-python ## Fetch the helper programs now, and show what is there
	@$(TOOLS) typos >/dev/null
	@$(TOOLS) cargo-deny >/dev/null
	@tests/official-libraries/install.sh
	@$(TOOLS) show

.PHONY: help
help: ## Show this
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: need-rust
need-rust:
	@$(TOOLS) check $(firstword $(CARGO)) cc

.PHONY: need-python
need-python:
	@$(TOOLS) check python3
