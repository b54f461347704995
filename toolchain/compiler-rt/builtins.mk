# Builds libclang_rt.builtins-$(ARCH).a from compiler-rt's lib/builtins, in
# which it runs. Which files belong to it is what upstream's CMakeLists.txt
# says for Linux, in fewer words: every C file of the directory, except those
# for other systems; where the architecture's own directory has a file of the
# same name, that one instead.

CC     := clang-$(LLVM) --target=$(TARGET) --sysroot=$(SYSROOT)
CFLAGS := -std=c11 -Os -g0 -fPIC -fno-builtin -fvisibility=hidden -fomit-frame-pointer \
          -ffile-prefix-map=$(CURDIR)=. -DVISIBILITY_HIDDEN -I.

# Other systems; what needs an operating system's header that musl lacks; and
# the two object files that every program starts and ends with.
OTHER := apple_versioning atomic_flag_clear atomic_flag_clear_explicit atomic_flag_test_and_set \
         atomic_flag_test_and_set_explicit atomic_signal_fence atomic_thread_fence \
         os_version_check trampoline_setup unwind-ehabi-helpers crtbegin crtend

# 80-bit floats are x86's alone.
ifneq ($(ARCH),x86_64)
OTHER += $(basename $(wildcard *xf*.c *xc3.c))
endif

# Scalable matrices need help that musl does not give; chkstk is for Windows.
own     := $(filter-out sme-% lse chkstk,$(basename $(notdir $(wildcard $(ARCH)/*.c $(ARCH)/*.S))))
generic := $(filter-out $(OTHER) $(own),$(basename $(wildcard *.c)))
model   := $(if $(filter x86_64,$(ARCH)),x86,$(ARCH))

OBJECTS := $(generic:%=out/%.o) $(own:%=out/$(ARCH)/%.o) out/cpu_model/$(model).o

# Outlined atomics of aarch64: one source, once per operation, size and order.
ifeq ($(ARCH),aarch64)
orders  := 1 2 3 4 5
lse     := $(foreach s,1 2 4 8 16,$(foreach o,$(orders),cas-$(s)-$(o))) \
           $(foreach p,swp ldadd ldclr ldeor ldset,$(foreach s,1 2 4 8,$(foreach o,$(orders),$(p)-$(s)-$(o))))
OBJECTS += $(lse:%=out/lse/%.o)
CFLAGS  += -DHAS_ASM_LSE
endif

all: libclang_rt.builtins-$(ARCH).a crtbegin.o crtend.o

libclang_rt.builtins-$(ARCH).a: $(OBJECTS)
	rm -f $@
	llvm-ar-$(LLVM) rcsD $@ $^

out/lse/%.o: aarch64/lse.S
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -DL_$(word 1,$(subst -, ,$*)) -DSIZE=$(word 2,$(subst -, ,$*)) -DMODEL=$(word 3,$(subst -, ,$*)) -c -o $@ $<

out/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

out/%.o: %.S
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

crtbegin.o crtend.o: %.o: %.c
	$(CC) $(CFLAGS) -c -o $@ $<
