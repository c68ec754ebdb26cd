# Makefile of pgtorch: a PGXS build, with the rules that PGXS lacks.
#
#   make; make install       for the PostgreSQL of PG_CONFIG (default: pg_config)
#   make cuda; make install  the same with GPUs: also builds pgtorch_cuda.so, with nvcc of CUDA_HOME
#   make test                every suite, on a private server; as root installs what is missing
#   make demo                digits from CSV to accuracy, in SQL
#   make installcheck        regress, isolation and TAP tests against the installed extension
#   make engine-check        engine, CPU device and their tests: no PostgreSQL, ASan and UBSan
#   make engine-test         the same tests on the objects that are shipped
#   make cuda-emulated       the GPU's device on the CPU, for tests (test/cuda)
#   make cuda-check          the engine's tests on it, sanitized; host-check: with some ops on the host
#   make bundle              build/bundle: all of it for a GPU machine without PostgreSQL and network
#   make fuzz                hostile input for the engine's parsers, FUZZ_SECONDS each (clang)
#   make check-layers        who may include what, prefixes, headers that stand alone
#   make golden              test/golden anew, by a PYTHON with PyTorch 2.15, which nothing else needs; GOLDEN=FOLDER: there
#   make format              lays out C, C++ and CUDA as .clang-format says, by clang-format of FORMAT_VERSION
#   make format-check        whether that changes nothing
#   make bench, make clean
#
# Variables: PG_CONFIG, CC, WERROR=1 (warnings are errors; also when CI=true), V=1 (show commands).
# Out of the source tree: mkdir d; cd d; make -f PATH/Makefile.
# Everything that is built lies under build/, save pgtorch.so and pgtorch_cuda.so.

MODULE_big = pgtorch
EXTENSION = pgtorch

# the source tree as a prefix: empty when make runs in it
S := $(dir $(lastword $(MAKEFILE_LIST)))
ifeq ($(realpath $(S)),$(realpath .))
S :=
endif
B := build

EXT_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(S)pgtorch.control)
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
PG_MAJOR := $(shell $(PG_CONFIG) --version 2>/dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')

# $(call say,WHAT,FILE): in place of the command, unless V=1
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2);)

all:

# ---------------------------------------------------------------------------
# Sources
# ---------------------------------------------------------------------------

sources = $(sort $(patsubst $(S)%,%,$(foreach p,$(1),$(wildcard $(S)$(p)))))

