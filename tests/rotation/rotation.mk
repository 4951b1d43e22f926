# The matrix of tests/rotation: rows × states of the program × forms of lines, against the real
# binary; and the same rows against the programs that people use today. ROTATION holds options of
# run.py: ROTATION="--rows A4,C1 --keep".
$(BUILD)/preload.so: tests/rotation/preload.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) -std=gnu17 -O2 -Wall -Wextra -Werror -fPIC -shared -o $@ $<

.PHONY: test-rotation
test-rotation: all $(BUILD)/preload.so ## every way in which log files behave, each line exactly once
	@BUILD=$(BUILD) AIWATCH=$(BUILD)/aiwatch PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 tests/rotation/run.py $(ROTATION)

.PHONY: compare-rotation
compare-rotation: ## the same against rsyslog, syslog-ng, SEC, mtail, fail2ban, monit
	@tests/rotation/fetch-peers.sh $(BUILD)/peers
	@BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 tests/rotation/run.py --peers $(ROTATION)
