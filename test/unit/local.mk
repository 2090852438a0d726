# SPDX-License-Identifier: BSD-2-Clause
EXTRA_DIST += test/unit/proves.h
EXTRA_DIST += test/data/media_type/content.txt test/data/media_type/accept.txt
UNIT_LIBS = $(GATEWAY_LIBS) $(CHECK_LIBS)
if HAVE_CHECK
# base
base_tests = test/unit/test_buffer test/unit/test_endpoint_address test/unit/test_id_table test/unit/test_log \
	test/unit/test_memory_account \
	test/unit/test_random_source test/unit/test_text test/unit/test_timers
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)
test_unit_test_endpoint_address_LDADD = $(UNIT_LIBS)
test_unit_test_log_LDADD = $(UNIT_LIBS)
test_unit_test_memory_account_LDADD = $(UNIT_LIBS)
test_unit_test_random_source_LDADD = $(UNIT_LIBS)
test_unit_test_id_table_LDADD = $(UNIT_LIBS)
test_unit_test_buffer_LDADD = $(UNIT_LIBS)
test_unit_test_text_LDADD = $(UNIT_LIBS)
test_unit_test_timers_LDADD = $(UNIT_LIBS)

# net
net_tests = test/unit/test_channel_udp test/unit/test_resolver_thread
check_PROGRAMS += $(net_tests)
TESTS += $(net_tests)
test_unit_test_channel_udp_LDADD = $(UNIT_LIBS)
test_unit_test_resolver_thread_LDADD = $(UNIT_LIBS)

# loop
loop_tests = test/unit/test_loop test/unit/test_helper_thread
check_PROGRAMS += $(loop_tests)
TESTS += $(loop_tests)
test_unit_test_loop_LDADD = $(UNIT_LIBS)
test_unit_test_helper_thread_LDADD = $(UNIT_LIBS)

# coap
coap_tests = test/unit/test_pdu test/unit/test_message_layer test/unit/test_endpoint \
	test/unit/test_congestion test/unit/test_request_layer test/unit/test_request_times test/unit/test_request_life \
	test/unit/test_probing
check_PROGRAMS += $(coap_tests)
TESTS += $(coap_tests)
test_unit_test_pdu_LDADD = $(UNIT_LIBS)
message_fixture = test/unit/message_fixture.c test/unit/message_fixture.h test/unit/fakes.c \
	test/unit/fakes.h
test_unit_test_message_layer_SOURCES = test/unit/test_message_layer.c $(message_fixture)
test_unit_test_endpoint_SOURCES = test/unit/test_endpoint.c $(message_fixture)
test_unit_test_endpoint_LDADD = $(UNIT_LIBS)
test_unit_test_congestion_SOURCES = test/unit/test_congestion.c $(message_fixture)
test_unit_test_congestion_LDADD = $(UNIT_LIBS)
request_fixture = test/unit/request_fixture.c test/unit/request_fixture.h test/unit/fakes.c \
	test/unit/fakes.h
test_unit_test_request_layer_SOURCES = test/unit/test_request_layer.c $(request_fixture)
test_unit_test_request_layer_LDADD = $(UNIT_LIBS)
test_unit_test_request_times_SOURCES = test/unit/test_request_times.c $(request_fixture)
test_unit_test_request_times_LDADD = $(UNIT_LIBS)
test_unit_test_probing_SOURCES = test/unit/test_probing.c $(request_fixture)
test_unit_test_probing_LDADD = $(UNIT_LIBS)
test_unit_test_request_life_SOURCES = test/unit/test_request_life.c $(request_fixture)
test_unit_test_request_life_LDADD = $(UNIT_LIBS)
test_unit_test_request_life_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
test_unit_test_message_layer_LDADD = $(UNIT_LIBS)

# transfer in blocks
block_tests = test/unit/test_block_option test/unit/test_blockwise_download \
	test/unit/test_blockwise_upload test/unit/test_blockwise_life test/unit/test_blockwise_deadline \
	test/unit/test_capability
