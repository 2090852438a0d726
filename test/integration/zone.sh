#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# URI-35: link-local targets with a zone, in a network of the test's own whose loopback has fe80::1.
set -eu
: "${srcdir:=.}"
if [ "${1:-}" != inside ]; then
    for program in unshare ip curl; do
        command -v $program >/dev/null 2>&1 || {
            echo "SKIP: $program is missing"
            exit 77
        }
    done
    unshare --net true 2>/dev/null || {
        echo "SKIP: the system allows no network of one's own"
        exit 77
    }
    exec unshare --net sh "$0" inside
fi
ip link set lo up
ip -6 address add fe80::1/64 dev lo nodad

# shellcheck source=test/integration/peers.sh
. "$srcdir/test/integration/peers.sh"
start node ready test/tools/demo-node -A :: -p 0
port=${ready##*:}
mkdir "$work/mappings"
cat >"$work/coapgw.json" <<END
{ "http": { "listen": ["127.0.0.1:0"] }, "auth": "none",
  "access": [ { "networks": ["fe80::/10"], "ports": ["*"] } ] }
END
cat >"$work/mappings/zone.json" <<END
{ "nodes": { "typed": { "address": "coap://[fe80::1%lo]:$port" } },
  "mappings": [ { "path": "/light", "target": "coap://[fe80::1%25lo]:$port/kitchen/light" },
                { "path": "/gone", "target": "coap://[fe80::1%25nosuch0]:$port/x" } ] }
END
start coapgw 'listening on http://' "${COAPGW:-./coapgw}" -c "$work/coapgw.json"
gateway=http://127.0.0.1:$(printf '%s\n' "$ready" | sed 's/.*http:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/')
check 200 off -g "$gateway/hc/coap://%5Bfe80::1%25lo%5D:$port/kitchen/light"
check 200 off "$gateway/light"
check 200 off "$gateway/nodes/typed/kitchen/light"
check 502 '*' -g "$gateway/hc/coap://%5Bfe80::1%25nosuch0%5D:$port/x"
check 502 '*' "$gateway/gone"
check 400 '*' -g "$gateway/hc/coap://%5Bfe80::1%5D:$port/x"
finish
echo "ROW URI-35 wire zone.sh:link-local targets are reached by their zone"
