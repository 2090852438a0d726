#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The scenario player itself: each case of mistaken.scn must fail, and none may claim a row.
set -eu
file=${srcdir:-.}/test/tools/mistaken.scn
code=0
output=$(test/tools/scenario -g ./coapgw -d test/tools "$file") || code=$?
cases=$(grep -c '^case ' "$file")
failed=$(printf '%s\n' "$output" | grep -c "^FAIL .*: BAD-")
rows=$(printf '%s\n' "$output" | grep -c '^ROW ') || :
echo "$failed of $cases mistaken cases failed, $rows rows claimed, exit code $code"
if [ "$code" -ne 1 ] || [ "$failed" -ne "$cases" ] || [ "$rows" -ne 0 ]; then
    printf '%s\n' "$output"
    exit 1
fi
rm -r test/tools/mistaken.scn.dir
