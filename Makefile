# aiwatch: `make help` lists the targets.

VERSION := 0.1.0
BUILD   ?= build

# Where `make install` puts things; DESTDIR goes in front of each.
prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
datadir    ?= $(prefix)/share/aiwatch
mandir     ?= $(prefix)/share/man
unitdir    ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
sysconfdir ?= /etc

LINKED := libpcre2-8 yaml-0.1 sqlite3 libsystemd jansson nettle libxxhash zlib
LOADED := libcurl libmicrohttpd libarchive libssl # when first needed: daemon/base/library.h
PKGS   := $(LINKED) $(LOADED)
PYTHON ?= /usr/bin/python3
ifeq ($(origin CC),default)
CC := gcc
endif

# make SANITIZE=address,undefined BUILD=build/asan …
ifdef SANITIZE
CFLAGS     ?= -O1 -g
SANITIZERS := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
else
CFLAGS     ?= -O2 -g -D_FORTIFY_SOURCE=2
endif
HARDENING  := -fPIE -fstack-protector-strong -fstack-clash-protection
WARNINGS   := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	      -Wwrite-strings -Wformat=2 -Wpointer-arith -Wundef

# Asked for once, and only where something is compiled: pkg-config may not be there before.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $(shell pkg-config --libs $(LINKED)))$(PKG_LIBS)

override CPPFLAGS += -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DAIWATCH_VERSION='"$(VERSION)"'
override CFLAGS   += -std=gnu17 $(WARNINGS) $(HARDENING) -pthread $(SANITIZERS) $(PKG_CFLAGS)
override LDFLAGS  += -pie -Wl,-z,relro,-z,now -pthread $(SANITIZERS)
override LDLIBS   += $(PKG_LIBS)

