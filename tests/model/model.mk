# The random model test. MODEL holds options: MODEL="--seed 7 --seconds 60".
MODEL_OBJECTS := $(patsubst tests/model/%.c,$(BUILD)/tests/model/%.o,$(wildcard tests/model/*.c))

$(BUILD)/tests/model/%.o: tests/model/%.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/model_test: $(MODEL_OBJECTS) $(LIBRARY)
	$(call Q,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -larchive

.PHONY: test-model
test-model: $(BUILD)/model_test ## random histories of log files against a reference
	@$(BUILD)/model_test $(MODEL)

-include $(MODEL_OBJECTS:.o=.d)

.PHONY: test-mutants
test-mutants: ## planted bugs of the tailer, each caught by the model
	@tests/model/mutants.sh $(BUILD)
