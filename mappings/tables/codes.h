/* SPDX-License-Identifier: BSD-2-Clause */
/* CoAP response codes: CODE(class, detail, "name", status with a payload, status without). RFC 8075 7,
 * Table 2, and the codes that came later (RFC 7959, 8132, 8516, 8768). Included with CODE defined; no
 * guard on purpose.
 * 4.02 and 4.05 have a second status, see status.c. 2.03, 2.31 and 4.08 belong to validation and to
 * transfer in blocks: whoever did not ask for these cannot use them as an outcome, so 502. */
CODE(2, 1, "Created", 201, 201)
CODE(2, 2, "Deleted", 200, 204)
CODE(2, 3, "Valid", 502, 502)
CODE(2, 4, "Changed", 200, 204)
CODE(2, 5, "Content", 200, 200)
CODE(2, 31, "Continue", 502, 502)
CODE(4, 0, "Bad Request", 400, 400)
CODE(4, 1, "Unauthorized", 403, 403)
CODE(4, 2, "Bad Option", 500, 500)
CODE(4, 3, "Forbidden", 403, 403)
CODE(4, 4, "Not Found", 404, 404)
CODE(4, 5, "Method Not Allowed", 400, 400)
CODE(4, 6, "Not Acceptable", 406, 406)
CODE(4, 8, "Request Entity Incomplete", 502, 502)
CODE(4, 9, "Conflict", 409, 409)
CODE(4, 12, "Precondition Failed", 412, 412)
CODE(4, 13, "Request Entity Too Large", 413, 413)
CODE(4, 15, "Unsupported Content-Format", 415, 415)
CODE(4, 22, "Unprocessable Entity", 422, 422)
CODE(4, 29, "Too Many Requests", 429, 429)
CODE(5, 0, "Internal Server Error", 500, 500)
CODE(5, 1, "Not Implemented", 501, 501)
CODE(5, 2, "Bad Gateway", 502, 502)
CODE(5, 3, "Service Unavailable", 503, 503)
CODE(5, 4, "Gateway Timeout", 504, 504)
CODE(5, 5, "Proxying Not Supported", 502, 502)
CODE(5, 8, "Hop Limit Reached", 508, 508)
