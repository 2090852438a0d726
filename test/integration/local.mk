# SPDX-License-Identifier: BSD-2-Clause
# Scenarios: the real daemon between scripted nodes and raw HTTP (test/tools/README.md).
SCENARIOS =
TESTS += $(SCENARIOS)
EXTRA_DIST += $(SCENARIOS)

# It reads the logs of all other tests, so it runs behind them.
TESTS += test/integration/conformance.sh
EXTRA_DIST += test/integration/conformance.sh doc/conformance test/data/conformance.tsv \
	test/data/conformance-exceptions.tsv
test/integration/conformance.log: $(filter-out test/integration/conformance.log,$(TEST_LOGS))
