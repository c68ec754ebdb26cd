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
#   make golden              test/golden anew, by a PYTHON with PyTorch 2.15; nothing else needs one
#   make format, make bench, make clean
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

PG_FOLDERS := api compute tensor store dataset job planner bridge
PG_SRC := $(call sources,src/*.c $(PG_FOLDERS:%=src/%/*.c))
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

# ---------------------------------------------------------------------------
# The device "cuda", a library of its own: by nvcc for a GPU, by the host's compilers for tests without one
# ---------------------------------------------------------------------------

# each may be given, and follows from the other if not
ifeq ($(origin NVCC),undefined)
NVCC := $(firstword $(if $(CUDA_HOME),$(wildcard $(CUDA_HOME)/bin/nvcc)) $(shell command -v nvcc 2>/dev/null) \
	$(wildcard /usr/local/cuda/bin/nvcc))
endif
CUDA_HOME ?= $(patsubst %/bin/nvcc,%,$(realpath $(NVCC)))
CUDA_C := $(call sources,cuda/*.c)
CUDA_CU := $(call sources,cuda/*.cu)
CUDA_EMULATOR := $(filter-out test/cuda/test_%,$(call sources,test/cuda/*.cc))
# code for Ampere and Hopper, and what later GPUs translate for themselves
CUDA_ARCH ?= -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90a,code=sm_90a \
	-gencode arch=compute_80,code=compute_80
# products and sums are rounded one by one, as on the CPU and in what is compiled at run time
NVCCFLAGS := -std=c++17 -O3 --fmad=false $(CUDA_ARCH) -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra \
	$(if $(WERROR_FLAG),-Werror all-warnings)
# a GPU's library has all kernels; tests take some away (test/cuda/lacking.cc)
CUDA_LINK := -Wl,--exclude-libs,ALL -Wl,--gc-sections -Wl,--wrap=pt_cuda_kernel_find

# Scalar functions as a text for the compiler of programs: preprocessed, each line a string.
$(B)/cuda/scalar_text.inc: $(S)cuda/scalar.cuh $(B)/flags
	@mkdir -p $(@D)
	$(call say,TEXT,$@)$(CC) -E -P -x c -D__CUDACC_RTC__ -D__CUDACC__ -I$(S)src -I$(S)cuda -MMD -MP -MF $@.d -MT $@ $< | \
		sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/' > $@.tmp
	@mv $@.tmp $@
-include $(B)/cuda/scalar_text.inc.d

# $(1): folder, $(2): how C is compiled, $(3): how CUDA C and C++ are, $(4): flags of both
define cuda_rules
$(1)/cuda/%.o: $(S)cuda/%.c $(B)/flags $(B)/cuda/scalar_text.inc
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$(2) $(4) -I$(S)cuda -I$(B) -MMD -MP -c -o $$@ $$<
$(1)/cuda/%.cu.o: $(S)cuda/%.cu $(B)/flags
	@mkdir -p $$(@D)
	$$(call say,CU,$$@)$(3) $(4) -I$(S)src -I$(S)cuda -MMD -MP -c -o $$@ $$<
$(1)/test/cuda/%.cc.o: $(S)test/cuda/%.cc $(B)/flags
	@mkdir -p $$(@D)
	$$(call say,CXX,$$@)$(3) $(4) -I$(S)src -I$(S)cuda -MMD -MP -c -o $$@ $$<
-include $(patsubst %,$(1)/%.d,$(CUDA_C:.c=) $(CUDA_CU) $(CUDA_EMULATOR))
endef

cuda_objects = $(CUDA_C:%.c=$(1)/%.o) $(CUDA_CU:%=$(1)/%.o)
emulated_objects = $(call cuda_objects,$(1)) $(CUDA_EMULATOR:%=$(1)/%.o)

$(eval $(call cuda_rules,$(B)/cuda-gpu,$(CC) $(ENGINE_CFLAGS) $(OPTIMIZE) -isystem $(CUDA_HOME)/include,$(NVCC) $(NVCCFLAGS),))
# sanitizers of two compilers do not go together
EMULATED_CXX = $(if $(CLANG_CC),$(subst clang,clang++,$(CC)),$(CXX)) -std=c++17 -fPIC -fvisibility=hidden -fno-strict-aliasing -ffp-contract=off -pthread -Wall -Wextra -Wno-unknown-pragmas $(WERROR_FLAG) \
	-DPT_EMULATOR_HEADERS='"$(abspath $(or $(S),.)/test/cuda)"'
EMULATED_FLAGS = -I$(S)test/cuda -DPT_NVRTC_LINKED
$(eval $(call cuda_rules,$(B)/cuda-emulated,$(CC) $(ENGINE_CFLAGS),$(EMULATED_CXX) -x c++,$(OPTIMIZE) $(EMULATED_FLAGS)))
$(eval $(call cuda_rules,$(B)/cuda-check,$(CC) $(ENGINE_CFLAGS),$(EMULATED_CXX) -x c++,$(SANITIZE) $(EMULATED_FLAGS)))

.PHONY: cuda cuda-emulated
ifneq ($(NVCC),)
cuda: pgtorch_cuda.so
else
cuda:
	@echo 'nvcc was not found: install the CUDA toolkit, or set CUDA_HOME' >&2; exit 1
endif
cuda-emulated: $(B)/cuda-emulated/pgtorch_cuda.so

pgtorch_cuda.so: $(call cuda_objects,$(B)/cuda-gpu) $(B)/obj/libpgtorch.a
	$(call say,LD,$@)$(NVCC) -shared -cudart static -o $@ $^ -Xlinker --exclude-libs,ALL -Xlinker --gc-sections \
		-Xlinker -rpath -Xlinker $(CUDA_HOME)/lib64 -lcublasLt -ldl
$(B)/cuda-emulated/pgtorch_cuda.so: $(call emulated_objects,$(B)/cuda-emulated) $(B)/obj/libpgtorch.a
	$(call say,LD,$@)$(EMULATED_CXX) -shared -o $@ $^ $(CUDA_LINK) -ldl -pthread
$(B)/cuda-check/pgtorch_cuda.so: $(call emulated_objects,$(B)/cuda-check) $(B)/engine-check/libpgtorch.a
	$(call say,LD,$@)$(EMULATED_CXX) -shared $(SANITIZE) -o $@ $^ $(CUDA_LINK) -ldl -pthread

# the stand-in itself, with several orders of threads
.PHONY: emulator-check
emulator-check: $(B)/cuda-check/test_emulator
	@$(or $(S),./)test/engine-run emulator-check $<
$(B)/cuda-check/test_emulator: $(B)/cuda-check/test/cuda/test_emulator.cc.o $(CUDA_EMULATOR:%=$(B)/cuda-check/%.o) $(B)/engine-check/test/engine/check.o
	$(call say,LD,$@)$(EMULATED_CXX) $(SANITIZE) -o $@ $^ -ldl -pthread

# the engine's tests that compute something, on it (test/engine/device_harness.h)
CUDA_TESTS := $(wildcard $(S)test/engine/test_cuda_*.c) $(addprefix test_,$(addsuffix .c,autocast fit fit_device gradient graph host layers loss \
	ops optim plan random random_graphs sched))
CUDA_CHECK := $(sort $(patsubst %.c,$(B)/engine-check/%,$(notdir $(CUDA_TESTS))))
.PHONY: cuda-check
cuda-check: $(B)/cuda-check/pgtorch_cuda.so $(CUDA_CHECK) host-check
	@PGTORCH_TEST_DEVICE=cuda PGTORCH_CUDA_LIBRARY='$(abspath $<)' $(or $(S),./)test/engine-run cuda-check $(CUDA_CHECK)

# the same with some ops on the host, as if the device had no kernels for them
HOST_CHECK := $(filter-out $(B)/engine-check/test_cuda_% %_host,$(CUDA_CHECK))
.PHONY: host-check
host-check: $(B)/cuda-check/pgtorch_cuda.so $(HOST_CHECK)
	@PGTORCH_TEST_HOST_OPS=random:1 $(or $(S),./)test/engine-run host-check $(HOST_CHECK)
	@PGTORCH_TEST_HOST_OPS=random:2 PGTORCH_TEST_DEVICE=cuda PGTORCH_CUDA_LIBRARY='$(abspath $<)' \
		$(or $(S),./)test/engine-run host-check-cuda $(HOST_CHECK)

# with it, if it was built
ifneq ($(PGXS),)
install: install-cuda
uninstall: uninstall-cuda
.PHONY: install-cuda uninstall-cuda
install-cuda: installdirs
	@if [ -e pgtorch_cuda.so ]; then $(INSTALL_SHLIB) pgtorch_cuda.so '$(DESTDIR)$(pkglibdir)/'; fi
uninstall-cuda:
	rm -f '$(DESTDIR)$(pkglibdir)/pgtorch_cuda.so'
endif

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

.PHONY: test demo bench check-layers format golden
test:
	@$(or $(S),./)test/run

demo:
	@$(or $(S),./)test/demo.sh

bench: all
	@$(or $(S),./)test/bench/run

# one thread: sums then have one order
PYTHON ?= python3
golden:
	@for g in $(wildcard $(S)test/golden/generate*.py); do echo "  $$g"; OMP_NUM_THREADS=1 $(PYTHON) -B -W ignore $$g || exit 1; done

# with the GPU's library where there is an nvcc
.PHONY: bundle
bundle: all $(TEST_SRC:test/engine/%.c=$(B)/obj/%) $(if $(NVCC),pgtorch_cuda.so)
	@CC='$(CC)' PG_CONFIG='$(PG_CONFIG)' $(or $(S),./)test/bundle/make '$(B)' $(if $(NVCC),pgtorch_cuda.so)

check-layers: all
	@CC='$(CC)' PG_CONFIG='$(PG_CONFIG)' $(or $(S),./)test/check-layers '$(B)/obj' pgtorch.so

# Tables (.def) are laid out by hand.
format:
	clang-format -i $(addprefix $(S),$(call sources,$(foreach d,src src/* src/*/* cuda test/* sql,$(d)/*.c $(d)/*.h $(d)/*.cu $(d)/*.cuh)))
