#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# 100 kB through losses to libcoap's example server.
# The server takes a duplicated request for a new one. -L 3 lets the library put the blocks together,
# which bears that, in place of the example's own code, which does not. It still answers 5.00 to the
# last block when that comes again behind a lost 2.04: then the HTTP client says PUT once more.
# shellcheck source=test/integration/lossy-large.sh
. "${srcdir:-.}/test/integration/lossy-large.sh"
put_retries=5
needs curl coap-server-notls
start server 'created UDP' coap-server-notls -A 127.0.0.1 -p 0 -v 7 -d 100 -L 3
large "${ready##*:}"
