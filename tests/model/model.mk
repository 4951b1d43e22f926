# The random model test. MODEL holds options: MODEL="--seed 7 --seconds 60".
MODEL_OBJECTS := $(patsubst tests/model/%.c,$(BUILD)/tests/model/%.o,$(wildcard tests/model/*.c))

$(BUILD)/tests/model/%.o: tests/model/%.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# What calls.c lets fail.
MODEL_WRAPS := open64 open_by_handle_at name_to_handle_at statx statfs64 fstatfs64 read pread64 \
	       pwrite64 lseek64 close fcntl64 opendir readdir64 inotify_init1 inotify_add_watch \
	       memfd_create archive_file_open archive_file_read

$(BUILD)/model_test: $(MODEL_OBJECTS) $(LIBRARY)
	$(call Q,LD)$(CC) $(LDFLAGS) $(MODEL_WRAPS:%=-Wl,--wrap=%) -o $@ $^ $(LDLIBS) -larchive

.PHONY: test-model
test-model: $(BUILD)/model_test ## random histories of log files against a reference
	@$(BUILD)/model_test $(MODEL)

.PHONY: test-found
test-found: $(BUILD)/model_test ## the histories that found something, once each
	@while read -r history; do \
		$(BUILD)/model_test --history "$$history" >$(BUILD)/found.log || \
			{ echo "$$history"; cat $(BUILD)/found.log; exit 1; }; \
	done <tests/model/found.txt
	@echo "$$(grep -c . tests/model/found.txt) histories that found something, 0 failed"

-include $(MODEL_OBJECTS:.o=.d)

.PHONY: test-mutants
test-mutants: ## planted bugs of the tailer, each caught by the model
	@tests/model/mutants.sh $(BUILD)
