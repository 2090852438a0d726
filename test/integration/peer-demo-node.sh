#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The gateway against the demo node (libcoap's server side with the GnuTLS build).
# shellcheck source=test/integration/peers.sh
. "${srcdir:-.}/test/integration/peers.sh"
needs curl
start node ready test/tools/demo-node -p 0 -t 300
start_gateway "${ready##*:}"

check 200 off "$target/kitchen/light"
check_field Content-Type 'text/plain;charset=utf-8'
check 204 '' -X PUT -H 'Content-Type: text/plain' -d on "$target/kitchen/light"
check 200 on "$target/kitchen/light"
check 200 '2[012].[0-9]' "$target/temperature"
check_field Cache-Control '*max-age=[0-5]*'
check 200 'at last' "$target/slow"
check 200 first "$target/guarded"
check_field ETag '"01"'
check 412 '*' -X PUT -H 'Content-Type: text/plain' -H 'If-Match: "77"' -d second "$target/guarded"
check 204 '' -X PUT -H 'Content-Type: text/plain' -H 'If-Match: "01"' -d second "$target/guarded"
check 200 second "$target/guarded"
check_field ETag '"02"'
check 200 'line 000: all is well*' "$target/log"
check_field Content-Length 20000
check 404 'no such sensor' "$target/absent"
check 200 '{"t":21.5}' -H 'Accept: application/json' "$target/reading"
check_field Content-Type application/json
check 200 '*' -H 'Accept: application/cbor' "$target/reading"
check_field Content-Type application/cbor
check 406 '*' -H 'Accept: application/xml' "$target/reading"
check 400 'CoAP server returned 4.05*' -H 'Accept: text/plain' -X DELETE "$target/temperature"
check 200 '*</kitchen/light>*' "$target/.well-known/core"
check_field Content-Type application/link-format
check_events "$target/temperature" -s live -d 2 -d 2 -d 2 -d 2
check_events "$target/kitchen/light" -s live -d on
check_events "$target/log" -s live -d '"content_format":null,"b64":"bGluZSAwMDA6'
finish
