#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Losses on the way to libcoap's example server.
# shellcheck source=test/integration/lossy.sh
. "${srcdir:-.}/test/integration/lossy.sh"
needs curl coap-server-notls
start server 'created UDP' coap-server-notls -A 127.0.0.1 -p 0 -v 7 -d 100
lossy "${ready##*:}"
