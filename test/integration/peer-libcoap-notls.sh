#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The gateway against libcoap's example server, build notls.
export peer=coap-server-notls
# shellcheck source=test/integration/libcoap-server.sh
. "${srcdir:-.}/test/integration/libcoap-server.sh"
