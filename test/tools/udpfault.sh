#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The fault proxy itself.
exec test/tools/udpfault-test test/tools/udpfault
