# SPDX-License-Identifier: BSD-2-Clause
libmappings_a_SOURCES += gateway/base/buffer.c gateway/base/endpoint_address.c \
	gateway/base/id_table.c gateway/base/keyed_hash.c gateway/base/log.c gateway/base/memory_account.c gateway/base/random_source.c gateway/base/text.c gateway/base/timers.c
libmappings_a_SOURCES += gateway/base/allocation.c
