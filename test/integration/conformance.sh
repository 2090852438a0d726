#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A test that runs behind all others in a build folder: what doc/conformance lists as proved was
# proved again.
if ! ls test/unit/*.log >/dev/null 2>&1; then
    echo "SKIP: the unit tests were not built (libcheck is missing)"
    exit 77
fi
exec "$(dirname "$0")/../../scripts/conformance" --check .
