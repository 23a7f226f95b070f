# Every target is a command of `fsrcnnx` or a tool of .venv; `make` alone lists them.
# Variables, e.g. `make sim SIM=icarus SEED=7 WAVES=1`:
MODEL  ?= fsrcnn-x_x2#     name in models/ or build/, or a path of an .onnx file
BITS   ?=#                 bits of weights and maps, e.g. w4a8: the same as MODEL=NAME_w4a8
SIM    ?= verilator#       verilator or icarus
SEED   ?= 1#               seed of everything random in sim, soak, verify, csim and ranges; of fuzz, any
SECONDS ?= 60#            of fuzz, for each reader
WAVES  ?= 0#               1: the benches write waveforms
DATA   ?= ../shared/data#  folder with train/ and test/ pictures, for train and results
HOLDOUT ?= 32#             one in so many pictures of train/ is measured instead of trained on
STEPS  ?=#                 steps of train, and of quantise; those of MODEL's recipe if empty
IMAGES ?=#                 HR pictures or a folder of them, for verify, csim and ranges
ENGINE ?= mac#             mac (multipliers) or adders (none, 1 clock per LR pixel), of the emitted RTL
CYCLES ?= 16#              clocks per LR pixel of the emitted RTL with mac
WIDTH  ?= 960#            LR frame width of the HLS project
HEIGHT ?= 540#            LR frame height of the HLS project
STRATEGY ?= latency#      latency, resource or distributed_arithmetic, of the HLS project
REUSE  ?= 1#              most uses of a multiplier per pixel in the HLS project
DEVICE ?= xcup#            xcup (UltraScale+), ecp5 or xc7 (7 series), for synth
FPGA   ?= ecp5-85#         ecp5-25, ecp5-45 or ecp5-85, for pnr
RECORD ?=#               name of a record of silicon/, for record
DUT    ?= rtl#             rtl (all benches) or hls (the wrapper of HLS), for sim
PROJECT ?=#                HLS project, for hls-synth and hls-cosim; the one of `make hls` if empty
HLS_RTL ?=#                what hls-synth wrote, for sim with DUT=hls
REQUIRE ?=#                vitis: hls-synth and hls-cosim fail where it is missing

VARIABLES := MODEL BITS SIM SEED SECONDS WAVES DATA HOLDOUT STEPS IMAGES ENGINE CYCLES WIDTH HEIGHT \
             STRATEGY REUSE DEVICE FPGA RECORD DUT PROJECT HLS_RTL REQUIRE

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
$(foreach name,MODEL DATA IMAGES PROJECT HLS_RTL RECORD,$(if $(filter -%,$(call given,$(name))),$(error \
  $(name)=$(call given,$(name)) is not allowed; allowed: no - in front; fix: put ./ before it)))
