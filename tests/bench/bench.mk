# The benchmark: every figure beside a peer's of the same run. BENCH holds options of run.py:
# BENCH="--rows scan,latency --rounds 3".
BENCH_TOOLS := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))

$(BENCH_TOOLS): $(BUILD)/bench/%: tests/bench/%.c $(LIBRARY) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) -Wl,--as-needed $(LDLIBS)

.PHONY: bench
bench: ## speed and memory, each beside a peer's; writes build/bench/results.*
	@packaging/deps.sh build demo
	@$(MAKE) all $(BENCH_TOOLS)
	@tests/rotation/fetch-peers.sh $(BUILD)/peers
	@BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/bench/run.py $(BENCH)
