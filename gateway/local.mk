# SPDX-License-Identifier: BSD-2-Clause
# the loop and its helper thread
libgateway_a_SOURCES += gateway/loop.c gateway/helper_thread.c
