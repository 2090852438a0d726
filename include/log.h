/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_LOG_H
#define COAPGW_LOG_H

/*
 * log: one line per event that matters to an operator, on standard error.
 * Subject first ("node kitchen: ..."). Never keys, tokens of users or payloads.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum log_level {
    LOG_LEVEL_ERROR,   /* someone must act */
    LOG_LEVEL_WARNING, /* someone may have to act */
    LOG_LEVEL_INFO,    /* life cycle */
    LOG_LEVEL_DEBUG,   /* the story of one request */
};

enum log_format {
    LOG_FORMAT_TEXT,
    LOG_FORMAT_JSON, /* one object a line: {"time":..,"level":..,"message":..} */
};

struct log;

/* Makes a log that writes to `stream` (borrowed until log_free). `journal_prefixes` puts "<n>" of
 * sd-daemon(3) before each text line. `wall_ms` gives milliseconds since 1970 for time stamps
 * (none with journal prefixes); it may be NULL: no time stamps. NULL when memory is short. */
struct log *log_new(FILE *stream, enum log_level level, enum log_format format,
                    bool journal_prefixes, uint64_t (*wall_ms)(void));
void log_free(struct log *log);

/* Changes level and format (reload of the configuration). */
void log_configure(struct log *log, enum log_level level, enum log_format format);

/* True when a line of `level` would be written: guards costly arguments. False for log NULL. */
bool log_enabled(const struct log *log, enum log_level level);

/* Writes one line; a newline is added, control characters are shown as \xNN. NULL log: nothing.
 * errno is kept. */
void log_write(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As log_write, for lines that a peer can provoke: at most one line per second for each `limit`
 * (owned by the caller, zeroed at birth); the next line tells how many were left out. `now_us` is
 * the monotonic clock. */
struct log_limit {
    uint64_t next_us;
    unsigned suppressed;
};
void log_write_limited(struct log *log, struct log_limit *limit, uint64_t now_us,
                       enum log_level level, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
