# libFuzzer targets, by clang: tests/fuzz/README.md says how they are used.

FUZZ_SECONDS ?= 900
FUZZ_CC      ?= clang
FUZZ_BUILD   := $(BUILD)/fuzz
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
FUZZ_FLAGS   := -std=gnu17 -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=all -pthread
FUZZ_SOURCES := $(wildcard config/*.c parsers/*.c daemon/base/*.c) daemon/ruleset.c
FUZZ_OBJECTS := $(FUZZ_SOURCES:%.c=$(FUZZ_BUILD)/%.o)

# Of a target: its options, and where its seeds are. What is found new goes into the first folder.
FUZZ_OPTIONS  = -timeout=60 -rss_limit_mb=2048 -max_len=4096 -verbosity=0 -print_final_stats=1 \
		-artifact_prefix=$(FUZZ_BUILD)/$*- \
		$(patsubst %,-dict=%,$(wildcard tests/fuzz/$*.dict))
FUZZ_SEEDS    = tests/fuzz/corpus/$* $(FUZZ_SEEDS_$*)
FUZZ_SEEDS_config := tests/golden/config

.PHONY: fuzz
fuzz: $(FUZZ_TARGETS:%=fuzz-%) ## libFuzzer on every parser, FUZZ_SECONDS each (900)

.PHONY: $(FUZZ_TARGETS:%=fuzz-%)
$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: $(FUZZ_BUILD)/%_fuzz
	@mkdir -p $(FUZZ_BUILD)/found/$*
	@echo "== fuzz $*: $(FUZZ_SECONDS) s"
	@$< -max_total_time=$(FUZZ_SECONDS) $(FUZZ_OPTIONS) $(FUZZ_BUILD)/found/$* $(FUZZ_SEEDS)

# From the same seed: a suite fails for what was changed, not by chance.
.PHONY: fuzz-quick $(FUZZ_TARGETS:%=fuzz-quick-%)
fuzz-quick: $(FUZZ_TARGETS:%=fuzz-quick-%) ## a short run of each, from the same seed
	@echo "fuzz-quick: $(words $(FUZZ_TARGETS)) targets, no finding"
$(FUZZ_TARGETS:%=fuzz-quick-%): fuzz-quick-%: $(FUZZ_BUILD)/%_fuzz
	@rm -rf $(FUZZ_BUILD)/quick/$*
	@mkdir -p $(FUZZ_BUILD)/quick/$*
	@$< -seed=1 -runs=20000 -max_total_time=10 $(FUZZ_OPTIONS) $(FUZZ_BUILD)/quick/$* \
		$(FUZZ_SEEDS) >$(FUZZ_BUILD)/quick/$*.log 2>&1 || \
		{ cat $(FUZZ_BUILD)/quick/$*.log; exit 1; }
	@sed -n 's/^stat::number_of_executed_units: */== fuzz-quick $*: inputs tried: /p' \
		$(FUZZ_BUILD)/quick/$*.log

# The fewest that reach all code, however often it is passed: some dozens of a few bytes each.
.PHONY: fuzz-keep $(FUZZ_TARGETS:%=fuzz-keep-%)
fuzz-keep: $(FUZZ_TARGETS:%=fuzz-keep-%) ## of all that was found, what reaches new code into the corpus
$(FUZZ_TARGETS:%=fuzz-keep-%): fuzz-keep-%: $(FUZZ_BUILD)/%_fuzz
	@mkdir -p $(FUZZ_BUILD)/found/$*
	@$< -set_cover_merge=1 -use_counters=0 $(FUZZ_OPTIONS) tests/fuzz/corpus/$* \
		$(FUZZ_BUILD)/found/$*

$(FUZZ_BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_BUILD)/libaiwatch.a: $(FUZZ_OBJECTS)
	@rm -f $@
	@$(AR) rcs $@ $^

$(FUZZ_BUILD)/%_fuzz: tests/fuzz/%_fuzz.c $(FUZZ_BUILD)/libaiwatch.a
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined $(PKG_CFLAGS) \
		-o $@ $< $(FUZZ_BUILD)/libaiwatch.a $(PKG_LIBS)

-include $(FUZZ_OBJECTS:.o=.d)
