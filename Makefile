# rtprop: real-time chat, property updates and auctions inside nginx.
# "make help" lists the targets; nothing but make and apt is taken for granted.

SHELL := /bin/bash
.DEFAULT_GOAL := module

# Settings, each may be given on the command line.

BUILD    ?= build
PORT     ?= 8080
NGINX_SRC  ?=
SANITIZE ?=
JOBS     ?= $(shell nproc)
FUZZ_SECONDS ?= 60
MINUTES  ?= 10
SEED     ?= $(shell date +%s)
SCENARIOS ?=
DESTDIR  ?=
CONNINFO ?=
NGX_FLAGS ?= --with-http_ssl_module --with-http_v2_module \
             --with-http_auth_request_module --with-http_realip_module \
             --with-http_stub_status_module --with-threads --with-debug

ifeq ($(origin CC),default)
CC := gcc
endif

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wno-unused-parameter -Werror
SAN     := -fsanitize=address,undefined -fno-omit-frame-pointer

# Of a sanitized nginx each piece of a pool is an allocation of its own, so that
# the sanitizer sees where it ends.

ifeq ($(SANITIZE),)
CC_OPT  := $(CFLAGS) $(WARN) -fPIC -fstack-protector-strong
LD_OPT  := -Wl,-z,relro -Wl,-z,now
else
CC_OPT  := $(CFLAGS) $(WARN) -fPIC $(SAN) -DNGX_DEBUG_PALLOC=1
LD_OPT  := $(SAN)
endif

OUT     := $(abspath $(BUILD))
OBJ     := $(OUT)/obj
LOAD    := $(OUT)/rtprop-load
MODULE  := $(OUT)/ngx_rtprop_module.so
QUIET   := $(if $(V),,-s)

# Debian's nginx-dev is configured where it lies (it writes nothing there); a
# tree of NGINX_SRC is copied first, since configuring writes into it.

ifeq ($(NGINX_SRC),)
SRCDIR  := /usr/share/nginx/src
BINARY  := /usr/sbin/nginx
else
SRCDIR  := $(OUT)/nginx-src
BINARY  := $(OBJ)/nginx
endif

NGINX   := $(if $(SANITIZE),$(OUT)/nginx,$(BINARY))

CC_PKG  := $(firstword $(CC)):$(if $(findstring clang,$(CC)),clang,gcc)
ifneq ($(findstring clang,$(CC)),)
SAN_PKG := libclang-rt-14-dev
endif
PKGS    := $(CC_PKG) libc6-dev libjansson-dev libhiredis-dev libpq-dev \
           libssl-dev libpcre2-dev zlib1g-dev $(if $(NGINX_SRC),,nginx nginx-dev)
UNIT_PKGS := $(CC_PKG) $(SAN_PKG) libc6-dev libjansson-dev libssl-dev \
           libpcre2-dev zlib1g-dev perl
TEST_PKGS := perl libio-socket-ssl-perl openssl:openssl clang:clang gcc:gcc \
           chromium:chromium node:nodejs npm:npm promtool:prometheus \
           redis-server:redis-server \
           postgresql:postgresql ip:iproute2 unshare:util-linux
CLUSTER_PKGS := redis-server:redis-server postgresql setpriv:util-linux

LINT_PKGS := perl cppcheck clang-tidy:clang-tidy
FUZZ_PKGS := clang:clang libclang-rt-14-dev perl $(PKGS)

UNIT    := $(patsubst t/unit/%.c,$(OUT)/unit/%,$(wildcard t/unit/test_*.c))
FUZZ    := $(patsubst t/fuzz/fuzz_%.c,$(OUT)/fuzz/%,$(wildcard t/fuzz/fuzz_*.c))

REPORTS := $(OUT)/reports
UNIT_FLAGS ?= $(SAN) -fno-sanitize-recover=all

export RTPROP_MODULE := $(MODULE)
export RTPROP_NGINX := $(NGINX)
export RTPROP_TOP := $(CURDIR)
export NGINX_SRC


module: need-build $(MODULE)  ## build build/ngx_rtprop_module.so (default)

run: module  ## build, start nginx with the demo page, print its address
	@tools/demo.sh start $(OUT)/run $(PORT)

run-cluster: module  ## two nginx, a Redis and a PostgreSQL: the demo on both
	@tools/need.sh $(CLUSTER_PKGS)
	@tools/cluster.sh start $(OUT)/cluster $(PORT)

stop:  ## stop what "make run" and "make run-cluster" started
	@if [ -d $(OUT)/run ] || [ ! -d $(OUT)/cluster ]; then \
	    tools/demo.sh stop $(OUT)/run; \
	fi
	@if [ -d $(OUT)/cluster ]; then tools/cluster.sh stop $(OUT)/cluster; fi