check_PROGRAMS += $(block_tests)
TESTS += $(block_tests)
test_unit_test_block_option_LDADD = $(UNIT_LIBS)
blockwise_fixture = test/unit/blockwise_fixture.c test/unit/blockwise_fixture.h \
	test/unit/fakes.c test/unit/fakes.h
test_unit_test_blockwise_download_SOURCES = test/unit/test_blockwise_download.c $(blockwise_fixture)
test_unit_test_blockwise_download_LDADD = $(UNIT_LIBS)
test_unit_test_blockwise_upload_SOURCES = test/unit/test_blockwise_upload.c $(blockwise_fixture)
test_unit_test_blockwise_upload_LDADD = $(UNIT_LIBS)
test_unit_test_blockwise_deadline_SOURCES = test/unit/test_blockwise_deadline.c $(blockwise_fixture)
test_unit_test_blockwise_deadline_LDADD = $(UNIT_LIBS)
test_unit_test_blockwise_life_SOURCES = test/unit/test_blockwise_life.c $(blockwise_fixture)
test_unit_test_blockwise_life_LDADD = $(UNIT_LIBS)
test_unit_test_blockwise_life_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
test_unit_test_capability_SOURCES = test/unit/test_capability.c test/unit/fakes.c test/unit/fakes.h
test_unit_test_capability_LDADD = $(UNIT_LIBS)

# relations (RFC 7641)
observe_tests = test/unit/test_request_watch test/unit/test_observe test/unit/test_observe_life test/unit/test_observe_blocks \
	test/unit/test_observe_limits
check_PROGRAMS += $(observe_tests)
TESTS += $(observe_tests)
test_unit_test_request_watch_SOURCES = test/unit/test_request_watch.c $(request_fixture)
test_unit_test_request_watch_LDADD = $(UNIT_LIBS)
observe_fixture = test/unit/observe_fixture.c test/unit/observe_fixture.h $(blockwise_fixture)
test_unit_test_observe_SOURCES = test/unit/test_observe.c $(observe_fixture)
test_unit_test_observe_LDADD = $(UNIT_LIBS)
test_unit_test_observe_life_SOURCES = test/unit/test_observe_life.c $(observe_fixture)
test_unit_test_observe_life_LDADD = $(UNIT_LIBS)
test_unit_test_observe_blocks_SOURCES = test/unit/test_observe_blocks.c $(observe_fixture)
test_unit_test_observe_blocks_LDADD = $(UNIT_LIBS)
test_unit_test_observe_limits_SOURCES = test/unit/test_observe_limits.c $(observe_fixture)
test_unit_test_observe_limits_LDADD = $(UNIT_LIBS)
test_unit_test_observe_limits_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

# HTTP and CoAP terms
terms_tests = test/unit/test_rest test/unit/test_http_message test/unit/test_method \
	test/unit/test_status test/unit/test_freshness test/unit/test_fields \
	test/unit/test_media_type test/unit/test_media_load test/unit/test_problem \
	test/unit/test_link_format test/unit/test_condition test/unit/test_sse
check_PROGRAMS += $(terms_tests)
TESTS += $(terms_tests)
test_unit_test_rest_LDADD = $(UNIT_LIBS)
test_unit_test_http_message_LDADD = $(UNIT_LIBS)
test_unit_test_method_LDADD = $(UNIT_LIBS)
test_unit_test_status_LDADD = $(UNIT_LIBS)
test_unit_test_freshness_LDADD = $(UNIT_LIBS)
test_unit_test_fields_LDADD = $(UNIT_LIBS)
test_unit_test_media_type_SOURCES = test/unit/test_media_type.c test/unit/cases.c
test_unit_test_media_type_LDADD = $(UNIT_LIBS)
test_unit_test_media_load_LDADD = $(UNIT_LIBS)
test_unit_test_problem_LDADD = $(UNIT_LIBS)
test_unit_test_link_format_LDADD = $(UNIT_LIBS)
test_unit_test_condition_LDADD = $(UNIT_LIBS)
test_unit_test_sse_SOURCES = test/unit/test_sse.c test/tools/event_stream.c \
	test/tools/event_stream.h test/tools/bytes.c test/tools/bytes.h
