# SPDX-License-Identifier: BSD-2-Clause
# What a browser sees; scripts/check browser runs it.
EXTRA_DIST += test/browser/world.js test/browser/event_source.test.js test/browser/reconnection.test.js
