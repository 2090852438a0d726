# SPDX-License-Identifier: BSD-2-Clause
libgateway_a_SOURCES += gateway/coap/pdu.c gateway/coap/fair_queue.c \
	gateway/coap/fair_queue.h gateway/coap/client_share.c gateway/coap/client_share.h gateway/coap/congestion.c gateway/coap/congestion.h \
	gateway/coap/mid_allocator.c gateway/coap/mid_allocator.h \
	gateway/coap/duplicate_filter.c gateway/coap/duplicate_filter.h \
	gateway/coap/endpoint.c gateway/coap/endpoint.h gateway/coap/message_layer.c \
	gateway/coap/message_layer_parts.h gateway/coap/message_layer_receive.c \
	gateway/coap/request_layer.c gateway/coap/request_layer_parts.h gateway/coap/request_watch.c \
	gateway/coap/request_times.c gateway/coap/block_option.c gateway/coap/capability.c \
	gateway/coap/blockwise.c gateway/coap/blockwise_private.h gateway/coap/blockwise_receive.c \
	gateway/coap/blockwise_send.c gateway/coap/blockwise_turn.c \
	gateway/coap/observe.c gateway/coap/observe_private.h gateway/coap/observe_receive.c
