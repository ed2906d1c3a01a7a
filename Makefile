# fakecracker. `make` builds bin/fakecracker; `make help` lists the rest.

GO     ?= go
BIN    := bin/fakecracker
export CGO_ENABLED ?= 0

.PHONY: build generate install demo test soak bench lint fmt clean help

build: generate ## build bin/fakecracker
	$(GO) build -trimpath -ldflags="-s -w" -o $(BIN) ./cmd/fakecracker

generate: ## cross-compile the guests' agent into internal/agent/dist
	@$(GO) generate ./internal/agent

install: generate ## install fakecracker into Go's bin folder
	$(GO) install -trimpath -ldflags="-s -w" ./cmd/fakecracker

demo: ## install what is missing, build, boot the example, show its answer
	@scripts/setup run
	@$(MAKE) --no-print-directory build
	@scripts/demo

test: ## install what is missing and run every test
	@scripts/setup run test
	@$(MAKE) --no-print-directory build
	@scripts/test

soak: build ## the long tests: storms, rounds, five minutes a fuzzer
	@scripts/soak

bench: build ## the benchmarks of bench/, which print ratios
	@scripts/bench

lint: ## go vet, staticcheck, gofumpt, shellcheck
	@scripts/lint

fmt: ## format the Go files
	@$(GO) tool -modfile=tools/go.mod gofumpt -w $$(git ls-files '*.go')

clean: ## remove what was built
	rm -rf bin internal/agent/dist/*.zst internal/agent/dist/*.json examples/static/static examples/go/hello

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 18
