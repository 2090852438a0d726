# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# What the tests against real CoAP servers share; each peer-*.sh reads it, starts its server and
# says which resources that has. Ready is a line on a pipe: nothing here sleeps. COAPGW is the daemon
# (./coapgw).
set -eu

: "${srcdir:=.}"
failures=0
checks=0
started=
work=$(mktemp -d "${TMPDIR:-/tmp}/coapgw-peer.XXXXXX")

clean_up() {
    for pid in $started; do
        kill "$pid" 2>/dev/null || :
    done
    wait
    rm -rf "$work"
}
trap clean_up EXIT

needs() {
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 || {
            echo "SKIP: $program is missing"
            exit 77
        }
    done
}

# start NAME PATTERN PROGRAM [argument...]: runs it until its output has a line with PATTERN, which
# is then in $ready. The rest of its output is collected in a file by the process $reader.
start() {
    name=$1 pattern=$2
    shift 2
    mkfifo "$work/$name.pipe"
    "$@" >"$work/$name.pipe" 2>&1 &
    started="$! $started"
    exec 3<"$work/$name.pipe"
    ready=
    while IFS= read -r line <&3; do
        printf '%s\n' "$line" >>"$work/$name.log"
        case $line in
        *"$pattern"*)
            ready=$line
            break
            ;;
        esac
    done
    cat <&3 >>"$work/$name.log" &
    # shellcheck disable=SC2034 # used by scripts that read this one
    reader=$!
    exec 3<&-
    if [ -z "$ready" ]; then
        echo "FAIL: $name did not start"
        cat "$work/$name.log"
        exit 1
    fi
}

# start_gateway COAP-PORT: sets $gateway to its base URL, $target to the HC Proxy URI of the peer.
# $coap_settings are members of the configuration's "coap".
start_gateway() {
    cat >"$work/coapgw.json" <<END
{ "http": { "listen": ["127.0.0.1:0"] }, "auth": "none", "coap": { ${coap_settings:-} },
  "access": [ { "targets": ["coap://127.0.0.1:$1"] } ] }
END
    start coapgw 'listening on http://' "${COAPGW:-./coapgw}" -c "$work/coapgw.json"
    gateway=http://127.0.0.1:$(printf '%s\n' "$ready" | sed 's/.*http:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/')
    # shellcheck disable=SC2034 # used by the scripts that read this one
    target=$gateway/hc/coap://127.0.0.1:$1
}

# check STATUS BODY-PATTERN curl-argument...: a request has that status and a body that matches (a
# pattern of the shell).
check() {
    want=$1 pattern=$2
    shift 2
    checks=$((checks + 1))
    status=$(curl --noproxy '*' --silent --max-time 20 --output "$work/body" --dump-header "$work/head" \
        --write-out '%{http_code}' "$@") || :
    body=$(cat "$work/body" 2>/dev/null || :)
    # shellcheck disable=SC2254 # a pattern on purpose
    case $status:$body in
    $want:$pattern) echo "ok: $want $*" ;;
    *)
        failures=$((failures + 1))
        echo "FAIL: $*"
        echo "  expected $want $pattern"
        echo "  got      $status $body"
        ;;
    esac
    rm -f "$work/body"
}

# make_body BYTES: a file, $large, of that many bytes, no two blocks of which are alike
make_body() {
    large=$work/body-$1
    awk -v bytes="$1" 'BEGIN { for (i = 0; i < bytes; i += 8) printf "%07d.", i }' |
        head -c "$1" >"$large"
}

# check_large curl-argument...: a GET is answered with all of $large
check_large() {
    checks=$((checks + 1))
    status=$(curl --noproxy '*' --silent --max-time 20 --output "$work/got" --write-out '%{http_code}' \
        "$@") || :
    if [ "$status" = 200 ] && cmp "$large" "$work/got"; then
        echo "ok: $(wc -c <"$large") bytes $*"
    else
        failures=$((failures + 1))
        echo "FAIL: $*: $status"
    fi
}

# check_field NAME PATTERN: a field of the latest response
check_field() {
    checks=$((checks + 1))
    value=$(tr -d '\r' <"$work/head" | sed -n "s/^$1: //Ip")
    # shellcheck disable=SC2254
    case $value in
    $2) echo "ok: $1: $value" ;;
    *)
        failures=$((failures + 1))
        echo "FAIL: expected the field $1: $2, got $value"
        ;;
    esac
}

# check_events TARGET option...: the reader of event streams gets what its options say
check_events() {
    checks=$((checks + 1))
    wanted=${1#"$gateway"}
    shift
    if test/tools/sse-reader "$@" "${gateway#http://}" "$wanted" >"$work/events" 2>&1; then
        echo "ok: events of $wanted: $*"
    else
        failures=$((failures + 1))
        echo "FAIL: events of $wanted: $*"
        cat "$work/events"
    fi
}

# The gateway must also end well: exit code 0, nothing found by the sanitizers.
finish() {
    pid=${started%% *}
    started=${started#* }
    kill "$pid"
    code=0
    wait "$pid" || code=$?
    if [ "$code" -ne 0 ]; then
        echo "FAIL: the gateway ended with $code"
        failures=$((failures + 1))
    fi
    if [ "$failures" -gt 0 ]; then
        cat "$work/coapgw.log"
    fi
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
}
