# One scripted run, killed at every system call in turn; CRASH holds options of crash_test.py:
# CRASH="--sample 200 --seconds 280" is what a change is tested with, "--random 10000" kills by time.
$(BUILD)/killer: tests/fault/killer.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<

.PHONY: test-crash
test-crash: all $(BUILD)/killer ## killed at every system call, and started again
	@AIWATCH=$(BUILD)/aiwatch KILLER=$(BUILD)/killer PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 tests/fault/crash_test.py $(CRASH)

.PHONY: test-crash-sample
test-crash-sample: ## the same at some of them, in less than five minutes
	@$(MAKE) test-crash CRASH="--sample 200 --seconds 240 --seed $(shell date +%j)"
