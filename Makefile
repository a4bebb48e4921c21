# `make run` and `make test` do all the set-up on a fresh Debian 12 machine with Swift.

SWIFT ?= swift
RELEASE = .build/release/roost
SOURCES = Package.swift Sources Tests Benchmarks Fuzz

.PHONY: run demo build release test check format lint fuzz bench install clean help

help:
	@echo "make run      build, start the server with a first session, attach"
	@echo "make demo     a hub and two servers behind it, and work on both, in less than a minute"
	@echo "make test     build and run all tests"
	@echo "make release  build .build/release/roost, one file"
	@echo "make lint     check the format;  make format  apply it"
	@echo "make fuzz     run every fuzz target for 20 s (SECONDS_EACH=n)"
	@echo "make bench    measure against the peers (minutes)"
	@echo "make install  copy roost to PREFIX/bin (default /usr/local), without debug symbols"

run: release
	@Tools/run.sh $(RELEASE)

# With the program that was built last, release or debug; builds one when there is none.
demo:
	@[ -x $(RELEASE) ] || [ -x .build/debug/roost ] || $(MAKE) --no-print-directory build
	@Tools/demo.sh

build:
	@Tools/setup.sh build
	$(SWIFT) build

# The C libraries are linked in, too: a program of one file, and half the time to start. SHARED=1 leaves them out.
ifndef SHARED
STATIC_LIBRARIES = -Xlinker -L$(CURDIR)/.build/static
endif

release:
	@Tools/setup.sh build
	@Tools/static-libs.sh .build/static
	$(SWIFT) build -c release --static-swift-stdlib --product roost $(STATIC_LIBRARIES)

test:
	@Tools/setup.sh test
	$(SWIFT) build --build-tests
	Tools/test.sh --skip ExitTests $(WIDTH)
	Tools/test.sh --filter ExitTests

format:
	$(SWIFT) format --in-place --recursive --parallel $(wildcard $(SOURCES))

lint:
	$(SWIFT) format lint --strict --recursive --parallel $(wildcard $(SOURCES))

fuzz:
	@Tools/setup.sh build
	Tools/fuzz-smoke.sh $(SECONDS_EACH)

bench: release
	@Tools/setup.sh bench
	Benchmarks/run.sh

# Hundreds of servers at once would only keep each other from answering in time.
WIDTH = --experimental-maximum-parallelization-width 12

PREFIX ?= /usr/local
install: release
	install -D -s -m 755 $(RELEASE) $(DESTDIR)$(PREFIX)/bin/roost

clean:
	rm -rf .build
