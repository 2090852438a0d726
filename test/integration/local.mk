# SPDX-License-Identifier: BSD-2-Clause
# Scenarios: the real daemon between scripted nodes and raw HTTP (test/tools/README.md).
SCENARIOS = test/integration/auto_observe.scn test/integration/bad_input.scn \
	test/integration/block-lenient.scn \
	test/integration/block_download.scn test/integration/block_loss.scn \
	test/integration/block_upload.scn test/integration/clock.scn \
	test/integration/cache.scn test/integration/cache_clock.scn \
	test/integration/cache_limits.scn test/integration/cache_shared.scn \
	test/integration/cache_waiters.scn test/integration/conditional.scn \
	test/integration/congestion.scn \
	test/integration/daemon.scn \
	test/integration/discovery.scn \
	test/integration/echo.scn \
	test/integration/error.scn \
	test/integration/events.scn \
	test/integration/http.scn \
	test/integration/leap.scn \
	test/integration/media.scn \
	test/integration/memory_limit.scn \
	test/integration/message.scn \
	test/integration/method.scn \
	test/integration/no_response.scn \
	test/integration/node_life.scn \
	test/integration/nodes.scn \
	test/integration/observe_config.scn \
	test/integration/observe.scn test/integration/observe_clock.scn \
	test/integration/observe_refresh.scn test/integration/observe_restart.scn \
	test/integration/option.scn \
	test/integration/parallel.scn \
	test/integration/prefer.scn \
	test/integration/resolver.scn \
	test/integration/security.scn \
	test/integration/self.scn \
	test/integration/state.scn \
	test/integration/sse.scn test/integration/sse_silence.scn test/integration/sse_slow.scn \
	test/integration/status.scn \
	test/integration/template.scn \
	test/integration/uri.scn
TESTS += $(SCENARIOS)
EXTRA_DIST += $(SCENARIOS) test/integration/memory.scn test/integration/sse_memory.scn
# The sanitizers bring an allocator of their own.
if !SANITIZERS
TESTS += test/integration/memory.scn test/integration/sse_memory.scn
endif

# A hundred thousand targets, and what stays in memory.
check_PROGRAMS += test/integration/cache_memory
test_integration_cache_memory_SOURCES = test/integration/cache_memory.c \
	test/integration/node_world.c test/integration/node_world.h \
	test/tools/bytes.c test/tools/bytes.h \
	test/tools/gateway_process.c test/tools/gateway_process.h \
	test/tools/http_client.c test/tools/http_client.h
test_integration_cache_memory_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test/tools
test_integration_cache_memory_LDADD =
if !SANITIZERS
TESTS += test/integration/cache_memory
endif

# A thousand uploads, and the peak of the daemon's memory (the sanitizers' own is no part of it).
check_PROGRAMS += test/integration/upload_storm
test_integration_upload_storm_SOURCES = test/integration/upload_storm.c \
	test/integration/node_world.c test/integration/node_world.h \
	test/tools/bytes.c test/tools/bytes.h \
	test/tools/gateway_process.c test/tools/gateway_process.h \
	test/tools/http_client.c test/tools/http_client.h
test_integration_upload_storm_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test/tools
test_integration_upload_storm_LDADD =
if !SANITIZERS
TESTS += test/integration/upload_storm
endif

# Ten thousand clients that subscribe, and what each costs.
check_PROGRAMS += test/integration/subscribers
test_integration_subscribers_SOURCES = test/integration/subscribers.c \
	test/integration/node_world.c test/integration/node_world.h \
	test/tools/body_reader.c test/tools/body_reader.h \
	test/tools/bytes.c test/tools/bytes.h \
	test/tools/event_stream.c test/tools/event_stream.h \
	test/tools/gateway_process.c test/tools/gateway_process.h \
	test/tools/http_client.c test/tools/http_client.h
test_integration_subscribers_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test/tools
test_integration_subscribers_LDADD =
if !SANITIZERS
TESTS += test/integration/subscribers
endif

# Nodes that forge, cut and fall silent by the thousand.
check_PROGRAMS += test/integration/hostile_nodes
test_integration_hostile_nodes_SOURCES = test/integration/hostile_nodes.c \
	test/integration/node_world.c test/integration/node_world.h \
	test/tools/bytes.c test/tools/bytes.h \
	test/tools/gateway_process.c test/tools/gateway_process.h \
	test/tools/http_client.c test/tools/http_client.h
test_integration_hostile_nodes_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test/tools
test_integration_hostile_nodes_LDADD =
TESTS += test/integration/hostile_nodes

# Real CoAP servers; one that is not installed is skipped.
PEERS = test/integration/zone.sh test/integration/vanish.sh test/integration/peer-demo-node.sh test/integration/peer-libcoap-notls.sh \
	test/integration/peer-libcoap-openssl.sh test/integration/peer-node-coap.sh \
	test/integration/peer-lossy-libcoap.sh test/integration/peer-lossy-node-coap.sh \
	test/integration/peer-large-libcoap.sh test/integration/peer-large-node-coap.sh
TESTS += $(PEERS)
EXTRA_DIST += $(PEERS) test/integration/peers.sh test/integration/lossy.sh test/integration/lossy-large.sh \
	test/integration/libcoap-server.sh \
	test/integration/node-coap-server.js

# It reads the logs of all other tests, so it runs behind them.
# Nor do all tests run with the sanitizers.
if !SANITIZERS
TESTS += test/integration/conformance.sh
endif
EXTRA_DIST += test/integration/conformance.sh doc/conformance test/data/conformance.tsv \
	test/data/conformance-exceptions.tsv
test/integration/conformance.log: $(filter-out test/integration/conformance.log,$(TEST_LOGS))
