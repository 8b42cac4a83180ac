# sio: everything that can be done with a checkout. `make` or `make help` lists it.

GO      ?= go
NPM     ?= npm
ADDR    ?= :3000
BENCH   ?= .

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# A module of its own each: what they need is no dependency of sio.
MODULES = interop interop/matrix/go bench/peers webtransport examples/mount

.DEFAULT_GOAL := help
.PHONY: help run client test check build-all unit modules fuzz fuzz-short interop bench bench-repeat bench-page scale pgo bench-micro bench-compare bench-baseline clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: client ## start the example on ADDR (:3000) and print its address
	@$(GO) build -o bin/chat ./examples/chat
	@exec bin/chat -addr $(ADDR) -client examples/chat/node_modules/socket.io-client/dist

client: examples/chat/node_modules/socket.io-client/dist/socket.io.min.js

examples/chat/node_modules/socket.io-client/dist/socket.io.min.js: examples/chat/package-lock.json
	@command -v $(NPM) >/dev/null || { echo "make run needs npm (of Node.js 20 or later), to install the official client: see https://nodejs.org"; exit 1; }
	@$(NPM) ci --prefix examples/chat --no-audit --no-fund --loglevel=error
	@touch $@

test: check unit modules fuzz-short interop ## everything that must pass
	@echo "make test: all passed"

check: ## format, vet, staticcheck, builds for the other systems
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "gofmt -w the files above"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	@$(MAKE) --no-print-directory build-all
	@for m in $(MODULES); do echo "vet $$m" && (cd $$m && $(GO) vet ./...) || exit 1; done

build-all: ## build for darwin, freebsd, linux/arm64 and windows
	@for t in darwin/arm64 freebsd/amd64 linux/arm64 windows/amd64; do \
		echo "build $$t" && GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build ./... || exit 1; done

unit: ## tests, with the race detector; what allocates, without it
	$(GO) test -race -timeout 10m ./...
	SIO_TEST_MIN_BATCH=1 $(GO) test -race ./loop
	$(GO) test -run Alloc ./...

modules: ## tests of the modules beside this one
	@for m in $(MODULES); do echo "test $$m" && (cd $$m && $(GO) test -race ./...) || exit 1; done

fuzz: ## every fuzz target for FUZZTIME (60s)
	@GO=$(GO) scripts/fuzz.sh $(or $(FUZZTIME),60s)

fuzz-short: ## every fuzz target for FUZZTIME (3s)
	@GO=$(GO) scripts/fuzz.sh $(or $(FUZZTIME),3s)

interop: ## the official client, in Node and in Chromium, and clients of five languages, against sio
	@scripts/need.sh node npm chromium python3 python3-venv javac cargo
	node interop/js/run.mjs --sio
	cd interop/matrix && $(GO) run .

bench: ## sio beside other servers, interleaved, and BENCHMARKS.md out of it (some 40 minutes; nothing else should run)
	@scripts/need.sh node npm
	scripts/bench.sh

bench-repeat: ## the same once more: which figures of BENCHMARKS.md it bears out
	@scripts/need.sh node npm
	scripts/bench.sh --repeat

bench-page: ## BENCHMARKS.md out of the results in bench/results
	$(GO) run ./bench/benchmarks

scale: ## what a connection costs among 1,000 and among 190,000 (some 6 minutes; 8 GiB, nothing else should run)
	scripts/peers.sh sio
	$(GO) build -buildvcs=auto -o bin/scale ./bench/scale
	bin/scale --json bin/scale.json

pgo: ## profile anew for the compiler: examples/chat and bench/peers/sio (2 minutes; nothing else should run)
	GO=$(GO) scripts/pgo.sh

bench-micro: ## benchmarks of the parts: BENCH=pattern
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime 200ms ./...

bench-compare: ## benchmarks of the parts against the last release's; fails if one allocates more (some 5 minutes)
	GO=$(GO) scripts/micro.sh compare

bench-baseline: ## write bench/results/micro.txt anew: what bench-compare compares with
	GO=$(GO) scripts/micro.sh baseline

clean: ## remove what was installed and built here
	rm -rf examples/chat/node_modules interop/js/node_modules bench/peers/node/node_modules bench/peers/node/eiows/node_modules bin
	rm -rf bench/peers/python/venv bench/peers/socketioxide/target
	cd interop/matrix && rm -rf build js/node_modules python/venv rust/target
