# SPDX-License-Identifier: BSD-2-Clause
libgateway_a_SOURCES += gateway/http/auth.c gateway/http/auth.h \
	gateway/http/http_call.c gateway/http/http_call.h \
	gateway/http/http_connection.c gateway/http/http_connection.h \
	gateway/http/http_daemon.c gateway/http/http_daemon.h \
	gateway/http/http_guard.c gateway/http/http_guard.h \
	gateway/http/http_listener.c gateway/http/http_listener.h \
	gateway/http/http_request.c gateway/http/http_request.h \
	gateway/http/http_response.c gateway/http/http_response.h \
	gateway/http/http_server.c gateway/http/http_server_parts.h \
	gateway/http/http_stream.c gateway/http/http_stream.h