# names of files in build/ are made of MODEL
$(if $(call holds,MODEL,; & | < > ( ) { } [ ] * ? ! $(hash) ~ ' " ` \ %),$(error \
  MODEL=$(call given,MODEL) is not allowed; allowed: one name in models/ or build/, or one .onnx file, \
  without characters of the shell))
override chosen := $(call given,MODEL)$(call given,BITS)
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
$(call one_of,ENGINE,mac adders)
$(call one_of,DEVICE,xcup ecp5 xc7)
$(call one_of,FPGA,ecp5-25 ecp5-45 ecp5-85)
$(call one_of,STRATEGY,latency resource distributed_arithmetic)
$(call integer,WIDTH,1)
$(call integer,HEIGHT,1)
$(call integer,REUSE,1)
$(call integer,SEED,0)
$(call integer,CYCLES,1)
$(call integer,SECONDS,1)
$(if $(filter 1,$(words $(MODEL))),,$(call bad,MODEL,one name in models/ or build/$(comma) or one .onnx file))
$(call one_of,DUT,rtl hls)
$(if $(REQUIRE),$(call one_of,REQUIRE,vitis))
$(call integer,HOLDOUT,1)
$(if $(filter 1,$(HOLDOUT)),$(call bad,HOLDOUT,an integer from 2))
$(if $(STEPS),$(call integer,STEPS,1))

# A name is FLOAT, or FLOAT_BITS as `quantise` names what it makes: one spelling for each.
# $(call spelt,bits): bits themselves, where they are some
override upto16 := 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
override part   = $(firstword $(filter $(addprefix $(2),$(3)),$(subst a, a,$(subst s, s,$(subst \
  d, d,$(patsubst %-mixed,%,$(1)))))))
override spelt  = $(filter-out w8a8-mixed,$(filter $(1),$(foreach w,$(call \
  part,$(1),w,$(upto16)),$(foreach a,$(call part,$(1),a,$(upto16)),$(w)$(a)$(call part,$(1),s,$(filter-out \
  8,$(upto16)))$(call part,$(1),d,1 2 3 4 5 6 7 8)$(if $(filter %-mixed,$(1)),-mixed)))))
override file   := $(filter %.onnx,$(MODEL))
override FLOAT  := $(if $(file),,$(firstword $(subst _w, w,$(MODEL))))
override named  := $(patsubst $(FLOAT)_%,%,$(filter $(FLOAT)_%,$(MODEL)))
$(if $(file),$(if $(BITS),$(error BITS=$(BITS) of a file is not allowed; allowed: a name as MODEL)),$(if \
  $(or $(findstring /,$(MODEL)),$(filter .%,$(MODEL))),$(call bad,MODEL,one name in models/ or \
  build/$(comma) or one .onnx file)))
$(if $(BITS),$(if $(and $(filter 1,$(words $(BITS))),$(filter $(call spelt,$(BITS)),$(BITS))),,$(call \
  bad,BITS,w2a2 to w16a16$(comma) then s2 to s16 unless s8$(comma) then d1 to d8$(comma) then -mixed \
  unless w8a8$(comma) each if wanted))$(if $(filter-out $(BITS),$(named)),$(call bad,BITS,$(named)$(comma) \
  as MODEL says$(comma) or a MODEL without)))
override MODEL  := $(if $(BITS),$(FLOAT)$(addprefix _,$(filter-out w8a8,$(BITS))),$(MODEL))
override learns := $(filter train quantise export,$(MAKECMDGOALS))
$(if $(learns),$(if $(file),$(call bad,MODEL,a name for $(learns)$(comma) as `fsrcnnx train --help` \
  says))$(if $(and $(named),$(if $(filter-out w8a8,$(call spelt,$(named))),,x)),$(call bad,MODEL,a \
  name$(comma) then _ and the bits unless w8a8$(comma) e.g. $(FLOAT)_w4a8)))

# what each target takes; a variable that is given and that none of the targets takes stops make
TAKES_demo          := MODEL BITS SIM
TAKES_train         := MODEL BITS DATA HOLDOUT STEPS
TAKES_quantise      := MODEL BITS STEPS
TAKES_export        := MODEL BITS
TAKES_results       := MODEL BITS DATA
TAKES_cards         := DATA
TAKES_hls           := MODEL BITS WIDTH HEIGHT STRATEGY REUSE
TAKES_c             := MODEL BITS
TAKES_csim          := MODEL BITS SEED IMAGES
TAKES_ranges        := MODEL BITS SEED IMAGES
TAKES_rtl           := MODEL BITS ENGINE CYCLES
TAKES_sim           := SIM SEED WAVES DUT HLS_RTL
TAKES_verify        := MODEL BITS SEED IMAGES
TAKES_verify-models := SEED IMAGES
TAKES_netlist       := MODEL BITS SEED
TAKES_bench         := MODEL BITS
TAKES_synth         := MODEL BITS ENGINE CYCLES DEVICE
TAKES_pnr           := MODEL BITS ENGINE CYCLES FPGA SEED
TAKES_record        := RECORD SEED
TAKES_hls-synth     := MODEL BITS WIDTH HEIGHT STRATEGY REUSE PROJECT REQUIRE
TAKES_hls-cosim     := MODEL BITS WIDTH HEIGHT STRATEGY REUSE PROJECT REQUIRE
TAKES_soak          := SEED
TAKES_fuzz          := SEED SECONDS
TAKES_mutate        := SEED
TAKES_lint          := MODEL BITS ENGINE CYCLES
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

# $(call look,FOLDER): stop with one line where DATA has no such folder of pictures
override look = test -d $(call q,$(DATA)/$(1)) || { printf '%s\n' $(call q,no folder $(DATA)/$(1); fix: \
  DATA=folder that holds $(1)) >&2; exit 2; }

override FSRCNNX := .venv/bin/fsrcnnx
override PYTEST  := .venv/bin/python -m pytest
# a process for each core, a file of tests stays in one; those that tests/conftest.py calls long come first, not
# those of the most tests
override PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# a name's folder is where export writes it and the name is looked for; a file has one of its own
override WORK    := build/$(if $(file),_files$(abspath $(MODEL)),$(MODEL))
override RTL     := $(WORK)/rtl-$(ENGINE)-$(CYCLES)
override HLS     := $(WORK)/hls-$(STRATEGY)-$(REUSE)-$(WIDTH)x$(HEIGHT)
$(if $(PROJECT),,$(eval override PROJECT := $$(HLS)))
# that of the float network of MODEL, and the best weights in it
override FWORK   := build/$(FLOAT)
override SCALE   := $(lastword $(subst _x, ,$(FLOAT)))
override BEST    := $(FWORK)/x$(SCALE)/x$(SCALE)_best.pth

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast hostile train quantise export results cards ranges hls c csim \
        hls-matrix bench-hls hls-synth hls-cosim rtl sim verify \
        verify-models netlist bench synth pnr record records lint formal soak mutate coverage fuzz \
        doctor clean
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

train: setup ## train the float network of MODEL on DATA/train, in build/; run again to resume
	@$(call look,train)
	@$(FSRCNNX) prepare $(call q,$(DATA)/train) -o $(call q,$(FWORK)/train.h5) \
	  --model $(call q,$(FLOAT)) --holdout $(HOLDOUT) --if-changed
	@$(FSRCNNX) prepare $(call q,$(DATA)/train) -o $(call q,$(FWORK)/eval.h5) \
	  --model $(call q,$(FLOAT)) --holdout $(HOLDOUT) --if-changed --eval
	@$(FSRCNNX) train $(call q,$(FWORK)/train.h5) $(call q,$(FWORK)/eval.h5) \
	  -o $(call q,$(FWORK)) --model $(call q,$(FLOAT)) $(if $(STEPS),--steps $(STEPS))

quantise: setup ## bring the trained weights to the number contract, of BITS; run again to resume
	@$(FSRCNNX) quantise $(call q,$(BEST)) $(call q,$(FWORK)/train.h5) $(call q,$(FWORK)/eval.h5) \
	  -o $(call q,$(WORK)/weights.pth) --bits $(or $(BITS),$(named),w8a8) \
	  $(if $(STEPS),--steps $(STEPS))

export: setup ## write model.onnx and its companions from the quantised weights
	@$(FSRCNNX) export $(call q,$(WORK)/weights.pth)

results: setup ## measure every shipped model on DATA/test, or MODEL; table of quality, plot of dB over bits
	@$(call look,test/Set5)
	@$(call look,test/Set14)
	@mkdir -p build
	@$(FSRCNNX) results $(call q,$(DATA)/test/Set5) $(call q,$(DATA)/test/Set14) \
	  $(if $(chosen),--model $(call q,$(MODEL))) --plot build/results.png

cards: setup ## measure every shipped model on DATA/test and write its card anew
	@$(call look,test/Set5)
	@$(call look,test/Set14)
	@for model in $(foreach folder,$(wildcard models/*/),$(call q,$(folder))); do \
	  $(FSRCNNX) card "$$model" $(call q,$(DATA)/test/Set5) $(call q,$(DATA)/test/Set14) \
	  || exit 1; done

hls: setup ## write the hls4ml project for frames of WIDTH x HEIGHT
	@$(FSRCNNX) hls $(call q,$(MODEL)) -o $(call q,$(HLS)) --width $(WIDTH) --height $(HEIGHT) \
	  --strategy $(STRATEGY) --reuse $(REUSE)

c: setup ## write the network as plain C99: a header, a source, an example
	@$(FSRCNNX) c $(call q,$(MODEL)) -o $(call q,$(WORK)/c)

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
	  $(if $(or $(filter mac,$(ENGINE)),$(filter-out file,$(origin CYCLES))),--cycles-per-pixel $(CYCLES))

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

netlist: setup ## compare MODEL's cores after synthesis, both engines, bit for bit (long)
	@$(FSRCNNX) verify $(call q,$(MODEL)) --rungs netlist,netlist-adders --seed $(SEED)

bench: setup ## compare the exact engines: frames a second, ratios, peak memory
	@mkdir -p $(call q,$(WORK))
	@$(FSRCNNX) bench $(call q,$(MODEL)) --json $(call q,$(WORK)/bench.json)

synth: rtl ## count LUT, FF, DSP and block RAM on DEVICE
	@$(FSRCNNX) synth $(call q,$(RTL)) --device $(DEVICE) --json $(call q,$(WORK)/synth-$(DEVICE).json)

pnr: rtl ## place and route on FPGA with SEED: clock, bitstream; run again to resume
	@$(FSRCNNX) pnr $(call q,$(RTL)) --device $(FPGA) --seed $(SEED)

record: setup ## place and route the core of RECORD anew, all its seeds or SEED: silicon/; run again to resume
	@.venv/bin/python scripts/record.py $(call q,$(RECORD)) \
	  $(if $(filter-out file,$(origin SEED)),--seed $(SEED))

records: setup ## list what is stored in silicon/, as rows of the README
	@.venv/bin/python scripts/record.py

# the default project is made first, another one is taken as it is
hls-synth hls-cosim: $(if $(filter $(HLS),$(PROJECT)),hls)

hls-synth: setup ## synthesise PROJECT with Vitis HLS, in PROJECT-vitis; without it: SKIP
	@mkdir -p $(call q,$(WORK))
	@$(FSRCNNX) hls-synth $(call q,$(PROJECT)) $(if $(REQUIRE),--require) \
	  --json $(call q,$(WORK)/hls-synth.json)

hls-cosim: setup ## simulate the RTL of PROJECT in Vitis HLS against golden; without it: SKIP
	@mkdir -p $(call q,$(WORK))
	@$(FSRCNNX) hls-cosim $(call q,$(PROJECT)) $(if $(REQUIRE),--require) \
	  $(if $(filter $(HLS),$(PROJECT)),--model $(call q,$(MODEL))) \
	  --json $(call q,$(WORK)/hls-cosim.json)

lint: rtl ## check Python with ruff, the RTL with Verilator, Icarus and Yosys
	@.venv/bin/ruff check .
	@.venv/bin/python scripts/lint.py $(call q,$(RTL))

formal: setup ## prove the rules of the RTL (formal/): what holds for every input, and how deep it was looked
	@.venv/bin/python scripts/formal.py

soak: setup ## send a million beats, half of them against the protocol, through each of three cores
	@.venv/bin/python -m sim.soak --seed $(SEED)

mutate: setup ## plant mutants in a copy, see the tests kill them; table in docs/mutation.md; again to resume
	@.venv/bin/python -m scripts.mutate --seed $(SEED) --write

coverage: setup ## measure what the benches reach of rtl/: lines, branches, toggles; again to resume
	@.venv/bin/python -m sim.coverage

fuzz: setup ## read spoilt files by every reader for SECONDS each; bad answers are kept in build/fuzz
	@.venv/bin/python -m tests.fuzz --seconds $(SECONDS) \
	  $(if $(filter-out file,$(origin SEED)),--seed $(SEED))

doctor: setup ## list the tools: wanted, found, what for
	@$(FSRCNNX) doctor

clean: ## remove what was made, but not .venv, nor the builds in the user's cache folder
	@rm -rf build .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
