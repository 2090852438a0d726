# SPDX-License-Identifier: BSD-2-Clause
# The simulation: the gateway below its sockets, among model nodes.
model_node = test/sim/dice.c test/sim/dice.h test/sim/memory.c test/sim/memory.h \
	test/sim/mid_map.c test/sim/mid_map.h \
	test/sim/model_node.c test/sim/model_node.h test/sim/model_private.h \
	test/sim/model_observe.c test/sim/model_resource.c test/sim/model_transfer.c test/sim/wire_message.c test/sim/wire_message.h
wrapped_memory = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=strdup,--wrap=strndup

check_PROGRAMS += test/sim/run
test_sim_run_SOURCES = test/sim/run.c $(model_node) \
	test/sim/client_monitor.c test/sim/client_reply.c test/sim/clients.c test/sim/event_queue.c test/sim/event_queue.h \
	test/sim/forger.c test/sim/tables/invariants.h test/sim/judge.c test/sim/judge.h \
	test/sim/name_service.c test/sim/network.c test/sim/nodes.c test/sim/policy_maker.c \
	test/sim/relation_watch.c test/sim/relation_watch.h \
	test/sim/scenario.c test/sim/scenario.h test/sim/scenario_streams.c test/sim/store_watch.c \
	test/sim/storm.c test/sim/subscriber_judge.c test/sim/subscribers.c test/sim/subscribers.h \
	test/tools/bytes.c test/tools/bytes.h test/tools/event_stream.c test/tools/event_stream.h \
	test/sim/wire_arrival.c \
	test/sim/wire_books.c test/sim/wire_books.h test/sim/wire_watch.c test/sim/world.c \
	test/sim/world.h
test_sim_run_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_sim_run_LDADD = $(GATEWAY_LIBS)
test_sim_run_LDFLAGS = $(AM_LDFLAGS) $(wrapped_memory)

TESTS += test/sim/simulation.sh
EXTRA_DIST += test/sim/simulation.sh

# Planted defects: one file is compiled anew and linked before the libraries (run-mutants).
mutant: $(test_sim_run_OBJECTS) $(test_sim_run_DEPENDENCIES)
	$(COMPILE) -w -iquote $(MUTANT_HOME) -c -o $(MUTANT_PROGRAM).o $(MUTANT_SOURCE)
	$(CCLD) $(AM_CFLAGS) $(CFLAGS) $(test_sim_run_LDFLAGS) $(LDFLAGS) -o $(MUTANT_PROGRAM) \
		$(test_sim_run_OBJECTS) $(MUTANT_PROGRAM).o $(test_sim_run_LDADD) $(LIBS)
.PHONY: mutant
EXTRA_DIST += test/sim/run-mutants test/sim/mutants

# The model node by itself, judged by CoAP clients of others.
check_PROGRAMS += test/sim/model-node-server
test_sim_model_node_server_SOURCES = test/sim/model-node-server.c $(model_node)
test_sim_model_node_server_LDADD = $(GATEWAY_LIBS)
test_sim_model_node_server_LDFLAGS = $(AM_LDFLAGS) $(wrapped_memory)
TESTS += test/sim/model-node-libcoap.sh test/sim/model-node-node-coap.sh
EXTRA_DIST += test/sim/model-node-libcoap.sh test/sim/model-node-node-coap.sh \
	test/sim/model-node-client.js
