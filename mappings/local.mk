# SPDX-License-Identifier: BSD-2-Clause
EXTRA_DIST += mappings/tables/options.h mappings/tables/problems.h mappings/tables/metrics.h
