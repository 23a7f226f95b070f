# Every target is a command of `fsrcnnx` or a tool of .venv; `make` alone lists them.
# Variables, e.g. `make sim SIM=icarus SEED=7 WAVES=1`:
MODEL  ?= fsrcnn-x_x2#     name in models/, or a path of an .onnx file
SIM    ?= verilator#       verilator or icarus
SEED   ?= 1#               seed of everything random in sim, verify, csim and ranges
WAVES  ?= 0#               1: the benches write waveforms
DATA   ?= ../shared/data#  folder with train/ and test/ pictures, for train and results
IMAGES ?=#                 HR pictures or a folder of them, for verify, csim and ranges
ENGINE ?= mac#             arithmetic of the emitted RTL
CYCLES ?= 16#              clocks per LR pixel of the emitted RTL
WIDTH  ?= 960#            LR frame width of the HLS project
HEIGHT ?= 540#            LR frame height of the HLS project
STRATEGY ?= latency#      latency, resource or distributed_arithmetic, of the HLS project
REUSE  ?= 1#              most uses of a multiplier per pixel in the HLS project
DEVICE ?= xcup#            xcup (UltraScale+), ecp5 or xc7 (7 series), for synth
DUT    ?= rtl#             rtl (all benches) or hls (the wrapper of HLS), for sim
PROJECT ?=#                HLS project, for hls-synth and hls-cosim; the one of `make hls` if empty
HLS_RTL ?=#                what hls-synth wrote, for sim with DUT=hls
REQUIRE ?=#                vitis: hls-synth and hls-cosim fail where it is missing

VARIABLES := MODEL SIM SEED WAVES DATA IMAGES ENGINE CYCLES WIDTH HEIGHT STRATEGY REUSE DEVICE DUT \
             PROJECT HLS_RTL REQUIRE

# A value may be a stranger's. Nothing of it is expanded before this: make would run a $(shell ...)
# in it. Recipes quote what is left for the shell, by $(call q,value).
override define newline :=


endef
override comma := ,
override hash  := \#
# $(call given,VARIABLE): its text as it was given, unexpanded; nothing where the default holds
override given = $(if $(filter file,$(origin $(1))),,$(value $(1)))
override holds = $(strip $(foreach one,$(2),$(findstring $(one),$(call given,$(1)))))
$(foreach name,$(VARIABLES),$(if $(call holds,$(name),$$)$(findstring $(newline),$(call \
  given,$(name))),$(error $(name) holds a $$ or a line break, which is not allowed; allowed: a plain \
  value)))
$(foreach name,MODEL DATA IMAGES PROJECT HLS_RTL,$(if $(filter -%,$(call given,$(name))),$(error \
  $(name)=$(call given,$(name)) is not allowed; allowed: no - in front; fix: put ./ before it)))