test_unit_test_sse_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test/tools
test_unit_test_sse_LDADD = $(UNIT_LIBS)
test_unit_test_sse_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc

# URIs, templates, mappings
mapping_tests = test/unit/test_uri test/unit/test_template test/unit/test_document \
	test/unit/test_settings test/unit/test_mapping test/unit/test_mapping_load
check_PROGRAMS += $(mapping_tests)
TESTS += $(mapping_tests)
test_unit_test_uri_SOURCES = test/unit/test_uri.c test/unit/cases.c
test_unit_test_uri_LDADD = $(UNIT_LIBS)
test_unit_test_template_SOURCES = test/unit/test_template.c test/unit/cases.c
test_unit_test_template_LDADD = $(UNIT_LIBS)
test_unit_test_mapping_SOURCES = test/unit/test_mapping.c test/unit/cases.c
test_unit_test_mapping_LDADD = $(UNIT_LIBS)
test_unit_test_mapping_load_SOURCES = test/unit/test_mapping_load.c test/unit/cases.c
test_unit_test_mapping_load_LDADD = $(UNIT_LIBS)
test_unit_test_document_LDADD = $(UNIT_LIBS)
test_unit_test_settings_LDADD = $(UNIT_LIBS)

# core
core_tests = test/unit/test_access test/unit/test_holds test/unit/test_metrics test/unit/test_node test/unit/test_node_label \
	test/unit/test_exchange test/unit/test_exchange_node test/unit/test_exchange_reply \
	test/unit/test_exchange_cache test/unit/test_exchange_join test/unit/test_exchange_rejoin \
	test/unit/test_exchange_loan \
	test/unit/test_exchange_validation \
	test/unit/test_node_report test/unit/test_resource
exchange_fixture = test/unit/exchange_fixture.c test/unit/exchange_fixture.h test/unit/observe_fake.c \
	test/unit/observe_fake.h
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
test_unit_test_access_LDADD = $(UNIT_LIBS)
test_unit_test_holds_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_holds_LDADD = $(UNIT_LIBS)
test_unit_test_metrics_LDADD = $(UNIT_LIBS)
test_unit_test_node_SOURCES = test/unit/test_node.c test/unit/fakes.c test/unit/fakes.h
test_unit_test_node_LDADD = $(UNIT_LIBS)
test_unit_test_node_label_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_SOURCES = test/unit/test_exchange.c $(exchange_fixture)
test_unit_test_exchange_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_node_SOURCES = test/unit/test_exchange_node.c $(exchange_fixture) \
	test/unit/fakes.c test/unit/fakes.h
test_unit_test_exchange_node_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_reply_SOURCES = test/unit/test_exchange_reply.c $(exchange_fixture)
test_unit_test_exchange_reply_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_exchange_reply_LDADD = $(UNIT_LIBS)
crowd = test/unit/crowd.c test/unit/crowd.h $(exchange_fixture)
test_unit_test_exchange_cache_SOURCES = test/unit/test_exchange_cache.c $(crowd)
test_unit_test_exchange_cache_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_join_SOURCES = test/unit/test_exchange_join.c $(crowd)
test_unit_test_exchange_join_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_rejoin_SOURCES = test/unit/test_exchange_rejoin.c $(crowd)
test_unit_test_exchange_rejoin_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_loan_SOURCES = test/unit/test_exchange_loan.c $(crowd)
test_unit_test_exchange_loan_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_loan_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
test_unit_test_exchange_validation_SOURCES = test/unit/test_exchange_validation.c $(crowd)
test_unit_test_exchange_validation_LDADD = $(UNIT_LIBS)
test_unit_test_node_report_SOURCES = test/unit/test_node_report.c $(exchange_fixture)
test_unit_test_node_report_LDADD = $(UNIT_LIBS)
test_unit_test_resource_SOURCES = test/unit/test_resource.c $(exchange_fixture)
test_unit_test_resource_LDADD = $(UNIT_LIBS)

# observations
observation_tests = test/unit/test_auto_observe test/unit/test_observation test/unit/test_observation_chaos \
	test/unit/test_observation_memory test/unit/test_observation_node \
	test/unit/test_observation_place \
	test/unit/test_observation_recovery
