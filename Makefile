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
PROJECT ?=$(HLS)#          HLS project, for hls-synth and hls-cosim
HLS_RTL ?=#                what hls-synth wrote, for sim with DUT=hls
REQUIRE ?=#                vitis: hls-synth and hls-cosim fail where it is missing

override MODEL  := $(strip $(MODEL))
override SIM    := $(strip $(SIM))
override SEED   := $(strip $(SEED))
override WAVES  := $(strip $(WAVES))
override DATA   := $(strip $(DATA))
override ENGINE := $(strip $(ENGINE))
override CYCLES := $(strip $(CYCLES))
override WIDTH  := $(strip $(WIDTH))
override HEIGHT := $(strip $(HEIGHT))
override STRATEGY := $(strip $(STRATEGY))
override REUSE  := $(strip $(REUSE))
override DEVICE := $(strip $(DEVICE))
override DUT    := $(strip $(DUT))
override REQUIRE := $(strip $(REQUIRE))

# $(call one_of,VARIABLE,allowed values): stop with one line unless it is one of them
one_of = $(if $(filter $($(1)),$(2)),$(if $(word 2,$($(1))),$(call bad,$(1),$(2))),$(call bad,$(1),$(2)))
bad    = $(error $(1)=$($(1)) is not allowed; allowed: $(2))
# $(call integer,VARIABLE,smallest): stop with one line unless it is an integer from there on
integer = $(if $(shell [ "$($(1))" -ge $(2) ] 2>/dev/null && echo ok),,$(call bad,$(1),an integer from $(2)))

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

FSRCNNX := .venv/bin/fsrcnnx
PYTEST  := .venv/bin/python -m pytest
WORK    := build/$(notdir $(basename $(MODEL)))
RTL     := $(WORK)/rtl-$(ENGINE)-$(CYCLES)
HLS     := $(WORK)/hls-$(STRATEGY)-$(REUSE)-$(WIDTH)x$(HEIGHT)
# the float network of MODEL, its scale, and the bits that MODEL asks for
FLOAT   := $(firstword $(subst _w, w,$(MODEL)))
SCALE   := $(lastword $(subst _x, ,$(FLOAT)))
BITS    := $(firstword $(word 2,$(subst _w, w,$(MODEL))) w8a8)
FWORK   := build/$(FLOAT)
VITIS    = $(or $(PROJECT),$(call bad,PROJECT,a folder of `fsrcnnx hls`)) $(if $(REQUIRE),--require)

comma   := ,

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
	@$(FSRCNNX) demo --model $(MODEL) --sim $(SIM)

test: setup ## run all tests, simulations included
	@$(PYTEST)

test-fast: setup ## run the tests that take no simulator and little time
	@$(PYTEST) -m 'not slow and not sim'

hostile: setup ## run every hostile input that the project keeps: tried, answered well, tracebacks, leftovers
	@.venv/bin/python -m tests.hostile

train: setup ## train the float network of MODEL on DATA, as it was; run again to resume
	@test -f $(FWORK)/train.h5 || $(FSRCNNX) prepare $(DATA)/train -o $(FWORK)/train.h5 \
	  --scale $(SCALE) --holdout 32
	@test -f $(FWORK)/eval.h5 || $(FSRCNNX) prepare $(DATA)/train -o $(FWORK)/eval.h5 \
	  --scale $(SCALE) --holdout 32 --eval
	@$(FSRCNNX) train $(FWORK)/train.h5 $(FWORK)/eval.h5 -o $(FWORK) --model $(FLOAT)

quantise: setup ## bring the trained weights to the number contract
	@$(FSRCNNX) quantise $(FWORK)/x$(SCALE)/x$(SCALE)_best.pth $(FWORK)/train.h5 \
	  $(FWORK)/eval.h5 -o $(WORK)/weights.pth --bits $(BITS)

export: setup ## write model.onnx and its companions from the quantised weights
	@$(FSRCNNX) export $(WORK)/weights.pth

