#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The reader of server-sent events itself.
exec test/tools/sse-reader-test test/tools/sse-reader
