# The store on a disk that fails: a part of the unit tests, with few points; test-power has 5,000.
$(BUILD)/tests/sqlite_fault: tests/fault/sqlite_test.c tests/fault/disk.c tests/fault/disk.h \
		$(LIBRARY) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) $(LIBRARY) $(LDLIBS) -lcmocka

TESTS += $(BUILD)/tests/sqlite_fault
test-unit: $(BUILD)/tests/sqlite_fault

.PHONY: test-power
test-power: $(BUILD)/tests/sqlite_fault ## the store at 5,000 losses of power
	AIWATCH_POINTS=5000 $(BUILD)/tests/sqlite_fault
