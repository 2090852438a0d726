# SPDX-License-Identifier: BSD-2-Clause
# Programs that the tests and the demo use; nothing here is part of the gateway.
EXTRA_DIST += test/tools/README.md
noinst_PROGRAMS += test/tools/demo-node
test_tools_demo_node_SOURCES = test/tools/demo-node.c
test_tools_demo_node_LDADD = $(LIBCOAP_LIBS)

check_PROGRAMS += test/tools/scenario
test_tools_scenario_SOURCES = test/tools/scenario.c test/tools/scenario.h \
	test/tools/script.c test/tools/script.h \
	test/tools/bytes.c test/tools/bytes.h test/tools/words.c test/tools/words.h \
	test/tools/expression.c test/tools/expression.h \
	test/tools/coap_message.c test/tools/coap_message.h \
	test/tools/gateway_process.c test/tools/gateway_process.h \
	test/tools/scripted_node.c test/tools/scripted_node.h \
	test/tools/http_client.c test/tools/http_client.h \
	test/tools/node_verbs.c test/tools/node_babble.c test/tools/node_expect.c \
	test/tools/body_reader.c test/tools/body_reader.h \
	test/tools/event_stream.c test/tools/event_stream.h \
	test/tools/client_stream.c test/tools/client_stream.h \
	test/tools/http_verbs.c test/tools/response_verbs.c test/tools/stream_verbs.c \
	test/tools/gateway_verbs.c
test_tools_scenario_LDADD = -lm

TESTS += test/tools/selftest.sh
EXTRA_DIST += test/tools/selftest.sh test/tools/mistaken.scn
TESTS += test/tools/verbs.scn
EXTRA_DIST += test/tools/verbs.scn

TEST_EXTENSIONS = .scn .sh
SH_LOG_COMPILER = $(SHELL)
SCN_LOG_COMPILER = $(top_builddir)/test/tools/scenario
AM_SCN_LOG_FLAGS = -g $(top_builddir)/coapgw -d test/tools

# Put before the C library's functions by LD_PRELOAD (relative to the build folder).
PRELOADS = test/tools/preload_resolver.so test/tools/preload_memory.so \
	test/tools/preload_clock.so
check_DATA = $(PRELOADS)
CLEANFILES += $(PRELOADS)
EXTRA_DIST += test/tools/preload_resolver.c test/tools/preload_memory.c \
	test/tools/preload_clock.c
test/tools/preload_resolver.so: test/tools/preload_resolver.c
	$(AM_V_CCLD)$(MKDIR_P) test/tools && $(CC) -std=c11 -D_GNU_SOURCE $(CFLAGS) -shared -fPIC \
		-o $@ $(srcdir)/test/tools/preload_resolver.c
test/tools/preload_memory.so: test/tools/preload_memory.c
	$(AM_V_CCLD)$(MKDIR_P) test/tools && $(CC) -std=c11 -D_GNU_SOURCE $(CFLAGS) -shared -fPIC \
		-o $@ $(srcdir)/test/tools/preload_memory.c
test/tools/preload_clock.so: test/tools/preload_clock.c
	$(AM_V_CCLD)$(MKDIR_P) test/tools && $(CC) -std=c11 -D_GNU_SOURCE $(CFLAGS) -shared -fPIC \
		-o $@ $(srcdir)/test/tools/preload_clock.c -ldl

# The fault proxy and its own test.
check_PROGRAMS += test/tools/udpfault test/tools/udpfault-test
test_tools_udpfault_SOURCES = test/tools/udpfault.c test/tools/fault_rules.c \
	test/tools/fault_rules.h test/tools/bytes.c test/tools/bytes.h
test_tools_udpfault_LDADD =
test_tools_udpfault_test_SOURCES = test/tools/udpfault-test.c test/tools/bytes.c \
	test/tools/bytes.h test/tools/gateway_process.c test/tools/gateway_process.h
test_tools_udpfault_test_LDADD =
TESTS += test/tools/udpfault.sh
EXTRA_DIST += test/tools/udpfault.sh

# The reader of server-sent events and its own test.
check_PROGRAMS += test/tools/sse-reader test/tools/sse-reader-test
test_tools_sse_reader_SOURCES = test/tools/sse-reader.c test/tools/event_stream.c test/tools/event_stream.h \
	test/tools/body_reader.c test/tools/body_reader.h \
	test/tools/http_client.c test/tools/http_client.h test/tools/gateway_process.c \
	test/tools/gateway_process.h test/tools/bytes.c test/tools/bytes.h
test_tools_sse_reader_LDADD =
test_tools_sse_reader_test_SOURCES = test/tools/sse-reader-test.c test/tools/bytes.c test/tools/bytes.h \
	test/tools/gateway_process.c test/tools/gateway_process.h
test_tools_sse_reader_test_LDADD =
TESTS += test/tools/sse-reader.sh
EXTRA_DIST += test/tools/sse-reader.sh
