# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets: `make check` replays their corpora and saved crashes; `scripts/nightly fuzz` builds
# them with libFuzzer (test/fuzz/README.md).
FUZZ_REPLAYS = test/fuzz/replay_cache \
	test/fuzz/replay_config \
	test/fuzz/replay_events \
	test/fuzz/replay_fields \
	test/fuzz/replay_guard \
	test/fuzz/replay_link \
	test/fuzz/replay_mapping \
	test/fuzz/replay_media \
	test/fuzz/replay_pdu \
	test/fuzz/replay_problem \
	test/fuzz/replay_response \
	test/fuzz/replay_sse \
	test/fuzz/replay_template \
	test/fuzz/replay_uri
check_PROGRAMS += $(FUZZ_REPLAYS)
TESTS += $(FUZZ_REPLAYS)
FUZZ_TARGETS = test/fuzz/fuzz_cache \
	test/fuzz/fuzz_config \
	test/fuzz/fuzz_events \
	test/fuzz/fuzz_fields \
	test/fuzz/fuzz_guard \
	test/fuzz/fuzz_link \
	test/fuzz/fuzz_mapping \
	test/fuzz/fuzz_media \
	test/fuzz/fuzz_pdu \
	test/fuzz/fuzz_problem \
	test/fuzz/fuzz_response \
	test/fuzz/fuzz_sse \
	test/fuzz/fuzz_template \
	test/fuzz/fuzz_uri
EXTRA_PROGRAMS += $(FUZZ_TARGETS)
CLEANFILES += $(FUZZ_TARGETS)
EXTRA_DIST += test/fuzz/README.md test/fuzz/corpus test/fuzz/crashes test/fuzz/words
fuzz_common = test/fuzz/fuzz.c test/fuzz/fuzz.h
replay_ldflags = $(AM_LDFLAGS) -Wl,--wrap=json_loadb
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer

test_fuzz_replay_cache_SOURCES = test/fuzz/fuzz_cache.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_cache_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_cache_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_cache_SOURCES = test/fuzz/fuzz_cache.c $(fuzz_common)
test_fuzz_fuzz_cache_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_cache_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_config_SOURCES = test/fuzz/fuzz_config.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_config_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_config_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_config_SOURCES = test/fuzz/fuzz_config.c $(fuzz_common)
test_fuzz_fuzz_config_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_config_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_events_SOURCES = test/fuzz/fuzz_events.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_events_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_fuzz_replay_events_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_events_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_events_SOURCES = test/fuzz/fuzz_events.c $(fuzz_common)
test_fuzz_fuzz_events_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_fuzz_fuzz_events_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_events_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_fields_SOURCES = test/fuzz/fuzz_fields.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_fields_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_fields_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_fields_SOURCES = test/fuzz/fuzz_fields.c $(fuzz_common)
test_fuzz_fuzz_fields_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_fields_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_guard_SOURCES = test/fuzz/fuzz_guard.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_guard_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_guard_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_guard_SOURCES = test/fuzz/fuzz_guard.c $(fuzz_common)
test_fuzz_fuzz_guard_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_guard_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_link_SOURCES = test/fuzz/fuzz_link.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_link_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_link_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_link_SOURCES = test/fuzz/fuzz_link.c $(fuzz_common)
test_fuzz_fuzz_link_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_link_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_mapping_SOURCES = test/fuzz/fuzz_mapping.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_mapping_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_mapping_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_mapping_SOURCES = test/fuzz/fuzz_mapping.c $(fuzz_common)
test_fuzz_fuzz_mapping_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_mapping_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_media_SOURCES = test/fuzz/fuzz_media.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_media_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_media_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_media_SOURCES = test/fuzz/fuzz_media.c $(fuzz_common)
test_fuzz_fuzz_media_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_media_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_pdu_SOURCES = test/fuzz/fuzz_pdu.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_pdu_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_pdu_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_pdu_SOURCES = test/fuzz/fuzz_pdu.c $(fuzz_common)
test_fuzz_fuzz_pdu_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_pdu_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_problem_SOURCES = test/fuzz/fuzz_problem.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_problem_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_problem_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_problem_SOURCES = test/fuzz/fuzz_problem.c $(fuzz_common)
test_fuzz_fuzz_problem_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_problem_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_response_SOURCES = test/fuzz/fuzz_response.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_response_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_response_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_response_SOURCES = test/fuzz/fuzz_response.c $(fuzz_common)
test_fuzz_fuzz_response_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_response_LDFLAGS = $(fuzz_ldflags)

# with the parser that judges what is written
event_stream = test/tools/event_stream.c test/tools/event_stream.h test/tools/bytes.c \
	test/tools/bytes.h
test_fuzz_replay_sse_SOURCES = test/fuzz/fuzz_sse.c test/fuzz/replay.c $(fuzz_common) \
	$(event_stream)
test_fuzz_replay_sse_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test/tools
test_fuzz_replay_sse_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_sse_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_sse_SOURCES = test/fuzz/fuzz_sse.c $(fuzz_common) $(event_stream)
test_fuzz_fuzz_sse_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test/tools
test_fuzz_fuzz_sse_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_sse_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_template_SOURCES = test/fuzz/fuzz_template.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_template_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_template_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_template_SOURCES = test/fuzz/fuzz_template.c $(fuzz_common)
test_fuzz_fuzz_template_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_template_LDFLAGS = $(fuzz_ldflags)

test_fuzz_replay_uri_SOURCES = test/fuzz/fuzz_uri.c test/fuzz/replay.c $(fuzz_common)
test_fuzz_replay_uri_LDADD = $(GATEWAY_LIBS)
test_fuzz_replay_uri_LDFLAGS = $(replay_ldflags)
test_fuzz_fuzz_uri_SOURCES = test/fuzz/fuzz_uri.c $(fuzz_common)
test_fuzz_fuzz_uri_LDADD = $(GATEWAY_LIBS)
test_fuzz_fuzz_uri_LDFLAGS = $(fuzz_ldflags)
