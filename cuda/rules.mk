# rules.mk of cuda: included by the Makefile.
#
# The device "cuda" is a library of its own: built by nvcc for a GPU, and by the host's compilers, against the stand-in for
# CUDA in test/cuda, for tests without one.

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

# the engine's tests that open the device under test (test/engine/device_harness.h), and those of the kernels alone
CUDA_TESTS := $(call sources,test/engine/test_cuda_*.c) \
	$(patsubst $(S)%,%,$(shell grep -lwE '(open|test)_device' $(TEST_SRC:%=$(S)%)))
CUDA_CHECK := $(sort $(CUDA_TESTS:test/engine/%.c=$(B)/engine-check/%))
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