# names of files in build/ are made of MODEL
$(if $(call holds,MODEL,; & | < > ( ) { } [ ] * ? ! $(hash) ~ ' " ` \ %),$(error \
  MODEL=$(call given,MODEL) is not allowed; allowed: one name in models/ or one .onnx file, without \
  characters of the shell))
override asked := $(foreach name,$(VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
$(foreach name,$(VARIABLES),$(eval override $(name) := $$(strip $$($(name)))))

# $(call q,value): one word of a shell command, whatever is in it
override q = '$(subst ','\'',$(1))'

# $(call one_of,VARIABLE,allowed values): stop with one line unless it is one of them
override one_of = $(if $(filter $(2),$($(1))),$(if $(word 2,$($(1))),$(call bad,$(1),$(2))),$(call \
  bad,$(1),$(2)))
override bad = $(error $(1)=$($(1)) is not allowed; allowed: $(2))
# $(call integer,VARIABLE,least of 0 or 1): stop with one line unless it is an integer from there on
override digits = $(subst 0,$(2),$(subst 1,$(2),$(subst 2,$(2),$(subst 3,$(2),$(subst 4,$(2),$(subst \
  5,$(2),$(subst 6,$(2),$(subst 7,$(2),$(subst 8,$(2),$(subst 9,$(2),$(1)))))))))))
override integer = $(if $(or $(call digits,$($(1)),),$(filter-out 1,$(words $($(1)))),$(word 19,$(call \
  digits,$($(1)),x )),$(if $(filter 1,$(2)),$(if $(subst 0,,$($(1))),,zero))),$(call \
  bad,$(1),an integer from $(2)))

$(call one_of,SIM,verilator icarus)
$(call one_of,WAVES,0 1)
$(call one_of,ENGINE,mac)
$(call one_of,DEVICE,xcup ecp5 xc7)
$(call one_of,STRATEGY,latency resource distributed_arithmetic)
$(call integer,WIDTH,1)
$(call integer,HEIGHT,1)
$(call integer,REUSE,1)
$(call integer,SEED,0)
$(call integer,CYCLES,1)
$(if $(filter 1,$(words $(MODEL))),,$(call bad,MODEL,one name in models/ or one .onnx file))
$(call one_of,DUT,rtl hls)
$(if $(REQUIRE),$(call one_of,REQUIRE,vitis))

# what each target takes; a variable that is given and that none of the targets takes stops make
TAKES_demo          := MODEL SIM
TAKES_train         := MODEL DATA
TAKES_quantise      := MODEL
TAKES_export        := MODEL
TAKES_results       := DATA
TAKES_hls           := MODEL WIDTH HEIGHT STRATEGY REUSE
TAKES_csim          := MODEL SEED IMAGES
TAKES_ranges        := MODEL SEED IMAGES
TAKES_rtl           := MODEL ENGINE CYCLES
TAKES_sim           := SIM SEED WAVES DUT HLS_RTL
TAKES_verify        := MODEL SEED IMAGES
TAKES_verify-models := SEED IMAGES
TAKES_bench         := MODEL
TAKES_synth         := MODEL ENGINE CYCLES DEVICE
TAKES_hls-synth     := MODEL WIDTH HEIGHT STRATEGY REUSE PROJECT REQUIRE
TAKES_hls-cosim     := MODEL WIDTH HEIGHT STRATEGY REUSE PROJECT REQUIRE
TAKES_lint          := MODEL ENGINE CYCLES
override takes := $(sort $(foreach goal,$(MAKECMDGOALS),$(or $(TAKES_$(goal)),$(VARIABLES))))
override idle  := $(filter-out $(takes),$(asked))
$(if $(MAKECMDGOALS),$(if $(idle),$(error $(firstword $(idle)) changes nothing in $(MAKECMDGOALS); \
  allowed: $(takes))))

# IMAGES: paths or patterns, several separated by spaces
override images = $(foreach image,$(foreach word,$(IMAGES),$(or $(wildcard $(word)),$(error IMAGES: no \
  such file or folder: $(word); allowed: paths without spaces; fix: give others to \
  `fsrcnnx verify --images`))),--images $(call q,$(image)))
$(if $(filter csim ranges verify verify-models,$(MAKECMDGOALS)),$(if $(images),))
override absolute = $(if $(filter /%,$(firstword $(1))),$(1),$(CURDIR)/$(1))

override FSRCNNX := .venv/bin/fsrcnnx
override PYTEST  := .venv/bin/python -m pytest
# a process for each core, a file of tests stays in one
override PARALLEL := -n auto --maxprocesses 4 --dist loadfile
override WORK    := build/$(notdir $(basename $(MODEL)))
override RTL     := $(WORK)/rtl-$(ENGINE)-$(CYCLES)
override HLS     := $(WORK)/hls-$(STRATEGY)-$(REUSE)-$(WIDTH)x$(HEIGHT)
$(if $(PROJECT),,$(eval override PROJECT := $$(HLS)))
# the float network of MODEL, its scale, and the bits that MODEL asks for
override FLOAT   := $(firstword $(subst _w, w,$(MODEL)))
override SCALE   := $(lastword $(subst _x, ,$(FLOAT)))
override BITS    := $(firstword $(word 2,$(subst _w, w,$(MODEL))) w8a8)
override FWORK   := build/$(FLOAT)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast hostile train quantise export results ranges hls csim hls-matrix \
        bench-hls hls-synth hls-cosim rtl sim verify \
        verify-models bench synth lint doctor clean
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

help: ## list the targets
	@echo 'usage: make TARGET [VARIABLE=value ...]'; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name what; do printf '%-14s %s\n' "$$name" "$$what"; done
	@echo; echo 'variables:'
	@sed -n 's/^\([A-Z_]*\) *?= *\([^#]*\)# *\(.*\)/\1|\2|\3/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name value what; do \
	    printf '  %-8s %-15s %s\n' "$$name" "$$value" "$$what"; done

setup: ## make .venv and install what is missing (every other target does it too)
	@scripts/setup.sh

demo: setup ## double a photograph by simulated RTL and compare, bit for bit
	@$(FSRCNNX) demo --model $(call q,$(MODEL)) --sim $(SIM)

test: setup ## run all tests, simulations included
	@$(PYTEST) $(PARALLEL)

test-fast: setup ## run the tests that take no simulator and little time
	@$(PYTEST) $(PARALLEL) -m 'not slow and not sim'

hostile: setup ## run every hostile input that the project keeps: tried, answered well, tracebacks, leftovers
	@.venv/bin/python -m tests.hostile

train: setup ## train the float network of MODEL on DATA, as it was; run again to resume
	@test -f $(call q,$(FWORK)/train.h5) || $(FSRCNNX) prepare $(call q,$(DATA)/train) \
	  -o $(call q,$(FWORK)/train.h5) --scale $(call q,$(SCALE)) --holdout 32
	@test -f $(call q,$(FWORK)/eval.h5) || $(FSRCNNX) prepare $(call q,$(DATA)/train) \
	  -o $(call q,$(FWORK)/eval.h5) --scale $(call q,$(SCALE)) --holdout 32 --eval
	@$(FSRCNNX) train $(call q,$(FWORK)/train.h5) $(call q,$(FWORK)/eval.h5) \
	  -o $(call q,$(FWORK)) --model $(call q,$(FLOAT))

quantise: setup ## bring the trained weights to the number contract
	@$(FSRCNNX) quantise $(call q,$(FWORK)/x$(SCALE)/x$(SCALE)_best.pth) \
	  $(call q,$(FWORK)/train.h5) $(call q,$(FWORK)/eval.h5) \
	  -o $(call q,$(WORK)/weights.pth) --bits $(call q,$(BITS))

export: setup ## write model.onnx and its companions from the quantised weights
	@$(FSRCNNX) export $(call q,$(WORK)/weights.pth)

results: setup ## measure every shipped model on DATA/test: table of quality, plot of dB over bits
	@mkdir -p build
	@$(FSRCNNX) results $(call q,$(DATA)/test/Set5) $(call q,$(DATA)/test/Set14) \
	  --plot build/results.png

hls: setup ## write the hls4ml project for frames of WIDTH x HEIGHT
	@$(FSRCNNX) hls $(call q,$(MODEL)) -o $(call q,$(HLS)) --width $(WIDTH) --height $(HEIGHT) \
	  --strategy $(STRATEGY) --reuse $(REUSE)

csim: setup ## compile the HLS C++ and compare it bit for bit, on IMAGES whole
	@$(FSRCNNX) verify $(call q,$(MODEL)) --rungs golden,hls$(if $(IMAGES),$(comma)hls-pictures) \
	  --seed $(SEED) $(images)

hls-matrix: setup ## the same for every member of the family, at full size (half an hour)
	@HLS_MATRIX=1 $(PYTEST) tests/prove/hls/test_matrix.py

bench-hls: setup ## time conversion, compiling and running against plain hls4ml
	@.venv/bin/python scripts/bench_hls.py

ranges: setup ## print the proved range of every accumulator beside what IMAGES reach
	@$(FSRCNNX) ranges $(call q,$(MODEL)) --seed $(SEED) $(images)

rtl: setup ## emit SystemVerilog
	@$(FSRCNNX) rtl $(call q,$(MODEL)) -o $(call q,$(RTL)) --engine $(ENGINE) \
	  --cycles-per-pixel $(CYCLES)

sim: setup ## run the cocotb benches on SIM with SEED and WAVES
	@$(if $(HLS_RTL),HLS_RTL=$(call q,$(call absolute,$(HLS_RTL)))) $(FSRCNNX) sim --sim $(SIM) \
	  --seed $(SEED) $(if $(filter 1,$(WAVES)),--waves) $(if $(filter hls,$(DUT)),hls_top)

verify: setup ## compare every form of the network bit for bit
	@$(FSRCNNX) verify $(call q,$(MODEL)) --seed $(SEED) $(images)

verify-models: setup ## the same for every shipped model
	@mkdir -p build; for model in $(foreach folder,$(wildcard models/*/),$(call q,$(notdir \
	  $(folder:/=)))); do echo "$$model" && \
	  $(FSRCNNX) verify "$$model" --seed $(SEED) $(images) \
	  --json "build/verify-$$model.json" || exit 1; done

bench: setup ## compare the exact engines: frames a second, ratios, peak memory
	@mkdir -p $(call q,$(WORK))
	@$(FSRCNNX) bench $(call q,$(MODEL)) --json $(call q,$(WORK)/bench.json)

synth: rtl ## count LUT, FF, DSP and block RAM on DEVICE
	@$(FSRCNNX) synth $(call q,$(RTL)) --device $(DEVICE) --json $(call q,$(WORK)/synth-$(DEVICE).json)

# the default project is made first, another one is taken as it is
hls-synth hls-cosim: $(if $(filter $(HLS),$(PROJECT)),hls)

hls-synth: setup ## synthesise PROJECT with Vitis HLS, in PROJECT-vitis; without it: SKIP
	@mkdir -p $(call q,$(WORK))
	@$(FSRCNNX) hls-synth $(call q,$(PROJECT)) $(if $(REQUIRE),--require) \
	  --json $(call q,$(WORK)/hls-synth.json)

hls-cosim: setup ## simulate the RTL of PROJECT in Vitis HLS against golden; without it: SKIP
	@mkdir -p $(call q,$(WORK))
	@$(FSRCNNX) hls-cosim $(call q,$(PROJECT)) $(if $(REQUIRE),--require) \
	  --json $(call q,$(WORK)/hls-cosim.json)

lint: rtl ## check Python with ruff, the RTL with Verilator, Icarus and Yosys
	@.venv/bin/ruff check .
	@.venv/bin/python scripts/lint.py $(call q,$(RTL))

doctor: setup ## list the tools: wanted, found, what for
	@$(FSRCNNX) doctor

clean: ## remove what was made, but not .venv, nor the builds in the user's cache folder
	@rm -rf build .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
