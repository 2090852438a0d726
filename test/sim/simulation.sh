#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A few hundred simulated worlds, and the promise of replay: the same seed gives the same hash of
# everything that happened, in another process with other addresses.
set -eu
run=test/sim/run
"$run" --seeds 1-300
"$run" --seeds 1-40 --hashes --quiet >test/sim/hashes.1
"$run" --seeds 1-40 --hashes --quiet >test/sim/hashes.2
cmp test/sim/hashes.1 test/sim/hashes.2
rm -f test/sim/hashes.1 test/sim/hashes.2
