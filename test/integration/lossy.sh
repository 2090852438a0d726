# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Requests to a real CoAP server through udpfault, which loses, repeats and reorders datagrams in
# both directions. Every request must come to its own answer. The script that reads this one starts
# its server and calls lossy PORT. UDPFAULT_SEED replays a run that failed.
# shellcheck source=test/integration/peers.sh
. "${srcdir:-.}/test/integration/peers.sh"

names=20
rounds=10
coap_settings='"ack_timeout": 0.1, "unsafe_timing": true, "nstart": 8, "max_retransmit": 8,
  "deadline": 60, "queue_per_node": 256'

# note CONDITION-RESULT TEXT
note() {
    checks=$((checks + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok: $2"
    else
        failures=$((failures + 1))
        echo "FAIL: $2"
    fi
}

# Many requests at a time, described by a file of curl's settings: prints a line for each, STATUS NAME.
requests() {
    curl --noproxy '*' --no-progress-meter --max-time 100 --parallel --parallel-max 32 --config "$1"
}

# One PUT for each name, each with a value of its own.
put_settings() {
    for i in $(seq "$names"); do
        [ "$i" -eq 1 ] || echo next
        cat <<END
url = "$target/r$i"
request = PUT
header = "Content-Type: text/plain"
data = "value of r$i"
output = "$work/put.$i"
write-out = "%{http_code} r$i\n"
END
    done
}

get_settings() {
    for round in $(seq "$rounds"); do
        for i in $(seq "$names"); do
            [ "$round.$i" = 1.1 ] || echo next
            cat <<END
url = "$target/r$i"
output = "$work/get.$i.$round"
write-out = "%{http_code} r$i\n"
END
        done
    done
}

right_bodies() {
    right=0
    for i in $(seq "$names"); do
        for round in $(seq "$rounds"); do
            [ "$(cat "$work/get.$i.$round" 2>/dev/null)" != "value of r$i" ] || right=$((right + 1))
        done
    done
    echo "$right"
}

# lossy PORT-OF-THE-SERVER
lossy() {
    seed=${UDPFAULT_SEED:-1}
    start udpfault 'udpfault: ready' test/tools/udpfault -t "127.0.0.1:$1" -s "$seed" \
        'drop 10%' 'duplicate 0.03 10%' 'reorder 10%'
    proxy=${started%% *} proxy_reader=$reader
    start_gateway "${ready##*:}"

    put_settings >"$work/put.curl"
    requests "$work/put.curl" >"$work/put.results"
    good=$(grep -c '^20[14] ' "$work/put.results" || :)
    note "$((names - good))" "$good of $names PUT requests succeeded"

    get_settings >"$work/get.curl"
    requests "$work/get.curl" >"$work/get.results"
    good=$(grep -c '^200 ' "$work/get.results" || :)
    note "$((names * rounds - good))" "$good of $((names * rounds)) GET requests succeeded"
    right=$(right_bodies)
    note "$((names * rounds - right))" "$right of $((names * rounds)) bodies are right"

    kill "$proxy"
    wait "$proxy" "$proxy_reader" || :
    cat "$work/udpfault.log"
    [ "$failures" -eq 0 ] || echo "run it again with UDPFAULT_SEED=$seed"
    finish
}
