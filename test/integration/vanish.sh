#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A reader of events that vanishes without FIN or RST: in a network of the test's own it has an address
# that is taken away, so that what is sent to it ends in a bridge without ports. Heartbeats find out:
# what the kernel sends again and again is looked at every 30 s, over most of which the clock leaps.
set -eu
: "${srcdir:=.}"
if [ "${1:-}" != inside ]; then
    for program in unshare ip curl; do
        command -v $program >/dev/null 2>&1 || {
            echo "SKIP: $program is missing"
            exit 77
        }
    done
    # shellcheck disable=SC2016 # for the inner shell
    unshare --net sh -c 'ip link add br0 type bridge' 2>/dev/null || {
        echo "SKIP: the system allows no network of one's own, or no bridge in it"
        exit 77
    }
    exec unshare --net sh "$0" inside
fi
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
ip address add 10.9.9.1/24 dev br0
ip neighbour add 10.9.9.2 lladdr 02:00:00:00:00:02 dev br0 nud permanent
ip address add 10.9.9.2/32 dev lo

# shellcheck source=test/integration/peers.sh
. "$srcdir/test/integration/peers.sh"
start node ready test/tools/demo-node -p 0
port=${ready##*:}
cat >"$work/coapgw.json" <<END
{ "http": { "listen": ["10.9.9.1:0"] }, "auth": "none", "log": { "level": "debug" },
  "observe": { "heartbeat": 0.5 },
  "access": [ { "targets": ["coap://127.0.0.1:*"] } ] }
END
export LD_PRELOAD=test/tools/preload_clock.so TIME_LEAP="$work/leap" ASAN_OPTIONS=verify_asan_link_order=0
start coapgw 'listening on http://' "${COAPGW:-./coapgw}" -c "$work/coapgw.json"
unset LD_PRELOAD TIME_LEAP ASAN_OPTIONS
gateway=http://10.9.9.1:$(printf '%s\n' "$ready" | sed 's/.*:\([0-9]*\)\/.*/\1/')

began=$(date +%s)
# metric NAME VALUE: reads the page until the sample has that value, for 60 s at most.
metric() {
    checks=$((checks + 1))
    give_up=$(($(date +%s) + 60))
    until curl -s "$gateway/-/metrics" | grep -qxF "$1 $2"; do
        if [ "$(date +%s)" -ge "$give_up" ]; then
            failures=$((failures + 1))
            echo "FAIL: $1 is not $2"
            return
        fi
        # 32 s more every 8 s: sent again is what has not been acknowledged then.
        steps=$((($(date +%s) - began) / 8))
        echo "$((steps * 32))" >"$work/leap.new"
        mv "$work/leap.new" "$work/leap"
    done
}

# Nothing happens to this resource: only heartbeats can tell. One client stays, one vanishes.
light=$gateway/hc/coap://127.0.0.1:$port/kitchen/light
for end in 1 2; do
    curl -sN -H 'Accept: text/event-stream' --interface 10.9.9.$end "$light" >"$work/client$end" &
    started="$started $!"
done
metric coapgw_sse_clients 2
metric 'coapgw_observations{node="other"}' 1
ip address delete 10.9.9.2/32 dev lo
metric coapgw_sse_clients 1
metric 'coapgw_observations{node="other"}' 1
grep -q 'data: off' "$work/client1" || {
    failures=$((failures + 1))
    echo "FAIL: the client that stays has no value"
}
finish
