# gort - Go's concurrency for Lua 5.4. `make help` lists the targets.
# SPDX-License-Identifier: MIT

# ---- Settings ---------------------------------------------------------------
# Each configuration has its own objects in build/<config>/; build/gort is
# always the program of the configuration that was made last.
#
#   make                              release   -O2 -g, link-time optimisation
#   make DEBUG=1                      debug     -Og -g, internal checks
#   make SANITIZE=address,undefined   asan      -O1 -g, internal checks
#   make SANITIZE=thread              tsan      -O1 -g, internal checks

comma := ,
ifdef SANITIZE
  CONFIG := $(if $(findstring fuzzer,$(SANITIZE)),fuzz,$(if \
    $(findstring thread,$(SANITIZE)),tsan,$(if \
    $(findstring address,$(SANITIZE)),asan,$(subst $(comma),-,$(SANITIZE)))))
  CFLAGS ?= -O1 -g
  CHECKS := -DGORT_DEBUG=1 -fno-omit-frame-pointer \
    -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
else ifdef DEBUG
  CONFIG := debug
  CFLAGS ?= -Og -g
  CHECKS := -DGORT_DEBUG=1
else
  CONFIG := release
  CFLAGS ?= -O2 -g -flto=auto -ffat-lto-objects
  CHECKS :=
endif
O := build/$(CONFIG)

ifeq ($(origin CC),default)
  CC := gcc
endif
ifeq ($(origin AR),default)
  AR := ar
endif

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
DOCDIR ?= $(PREFIX)/share/doc/gort
# Annotations for the Lua language server.
LUALSDIR ?= $(PREFIX)/share/gort/luals
# Where a stock lua5.4 looks for C modules.
CMODDIR ?= $(PREFIX)/lib/lua/5.4
DESTDIR ?=

# Seconds that one test program or spec file may take, and how often
# `make stress` repeats.
TEST_TIMEOUT ?= 120
STRESS_TIMEOUT ?= 3600
GORT_STRESS_RUNS ?= 200

# $(call ask,NAME,COMMAND): the command's output, asked once and only when it is
# needed: `make test` runs where pkg-config is yet to be installed.
ask = $(eval $1 := $(shell $2))$($1)
LUA_CFLAGS = $(call ask,LUA_CFLAGS,pkg-config --cflags lua5.4)
LUA_LIBDIR = $(call ask,LUA_LIBDIR,pkg-config --variable=libdir lua5.4)
UV_CFLAGS = $(call ask,UV_CFLAGS,pkg-config --cflags libuv)
UV_LIBS = $(call ask,UV_LIBS,pkg-config --libs libuv)
EDIT_CFLAGS = $(call ask,EDIT_CFLAGS,pkg-config --cflags libedit)
EDIT_LIBS = $(call ask,EDIT_LIBS,pkg-config --libs libedit)
CMOCKA_CFLAGS = $(call ask,CMOCKA_CFLAGS,pkg-config --cflags cmocka)
CMOCKA_LIBS = $(call ask,CMOCKA_LIBS,pkg-config --libs cmocka)
VERSION = $(call ask,VERSION,sed -n \
  's/^.define  *GORT_VERSION_\(MAJOR\|MINOR\|PATCH\)  *//p' \
  runtime/include/gort.h | paste -sd. -)
NPROC = $(call ask,NPROC,nproc)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
LANGUAGE := -std=c11 -D_GNU_SOURCE -pthread -fvisibility=hidden -fPIC \
  -fno-semantic-interposition
INCLUDES := -Iruntime/include -Ibindings/include -Iruntime -Ibindings
COMPILE = $(CC) $(LANGUAGE) $(WARNINGS) $(CHECKS) $(CFLAGS) $(CPPFLAGS) \
  $(INCLUDES) $(UV_CFLAGS) -MMD -MP -c
LINK = $(CC) -pthread $(CHECKS) $(CFLAGS) $(LDFLAGS)

# Lua and libgort are linked statically and whole: the program exports every
# lua_* symbol, so that C modules made for a stock lua5.4 load (as Debian's
# lua5.4 does it), and what modules made for gort call.
WHOLE = -Wl,-E -Wl,--whole-archive $(LIB) $(PLACE) $(LUA_LIBDIR)/liblua5.4.a \
  -Wl,--no-whole-archive
