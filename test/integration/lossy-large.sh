# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# 100 kB there and back, block by block, through a network that loses a fifth of all datagrams and
# repeats and reorders others: the body must come back equal each time. The script that reads this
# one starts its server and calls large PORT. Of LARGE_ROUNDS bodies (one in make check) each has its
# resource and its own lossy way to the server, so that the rounds can go side by side; to the
# gateway these are so many nodes. LARGE_ACK_TIMEOUT is in seconds. UDPFAULT_SEED replays a run that
# failed: round N has the seed UDPFAULT_SEED + N.
# shellcheck source=test/integration/peers.sh
. "${srcdir:-.}/test/integration/peers.sh"

# A round trip fails with 36 % here. With four retransmissions one message in 165 would be spent: a
# block goes out again then, but the first GET, which is no block yet, would end with 504.
coap_settings="\"ack_timeout\": ${LARGE_ACK_TIMEOUT:-0.02}, \"unsafe_timing\": true,
  \"max_retransmit\": 8, \"deadline\": 120"

# transfer ROUND WANTED-STATUS-PATTERN curl-argument...: true when that is the status
transfer() {
    round=$1 wanted=$2
    shift 2
    status=$(curl --noproxy '*' --no-progress-meter --max-time 300 --output "$work/body.$round" \
        --write-out '%{http_code}' "$@") || :
    # shellcheck disable=SC2254 # a pattern on purpose
    case $status in
    $wanted) return 0 ;;
    esac
    echo "FAIL: round $round: $*: $status"
    head -c 500 "$work/body.$round"
    return 1
}

# A body of 100,000 bytes that no other round has.
make_body() {
    seq "$1" 7 200000 | tr '\n' ' ' | head -c 100000
}

# play ROUND URI
play() {
    make_body "$1" >"$work/sent.$1"
    transfer "$1" '20[014]' -X PUT -H 'Content-Type: text/plain' -H 'Expect:' \
        --data-binary "@$work/sent.$1" --retry "${put_retries:-0}" "$2" &&
        transfer "$1" 200 "$2" || return 0
    if cmp "$work/sent.$1" "$work/body.$1"; then
        echo "ok: round $1"
    else
        echo "FAIL: round $1: another body came back"
    fi
}

# large PORT-OF-THE-SERVER
large() {
    server=$1
    seed=${UDPFAULT_SEED:-1}
    rounds=${LARGE_ROUNDS:-1}
    playing='' proxies=''
    start_gateway '*'
    kept=$started
    for round in $(seq "$rounds"); do
        start "udpfault.$round" 'udpfault: ready' test/tools/udpfault -t "127.0.0.1:$server" \
            -s "$((seed + round))" 'drop 20%' 'duplicate 0.01 10%' 'reorder 10%'
        proxies="$proxies ${started%% *} $reader"
        play "$round" "$gateway/hc/coap://127.0.0.1:${ready##*:}/large$round" >"$work/round.$round" 2>&1 &
        playing="$playing $!"
    done
    # shellcheck disable=SC2086 # process ids
    wait $playing
    cat "$work"/round.*
    checks=$((checks + rounds))
    failures=$((failures + rounds - $(cat "$work"/round.* | grep -c '^ok: round')))
    # shellcheck disable=SC2086
    set -- $proxies
    while [ $# -gt 0 ]; do
        kill "$1"
        wait "$1" "$2" || :
        shift 2
    done
    cat "$work"/udpfault.*.log
    [ "$failures" -eq 0 ] || echo "run it again with UDPFAULT_SEED=$seed"
    started=$kept
    finish
}
