#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The client of node-coap (npm package "coap", found through NODE_PATH) judges the model node.
# shellcheck source=test/integration/peers.sh
. "${srcdir:-.}/test/integration/peers.sh"
needs node
node -e 'require("coap")' 2>/dev/null || {
    echo "SKIP: the npm package coap is missing"
    exit 77
}
for traits in '' --separate '--block-size 512 --plain-max 100'; do
    # shellcheck disable=SC2086 # words
    start "node$checks" ready test/sim/model-node-server $traits
    checks=$((checks + 1))
    node "$srcdir/test/sim/model-node-client.js" "${ready##*:}" || failures=$((failures + 1))
done
echo "$checks checks, $failures failures"
[ "$failures" -eq 0 ]