observation_fixture = test/unit/observation_fixture.c test/unit/observation_fixture.h $(exchange_fixture)
check_PROGRAMS += $(observation_tests)
TESTS += $(observation_tests)
test_unit_test_auto_observe_SOURCES = test/unit/test_auto_observe.c $(observation_fixture)
test_unit_test_auto_observe_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_auto_observe_LDADD = $(UNIT_LIBS)
test_unit_test_auto_observe_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
test_unit_test_observation_SOURCES = test/unit/test_observation.c $(observation_fixture)
test_unit_test_observation_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_observation_LDADD = $(UNIT_LIBS)
test_unit_test_observation_memory_SOURCES = test/unit/test_observation_memory.c $(observation_fixture)
test_unit_test_observation_memory_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_observation_memory_LDADD = $(UNIT_LIBS)
test_unit_test_observation_memory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
test_unit_test_observation_node_SOURCES = test/unit/test_observation_node.c $(blockwise_fixture)
test_unit_test_observation_node_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_observation_node_LDADD = $(UNIT_LIBS)
test_unit_test_observation_chaos_SOURCES = test/unit/test_observation_chaos.c $(observation_fixture)
test_unit_test_observation_chaos_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_observation_chaos_LDADD = $(UNIT_LIBS)
test_unit_test_observation_place_SOURCES = test/unit/test_observation_place.c $(observation_fixture)
test_unit_test_observation_place_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_observation_place_LDADD = $(UNIT_LIBS)
test_unit_test_observation_recovery_SOURCES = test/unit/test_observation_recovery.c $(observation_fixture)
test_unit_test_observation_recovery_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_observation_recovery_LDADD = $(UNIT_LIBS)

# streams
stream_tests = test/unit/test_exchange_stream test/unit/test_stream test/unit/test_audience \
	test/unit/test_events test/unit/test_stream_memory \
	test/unit/test_stream_chance
stream_fixture = test/unit/stream_fixture.c test/unit/stream_fixture.h $(exchange_fixture)
check_PROGRAMS += $(stream_tests)
TESTS += $(stream_tests)
test_unit_test_exchange_stream_SOURCES = test/unit/test_exchange_stream.c $(stream_fixture)
test_unit_test_exchange_stream_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_exchange_stream_LDADD = $(UNIT_LIBS)
test_unit_test_stream_SOURCES = test/unit/test_stream.c $(stream_fixture)
test_unit_test_stream_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_stream_LDADD = $(UNIT_LIBS)
test_unit_test_audience_SOURCES = test/unit/test_audience.c $(stream_fixture)
test_unit_test_audience_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_audience_LDADD = $(UNIT_LIBS)
test_unit_test_events_SOURCES = test/unit/test_events.c $(stream_fixture)
test_unit_test_events_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_events_LDADD = $(UNIT_LIBS)
test_unit_test_stream_chance_SOURCES = test/unit/test_stream_chance.c $(stream_fixture)
test_unit_test_stream_chance_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_stream_chance_LDADD = $(UNIT_LIBS)
test_unit_test_stream_chance_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=emalloc
test_unit_test_stream_memory_SOURCES = test/unit/test_stream_memory.c $(stream_fixture)
test_unit_test_stream_memory_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_stream_memory_LDADD = $(UNIT_LIBS)
test_unit_test_stream_memory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=emalloc

# the cache
cache_tests = test/unit/test_cache test/unit/test_cache_control test/unit/test_cache_key test/unit/test_cache_memory \
	test/unit/test_cache_pending test/unit/test_representation
