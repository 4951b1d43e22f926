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

# A part of it for every change: each row in one state of the program and one form of lines.
.PHONY: test-rotation-sample
test-rotation-sample: all $(BUILD)/preload.so ## one cell of each row of it: a minute or two
	@BUILD=$(BUILD) AIWATCH=$(BUILD)/aiwatch PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 tests/rotation/run.py --sample 0 $(ROTATION)

.PHONY: compare-rotation
compare-rotation: all $(BUILD)/preload.so ## the same beside rsyslog, syslog-ng, SEC, mtail, fail2ban, monit
	@tests/rotation/fetch-peers.sh $(BUILD)/peers
	@BUILD=$(BUILD) AIWATCH=$(BUILD)/aiwatch PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 tests/rotation/run.py --peers $(ROTATION)
