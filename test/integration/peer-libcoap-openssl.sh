#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The gateway against libcoap's example server, build openssl.
export peer=coap-server-openssl
# shellcheck source=test/integration/libcoap-server.sh
. "${srcdir:-.}/test/integration/libcoap-server.sh"
