# Every target is a command of `fsrcnnx` or a tool of .venv; `make` lists them.
MODEL  ?= fsrcnn-x_x2
SIM    ?= verilator
SEED   ?= 0
WAVES  ?= 0
DATA   ?= ../shared/data
ENGINE ?= mac
CYCLES ?= 16
DEVICE ?= xcup

.DEFAULT_GOAL := help
.PHONY: help
help:
	@echo todo
setup:
	@scripts/setup.sh
