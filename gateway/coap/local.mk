# SPDX-License-Identifier: BSD-2-Clause
libgateway_a_SOURCES += gateway/coap/pdu.c
