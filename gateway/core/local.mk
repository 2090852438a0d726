# SPDX-License-Identifier: BSD-2-Clause
libgateway_a_SOURCES += gateway/core/policy.c \
	gateway/core/access.c gateway/core/access_load.c gateway/core/access_private.h
