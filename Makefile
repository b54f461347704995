# Everything goes through the two commands `make image` and `make test`; the
# rest are their parts. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PROFILE ?= metal
ARCH    ?= $(shell go env GOARCH)
OUT     ?= _out
KEY     ?= $(OUT)/keys/akmon.key
# A machine says what it does on its screen and on its serial line.
IMAGE_ARGS ?= --extra-kernel-arg console=tty0 --extra-kernel-arg console=ttyS0

CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/akmon
GOLANGCI_VERSION := v2.12.2
GOLANGCI := $(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION)

VERSION := github.com/akmon-os/akmon/internal/version
LDFLAGS := -s -w -X $(VERSION).SHA=$(shell git rev-parse --short HEAD 2>/dev/null) -X $(VERSION).Built=$(shell git log -1 --format=%cI 2>/dev/null)
AKMON   := $(OUT)/bin/akmon
DIR     := $(OUT)/$(PROFILE)

export CGO_ENABLED ?= 0
# The keys of a development build protect nothing: an empty password, said once.
export AKMON_KEY_PASSWORD ?=

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

##### the main job

.PHONY: image
image: deps tools $(KEY) ## The tree to a signed installer image to a bootable ISO (PROFILE=metal|vm)
	mkdir -p $(DIR)
	$(AKMON) build installer --set PROFILE=$(PROFILE) --platform linux/$(ARCH) --key $(KEY) -o type=oci,dest=$(DIR) --json >$(DIR)/build.json
	$(AKMON) verify oci:$(DIR)/installer --key $(KEY:.key=.pub)
	$(AKMON) image iso --installer oci:$(DIR)/installer --arch $(ARCH) $(IMAGE_ARGS) --output $(DIR)

.PHONY: imager-image
imager-image: deps tools ## The imager as an image that `docker load` reads
	$(AKMON) build imager --set PROFILE=$(PROFILE) --platform linux/$(ARCH) -o type=docker,dest=$(DIR)

$(KEY): | tools
	mkdir -p $(@D)
	$(AKMON) key generate --output $(KEY:.key=)

.PHONY: tools
tools: ## akmon (in two files, see cmd/front) and akmonctl into _out/bin
	mkdir -p $(OUT)/bin
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(OUT)/bin/akmon-forge ./cmd/akmon
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(OUT)/bin/akmon ./cmd/front
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(OUT)/bin/ ./cmd/akmonctl

##### tests

# An emulated timer on a busy host comes too late for the kernel's check of it.
BOOT_ARGS := --extra-kernel-arg console=ttyS0 --extra-kernel-arg no_timer_check

.PHONY: test
test: deps-test lint test-unit test-boot test-docker test-frontend ## Everything that CI runs

.PHONY: test-unit
test-unit: ## Go tests with the race detector
	CGO_ENABLED=1 go test -race -timeout 30m ./...
	@echo 'And those in which BuildKit races with itself, without the detector:'
	go test -timeout 30m ./forge/reproduce
	go test -timeout 30m -run TestKeepGoing ./forge

# Which image the boot test boots: the small one, which is built soonest.
BOOT_PROFILE ?= vm

.PHONY: test-boot
test-boot: ## Build an image, boot its ISO in QEMU, use its API (BOOT_PROFILE=vm|metal)
	$(MAKE) --no-print-directory image PROFILE=$(BOOT_PROFILE) IMAGE_ARGS='$(BOOT_ARGS)'
	AKMON_ISO=$(abspath $(OUT)/$(BOOT_PROFILE)/akmon-$(ARCH).iso) AKMONCTL=$(abspath $(OUT)/bin/akmonctl) \
		go test -count=1 -timeout 30m -tags boot -v ./test/boot

.PHONY: test-docker
test-docker: ## Run the imager image in a real Docker engine
	$(MAKE) --no-print-directory imager-image PROFILE=vm
	AKMON_IMAGER_TAR=$(abspath $(OUT)/vm/imager.tar) go test -count=1 -timeout 20m -v ./test/docker

# A BuildKit daemon of the version that is embedded, and Docker's client of it.
BUILDKIT_VERSION := $(shell go list -m -f '{{.Version}}' github.com/moby/buildkit 2>/dev/null)
BUILDKIT := $(CACHE)/bin/buildkit-$(BUILDKIT_VERSION)
BUILDX_VERSION := v0.33.0
BUILDX := $(CACHE)/bin/buildx-$(BUILDX_VERSION)

.PHONY: test-frontend
test-frontend: tools $(BUILDKIT)/buildkitd $(BUILDX) ## One digest from akmon build, buildctl, docker buildx and Docker
	$(AKMON) build frontend --platform linux/$(ARCH) -o type=oci,dest=$(OUT)/frontend
	AKMON_FRONTEND_IMAGE=$(abspath $(OUT)/frontend/frontend) AKMON_BUILDX=$(BUILDX) \
		AKMON_BUILDKITD=$(BUILDKIT)/buildkitd AKMON_BUILDCTL=$(BUILDKIT)/buildctl \
		go test -count=1 -timeout 20m -v ./test/frontend

$(BUILDKIT)/buildkitd:
	mkdir -p $(@D)
	GOFLAGS= go build -C $$(go list -m -f '{{.Dir}}' github.com/moby/buildkit) -o $(BUILDKIT)/tmp/ ./cmd/buildkitd ./cmd/buildctl
	mv $(BUILDKIT)/tmp/buildctl $(BUILDKIT)/tmp/buildkitd $(@D)

$(BUILDX):
	mkdir -p $(@D)
	GOFLAGS= GOBIN=$(CACHE)/bin/tmp go install github.com/docker/buildx/cmd/buildx@$(BUILDX_VERSION)
	mv $(CACHE)/bin/tmp/buildx $@

.PHONY: lint
lint: $(GOLANGCI) ## gofmt, go vet, golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'not gofmt-ed:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	$(GOLANGCI) run

$(GOLANGCI):
	mkdir -p $(@D)
	GOFLAGS= GOBIN=$(CACHE)/bin/tmp go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(CACHE)/bin/tmp/golangci-lint $@

.PHONY: bench
bench: tools ## Measure on this machine; results go to docs/benchmarks.md
	$(MAKE) --no-print-directory image PROFILE=vm
	go run ./test/bench -out $(OUT)

##### what a machine needs

.PHONY: deps
deps: ## Install what building needs (Debian, Ubuntu)
	@.ci/deps build

.PHONY: deps-test
deps-test: ## Install what testing needs
	@.ci/deps build test

.PHONY: clean
clean: ## Remove _out (caches stay; `akmon engine reset` empties the engine's)
	rm -rf $(OUT)
