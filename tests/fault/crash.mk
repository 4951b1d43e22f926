# One scripted run, killed at every system call in turn, or failing there; CRASH holds options of
# crash_test.py: CRASH="--random 10000" kills at random moments, "--sample 100" at some of the calls.
$(BUILD)/tracer: tests/fault/tracer.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<

$(BUILD)/allocator.so: tests/fault/allocator.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) -std=gnu17 -O2 -Wall -Wextra -Werror -fPIC -shared -o $@ $<

CRASH_TEST = AIWATCH=$(BUILD)/aiwatch PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/fault/crash_test.py

.PHONY: test-crash
test-crash: all $(BUILD)/tracer ## killed at every system call, and started again
	@$(CRASH_TEST) $(CRASH)

.PHONY: test-fault
test-fault: all $(BUILD)/tracer $(BUILD)/allocator.so ## every system call and allocation failing once
	@$(CRASH_TEST) --fault EIO,ENOSPC,EMFILE,EACCES,ESTALE,EINTR,ENOMEM,short,memory $(CRASH)

# What make test has time for; losses of power are among the unit tests.
.PHONY: test-survival
test-survival: all $(BUILD)/tracer $(BUILD)/allocator.so $(BUILD)/model_test ## a part of these two, of random kills, of the model
	@$(MAKE) test-found
	@$(BUILD)/model_test --without during --seed 3000 --count 600
	@$(BUILD)/model_test --seed 100 --count 2 --each-call
	@$(CRASH_TEST) --fault all --sample 36 --random 300 --jobs 6