LIBS = $(UV_LIBS) -lm -ldl

# The program's allocator: tasks allocate on every worker, and what one frees
# another made. Linking it is all it takes: it stands in for malloc. Sanitizers
# bring their own.
ALLOCATOR = $(if $(SANITIZE),,-Wl,--no-as-needed -lmimalloc -Wl,--as-needed)

# Sub-makes build on every core unless -j was given.
SUBMAKE = $(MAKE) $(if $(findstring -j,$(MAKEFLAGS)),,-j$(NPROC))
MAKEFLAGS += --no-print-directory

# ---- Files ------------------------------------------------------------------

RUNTIME_SRC := $(sort $(wildcard runtime/*/*.c))
CLI_SRC := $(sort $(wildcard bindings/cli/*.c))
STOCK_SRC := $(sort $(wildcard bindings/stock/*.c))
BINDINGS_SRC := $(filter-out $(CLI_SRC) $(STOCK_SRC),\
  $(sort $(wildcard bindings/*/*.c)))
TEST_SRC := $(sort $(wildcard tests/test_*.c))
STRESS_SRC := $(sort $(wildcard tests/stress/*.c))
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
MODULE_SRC := $(sort $(wildcard tests/modules/*.c))
SPECS := $(sort $(wildcard spec/*_spec.lua spec/*/*_spec.lua))
HEADERS := $(wildcard runtime/include/*.h bindings/include/*.h)
MANPAGES := $(wildcard bindings/cli/*.1)
COMPLETIONS := bindings/cli/completions
DOC := bindings/doc

LIB := $(O)/libgort.a
SOVERSION = $(firstword $(subst ., ,$(VERSION)))
SHARED := $(O)/libgort.so
STOCK := $(O)/stock/gort.so
STOCK_OBJ := $(STOCK_SRC:%.c=$(O)/%.o)
LIB_OBJ := $(RUNTIME_SRC:%.c=$(O)/%.o) $(BINDINGS_SRC:%.c=$(O)/%.o)
PLACE := $(O)/bindings/cli/place.o
CLI_OBJ := $(filter-out $(PLACE),$(CLI_SRC:%.c=$(O)/%.o))
SUPPORT_OBJ := $(SUPPORT_SRC:%.c=$(O)/%.o) $(O)/bindings/cli/tsan.o
TESTS := $(TEST_SRC:%.c=$(O)/%)
STRESS := $(STRESS_SRC:%.c=$(O)/%)
MODULES := $(MODULE_SRC:%.c=$(O)/%.so)
HOST_SRC := $(sort $(wildcard scripts/examples/embed/*.c tests/embed/*.c \
  scripts/examples/embed/*.cpp))
HOSTS := $(addprefix $(O)/,$(basename $(HOST_SRC)))
TEST_OBJ := $(TESTS:%=%.o) $(STRESS:%=%.o) $(SUPPORT_OBJ) $(MODULES:.so=.o)

C_DIRS = $(wildcard runtime bindings tests)
C_FILES = $(shell find $(C_DIRS) -name '*.[ch]' | sort)
C_SRC = $(RUNTIME_SRC) $(BINDINGS_SRC) $(STOCK_SRC) $(CLI_SRC) $(TEST_SRC) $(STRESS_SRC) \
  $(SUPPORT_SRC) $(MODULE_SRC)
# The same in every configuration: once will do.
MODELS := $(if $(SANITIZE),,tests/model/run.sh)
SHELL_FILES = .ci/run $(wildcard scripts/*/*.sh)
BASH_FILES = $(COMPLETIONS)/gort.bash

# ---- Rules: the program -----------------------------------------------------

.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all programs run bench test check spec models stress asan tsan fuzz fuzzers lint format \
  install install-module module uninstall dist clean help FORCE

all: build/gort $(LIB) $(SHARED) $(STOCK) ## build the program (build/gort) and the libraries

build/gort: $(O)/gort FORCE
	@[ "$$(readlink $@)" = $(CONFIG)/gort ] || ln -sfn $(CONFIG)/gort $@

