# One scripted run, killed at every system call in turn; CRASH holds options of crash_test.py:
# CRASH="--random 10000" kills at random moments, "--sample 100" at some of the calls.
$(BUILD)/killer: tests/fault/killer.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<

.PHONY: test-crash
test-crash: all $(BUILD)/killer ## killed at every system call, and started again
	@AIWATCH=$(BUILD)/aiwatch KILLER=$(BUILD)/killer PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 tests/fault/crash_test.py $(CRASH)

.PHONY: test-crash-sample
test-crash-sample: ## the same, what of it can be done in four minutes
	@$(MAKE) test-crash CRASH="--seconds 240 --seed $(shell date +%j)"
