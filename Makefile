# make run      the main job: three TriPosT iterations on the shipped model
# make test     every test, in a debug build
# make build    an optimised .build/release/tripost
# make bench    how fast the shipped model runs and trains here
# make format   rewrite the sources in the project's style
# make lint     report what `make format` would change
# make check    what has to pass before a change is proposed
MODEL ?= models/tripost-6m-q8_0.gguf
OUTPUT ?= runs/first

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help setup run test build bench format lint check

help:
	@sed -n 's/^# //p' Makefile

setup:
	@scripts/install-packages

run: build
	.build/release/tripost run --task multistep_arithmetic -m $(MODEL) --output $(OUTPUT) --resume

test: setup
	swift build --build-tests
	@set -o pipefail; swift test --skip-build 2>&1 | tee .build/test.log || \
	  { echo; echo "What failed:"; grep '✘' .build/test.log; exit 1; }

build: setup
	swift build -c release --product tripost

bench: build
	.build/release/tripost bench -m $(MODEL)

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests

check: lint
	scripts/check-names
	swift build --explicit-target-dependency-import-check error
	$(MAKE) test
