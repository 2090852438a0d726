/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload_clock: a wall clock that can be stepped, put before the C library's by LD_PRELOAD. While
 * the file that WALL_CLOCK names exists, CLOCK_REALTIME says the number of seconds that stands in
 * it, counted on from when the file was written. While the file that TIME_LEAP names exists,
 * CLOCK_MONOTONIC is that number of seconds ahead: deadlines of minutes pass at once, for a program
 * that looks at the clock again because something else woke it. Other clocks are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int clock_function(clockid_t clock, struct timespec *now);

static int real_clock(clockid_t clock, struct timespec *now)
{
    static clock_function *next;
    if (next == NULL)
        next = (clock_function *)dlsym(RTLD_NEXT, "clock_gettime");
    return next(clock, now);
}

/* Reads the file that `variable` names: what it says, and when it was written. */
static int read_step(const char *variable, struct timespec *written, long long *seconds)
{
    char text[32];
    struct stat state;
    const char *path = getenv(variable);
    int saved = errno;
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    int found = count > 0 && fstat(fd, &state) == 0;
    if (fd >= 0)
        close(fd);
    errno = saved;
    if (!found)
        return 0;
    text[count] = '\0';
    *seconds = strtoll(text, NULL, 10);
    *written = state.st_mtim;
    return 1;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    struct timespec written;
    long long seconds = 0;
    int result = real_clock(clock, now);
    if (result != 0)
        return result;
    if ((clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE) &&
        read_step("TIME_LEAP", &written, &seconds))
        now->tv_sec += (time_t)seconds;
    if ((clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) ||
        !read_step("WALL_CLOCK", &written, &seconds))
        return 0;
    now->tv_sec = (time_t)(seconds + (now->tv_sec - written.tv_sec));
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
        return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *seconds)
{
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
        return (time_t)-1;
    if (seconds != NULL)
        *seconds = precise.tv_sec;
    return precise.tv_sec;
}
