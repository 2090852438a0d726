# SPDX-License-Identifier: BSD-2-Clause
dist_man_MANS += man/coapgw.8 man/coapgw.json.5 man/coapgw-mappings.5
