# SPDX-License-Identifier: BSD-2-Clause
# the loop and its helper thread
libgateway_a_SOURCES += gateway/loop.c gateway/helper_thread.c
# what wires everything
libgateway_a_SOURCES += gateway/config.c gateway/config_address.c gateway/config_print.c \
	gateway/config_sections.c gateway/gateway.c gateway/kept_ports.c \
	gateway/service_manager.c
EXTRA_DIST += gateway/config.h gateway/config_private.h gateway/gateway.h gateway/kept_ports.h \
	gateway/service_manager.h