PG_SRC := $(filter-out src/engine/% src/cpu/%,$(call sources,src/*.c src/*/*.c))
ENGINE_SRC := $(call sources,src/engine/*.c src/engine/*/*.c)
CPU_SRC := $(call sources,src/cpu/*.c)
ISA_SRC := $(call sources,src/cpu/isa/*.c)
TEST_SRC := $(call sources,test/engine/test_*.c)
FUZZ_SRC := $(call sources,test/engine/fuzz_*.c)
TESTLIB_SRC := $(filter-out $(TEST_SRC) $(FUZZ_SRC),$(call sources,test/engine/*.c))
SQL_PARTS := $(call sources,sql/*.sql)

# Kernels are built once for each instruction set and chosen at run time.
ifneq ($(filter x86_64-%,$(shell $(CC) -dumpmachine 2>/dev/null)),)
ISAS := v2 v3 v4
endif
ISAS ?= generic
ISA_FLAGS_v2 := -march=x86-64-v2
ISA_FLAGS_v3 := -march=x86-64-v3
ISA_FLAGS_v4 := -march=x86-64-v4 -mprefer-vector-width=512

engine_objects = $(patsubst %.c,$(1)/%.o,$(ENGINE_SRC) $(CPU_SRC)) \
	$(foreach i,$(ISAS),$(ISA_SRC:%.c=$(1)/%.$(i).o))

PG_OBJS := $(PG_SRC:%.c=$(B)/obj/%.o)
ENGINE_OBJS := $(call engine_objects,$(B)/obj)
OBJS = $(PG_OBJS) $(ENGINE_OBJS)

# ---------------------------------------------------------------------------
# Flags
# ---------------------------------------------------------------------------

ifneq ($(WERROR)$(filter true,$(CI)),)
WERROR_FLAG := -Werror
endif

# tables end in fields that are zero, hence -Wno-missing-field-initializers
# rows of a table have functions of one form, whichever of their arguments they need
WARN := -Wall -Wextra -Wmissing-prototypes -Wvla -Wno-missing-field-initializers -Wno-unused-parameter $(WERROR_FLAG)
ENGINE_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARN) -fvisibility=hidden -fno-strict-aliasing \
	-fno-omit-frame-pointer -ffp-contract=off -fPIC -pthread -I$(S)src
# kernels: what a vectorizer needs and PyTorch does too; NaN and infinities stay right
KERNEL_CFLAGS := -fno-math-errno -fno-trapping-math -ffp-contract=fast -fwrapv
OPTIMIZE := -O2 -g
OPTIMIZE_KERNEL := -O3 -g

# ---------------------------------------------------------------------------
# The PostgreSQL side
# ---------------------------------------------------------------------------

SQL_SCRIPT := $(B)/pgtorch--$(EXT_VERSION).sql
DATA_built = $(SQL_SCRIPT)
SHLIB_LINK = -lm -ldl -lpthread
EXTRA_CLEAN = $(B) pgtorch_cuda.so results regression.diffs regression.out output_iso tmp_check

# the names in a schedule, in order
schedule = $(shell sed -n 's/^test://p' $(S)$(1) 2>/dev/null)
REGRESS := $(call schedule,test/schedule)
ISOLATION := $(call schedule,test/isolation_schedule)
TEST_OPTS = --inputdir=$(S)test --load-extension=pgtorch \
	$(if $(filter 15,$(PG_MAJOR)),--outputdir=$(or $(S),.),--expecteddir=$(or $(S),.))
REGRESS_OPTS = $(TEST_OPTS)
ISOLATION_OPTS = $(TEST_OPTS)
TAP_TESTS = $(if $(wildcard $(S)test/t/*.pl),1)
PROVE_TESTS = $(S)test/t/*.pl
# no bitcode: nothing here would gain from being inlined into queries
override with_llvm := no

ifneq ($(PGXS),)
include $(PGXS)

# every path here is written out; a search would find what was built in the source tree
VPATH :=
srcdir := .
PROVE_FLAGS += -I $(S)test/t
ifneq ($(S),)
all: pgtorch.control
pgtorch.control: $(S)pgtorch.control
	cp $< $@
endif

# PostgreSQL's headers are system headers here: its warnings are not ours to mend.
PG_COMPILE_FLAGS = $(filter-out -Wdeclaration-after-statement,$(CFLAGS)) \
	-std=gnu11 $(WARN) -Wno-sign-compare -fvisibility=hidden -O2 -pthread \
	$(if $(CLANG_CC),-Wno-unknown-warning-option -Wno-ignored-optimization-argument) \
	-DPGTORCH_VERSION='"$(EXT_VERSION)"' -I$(S)src $(patsubst -I/%,-isystem /%,$(filter-out -I. -I./ -I$(S),$(CPPFLAGS)))
else
.PHONY: install clean
all install installcheck:
	@echo 'pg_config was not found: install postgresql-server-dev-NN, or set PG_CONFIG' >&2; exit 1
clean:
	rm -rf $(EXTRA_CLEAN) pgtorch.so
endif

# only now is CC known: PostgreSQL's makefiles set it
CLANG_CC := $(findstring clang,$(shell $(CC) --version 2>/dev/null))

$(PG_OBJS): $(B)/obj/%.o: $(S)%.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(PG_COMPILE_FLAGS) -MMD -MP -c -o $@ $<

# ---------------------------------------------------------------------------
# Engine and CPU device, for the library and (sanitized) for the tests
# ---------------------------------------------------------------------------

SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
ifeq ($(CLANG_CC),)
SANITIZE += -Wno-maybe-uninitialized -Wno-stringop-overflow
endif

# $(1): folder, $(2): flags, $(3): flags of kernels
define engine_rules
$(1)/src/engine/%.o: $(S)src/engine/%.c $(B)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$(CC) $(ENGINE_CFLAGS) $(2) -MMD -MP -c -o $$@ $$<
$(1)/src/cpu/%.o: $(S)src/cpu/%.c $(B)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$(CC) $(ENGINE_CFLAGS) $(2) -MMD -MP -c -o $$@ $$<
$(1)/test/engine/%.o: $(S)test/engine/%.c $(B)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$(CC) $(ENGINE_CFLAGS) -I$(S)test $(2) -MMD -MP -c -o $$@ $$<
$(foreach i,$(ISAS),$(call isa_rule,$(1),$(3),$(i)))
$(1)/test/bridge/library.o: $(S)src/bridge/library.c $(B)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$(CC) $(ENGINE_CFLAGS) $(2) -MMD -MP -c -o $$@ $$<
$(1)/libpgtorch.a: $(call engine_objects,$(1)) $(TESTLIB_SRC:%.c=$(1)/%.o) $(1)/test/bridge/library.o
	@rm -f $$@
	$$(call say,AR,$$@)ar rcs $$@ $$^
$(TEST_SRC:test/engine/%.c=$(1)/%): $(1)/%: $(1)/test/engine/%.o $(1)/libpgtorch.a
	$$(call say,LD,$$@)$(CC) $(2) -o $$@ $$^ -lm -ldl -pthread
-include $(patsubst %.o,%.d,$(call engine_objects,$(1)) \
	$(patsubst %.c,$(1)/%.o,$(TEST_SRC) $(TESTLIB_SRC)) $(1)/test/bridge/library.o)
endef

define isa_rule
$(1)/src/cpu/isa/%.$(3).o: $(S)src/cpu/isa/%.c $(B)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$(CC) $(ENGINE_CFLAGS) $(2) $(KERNEL_CFLAGS) $(ISA_FLAGS_$(3)) -DPT_ISA=$(3) -MMD -MP -c -o $$@ $$<

endef

$(eval $(call engine_rules,$(B)/obj,$(OPTIMIZE),$(OPTIMIZE_KERNEL)))
$(eval $(call engine_rules,$(B)/engine-check,$(SANITIZE),$(SANITIZE)))
-include $(PG_OBJS:.o=.d)

.PHONY: engine-check engine-test
engine-check: $(TEST_SRC:test/engine/%.c=$(B)/engine-check/%)
	@$(or $(S),./)test/engine-run engine-check $^
engine-test: $(TEST_SRC:test/engine/%.c=$(B)/obj/%)
	@$(or $(S),./)test/engine-run engine-test $^

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: $(FUZZ_SRC:test/engine/%.c=$(B)/fuzz/%)
	@for f in $^; do $$f -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -rss_limit_mb=4096 \
		-timeout=20 -print_final_stats=0 -verbosity=0 -artifact_prefix=$$f- || exit 1; \
		echo "fuzz: $$f: nothing found in $(FUZZ_SECONDS) s"; done
$(B)/fuzz/%: $(S)test/engine/%.c $(ENGINE_SRC:%=$(S)%)
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)clang $(filter-out -Werror,$(ENGINE_CFLAGS)) -I$(S)test -O1 -g \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $^ -lm -ldl -pthread

# Objects depend on how they are built: another compiler, PostgreSQL or WERROR builds anew.
FLAGS_NOW = $(CC) $(ENGINE_CFLAGS) $(PG_COMPILE_FLAGS)
$(B)/flags: .FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$FLAGS_NOW" | cmp -s - $@ || printf '%s\n' "$$FLAGS_NOW" > $@
$(B)/flags: export FLAGS_NOW := $(FLAGS_NOW)
.PHONY: .FORCE

include $(S)cuda/rules.mk

# ---------------------------------------------------------------------------
# The install script: parts of sql/ in the order of their names, with what sql/declare.c generates
# ---------------------------------------------------------------------------

ifneq ($(wildcard $(S)sql/declare.c),)
DECLARE := $(B)/declare
endif

$(B)/declare: $(S)sql/declare.c $(ENGINE_OBJS)
	$(call say,LD,$@)$(CC) $(ENGINE_CFLAGS) $(OPTIMIZE) -o $@ $^ -lm -ldl -pthread

$(SQL_SCRIPT): $(SQL_PARTS:%=$(S)%) $(DECLARE) $(S)sql/assemble $(S)pgtorch.control
	@mkdir -p $(@D)
	$(call say,SQL,$@)$(or $(S),./)sql/assemble '$(DECLARE)' $(SQL_PARTS:%=$(S)%) > $@.tmp
	@mv $@.tmp $@

# ---------------------------------------------------------------------------
# Checks and tools
# ---------------------------------------------------------------------------

.PHONY: test demo bench check-layers format format-check golden
test:
	@$(or $(S),./)test/run

demo:
	@$(or $(S),./)test/demo.sh

# PYTHON: of the rival, if it was given
bench: all
	@$(if $(filter-out undefined file,$(origin PYTHON)),BENCH_PYTHON='$(PYTHON)') $(or $(S),./)test/bench/run

# into the folder GOLDEN, if that is given
PYTHON ?= python3
golden:
	@$(PYTHON) -B $(S)test/golden/generate.py $(GOLDEN)

# with the GPU's library where there is an nvcc
.PHONY: bundle
bundle: all $(TEST_SRC:test/engine/%.c=$(B)/obj/%) $(if $(NVCC),pgtorch_cuda.so)
	@CC='$(CC)' PG_CONFIG='$(PG_CONFIG)' $(or $(S),./)test/bundle/make '$(B)' $(if $(NVCC),pgtorch_cuda.so)

check-layers: all
	@CC='$(CC)' PG_CONFIG='$(PG_CONFIG)' $(or $(S),./)test/check-layers '$(B)/obj' pgtorch.so

# Tables (.def) are laid out by hand.  Other versions of clang-format lay some things out otherwise.
FORMAT_VERSION := 14
CLANG_FORMAT ?= $(or $(shell command -v clang-format-$(FORMAT_VERSION) 2>/dev/null),clang-format)
FORMATTED = $(addprefix $(S),$(call sources,$(foreach d,src src/* src/*/* cuda test/* sql,$(foreach e,c h cc cu cuh,$(d)/*.$(e)))))
format:
	@$(CLANG_FORMAT) -i $(FORMATTED)
format-check:
	@$(or $(S),./)test/format-check '$(CLANG_FORMAT)' $(FORMAT_VERSION) $(FORMATTED)
