# SPDX-License-Identifier: BSD-2-Clause
# Programs that the tests and the demo use; nothing here is part of the gateway.
noinst_PROGRAMS += test/tools/demo-node
test_tools_demo_node_SOURCES = test/tools/demo-node.c
test_tools_demo_node_LDADD = $(LIBCOAP_LIBS)
