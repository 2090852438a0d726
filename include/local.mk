# SPDX-License-Identifier: BSD-2-Clause
EXTRA_DIST += include/access.h include/allocation.h include/block_option.h include/blockwise.h include/buffer.h include/cache.h \
	include/cache_control.h include/cache_key.h include/capability.h \
	include/condition.h \
	include/channel.h include/channel_udp.h \
	include/core.h include/document.h include/endpoint_address.h include/exchange.h \
	include/fields.h include/freshness.h include/helper_thread.h include/http_message.h \
	include/http_server.h include/id_table.h include/keyed_hash.h include/link_format.h include/log.h \
	include/loop.h include/mapping.h \
	include/media_type.h include/memory_account.h include/message_layer.h include/method.h \
	include/metrics.h include/observation.h include/observe.h \
	include/node.h include/node_label.h include/pdu.h include/policy.h include/prefer.h \
	include/problem.h include/random_source.h \
	include/representation.h include/request_layer.h include/request_times.h \
	include/resolver.h include/resolver_thread.h \
	include/resource.h include/rest.h include/secure_random.h include/settings.h include/sse.h \
	include/status.h include/stream.h include/template.h include/text.h include/timers.h include/uri.h
