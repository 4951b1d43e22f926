# aiwatch: `make help` lists the targets.

VERSION := 0.1.0
BUILD   ?= build
CC      ?= gcc
CFLAGS  ?= -O2 -g
PKGS    := libpcre2-8 yaml-0.1 sqlite3 libcurl libsystemd jansson libmicrohttpd libcrypto libssl \
	   libxxhash libarchive

# make SANITIZE=address,undefined BUILD=build/asan …
ifdef SANITIZE
SANITIZERS := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif

override CPPFLAGS += -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DAIWATCH_VERSION='"$(VERSION)"'
override CFLAGS   += -std=gnu17 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wwrite-strings -Wformat=2 -Wpointer-arith -Wundef \
	-fstack-protector-strong -pthread $(SANITIZERS) $(shell pkg-config --cflags $(PKGS))
override LDLIBS   += $(shell pkg-config --libs $(PKGS))
override LDFLAGS  += -pthread $(SANITIZERS)

SOURCES := $(sort $(wildcard config/*.c parsers/*.c daemon/*/*.c daemon/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/libaiwatch.a
MAIN    := $(BUILD)/daemon/main.o
TESTS   := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/*_test.c)))

.PHONY: all
all: $(BUILD)/aiwatch

$(BUILD)/aiwatch: $(MAIN) $(LIBRARY)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(filter-out $(MAIN),$(OBJECTS))
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) -lcmocka

.PHONY: test-unit
test-unit: $(TESTS)
	@for t in $(TESTS); do echo "== $$t"; $$t || exit 1; done

.PHONY: test-quick
test-quick: all test-unit

.PHONY: clean
clean:
	rm -rf build

-include $(OBJECTS:.o=.d) $(TESTS:%=%.d)
