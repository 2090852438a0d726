# SPDX-License-Identifier: BSD-2-Clause
EXTRA_DIST += mappings/tables/options.h mappings/tables/problems.h mappings/tables/metrics.h

# HTTP and CoAP terms: methods, codes, options, media types, errors
libmappings_a_SOURCES += mappings/rest.c mappings/http_message.c mappings/method.c \
	mappings/status.c mappings/freshness.c mappings/fields.c mappings/entity_tag.c mappings/condition.c mappings/prefer.c \
	mappings/media_syntax.c mappings/media_table.c mappings/media_type.c mappings/media_accept.c \
	mappings/media_loose.c mappings/media_load.c \
	mappings/cache_key.c mappings/cache_control.c \
	mappings/field_list.c mappings/field_list.h \
	mappings/problem.c mappings/problem_cbor.c mappings/problem_concise.c \
	mappings/problem_reference.c mappings/link_format.c \
	mappings/sse.c
EXTRA_DIST += mappings/tables/codes.h mappings/tables/content_formats.h \
	mappings/tables/sse_states.h mappings/entity_tag.h \
	mappings/media_syntax.h mappings/media_table.h mappings/problem_cbor.h \
	mappings/problem_reference.h

# URIs, templates, mappings and the documents they come from
libmappings_a_SOURCES += mappings/uri.c mappings/uri_options.c mappings/template.c \
	mappings/document.c mappings/document_lines.c mappings/settings.c mappings/mapping.c \
	mappings/mapping_table.c mappings/mapping_text.c mappings/mapping_load.c \
	mappings/mapping_reverse.c
EXTRA_DIST += mappings/uri_private.h mappings/document_lines.h mappings/mapping_table.h
dist_pkgdata_DATA += mappings/example.json
