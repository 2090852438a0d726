#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# 100 kB through losses to node-coap (npm package "coap", found through NODE_PATH).
# shellcheck source=test/integration/lossy-large.sh
. "${srcdir:-.}/test/integration/lossy-large.sh"
needs curl node
node -e 'require("coap")' 2>/dev/null || {
    echo "SKIP: the npm package coap is missing"
    exit 77
}
start node-coap ready node "$srcdir/test/integration/node-coap-server.js"
large "${ready##*:}"
