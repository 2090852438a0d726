# SPDX-License-Identifier: BSD-2-Clause
libgateway_a_SOURCES += gateway/core/auto_observe.c gateway/core/auto_observe.h \
	gateway/core/exchange_demand.c gateway/core/policy.c gateway/core/core.c gateway/core/core_private.h \
	gateway/core/access.c gateway/core/access_load.c gateway/core/access_private.h \
	gateway/core/histogram.c gateway/core/histogram.h gateway/core/holds.c \
	gateway/core/holds.h gateway/core/inquiry.c gateway/core/inquiry.h gateway/core/metrics.c gateway/core/observation.c \
	gateway/core/observation_answer.c gateway/core/observation_ask.c \
	gateway/core/observation_place.c gateway/core/observation_private.h gateway/core/observation_state.c \
	gateway/core/target.c gateway/core/target.h \
	gateway/core/cache.c gateway/core/cache_pending.c \
	gateway/core/cache_private.h gateway/core/representation.c gateway/core/names.c gateway/core/names.h gateway/core/node.c \
	gateway/core/node_label.c gateway/core/node_report.c gateway/core/node_report.h \
	gateway/core/resource.c \
	gateway/core/exchange.c gateway/core/exchange_table.c gateway/core/exchange_table.h \
	gateway/core/exchange_steps.c gateway/core/exchange_authorize.c \
	gateway/core/exchange_compose.c gateway/core/exchange_condition.c \
	gateway/core/exchange_cache.c gateway/core/exchange_join.c gateway/core/exchange_forward.c \
	gateway/core/exchange_node.c gateway/core/exchange_prefer.c gateway/core/exchange_quiet.c \
	gateway/core/status_monitor.c gateway/core/status_monitor.h gateway/core/exchange_echo.c \
	gateway/core/exchange_translate.c gateway/core/exchange_fail.c \
	gateway/core/exchange_stream.c gateway/core/stream.c gateway/core/stream_judge.c \
	gateway/core/stream_queue.c \
	gateway/core/stream_event.c gateway/core/stream_private.h gateway/core/audience.c \
	gateway/core/audience.h gateway/core/events.c gateway/core/events_query.c \
	gateway/core/events.h gateway/core/exchange_private.h
