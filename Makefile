# `make` builds, `make run` shows a trace, `make test` proves. `make help` lists the rest.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=
GO         ?= go
# Tests of one package only: make test PACKAGES=./spool/ TESTFLAGS='-run TestClaim'
PACKAGES   ?= ./...
TESTFLAGS  ?=
export TESTFLAGS

# A program with the race detector sleeps for a second when it ends; the tests start some hundreds.
export GORACE := atexit_sleep_ms=0

# The version is what the go command finds in git (tag or commit); a checkout that git refuses to read, such as
# another user's under sudo, is built without one instead of not at all.
VCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)

.DEFAULT_GOAL := build
.PHONY: help setup build run lint test screenshots bench torture install uninstall clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## install what the tests need and is missing (apt-get)
	@tools/setup.sh test

build: ## build bin/mtrq, static
	@mkdir -p bin
	@CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=$(VCS) -o bin/mtrq ./cmd/mtrq

run: ## show one real trace: TARGET=name, LAB=1 (private network), ONCE=1 (end after it)
	@tools/setup.sh run
	@$(MAKE) --no-print-directory build
	@TARGET='$(TARGET)' LAB='$(LAB)' ONCE='$(ONCE)' tools/demo.sh

lint: ## format, vet, staticcheck, shellcheck, licences
	@tools/check.sh

test: setup ## all checks and all tests, with the race detector
	@mkdir -p bin
	@tools/check.sh || { echo; echo 'make test: FAILED (checks above)'; exit 1; }
	@tools/test.sh $(PACKAGES) | tee bin/test.log | awk -f tools/test-summary.awk || \
		{ echo; echo 'make test: FAILED (all output: bin/test.log)'; exit 1; }
	@echo 'make test: ok'

screenshots: setup ## pictures of all pages, in bin/screenshots (make test leaves them, too)
	@$(GO) test -count=1 -timeout=10m -run '^Test(Pages|Print)$$' ./internal/browser/

bench: ## measure: needs a quiet machine
	@$(GO) run ./internal/lab/bench

torture: setup ## long campaigns (TestTorture...), up to two hours
	@mkdir -p bin
	@$(GO) test -race -count=1 -timeout=2h -parallel 6 -tags torture -run '^TestTorture' -v $(TESTFLAGS) $(PACKAGES) | tee bin/torture.log | awk -f tools/test-summary.awk

install: build ## install to DESTDIR, PREFIX (/usr/local): binary, units, config
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' tools/install.sh install

uninstall: ## remove what install put there, but neither config nor data
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' tools/install.sh uninstall

clean: ## remove what was built
	@rm -rf bin tools/bin
