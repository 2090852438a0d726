#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Debian's coap-client judges the model node: values, blocks in both directions, separate answers.
# shellcheck source=test/integration/peers.sh
. "${srcdir:-.}/test/integration/peers.sh"
needs coap-client-notls cmp

# ask METHOD PATH WANTED argument...: prints what came; it must match the pattern.
ask() {
    method=$1 path=$2 want=$3
    shift 3
    checks=$((checks + 1))
    rm -f "$work/out"
    coap-client-notls -m "$method" -B 20 -o "$work/out" "$@" "$base$path" >"$work/log" 2>&1 || :
    got=$(cat "$work/out" "$work/log" 2>/dev/null || :)
    # shellcheck disable=SC2254 # a pattern on purpose
    case $got in
    $want) ;;
    *)
        failures=$((failures + 1))
        printf 'FAIL: %s %s: %s\n   wanted: %s\n' "$method" "$path" "$got" "$want"
        ;;
    esac
}

same_body() {
    checks=$((checks + 1))
    cmp "$work/out" "$1" || failures=$((failures + 1))
}

all() {
    base=coap://127.0.0.1:${ready##*:}
    ask get /r0 'value 1 of r0'
    ask get '/r0?q=77' '77 value 1 of r0'
    ask get /none '4.04*'
    ask get /.well-known/core '</r0>,</r1>,</r2>,</r3>'
    ask put /r1 '' -e second -t 0
    ask get /r1 second
    ask get /r1 second -N
    ask post '/r2?q=5' '5 done*' -e x -t 0
    ask delete /r3 ''
    ask get /r3 '*4.04*gone*'
}

# Values come as they change, whether they are confirmable or not, and stop at the end.
observe() {
    checks=$((checks + 1))
    : >"$work/out"
    coap-client-notls -B 20 -s 2 -o "$work/out" "$base/r0" >"$work/log" 2>&1 || :
    got=$(grep -ao 'value [0-9]* of r0' "$work/out" | sort -u | wc -l)
    [ "$got" -ge 4 ] && return
    failures=$((failures + 1))
    printf 'FAIL: %s values came in two seconds: %s\n' "$got" "$(cat "$work/log")"
}

# In blocks: of the size that the node prefers, and of a size that the client wants.
all_in_blocks() {
    ask put /r2 '' -f "$work/large" -t 0
    ask get /r2 '*'
    same_body "$work/large"
    ask put /r2 '' -f "$work/larger" -t 0 -b 32
    ask get /r2 '*' -b 16
    same_body "$work/larger"
}

awk 'BEGIN { for (i = 0; i < 400; i++) printf "line %d of a body\n", i }' >"$work/large"
awk 'BEGIN { for (i = 0; i < 500; i++) printf "another line, %d\n", i }' >"$work/larger"
start at-once ready test/sim/model-node-server
all
all_in_blocks
# libcoap 4.3.1 acknowledges a separate answer in blocks and does not deliver it.
start separate ready test/sim/model-node-server --separate
all
start blocks ready test/sim/model-node-server --block-size 1024 --plain-max 100 --answer-size 3000
all
all_in_blocks
start observed ready test/sim/model-node-server --change-ms 200
base=coap://127.0.0.1:${ready##*:}
observe
echo "$checks checks, $failures failures"
[ "$failures" -eq 0 ]
