# One file for people: every target says what it does in `make help`.

PREFIX ?= /usr/local
BENCH ?=
FILTER ?=

# Thousands of test cases that all begin at once wait for each other, and for nothing, until their time is up.
few_at_once = SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8
swift_flags = --explicit-target-dependency-import-check error
release_flags = -c release $(swift_flags)
ifneq ($(shell uname),Darwin)
# What every start pays for: relocations (at a fixed address, as programs written in Go have, there are nearly
# none), symbols that nobody looks up, pages of unused functions. A folder that holds nothing but the archive makes
# the linker take it.
static_libraries = .build/static
find_static_libraries = mkdir -p $(static_libraries); library=$$(cc -print-file-name=libstdc++.a) \
  && ln -sf "$$library" $(static_libraries)/libstdc++.a || true
release_flags += --static-swift-stdlib -Xswiftc -L$(static_libraries) -Xswiftc -use-ld=lld \
  -Xswiftc -Xfrontend -Xswiftc -function-sections \
  -Xswiftc -Xclang-linker -Xswiftc -static-libgcc -Xswiftc -Xclang-linker -Xswiftc -no-pie \
  -Xlinker --no-export-dynamic -Xlinker -z -Xlinker pack-relative-relocs \
  -Xlinker --symbol-ordering-file=.ci/startup.order -Xlinker --no-warn-symbol-ordering \
  -Xlinker -T -Xlinker .ci/layout.ld
else
find_static_libraries = true
endif

.PHONY: help deps build demo test interop install bench format lint screenshots clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the packages that building, running and testing need, where they are missing
	@.ci/deps build run test

build: ## build the release binary, .build/release/lockstep
	@.ci/deps build
	@$(find_static_libraries)
	swift build $(release_flags) --product lockstep

demo: deps ## open the dashboard on a private, throw-away PostgreSQL with the sample migrations
	@$(find_static_libraries)
	@swift build $(release_flags) --product lockstep
	@.build/release/lockstep demo

test: deps ## build and run every test, on a private PostgreSQL that the tests start themselves
	$(few_at_once) swift test $(swift_flags) $(if $(FILTER),--filter '$(FILTER)')

interop: ## run the tests beside dbmate and other PostgreSQL versions (installed into .venv)
	@.ci/deps build run test interop
	@$(few_at_once) .ci/interop $(if $(FILTER),--filter '$(FILTER)')

install: build ## install the program under PREFIX (/usr/local)
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/lockstep/migrations'
	install -m 755 .build/release/lockstep '$(DESTDIR)$(PREFIX)/bin/lockstep'
	install -m 644 migrations/*.sql '$(DESTDIR)$(PREFIX)/share/lockstep/migrations/'

bench: build ## measure against peers and the physical limit (BENCH=--quick for fewer pairs)
	@.ci/deps run bench
	@python3 Tests/Benchmarks/bench.py $(BENCH)

format: ## bring the Swift files into the project's format
	swift format format --in-place --recursive Sources Tests Package.swift

lint: ## check format, script syntax and stray paths
	@.ci/lint

screenshots: build ## make the pictures in screenshots/ anew, from the real program
	@.ci/deps run screenshots
	@screenshots/make.sh

clean: ## remove what was built
	rm -rf .build .venv
