#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The gateway against node-coap (npm package "coap", found through NODE_PATH).
# shellcheck source=test/integration/peers.sh
. "${srcdir:-.}/test/integration/peers.sh"
needs curl node
node -e 'require("coap")' 2>/dev/null || {
    echo "SKIP: the npm package coap is missing"
    exit 77
}
start node-coap ready node "$srcdir/test/integration/node-coap-server.js"
start_gateway "${ready##*:}"

check 200 first "$target/note"
check_field Content-Type 'text/plain;charset=utf-8'
check 204 '' -X PUT -H 'Content-Type: text/plain' -d second "$target/note"
check 200 second "$target/note"
make_body 4000
check 204 '' -X PUT -H 'Content-Type: text/plain' --data-binary "@$large" "$target/note"
check_large "$target/note"
check 201 '' -X POST -H 'Content-Type: text/plain' -d new "$target/other"
check 200 new "$target/other"
check 204 '' -X DELETE "$target/other"
check 404 'no such note' "$target/other"
check 200 '{"t":21.5}' "$target/reading"
check_field Content-Type application/json
check_field ETag '"0a1b"'
check 200 'at last' "$target/late"
check_events "$target/ticks" -s live -d "tick 1" -d "tick 2" -d "tick 3"
finish
