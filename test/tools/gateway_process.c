/* SPDX-License-Identifier: BSD-2-Clause */
#include "gateway_process.h"
/*
 * gateway_process: runs the gateway and reads its log through a pipe. Every wait of the scenario
 * tool goes through gateway_process_wait, which polls the awaited descriptor and the log together:
 * the log can never fill its pipe, and a gateway that dies ends the wait at once.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double gateway_process_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void become_gateway(char *const *arguments, char *const *environment, size_t count, int log)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* no gateway outlives its test */
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    unsetenv("JOURNAL_STREAM");
    unsetenv("NOTIFY_SOCKET");
    for (size_t i = 0; i < count; i++)
        putenv(environment[i]);
    execv(arguments[0], arguments);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

bool gateway_process_start(struct gateway_process *gateway, char *const *arguments,
                           char *const *environment, size_t environment_count)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    bytes_empty(&gateway->log);
    gateway->pid = fork();
    if (gateway->pid == 0)
        become_gateway(arguments, environment, environment_count, ends[1]);
    close(ends[1]);
    if (gateway->pid < 0) {
        gateway->pid = 0;
        close(ends[0]);
        return false;
    }
    gateway->log_fd = ends[0];
    fcntl(gateway->log_fd, F_SETFL, O_NONBLOCK);
    return true;
}

static void pump_log(struct gateway_process *gateway)
{
    char piece[4096];
    for (;;) {
        ssize_t count = read(gateway->log_fd, piece, sizeof(piece));
        if (count > 0) {
            bytes_append(&gateway->log, piece, (size_t)count);
        } else if (count == 0) {
            close(gateway->log_fd);
            gateway->log_fd = -1;
            return;
        } else if (errno != EINTR) {
            return;
        }
    }
}

bool gateway_process_wait(struct gateway_process *gateway, int fd, short events, double until)
{
    for (;;) {
        struct pollfd waits[2] = {{gateway->log_fd, POLLIN, 0}, {fd, events, 0}};
        double now = gateway_process_now();
        double next = gateway->tick == NULL ? until : gateway->tick(gateway->tick_handle, now);
        double left = (next < until ? next : until) - now;
        int ready = poll(waits, 2, left <= 0 ? 0 : (int)(left * 1000) + 1);
        if (ready < 0 && errno != EINTR)
            return false;
        if (waits[0].revents != 0)
            pump_log(gateway);
        if (waits[1].revents != 0)
            return true;
        if (fd < 0 && waits[0].revents != 0)
            return gateway->log_fd >= 0;
        if (ready == 0 && gateway_process_now() >= until)
            return false;
        if (gateway->log_fd < 0 && (fd < 0 || waits[0].revents != 0))
            until = gateway_process_now(); /* it ended: only what is there already counts */
    }
}

const char *gateway_process_find(struct gateway_process *gateway, const char *text, double until)
{
    for (;;) {
        const char *log = bytes_text(&gateway->log);
        const char *found = strstr(log, text);
        if (found != NULL && strchr(found, '\n') != NULL) {
            while (found > log && found[-1] != '\n')
                found--;
            return found;
        }
        if (gateway->log_fd < 0 || !gateway_process_wait(gateway, -1, 0, until))
            return strstr(bytes_text(&gateway->log), text);
    }
}

bool gateway_process_wait_end(struct gateway_process *gateway, double until)
{
    int status = 0;
    while (gateway->log_fd >= 0 && gateway_process_now() < until)
        gateway_process_wait(gateway, -1, 0, until);
    if (gateway->pid == 0)
        return true;
    if (gateway->log_fd >= 0 || waitpid(gateway->pid, &status, 0) < 0)
        return false;
    gateway->pid = 0;
    gateway->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

void gateway_process_kill(struct gateway_process *gateway)
{
    if (gateway->pid > 0) {
        kill(gateway->pid, SIGKILL);
        waitpid(gateway->pid, NULL, 0);
        gateway->pid = 0;
    }
    if (gateway->log_fd >= 0)
        close(gateway->log_fd);
    gateway->log_fd = -1;
}
