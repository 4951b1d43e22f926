# libFuzzer targets, by clang: `make fuzz` runs each for FUZZ_SECONDS on its corpus.

FUZZ_SECONDS ?= 900
FUZZ_CC      ?= clang
FUZZ_BUILD   := $(BUILD)/fuzz
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
FUZZ_FLAGS   := -std=gnu17 -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=all -pthread
FUZZ_OBJECTS := $(patsubst %.c,$(FUZZ_BUILD)/%.o,$(filter-out daemon/main.c,$(SOURCES)))

.PHONY: fuzz
fuzz: $(FUZZ_TARGETS:%=fuzz-%) ## libFuzzer on every parser, FUZZ_SECONDS each (900)

.PHONY: fuzz-quick
fuzz-quick: ## the same, ten seconds each
	@$(MAKE) fuzz FUZZ_SECONDS=10

# What is found new goes into build/, what crashes beside it.
.PHONY: $(FUZZ_TARGETS:%=fuzz-%)
$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: $(FUZZ_BUILD)/%
	@mkdir -p $(FUZZ_BUILD)/found/$* tests/fuzz/corpus/$*
	@echo "== fuzz $*"
	@$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
		-print_final_stats=0 -verbosity=0 -artifact_prefix=$(FUZZ_BUILD)/$*- \
		$(if $(wildcard tests/fuzz/$*.dict),-dict=tests/fuzz/$*.dict) \
		$(FUZZ_BUILD)/found/$* tests/fuzz/corpus/$*

$(FUZZ_BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_BUILD)/libaiwatch.a: $(FUZZ_OBJECTS)
	@rm -f $@
	@$(AR) rcs $@ $^

$(FUZZ_BUILD)/%: tests/fuzz/%_fuzz.c $(FUZZ_BUILD)/libaiwatch.a
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined $(PKG_CFLAGS) \
		-o $@ $< $(FUZZ_BUILD)/libaiwatch.a $(PKG_LIBS)

-include $(FUZZ_OBJECTS:.o=.d)
