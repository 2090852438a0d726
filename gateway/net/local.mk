# SPDX-License-Identifier: BSD-2-Clause
libgateway_a_SOURCES += gateway/net/channel_udp.c gateway/net/datagram_queue.c \
	gateway/net/datagram_queue.h gateway/net/resolver_thread.c gateway/net/secure_random.c
