# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# libcoap's example server, given as $peer: /example_data, /async, and resources made by PUT.
# shellcheck source=test/integration/peers.sh
. "${srcdir:-.}/test/integration/peers.sh"
: "${peer:?is set by the script that reads this one}"
needs curl "$peer"
start "$peer" 'created UDP' "$peer" -A 127.0.0.1 -p 0 -v 7 -d 10
start_gateway "${ready##*:}"

check 200 'This is a test server*' "$target/"
check 201 '' -X PUT -H 'Content-Type: text/plain' -d 'two words' "$target/example_data"
check 204 '' -X PUT -H 'Content-Type: text/plain' -d 'three words now' "$target/example_data"
check 200 'three words now' "$target/example_data"
make_body 4000
check 204 '' -X PUT -H 'Content-Type: text/plain' --data-binary "@$large" "$target/example_data"
check_large "$target/example_data"
check 201 '*' -X PUT -H 'Content-Type: application/json' -d '{"n":1}' "$target/made"
check 200 '{"n":1}' "$target/made"
check_field Content-Type application/json
check 204 '' -X DELETE "$target/made"
check 404 '*' "$target/made"
check 200 'done' "$target/async?1"
check 200 '*</example_data>*' "$target/.well-known/core"
check_field Content-Type application/link-format
check 400 'CoAP server returned 4.05*' -H 'Accept: text/plain' -X DELETE "$target/"
# It tells the time once a second.
check_events "$target/time" -s live -d : -d : -d :
finish