test:  ## build, then all tests: unit, style, fuzz, client, nginx, hard, browser
	@tools/need.sh $(PKGS) $(UNIT_PKGS) $(FUZZ_PKGS) $(TEST_PKGS) $(LINT_PKGS)
	@t/run module unit style lint fuzz client nginx hard browser

test-store: module  ## the features' tests, each with a PostgreSQL database
	@tools/need.sh $(PKGS) $(TEST_PKGS)
	@t/run store

test-redis: module  ## the tests of all features once more, on Redis
	@tools/need.sh $(PKGS) $(TEST_PKGS)
	@RTPROP_TEST_ENGINE=redis t/run features

unit:  ## only the unit tests of pure files, under sanitizers
	@tools/need.sh $(UNIT_PKGS)
	@t/run unit

asan:  ## all tests on an nginx with address and undefined sanitizers
	@tools/need.sh $(PKGS) $(UNIT_PKGS) $(TEST_PKGS)
	@$(MAKE) -s --no-print-directory BUILD='$(BUILD)/asan' SANITIZE=1 \
	    CC=gcc sanitized

sanitized: $(NGINX)
	@t/sanitize/env $(REPORTS) t/run module unit client nginx hard browser

valgrind:  ## unit tests, and an nginx in use, under valgrind's memcheck
	@tools/need.sh $(PKGS) $(UNIT_PKGS) perl valgrind
	@$(MAKE) -s --no-print-directory BUILD='$(BUILD)/valgrind' \
	    UNIT_FLAGS=-DRUNS=100 CC=gcc memcheck

memcheck: module $(OUT)/nginx-memcheck
	@t/sanitize/valgrind $(REPORTS) $(OUT)/nginx-memcheck t/run memcheck

conformance: module  ## all WebSocket cases with all 1,000 messages (long)
	@tools/need.sh $(PKGS) $(TEST_PKGS)
	@RTPROP_MESSAGES=1000 prove -It/lib t/ws/conformance.t \
	    t/ws/deflate_cases.t

hard: module load  ## hardness with full numbers: floods, kills, reloads (long)
	@tools/need.sh $(PKGS) $(TEST_PKGS)
	@RTPROP_HARD=1 RTPROP_JOBS=1 t/run hard

style:  ## only the checks of how the sources are written
	@tools/need.sh $(PKGS) $(LINT_PKGS)
	@t/run module style lint

bench: module load  ## measure rtprop with the load tool (two minutes)
	@perl -It/lib t/load/bench.pl $(LOAD) $(SCENARIOS)

load: $(LOAD)  ## build build/rtprop-load, the load tool

fuzz:  ## each fuzz target over its seeds, then for FUZZ_SECONDS
	@tools/need.sh $(FUZZ_PKGS)
	@$(MAKE) -s --no-print-directory fuzz-programs
	@FUZZ_SECONDS=$(FUZZ_SECONDS) perl t/fuzz/fuzz.t

chaos: module  ## kill, cut and reload under load for MINUTES of each run
	@tools/need.sh $(PKGS) $(TEST_PKGS)
	@CHAOS_SECONDS=$$(( $(MINUTES) * 60 )) CHAOS_SEED=$(SEED) \
	    prove -It/lib -v t/chaos

migrate:  ## apply sql/ to the database of CONNINFO, by psql
	@tools/need.sh psql:postgresql-client
	@tools/migrate.sh '$(CONNINFO)'

deb:  ## build the Debian package into build/, as an ordinary user
	@tools/deb.sh '$(OUT)' '$(JOBS)'

deb-test:  ## build, check, install, use and purge the package (as root)
	@tools/need.sh $(PKGS) lintian perl
	@t/run deb

install: module  ## install the module and its load_module line (as root)
	@tools/install.sh $(MODULE) $(DESTDIR)

clean: stop  ## remove all that was built
	@rm -rf $(BUILD) t/artifacts
	@echo "removed $(BUILD)"

help:  ## show this list
	@echo "make TARGET [SETTING=…]"
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  \1\t\2/p' Makefile | expand -t 14
	@echo "settings:"
	@echo "  CC=gcc|clang      compiler"
	@echo "  NGINX_SRC=DIR       build against this nginx source tree (and build"
	@echo "                    that nginx for the tests), not Debian's nginx"
	@echo "  SANITIZE=1        with address and undefined sanitizers (make asan)"
	@echo "  SCENARIOS='fan echo8'  only these of \"make bench\""
	@echo "  FUZZ_SECONDS=60   of each target of \"make fuzz\""
	@echo "  MINUTES=10        of each run of \"make chaos\"; SEED=n repeats one"
	@echo "  CONNINFO='host=db dbname=site'  of \"make migrate\""
	@echo "  PORT=8080         of the demo page; the next free one if taken"
	@echo "  BUILD=build       where everything is written"
	@echo "  V=1               show the compiler's command lines"