cache_fixture = test/unit/cache_fixture.c test/unit/cache_fixture.h
check_PROGRAMS += $(cache_tests)
TESTS += $(cache_tests)
test_unit_test_cache_SOURCES = test/unit/test_cache.c $(cache_fixture)
test_unit_test_cache_LDADD = $(UNIT_LIBS)
test_unit_test_cache_memory_SOURCES = test/unit/test_cache_memory.c $(cache_fixture)
test_unit_test_cache_memory_LDADD = $(UNIT_LIBS)
test_unit_test_cache_memory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
test_unit_test_cache_pending_SOURCES = test/unit/test_cache_pending.c $(cache_fixture)
test_unit_test_cache_pending_LDADD = $(UNIT_LIBS)
test_unit_test_cache_control_LDADD = $(UNIT_LIBS)
test_unit_test_cache_key_LDADD = $(UNIT_LIBS)
test_unit_test_representation_LDADD = $(UNIT_LIBS)

# what a client or a node may ask of an exchange
wish_tests = test/unit/test_request_echo test/unit/test_exchange_echo test/unit/test_prefer \
	test/unit/test_exchange_prefer test/unit/test_exchange_quiet test/unit/test_request_cancel \
	test/unit/test_exchange_condition test/unit/test_exchange_memory
check_PROGRAMS += $(wish_tests)
TESTS += $(wish_tests)
test_unit_test_exchange_condition_SOURCES = test/unit/test_exchange_condition.c $(exchange_fixture)
test_unit_test_exchange_condition_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_quiet_SOURCES = test/unit/test_exchange_quiet.c $(exchange_fixture)
test_unit_test_exchange_quiet_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_exchange_quiet_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_memory_SOURCES = test/unit/test_exchange_memory.c $(exchange_fixture)
test_unit_test_exchange_memory_LDADD = $(UNIT_LIBS)
test_unit_test_prefer_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_prefer_SOURCES = test/unit/test_exchange_prefer.c $(exchange_fixture)
test_unit_test_exchange_prefer_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/core
test_unit_test_exchange_prefer_LDADD = $(UNIT_LIBS)
test_unit_test_request_echo_SOURCES = test/unit/test_request_echo.c $(request_fixture)
test_unit_test_request_echo_LDADD = $(UNIT_LIBS)
test_unit_test_request_cancel_SOURCES = test/unit/test_request_cancel.c $(request_fixture)
test_unit_test_request_cancel_LDADD = $(UNIT_LIBS)
test_unit_test_exchange_echo_SOURCES = test/unit/test_exchange_echo.c $(exchange_fixture)
test_unit_test_exchange_echo_LDADD = $(UNIT_LIBS)

# http
http_tests = test/unit/test_http_guard test/unit/test_http_framing test/unit/test_http_server \
	test/unit/test_http_stream test/unit/test_http_daemon
http_fixture = test/unit/http_fixture.c test/unit/http_fixture.h
check_PROGRAMS += $(http_tests)
TESTS += $(http_tests)
test_unit_test_http_guard_LDADD = $(UNIT_LIBS)
test_unit_test_http_framing_SOURCES = test/unit/test_http_framing.c $(http_fixture)
test_unit_test_http_framing_LDADD = $(UNIT_LIBS)
test_unit_test_http_server_SOURCES = test/unit/test_http_server.c $(http_fixture)
test_unit_test_http_server_LDADD = $(UNIT_LIBS)
test_unit_test_http_stream_SOURCES = test/unit/test_http_stream.c $(http_fixture)
test_unit_test_http_stream_LDADD = $(UNIT_LIBS)
test_unit_test_http_stream_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/http
test_unit_test_http_stream_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc
test_unit_test_http_daemon_SOURCES = test/unit/test_http_daemon.c $(http_fixture)
test_unit_test_http_daemon_LDADD = $(UNIT_LIBS)
test_unit_test_http_daemon_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/gateway/http
test_unit_test_http_daemon_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc

# configuration and process
gateway_tests = test/unit/test_config test/unit/test_gateway test/unit/test_kept_ports
check_PROGRAMS += $(gateway_tests)
TESTS += $(gateway_tests)
test_unit_test_config_LDADD = $(UNIT_LIBS)
test_unit_test_kept_ports_LDADD = $(UNIT_LIBS)
test_unit_test_gateway_LDADD = $(CHECK_LIBS)
endif
EXTRA_DIST += test/data/config
EXTRA_DIST += test/unit/cases.h test/data/uri test/data/template test/data/mapping
