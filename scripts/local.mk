# SPDX-License-Identifier: BSD-2-Clause
SOURCE_CHECKS = scripts/check-layers scripts/check-source scripts/check-format scripts/check-scripts
TESTS += $(SOURCE_CHECKS)
EXTRA_DIST += $(SOURCE_CHECKS) scripts/conformance scripts/check scripts/demo \
	scripts/install-dependencies scripts/nightly scripts/coverage \
	scripts/reviewed-findings .clang-tidy \
	scripts/fuzz-coverage scripts/valgrind-findings .ci/run