# What the configuration depends on: settings and the list of files.  The file
# changes only when they do, and only then nginx's configure runs again.

$(OUT)/inputs: FORCE
	@mkdir -p $(OUT)
	@{ printf '%s\n' '$(CC)' '$(CC_OPT)' '$(LD_OPT)' '$(NGINX_SRC)' \
	       '$(if $(NGINX_SRC),$(NGX_FLAGS))'; \
	   find . -maxdepth 1 -name '*.c'; \
	   find src -name '*.[ch]' -o -name config | LC_ALL=C sort; \
	   cat sql/[0-9]*.sql; \
	 } > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(OBJ)/Makefile: $(OUT)/inputs config $(wildcard src/*/*/config \
                     src/engine/redis/scripts/*.lua)
	@echo "configuring ($(CC), $(if $(NGINX_SRC),$(NGINX_SRC),Debian's nginx))"
	@tools/configure.sh '$(SRCDIR)' '$(OBJ)' '$(NGINX_SRC)' '$(NGX_FLAGS)' \
	    --with-cc='$(CC)' --with-cc-opt='$(CC_OPT)' \
	    --with-ld-opt='$(LD_OPT)'

# nginx's own Makefile knows which objects are out of date

$(MODULE): $(OBJ)/Makefile FORCE
	@+cd $(SRCDIR) && $(MAKE) $(QUIET) $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS)) \
	    -f $(OBJ)/Makefile modules $(if $(NGINX_SRC),binary)
	@if ! cmp -s $(OBJ)/ngx_rtprop_module.so $@; then \
	    cp $(OBJ)/ngx_rtprop_module.so $@.new && mv $@.new $@ && \
	    echo "built $(BUILD)/ngx_rtprop_module.so"; fi

$(OUT)/nginx: $(OUT)/leaks.so t/sanitize/nginx.in
	@sed -e "s|@ASAN@|$$($(CC) -print-file-name=libasan.so)|" \
	    -e 's|@LEAKS@|$<|; s|@NGINX@|$(BINARY)|' t/sanitize/nginx.in > $@.new
	@chmod 755 $@.new && mv $@.new $@

# leaks of an nginx are for "make asan"

$(OUT)/nginx-memcheck:
	@mkdir -p $(OUT)
	@printf '#!/bin/sh\nexec $$RTPROP_VALGRIND --leak-check=no %s "$$@"\n' $(BINARY) > $@.new
	@chmod 755 $@.new && mv $@.new $@

$(OUT)/leaks.so: t/sanitize/leaks.c
	@mkdir -p $(OUT)
	@$(CC) -O1 -g $(WARN) -fPIC -shared -o $@ $<

$(OUT)/unit/%: t/unit/%.c
	@mkdir -p $(OUT)/unit
	@echo "compiling $<"
	@$(CC) -O1 -g $(WARN) $(UNIT_FLAGS) -MMD -MP -Isrc -I. -It/unit \
	    -o $@ $< -ljansson -lcrypto -lz -lpcre2-8 -lm

unit-programs: $(UNIT)

# The fuzz targets take clang's libFuzzer; one of them reads nginx's headers.

$(OUT)/fuzz/%: t/fuzz/fuzz_%.c | $(OUT)/fuzz/fuzz_fields.h $(OBJ)/Makefile
	@echo "compiling $<"
	@clang -O1 -g $(WARN) -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=all -MMD -MP -Isrc -I. -I$(OUT)/fuzz \
	    $(patsubst %,-I$(SRCDIR)/src/%,core event event/modules os/unix http \
	        http/modules http/v2) -I$(OBJ) \
	    -o $@ $< -ljansson -lhiredis -lcrypto -lz -lpcre2-8 -lm

$(OUT)/fuzz/fuzz_fields.h: t/fuzz/fields.pl $(shell find src -name '*.[ch]')
	@mkdir -p $(OUT)/fuzz
	@perl -It/lib t/fuzz/fields.pl > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

fuzz-programs: $(FUZZ)

$(LOAD): $(wildcard t/load/*.[ch])
	@mkdir -p $(OUT)
	@$(CC) -O2 -g -D_GNU_SOURCE $(WARN) -It/load -o $@ $(filter %.c,$^) -lssl -lcrypto -lz \
	    -lm
	@echo "built $(BUILD)/rtprop-load"

-include $(wildcard $(OUT)/unit/*.d $(OUT)/fuzz/*.d)

need-build:
	@tools/need.sh $(PKGS)

FORCE:

.PHONY: module run stop test test-store test-redis unit asan sanitized \
        valgrind memcheck \
        conformance bench hard load style fuzz migrate deb deb-test install \
        clean help unit-programs fuzz-programs need-build \
        FORCE