SOURCES := $(sort $(wildcard config/*.c parsers/*.c daemon/*/*.c daemon/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/libaiwatch.a
MAIN    := $(BUILD)/daemon/main.o
TESTS   := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/*_test.c)))

MAKEFLAGS += --no-print-directory

# $(call Q,CC) says in a word what is made; V=1 shows each command whole.
Q = $(if $(V),,@printf '  %-3s %s\n' $(1) $@;)

.PHONY: all
all: $(BUILD)/aiwatch ## build build/aiwatch

$(BUILD)/aiwatch: $(MAIN) $(LIBRARY)
	$(call Q,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(filter-out $(MAIN),$(OBJECTS))
	@rm -f $@
	$(call Q,AR)$(AR) rcs $@ $^

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: tests/unit/%.c $(LIBRARY) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) -lcmocka \
		-Wl,--as-needed -lssl -lcrypto # of the servers that they start

# Changes, and with it everything is compiled again, when the compiler or a flag does.
$(BUILD)/flags: export FLAGS = $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LDLIBS)
$(BUILD)/flags: always
	@pkg-config --exists --print-errors $(PKGS) || { echo "make deps installs them" >&2; exit 1; }
	@mkdir -p $(@D)
	@printf '%s\n' "$$FLAGS" | cmp -s - $@ || printf '%s\n' "$$FLAGS" >$@

.PHONY: always
always:

# The shipped rules, the status page and the style of a scan's report are compiled in.
$(BUILD)/config/shipped.o: packaging/etc/rules.yml
$(BUILD)/daemon/web/page.o: daemon/web/page.html
$(BUILD)/daemon/scan_html.o: daemon/scan_html.css

.PHONY: demo
demo: ## build, and show the daemon at work on a made-up log
	@packaging/deps.sh build demo
	@$(MAKE) all
	@AIWATCH=$(BUILD)/aiwatch $(PYTHON) packaging/demo/demo

# The simplest first; pytest last, whose closing line tells the result.
.PHONY: test
test: ## everything that is tested, from nothing
	@packaging/deps.sh build test
	@$(MAKE) all
	@$(MAKE) test-unit
	@$(MAKE) test-survival
	@$(MAKE) asan
	@$(MAKE) tsan
	@$(MAKE) valgrind
	@$(MAKE) fuzz-quick
	@$(MAKE) test-packaging
	@$(MAKE) test-model
	@$(MAKE) test-rotation-sample
	@$(MAKE) test-system

.PHONY: test-quick
test-quick: all test-unit ## the build and the unit tests

.PHONY: test-unit
test-unit: $(TESTS) ## tests/unit, by cmocka
	@for t in $(TESTS); do echo "== $$t"; timeout 600 $(RUNNER) $$t || exit 1; done

.PHONY: test-system
test-system: all ## tests/system: the real binary against real servers, by pytest
	@tests/system/fetch-receivers.sh build/receivers
	@tests/system/fetch-axe.sh build/axe
	@AIWATCH=$(BUILD)/aiwatch PYTHONDONTWRITEBYTECODE=1 \
		$(PYTHON) -m pytest -p no:cacheprovider -q $(PYTEST_FLAGS) tests/system

.PHONY: asan
asan: export SLOWNESS = 3
asan: ## unit and system tests, built to watch addresses and undefined behaviour
	@$(MAKE) SANITIZE=address,undefined BUILD=$(BUILD)/asan test-unit
	@$(MAKE) SANITIZE=address,undefined BUILD=$(BUILD)/asan test-system

# The thread sanitizer of gcc 12 does not start where addresses are laid out too randomly.
.PHONY: tsan
tsan: export TSAN_OPTIONS = halt_on_error=1
tsan: export SLOWNESS = 5
tsan: ## unit and system tests, built to watch threads
	@$(CALM) $(MAKE) SANITIZE=thread BUILD=$(BUILD)/tsan test-unit
	@$(CALM) $(MAKE) SANITIZE=thread BUILD=$(BUILD)/tsan test-system
CALM = $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: valgrind
valgrind: export SLOWNESS = 20
valgrind: ## unit tests under valgrind
	@$(MAKE) test-unit RUNNER="valgrind -q --error-exitcode=9 --leak-check=full \
		--show-leak-kinds=definite --errors-for-leak-kinds=definite \
		--suppressions=tests/valgrind.supp"

.PHONY: lint
lint: ## format, house rules, cppcheck, clang-tidy, shellcheck
	@packaging/deps.sh build lint
	@$(MAKE) lint-format lint-house lint-headers lint-scripts lint-cppcheck lint-tidy
	@echo "lint: clean"

C_FILES := $(shell git ls-files '*.c' '*.h' 2>/dev/null)

.PHONY: lint-format
lint-format:
	@clang-format --dry-run -Werror $(C_FILES)

.PHONY: lint-house
lint-house:
	@$(PYTHON) tests/lint/includes.py $(C_FILES)
	@$(PYTHON) tests/lint/size.py $(C_FILES)

# Each header compiles alone.
.PHONY: lint-headers
lint-headers:
	@for h in $(filter %.h,$(C_FILES)); do \
		$(CC) $(CPPFLAGS) $(CFLAGS) -fsyntax-only -include $$h -x c /dev/null || exit 1; done

.PHONY: lint-scripts
lint-scripts:
	@shellcheck $$(git ls-files | xargs grep -lE '^#!/bin/(ba)?sh|^#!/usr/bin/env bash')
	@$(PYTHON) tests/lint/compiles.py $$(git ls-files '*.py' packaging/demo/demo)

.PHONY: lint-cppcheck
lint-cppcheck:
	@cppcheck -q -j2 --std=c11 --language=c --error-exitcode=1 --inline-suppr --library=posix \
		--enable=warning,performance,portability --suppressions-list=tests/lint/cppcheck.txt \
		--include=tests/lint/cppcheck.h \
		$(CPPFLAGS) $(SOURCES)

# err.c defines what tidy.h explains to the analyzer.
.PHONY: lint-tidy
lint-tidy:
	@clang-tidy --quiet daemon/base/err.c -- $(TIDY_FLAGS) 2>/dev/null
	@printf '%s\n' $(filter-out daemon/base/err.c,$(SOURCES)) | xargs -P2 -n4 sh -c \
		'clang-tidy --quiet "$$@" -- $(subst ','"'"',$(TIDY_FLAGS)) \
		-include tests/lint/tidy.h 2>/dev/null' clang-tidy
TIDY_FLAGS = $(CPPFLAGS) -std=gnu17 $(PKG_CFLAGS)

.PHONY: format
format: ## clang-format everything in place
	git ls-files '*.c' '*.h' | xargs clang-format -i

.PHONY: install
install: all ## install under prefix (/usr/local), DESTDIR in front
	install -D -m 755 $(BUILD)/aiwatch $(DESTDIR)$(bindir)/aiwatch
	install -D -m 644 packaging/etc/rules.yml $(DESTDIR)$(datadir)/rules.yml
	install -D -m 644 packaging/etc/aiwatch.yml $(DESTDIR)$(datadir)/aiwatch.yml
	test -e $(DESTDIR)$(sysconfdir)/aiwatch/aiwatch.yml || \
		install -D -m 644 packaging/etc/aiwatch.yml $(DESTDIR)$(sysconfdir)/aiwatch/aiwatch.yml
	install -d $(DESTDIR)$(unitdir) $(DESTDIR)$(sysusersdir)
	sed 's|/usr/bin/|$(bindir)/|' packaging/systemd/aiwatch.service \
		>$(DESTDIR)$(unitdir)/aiwatch.service
	install -m 644 packaging/systemd/aiwatch.sysusers $(DESTDIR)$(sysusersdir)/aiwatch.conf

.PHONY: deps test-deps
deps: ## install the packages that building needs
	@packaging/deps.sh build
test-deps: ## install those that testing, linting and the demo need
	@packaging/deps.sh build test lint demo

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(filter-out %.d,$(MAKEFILE_LIST)) | expand -t 19

define newline


endef

include packaging/packaging.mk
-include $(wildcard tests/*/*.mk)
-include $(OBJECTS:.o=.d) $(TESTS:%=%.d)