$(O)/gort: $(CLI_OBJ) $(PLACE) $(LIB) $(O)/link-flags
	$(LINK) -o $@ $(CLI_OBJ) $(WHOLE) $(EDIT_LIBS) $(LIBS) $(ALLOCATOR)

$(LIB): $(LIB_OBJ) $(O)/objects
	@rm -f $@
	$(AR) rcs $@ $(LIB_OBJ)

# Hosts get Lua from its own library, as C modules that they load do.
$(SHARED): $(LIB_OBJ) $(O)/objects $(O)/link-flags
	$(LINK) -shared -Wl,-soname,libgort.so.$(SOVERSION) -Wl,-Bsymbolic \
	  -o $@.$(SOVERSION) $(LIB_OBJ) -llua5.4 $(LIBS)
	@ln -sf libgort.so.$(SOVERSION) $@

# The module for a stock lua5.4 has the Lua of the program that loads it.
$(STOCK): $(STOCK_OBJ) $(LIB) $(O)/link-flags
	@mkdir -p $(@D)
	$(LINK) -shared -Wl,-Bsymbolic -Wl,--exclude-libs,ALL -o $@ $(STOCK_OBJ) \
	  $(LIB) $(LIBS)

# runtime/ does without Lua: its sources are not shown where the headers are.
$(O)/runtime/%.o: runtime/%.c $(O)/flags
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $<

$(CLI_OBJ): private COMPILE += $(EDIT_CFLAGS)
$(PLACE): private COMPILE += -fno-lto

$(O)/bindings/%.o: bindings/%.c $(O)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(LUA_CFLAGS) -o $@ $<

# What a build depends on besides files: a change rewrites the stamp.
$(O)/flags: STAMP = $(COMPILE) $(LUA_CFLAGS)
$(O)/link-flags: STAMP = $(LINK) $(WHOLE) $(EDIT_LIBS) $(LIBS) $(ALLOCATOR) $(CLI_OBJ)
$(O)/objects: STAMP = $(LIB_OBJ)
$(O)/flags $(O)/link-flags $(O)/objects: FORCE
	@mkdir -p $(@D)
	@pkg-config --exists lua5.4 libuv libedit || { echo "gort needs gcc," \
	  "pkg-config, libuv, libedit and Lua 5.4: scripts/dev/setup.sh installs them" >&2; exit 1; }
	@echo '$(STAMP)' | cmp -s - $@ || echo '$(STAMP)' >$@

FORCE:

-include $(LIB_OBJ:.o=.d) $(STOCK_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(PLACE:.o=.d) $(TEST_OBJ:.o=.d)

run: ## install what is missing, build, count words in the system's licences
	@scripts/dev/setup.sh build
	@$(SUBMAKE) all
	build/gort scripts/examples/wordfreq.lua

# Options and names for scripts/bench/run.lua: make bench BENCH="spawn ring"
BENCH ?=

bench: ## the benchmarks, beside the same programs in Go and lua5.4
	@scripts/dev/setup.sh bench
	@$(SUBMAKE) all
	build/gort scripts/bench/run.lua $(BENCH)

# ---- Rules: tests -----------------------------------------------------------

RUN_TESTS = GORT=build/gort GORT_CONFIG=$(CONFIG) TEST_TIMEOUT=$(TEST_TIMEOUT) \
  scripts/dev/run_tests.sh
QUICK = env -u GORT_STRESS_RUNS

$(O)/tests/%.o: tests/%.c $(O)/flags
	@mkdir -p $(@D)
	$(COMPILE) -Itests $(LUA_CFLAGS) $(CMOCKA_CFLAGS) -o $@ $<

# Without link-time optimisation: it would be done anew for each.
$(TESTS) $(STRESS): $(O)/%: $(O)/%.o $(SUPPORT_OBJ) $(LIB) $(O)/link-flags
	$(LINK) -fno-lto -o $@ $< $(SUPPORT_OBJ) $(LIB) $(LUA_LIBDIR)/liblua5.4.a \
	  $(CMOCKA_LIBS) $(LIBS)

# Programs that embed gort see what is installed: two headers and libgort.so.
HOST_FLAGS = -Wall -Wextra -pthread $(CHECKS) -g -O1 -Iruntime/include \
  -Ibindings/include $(LUA_CFLAGS) $(UV_CFLAGS)
HOST_LINK = -L$(O) -lgort -llua5.4 $(UV_LIBS) -lm \
  -Wl,-rpath,$(abspath $(O)) -Wl,-rpath-link,$(O)

$(O)/%: %.c $(SHARED) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(HOST_FLAGS) -o $@ $< $(HOST_LINK)

$(O)/%: %.cpp $(SHARED) $(HEADERS)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(HOST_FLAGS) -o $@ $< $(HOST_LINK)

# C modules for specs to load: nothing of gort or Lua is linked.
$(O)/tests/modules/%.o: private COMPILE += -fPIC -fvisibility=default
$(O)/tests/modules/%.so: $(O)/tests/modules/%.o
	$(LINK) -shared -o $@ $<

programs: all $(TESTS) $(STRESS) $(MODULES) $(HOSTS)

test: ## install what is missing, build, run every test and spec
	@scripts/dev/setup.sh test
	@$(SUBMAKE) programs
	@$(QUICK) $(RUN_TESTS) $(TESTS) $(STRESS) $(SPECS) $(MODELS)

check: programs ## the C tests and the quick form of the stress tests
	@$(QUICK) $(RUN_TESTS) $(TESTS) $(STRESS)

spec: all $(MODULES) $(HOSTS) ## the Lua specs, in busted, run by gort
	@$(RUN_TESTS) $(SPECS)

models: ## the SPIN models of the lock-free parts
	@$(RUN_TESTS) tests/model/run.sh

stress: $(STRESS) ## the stress tests, GORT_STRESS_RUNS (200) times
	@GORT_STRESS_RUNS=$(GORT_STRESS_RUNS) V=1 $(RUN_TESTS) $(STRESS)
stress: TEST_TIMEOUT = $(STRESS_TIMEOUT)

asan: ## every test under AddressSanitizer (with leaks) and UBSan
	@$(MAKE) SANITIZE=address,undefined test

tsan: ## every test under ThreadSanitizer
	@$(MAKE) SANITIZE=thread test

# The fuzzers are made by clang, in a configuration of their own.
FUZZ_SECONDS ?= 20
FUZZ := $(O)/tests/fuzz/decoder

$(FUZZ): $(O)/%: $(O)/%.o $(LIB) $(O)/link-flags
	$(LINK) -fsanitize=fuzzer -o $@ $< $(LIB) $(LUA_LIBDIR)/liblua5.4.a $(LIBS)

fuzzers: $(FUZZ)

fuzz: ## the decoder against random bytes, FUZZ_SECONDS long
	@scripts/dev/setup.sh fuzz
	@$(MAKE) CC=clang SANITIZE=fuzzer-no-link,address fuzzers
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/dev/fuzz.sh \
	  build/fuzz/tests/fuzz/decoder

# ---- Rules: care ------------------------------------------------------------

TIDY_FLAGS = $(LANGUAGE) $(WARNINGS) -Wthread-safety -DGORT_DEBUG=1 \
  $(INCLUDES) -Itests $(UV_CFLAGS) $(LUA_CFLAGS) $(EDIT_CFLAGS) \
  $(CMOCKA_CFLAGS)

lint: ## cppcheck, clang-tidy, clang-format, luacheck, shellcheck
	@scripts/dev/setup.sh lint
	@! grep -rnE '# *include.*(lua|lauxlib|lualib|lgort)\.h' runtime || \
	  { echo "runtime/ must not include Lua"; exit 1; }
	shellcheck $(SHELL_FILES)
	shellcheck --shell=bash $(BASH_FILES)
	clang-format --dry-run -Werror $(C_FILES)
	luacheck --quiet $(wildcard scripts spec bindings)
	cppcheck --quiet -j $(NPROC) --std=c11 --library=posix --inline-suppr \
	  --enable=warning,performance,portability --error-exitcode=1 \
	  --suppressions-list=.cppcheck-suppressions -D_GNU_SOURCE -UGORT_DEBUG \
	  -U__clang__ $(INCLUDES) -Itests $(C_DIRS)
	@echo clang-tidy $(words $(C_SRC)) files
	@printf '%s\n' $(C_SRC) | xargs -r -n 1 -P $(NPROC) \
	  sh -c 'clang-tidy --quiet "$$0" -- $(TIDY_FLAGS) 2>/dev/null || \
	  { echo "clang-tidy: $$0"; exit 1; }'

format: ## lay out the C sources with clang-format
	clang-format -i $(C_FILES)

install: all ## install to $(DESTDIR)$(PREFIX)
	@$(if $(VERSION),,$(error no version in runtime/include/gort.h))
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(INCLUDEDIR) \
	  $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(MANDIR)/man1 \
	  $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(DOCDIR)/luals \
	  $(DESTDIR)$(LUALSDIR)/gort
	install -m 755 $(O)/gort $(DESTDIR)$(BINDIR)/gort
	install -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(LIB) $(DESTDIR)$(LIBDIR)
	install -m 644 $(MANPAGES) $(DESTDIR)$(MANDIR)/man1
	install -m 644 $(COMPLETIONS)/gort.bash $(DESTDIR)$(BASHDIR)/gort
	install -m 644 $(COMPLETIONS)/_gort $(DESTDIR)$(ZSHDIR)/_gort
	install -m 644 $(DOC)/*.md $(DESTDIR)$(DOCDIR)
	install -m 644 $(DOC)/luals/*.md $(DESTDIR)$(DOCDIR)/luals
	install -m 644 $(DOC)/luals/*.lua $(DESTDIR)$(LUALSDIR)
	install -m 644 $(DOC)/luals/gort/*.lua $(DESTDIR)$(LUALSDIR)/gort
	install -m 755 $(SHARED).$(SOVERSION) \
	  $(DESTDIR)$(LIBDIR)/libgort.so.$(VERSION)
	ln -sf libgort.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libgort.so.$(SOVERSION)
	ln -sf libgort.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libgort.so
	@printf '$(PC)' gort "Go's concurrency in C: tasks, channels, select" \
	  libuv >$(DESTDIR)$(LIBDIR)/pkgconfig/gort.pc
	@printf '$(PC)' lgort "Go's concurrency for Lua, inside a program" \
	  'gort lua5.4' >$(DESTDIR)$(LIBDIR)/pkgconfig/lgort.pc
	@$(MAKE) install-module

# Name, description, what it requires. Static linking needs Lua in any case.
PC = prefix=$(PREFIX)\nincludedir=$(INCLUDEDIR)\nlibdir=$(LIBDIR)\n\nName: \
%s\nDescription: %s\nVersion: $(VERSION)\nRequires: %s\nCflags: \
-I$${includedir}\nLibs: -L$${libdir} -lgort -pthread\nLibs.private: \
-llua5.4 -luv -lm -ldl\n

module: $(STOCK) ## the module for a stock lua5.4

install-module: $(STOCK)
	install -d $(DESTDIR)$(CMODDIR)
	install -m 755 $(STOCK) $(DESTDIR)$(CMODDIR)/gort.so

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/gort $(DESTDIR)$(LIBDIR)/libgort.a \
	  $(DESTDIR)$(BASHDIR)/gort $(DESTDIR)$(ZSHDIR)/_gort \
	  $(DESTDIR)$(LIBDIR)/libgort.so $(DESTDIR)$(LIBDIR)/libgort.so.* \
	  $(DESTDIR)$(LIBDIR)/pkgconfig/gort.pc \
	  $(DESTDIR)$(LIBDIR)/pkgconfig/lgort.pc $(DESTDIR)$(CMODDIR)/gort.so \
	  $(patsubst %,$(DESTDIR)$(INCLUDEDIR)/%,$(notdir $(HEADERS))) \
	  $(patsubst %,$(DESTDIR)$(MANDIR)/man1/%,$(notdir $(MANPAGES)))
	rm -rf $(DESTDIR)$(DOCDIR) $(DESTDIR)$(LUALSDIR)

dist: ## build/gort-<version>.tar.gz of the last commit
	@mkdir -p build
	git archive --prefix=gort-$(VERSION)/ -o build/gort-$(VERSION).tar.gz HEAD

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
	  awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo
	@echo "  SANITIZE=thread, SANITIZE=address,undefined or DEBUG=1 choose a"
	@echo "  build, for instance: make DEBUG=1 check"
