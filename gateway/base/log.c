/* SPDX-License-Identifier: BSD-2-Clause */
#include "log.h"

/*
 * log: lines for the operator on one stream. A line is put together on the stack and written with
 * one call, so lines stay whole in the journal and logging needs no memory. What comes from peers
 * may stand in a message, so control characters and broken UTF-8 are shown and never passed on.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text.h"

enum {
    MESSAGE_SIZE = 2048,               /* longer messages are cut */
    LINE_SIZE = 6 * MESSAGE_SIZE + 128 /* JSON shows one byte as up to six: \u00NN */
};

struct log {
    FILE *stream;
    enum log_level level;
    enum log_format format;
    bool journal_prefixes;
    uint64_t (*wall_ms)(void);
};

struct line {
    char bytes[LINE_SIZE];
    size_t length;
};

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int journal_levels[] = {3, 4, 6, 7}; /* sd-daemon(3) */

struct log *log_new(FILE *stream, enum log_level level, enum log_format format,
                    bool journal_prefixes, uint64_t (*wall_ms)(void))
{
    struct log *log = calloc(1, sizeof *log);
    if (log != NULL) {
        *log = (struct log){.stream = stream,
                            .level = level,
                            .format = format,
                            .journal_prefixes = journal_prefixes,
                            .wall_ms = wall_ms};
    }
    return log;
}

void log_free(struct log *log)
{
    free(log);
}

void log_configure(struct log *log, enum log_level level, enum log_format format)
{
    log->level = level;
    log->format = format;
}

bool log_enabled(const struct log *log, enum log_level level)
{
    return log != NULL && level <= log->level;
}

static void line_printf(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void line_printf(struct line *line, const char *format, ...)
{
    size_t room = sizeof line->bytes - line->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line->bytes + line->length, room, format, arguments);
    va_end(arguments);
    if (length > 0) {
        line->length += (size_t)length < room ? (size_t)length : room - 1;
    }
}

/* Adds the message with everything shown that could forge a line, steer a terminal or, as JSON,
 * break the object: controls (C1 included) and bytes that are not UTF-8. */
static void line_add_message(struct line *line, const char *message, bool is_json)
{
    const unsigned char *in = (const unsigned char *)message;
    size_t left = strlen(message);
    while (left > 0) {
        size_t count = text_utf8_sequence(in, left);
        bool is_control = (count == 1 && (in[0] < 0x20 || in[0] == 0x7f)) ||
                          (count == 2 && in[0] == 0xc2 && in[1] < 0xa0);
        if (count == 0 || (is_control && !is_json)) {
            line_printf(line, is_json ? "\\\\x%02x" : "\\x%02x", in[0]);
            count = 1;
            if (is_control && in[0] == 0xc2) {
                line_printf(line, "\\x%02x", in[1]);
                count = 2;
            }
        } else if (is_control) {
            line_printf(line, "\\u%04x", count == 1 ? in[0] : in[1]);
        } else {
            bool is_escaped = is_json && (in[0] == '"' || in[0] == '\\');
            line_printf(line, "%s%.*s", is_escaped ? "\\" : "", (int)count, (const char *)in);
        }
        in += count;
        left -= count;
    }
}

/* RFC 3339 in UTC with milliseconds; "" without a clock. */
static void format_time(const struct log *log, char *text, size_t size)
{
    text[0] = '\0';
    if (log->wall_ms == NULL) {
        return;
    }
    uint64_t now_ms = log->wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    char whole[32];
    if (gmtime_r(&seconds, &tm) != NULL &&
        strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &tm) > 0) {
        snprintf(text, size, "%s.%03uZ", whole, (unsigned)(now_ms % 1000));
    }
}

static void write_line(const struct log *log, enum log_level level, const char *message)
{
    struct line line;
    line.length = 0;
    char now[40];
    if (log->format == LOG_FORMAT_JSON) {
        format_time(log, now, sizeof now);
        line_printf(&line, "{");
        if (now[0] != '\0') {
            line_printf(&line, "\"time\":\"%s\",", now);
        }
        line_printf(&line, "\"level\":\"%s\",\"message\":\"", level_names[level]);
        line_add_message(&line, message, true);
        line_printf(&line, "\"}\n");
    } else if (log->journal_prefixes) {
        line_printf(&line, "<%d>", journal_levels[level]);
        line_add_message(&line, message, false);
        line_printf(&line, "\n");
    } else {
        format_time(log, now, sizeof now);
        line_printf(&line, "%s%s%s: ", now, now[0] != '\0' ? " " : "", level_names[level]);
        line_add_message(&line, message, false);
        line_printf(&line, "\n");
    }
    fwrite(line.bytes, 1, line.length, log->stream);
    fflush(log->stream);
}

static void write_formatted(struct log *log, enum log_level level, unsigned left_out,
                            const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));

/* `left_out`: lines like this one that were not written. */
static void write_formatted(struct log *log, enum log_level level, unsigned left_out,
                            const char *format, va_list arguments)
{
    int saved_errno = errno;
    char message[MESSAGE_SIZE];
    int length = vsnprintf(message, sizeof message, format, arguments);
    if (length >= 0) {
        size_t used = strlen(message);
        if (left_out > 0) {
            snprintf(message + used, sizeof message - used, " (%u more left out)", left_out);
        }
        write_line(log, level, message);
    }
    errno = saved_errno;
}

void log_write(struct log *log, enum log_level level, const char *format, ...)
{
    if (!log_enabled(log, level)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_formatted(log, level, 0, format, arguments);
    va_end(arguments);
}

void log_write_limited(struct log *log, struct log_limit *limit, uint64_t now_us,
                       enum log_level level, const char *format, ...)
{
    if (!log_enabled(log, level)) {
        return;
    }
    if (now_us < limit->next_us) {
        limit->suppressed++;
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_formatted(log, level, limit->suppressed, format, arguments);
    va_end(arguments);
    limit->next_us = now_us + 1000000;
    limit->suppressed = 0;
}
