# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# 100 kB there and back, block by block, through a network that loses a fifth of all datagrams and
# repeats and reorders others: the body must come back equal each time. The script that reads this
# one starts its server and calls large PORT. LARGE_ROUNDS is how many times (once in make check);
# UDPFAULT_SEED replays a run that failed.
# shellcheck source=test/integration/peers.sh
. "${srcdir:-.}/test/integration/peers.sh"

# A round trip of one block fails with 36 %, so that four retransmissions would not do.
coap_settings='"ack_timeout": 0.02, "unsafe_timing": true, "max_retransmit": 10, "deadline": 120,
  "transfer_deadline": 300'

# transfer WANTED-STATUS-PATTERN curl-argument...
transfer() {
    wanted=$1
    shift
    checks=$((checks + 1))
    status=$(curl --noproxy '*' --no-progress-meter --max-time 300 --output "$work/body" \
        --write-out '%{http_code}' "$@") || :
    # shellcheck disable=SC2254 # a pattern on purpose
    case $status in
    $wanted) return ;;
    esac
    failures=$((failures + 1))
    echo "FAIL: round $round: $*: $status"
    head -c 500 "$work/body"
}

# A body of 100,000 bytes that no other round has.
make_body() {
    seq "$1" 7 200000 | tr '\n' ' ' | head -c 100000
}

# large PORT-OF-THE-SERVER
large() {
    seed=${UDPFAULT_SEED:-1}
    rounds=${LARGE_ROUNDS:-1}
    start udpfault 'udpfault: ready' test/tools/udpfault -t "127.0.0.1:$1" -s "$seed" \
        'drop 20%' 'duplicate 0.01 10%' 'reorder 10%'
    proxy=${started%% *} proxy_reader=$reader
    start_gateway "${ready##*:}"
    for round in $(seq "$rounds"); do
        make_body "$round" >"$work/sent"
        transfer '20[014]' -X PUT -H 'Content-Type: text/plain' -H 'Expect:' \
            --data-binary "@$work/sent" --retry "${put_retries:-0}" "$target/large"
        transfer 200 "$target/large"
        checks=$((checks + 1))
        if cmp "$work/sent" "$work/body"; then
            echo "ok: round $round"
        else
            failures=$((failures + 1))
            echo "FAIL: round $round: another body came back"
        fi
    done
    kill "$proxy"
    wait "$proxy" "$proxy_reader" || :
    cat "$work/udpfault.log"
    [ "$failures" -eq 0 ] || echo "run it again with UDPFAULT_SEED=$seed"
    finish
}
