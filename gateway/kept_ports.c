/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kept_ports: two lines of text, "udp4 PORT" and "udp6 PORT", read once at start and written once
 * the sockets are open. The file is replaced by a rename, so that a crash leaves the old one or the
 * new one; and only when it changes, as the folder may lie on flash. What stands in it is checked
 * like any input: a person may have edited it, or a disk damaged it.
 */
#include "kept_ports.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "text.h"

enum { FILE_MAXIMUM = sizeof "udp4 65535\nudp6 65535\n" };

static const char file_name[] = "coap-ports";

/* The path of `name` with a suffix inside the folder; false when it is too long. */
static bool make_path(char path[PATH_MAX], const char *folder, const char *suffix)
{
    int length = snprintf(path, PATH_MAX, "%s/%s%s", folder, file_name, suffix);

    return length > 0 && length < PATH_MAX;
}

/* Reads the file to its end, up to `size` - 1 bytes: how many, or -1 with errno. A device or pipe
 * in its place is not waited for. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    ssize_t length = -1;
    int error;

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) == 0) {
        errno = EINVAL;
        if (S_ISREG(status.st_mode))
            length = read(fd, text, size - 1);
    }
    error = errno;
    close(fd);
    errno = error;
    if (length >= 0)
        text[length] = '\0';
    return length;
}

/* Reads one "WORD PORT\n" from `*text` and moves behind it. An absent line is right, and no port.
 */
static bool read_line(const char **text, const char *word, uint16_t *port)
{
    size_t prefix = strlen(word);
    size_t digits;
    uint64_t number;

    if (strncmp(*text, word, prefix) != 0)
        return true;
    *text += prefix;
    digits = strcspn(*text, "\n");
    if ((*text)[digits] != '\n' || !text_to_number(*text, digits, UINT16_MAX, &number) ||
        number == 0)
        return false;
    *port = (uint16_t)number;
    *text += digits + 1;
    return true;
}

struct kept_ports kept_ports_read(const char *folder, struct log *log)
{
    const struct kept_ports none = {0};
    struct kept_ports ports = none;
    char path[PATH_MAX];
    char text[FILE_MAXIMUM + 1]; /* one more: a longer file is seen to be longer */
    const char *at = text;
    ssize_t length;

    if (!make_path(path, folder, ""))
        return none;
    length = read_file(path, text, sizeof text);
    if (length < 0) {
        if (errno != ENOENT)
            log_write(log, LOG_LEVEL_WARNING, "state: %s cannot be read: %s", path,
                      strerror(errno));
        return none;
    }
    if (strlen(text) == (size_t)length && read_line(&at, "udp4 ", &ports.ipv4) &&
        read_line(&at, "udp6 ", &ports.ipv6) && *at == '\0' && at != text)
        return ports;
    log_write(log, LOG_LEVEL_WARNING, "state: %s tells no ports and is written anew", path);
    return none;
}

/* 0 or -1 with errno. */
static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    size_t length = strlen(text);
    ssize_t written;
    int error;

    if (fd < 0)
        return -1;
    errno = ENOSPC; /* what a short write means */
    written = write(fd, text, length);
    /* Or else the new name could outlive a loss of power without its content. */
    if (written == (ssize_t)length && fsync(fd) == 0)
        return close(fd);
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

void kept_ports_write(const char *folder, const struct kept_ports *ports, struct log *log)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    char text[FILE_MAXIMUM], old[FILE_MAXIMUM + 1];
    int length = 0;

    if (ports->ipv4 != 0)
        length = snprintf(text, sizeof text, "udp4 %u\n", ports->ipv4);
    if (ports->ipv6 != 0)
        length += snprintf(text + length, sizeof text - (size_t)length, "udp6 %u\n", ports->ipv6);
    if (length == 0)
        return;
    if (!make_path(path, folder, "") || !make_path(fresh, folder, ".new")) {
        log_write(log, LOG_LEVEL_WARNING, "state: the ports are not kept: the path is too long");
        return;
    }
    if (read_file(path, old, sizeof old) == length && strcmp(old, text) == 0)
        return;
    if (write_file(fresh, text) == 0 && rename(fresh, path) == 0)
        return;
    log_write(log, LOG_LEVEL_WARNING, "state: the ports cannot be kept in %s: %s", path,
              strerror(errno));
    (void)unlink(fresh);
}
