# SPDX-License-Identifier: BSD-2-Clause
# What decided for a message layer of our own, to be looked at again with a later libcoap. Built and
# run by hand; nothing depends on it.
EXTRA_PROGRAMS += test/evidence/libcoap-facts
CLEANFILES += test/evidence/libcoap-facts
test_evidence_libcoap_facts_SOURCES = test/evidence/libcoap-facts.c test/evidence/stage.c \
	test/evidence/stage.h test/evidence/message_facts.c test/evidence/block_facts.c \
	test/evidence/scale_facts.c test/tools/coap_message.c test/tools/coap_message.h \
	test/tools/bytes.c test/tools/bytes.h test/tools/words.c test/tools/words.h \
	test/tools/expression.c test/tools/expression.h
test_evidence_libcoap_facts_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/test/tools
test_evidence_libcoap_facts_LDADD = $(LIBCOAP_LIBS)
EXTRA_DIST += doc/why/blockwise.md doc/why/many-streams.md doc/why/message-layer.md \
	doc/why/observe.md doc/why/streams.md