results: setup ## measure every shipped model on DATA/test: table of quality, plot of dB over bits
	@mkdir -p build
	@$(FSRCNNX) results $(DATA)/test/Set5 $(DATA)/test/Set14 --plot build/results.png

hls: setup ## write the hls4ml project for frames of WIDTH x HEIGHT
	@$(FSRCNNX) hls $(MODEL) -o $(HLS) --width $(WIDTH) --height $(HEIGHT) --strategy $(STRATEGY) \
	  --reuse $(REUSE)

csim: setup ## compile the HLS C++ and compare it bit for bit, on IMAGES whole
	@$(FSRCNNX) verify $(MODEL) --rungs golden,hls$(if $(IMAGES),$(comma)hls-pictures) \
	  --seed $(SEED) $(foreach image,$(IMAGES),--images $(image))

hls-matrix: setup ## the same for every member of the family, at full size (half an hour)
	@HLS_MATRIX=1 $(PYTEST) tests/prove/test_hls_matrix.py

bench-hls: setup ## time conversion, compiling and running against plain hls4ml
	@.venv/bin/python scripts/bench_hls.py

ranges: setup ## print the proved range of every accumulator beside what IMAGES reach
	@$(FSRCNNX) ranges $(MODEL) --seed $(SEED) $(foreach image,$(IMAGES),--images $(image))

rtl: setup ## emit SystemVerilog
	@$(FSRCNNX) rtl $(MODEL) -o $(RTL) --engine $(ENGINE) --cycles-per-pixel $(CYCLES)

sim: setup ## run the cocotb benches on SIM with SEED and WAVES
	@$(if $(HLS_RTL),HLS_RTL=$(abspath $(HLS_RTL))) $(FSRCNNX) sim --sim $(SIM) --seed $(SEED) \
	  $(if $(filter 1,$(WAVES)),--waves) $(if $(filter hls,$(DUT)),hls_top)

verify: setup ## compare every form of the network bit for bit
	@$(FSRCNNX) verify $(MODEL) --seed $(SEED) $(foreach image,$(IMAGES),--images $(image))

verify-models: setup ## the same for every shipped model
	@mkdir -p build; for model in $(notdir $(patsubst %/,%,$(wildcard models/*/))); do echo "$$model" && \
	  $(FSRCNNX) verify $$model --seed $(SEED) $(foreach image,$(IMAGES),--images $(image)) \
	  --json build/verify-$$model.json || exit 1; done

bench: setup ## compare the exact engines: frames a second, ratios, peak memory
	@mkdir -p $(WORK)
	@$(FSRCNNX) bench $(MODEL) --json $(WORK)/bench.json

synth: rtl ## count LUT, FF, DSP and block RAM on DEVICE
	@$(FSRCNNX) synth $(RTL) --device $(DEVICE) --json $(WORK)/synth-$(DEVICE).json

# the default project is made first, another one is taken as it is
hls-synth hls-cosim: $(if $(filter $(HLS),$(PROJECT)),hls)

hls-synth: setup ## synthesise PROJECT with Vitis HLS, in PROJECT-vitis; without it: SKIP
	@mkdir -p $(WORK)
	@$(FSRCNNX) hls-synth $(VITIS) --json $(WORK)/hls-synth.json

hls-cosim: setup ## simulate the RTL of PROJECT in Vitis HLS against golden; without it: SKIP
	@mkdir -p $(WORK)
	@$(FSRCNNX) hls-cosim $(VITIS) --json $(WORK)/hls-cosim.json

lint: rtl ## check Python with ruff, the RTL with Verilator, Icarus and Yosys
	@.venv/bin/ruff check .
	@.venv/bin/python scripts/lint.py $(RTL)

doctor: setup ## list the tools: wanted, found, what for
	@$(FSRCNNX) doctor

clean: ## remove what was made, but not .venv, nor the builds in the user's cache folder
	@rm -rf build .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
