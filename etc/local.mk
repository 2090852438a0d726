# SPDX-License-Identifier: BSD-2-Clause
EXTRA_DIST += etc/coapgw.json etc/demo.json etc/demo-mappings/kitchen.json
dist_pkgdata_DATA += etc/coapgw.schema.json etc/coapgw-mappings.schema.json

# The shipped configuration never overwrites one that is there, and goes only when nobody changed it.
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(coapgw_confdir)/mappings"
	test -e "$(DESTDIR)$(coapgw_confdir)/coapgw.json" || \
	  $(INSTALL_DATA) "$(srcdir)/etc/coapgw.json" "$(DESTDIR)$(coapgw_confdir)/coapgw.json"
uninstall-local:
	if cmp -s "$(srcdir)/etc/coapgw.json" "$(DESTDIR)$(coapgw_confdir)/coapgw.json"; then \
	  rm -f "$(DESTDIR)$(coapgw_confdir)/coapgw.json"; fi
	rmdir "$(DESTDIR)$(coapgw_confdir)/mappings" "$(DESTDIR)$(coapgw_confdir)" 2>/dev/null || :
