# SPDX-License-Identifier: BSD-2-Clause
dist_man_MANS += man/coapgw.8 man/coapgw.json.5 man/coapgw-mappings.5
# Their examples, those of the README and the shipped configurations are tried.
TESTS += scripts/check-examples
EXTRA_DIST += scripts/check-examples
EXTRA_DIST += doc/architecture.md
