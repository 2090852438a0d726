/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics without labels: METRIC(id, "name", "type", "help"). Included with METRIC defined; no guard
 * on purpose. */
METRIC(HTTP_CONNECTIONS, "coapgw_http_connections", "gauge", "Open HTTP connections.")
METRIC(HTTP_REFUSED_CONNECTIONS, "coapgw_http_refused_connections_total", "counter", "Connections closed because a limit was reached.")
METRIC(EXCHANGES, "coapgw_exchanges", "gauge", "Exchanges under way.")
METRIC(CACHE_ENTRIES, "coapgw_cache_entries", "gauge", "Answers of nodes that are kept.")
METRIC(CACHE_BYTES, "coapgw_cache_bytes", "gauge", "Memory that they take.")
METRIC(CACHE_EVICTIONS, "coapgw_cache_evictions_total", "counter", "Kept answers that made room for others.")
METRIC(CONFIG_RELOADED, "coapgw_config_last_reload_successful", "gauge", "1 when the configuration in force is the one that was loaded last.")
METRIC(COAP_OUTSTANDING, "coapgw_coap_outstanding", "gauge", "CoAP requests that were sent and have not ended.")
METRIC(COAP_QUEUED, "coapgw_coap_queued", "gauge", "CoAP requests that wait to be sent.")
METRIC(COAP_DUPLICATES, "coapgw_coap_duplicates_total", "counter", "CoAP messages that came more than once.")
METRIC(COAP_IGNORED, "coapgw_coap_ignored_datagrams_total", "counter", "Datagrams that were no CoAP message or concerned no request.")
METRIC(COAP_FORMAT_ERRORS, "coapgw_coap_format_errors_total", "counter", "CoAP messages with a format error.")
METRIC(COAP_RESETS_SENT, "coapgw_coap_resets_sent_total", "counter", "Reset messages sent.")
METRIC(COAP_RESETS_RECEIVED, "coapgw_coap_resets_received_total", "counter", "Reset messages received.")
METRIC(COAP_PINGS, "coapgw_coap_pings_total", "counter", "Empty messages sent to find out whether a node is back.")
METRIC(COAP_UNEXPECTED, "coapgw_coap_unexpected_responses_total", "counter", "Responses that matched no request.")
