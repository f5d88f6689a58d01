# The commands of this repository. `make help` lists them; what they do in more
# than one line stands in scripts/.

.DEFAULT_GOAL := help
SHELL := /bin/sh

.PHONY: help build run stop test bench crash fuzz clock lint check generate clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/aleph, and the static bin/aleph-init that runs inside functions
	@scripts/build.sh

run: ## a whole local cloud in the background, and a tour of it; installs what is missing
	@scripts/run.sh

stop: ## end the cloud that `make run` started
	@scripts/stop.sh

test: ## everything that must hold; installs what is missing, runs beside a cloud
	@scripts/test.sh

bench: build ## the measurements of docs/benchmarks.md, on this machine
	@bin/aleph bench

crash: build ## kill -9 under load, many times (CYCLES=200), a full disk, signals
	go test ./test/crash -v -count 1 -timeout 2h -args -cycles $(or $(CYCLES),200)

fuzz: ## every fuzz target for a while (FUZZTIME=30s each)
	@scripts/fuzz.sh $(FUZZTIME)

clock: ## the tests of messages and of the node as if it were 2027 and 2030; compiles everything anew
	@for day in $(or $(DAYS),2027-06-01 2030-01-01); do scripts/clock.sh $$day ./message/... ./account/... ./internal/node/... || exit 1; done

lint: ## the linters; the first time compiles them, which takes minutes
	go tool -modfile=tools/go.mod golangci-lint run ./...

check: lint test ## what must pass before a change is merged
	git diff --exit-code

generate: ## write again what is generated
	go generate ./...

clean: stop ## end the cloud, delete what was built and the cloud's data
	rm -rf bin build
