/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"
/*
 * gateway_verbs: starts, stops and questions the gateway: exit codes, log lines, metrics. "Ready"
 * is the line that the gateway logs when it has bound its sockets; nothing here sleeps.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_SECONDS   10.0
#define ARGUMENTS      16
#define LISTENING_TEXT "listening on http://"

bool gateway_verbs_port(struct scenario *scenario, const char *host, char port[8])
{
    char text[128];
    snprintf(text, sizeof(text), LISTENING_TEXT "%s:", host);
    const char *line = gateway_process_find(&scenario->gateway, text, scenario->until);
    const char *found = line == NULL ? NULL : strstr(line, text);
    return found != NULL && sscanf(found + strlen(text), "%7[0-9]", port) == 1;
}

/* NAME=VALUE words go to the environment, the rest to the command line, behind "-c FILE". */
static bool launch(struct scenario *scenario, const struct words *words, size_t at)
{
    char *arguments[ARGUMENTS + 4] = {NULL};
    char *environment[ARGUMENTS] = {NULL};
    size_t count = 0, variables = 0;
    char file[600];
    char *texts[WORDS_MAXIMUM];
    snprintf(file, sizeof(file), "%s/coapgw.json", scenario->directory);
    char option[] = "-c";
    arguments[count++] = strdup(scenario->program);
    arguments[count++] = option;
    arguments[count++] = file;
    bool fits = words->count < at + ARGUMENTS && scenario->gateway.pid == 0;
    for (size_t i = at; fits && i < words->count; i++) {
        texts[i] = strdup(words_at(words, i));
        if (texts[i][0] != '-' && strchr(texts[i], '=') != NULL)
            environment[variables++] = texts[i];
        else
            arguments[count++] = texts[i];
    }
    bool started =
        fits && gateway_process_start(&scenario->gateway, arguments, environment, variables);
    for (size_t i = at; fits && i < words->count; i++)
        free(texts[i]);
    free(arguments[0]);
    return started || scenario_fail(scenario, "cannot start the gateway (does one run already?)");
}

static bool verb_start(struct scenario *scenario, const struct words *words, const char *line)
{
    char port[8];
    (void)line;
    if (!launch(scenario, words, 1))
        return false;
    if (gateway_process_find(&scenario->gateway, LISTENING_TEXT, scenario->until) == NULL)
        return scenario_fail(scenario, "expected: listening on ...\n    got:\n%s",
                             bytes_text(&scenario->gateway.log));
    if (gateway_verbs_port(scenario, "127.0.0.1", port))
        variables_set(&scenario->variables, "http", port);
    return true;
}

static bool expect_end(struct scenario *scenario, long code, double seconds)
{
    if (!gateway_process_wait_end(&scenario->gateway, gateway_process_now() + seconds))
        return scenario_fail(scenario, "the gateway does not end");
    return scenario->gateway.exit_code == code ||
           scenario_fail(scenario, "expected: exit code %ld\n    got:      %d\n%s", code,
                         scenario->gateway.exit_code, bytes_text(&scenario->gateway.log));
}

/* run CODE [NAME=VALUE...] [argument...]: runs it to its end. */
static bool verb_run(struct scenario *scenario, const struct words *words, const char *line)
{
    long code = 0;
    (void)line;
    if (!words_number(words_at(words, 1), &code))
        return scenario_fail(scenario, "run EXIT-CODE [argument...]");
    if (!launch(scenario, words, 2))
        return false;
    if (expect_end(scenario, code, STOP_SECONDS))
        return true;
    gateway_process_kill(&scenario->gateway);
    return false;
}

bool gateway_verbs_stop(struct scenario *scenario)
{
    if (scenario->gateway.pid <= 0)
        return scenario_fail(scenario, "the gateway does not run");
    kill(scenario->gateway.pid, SIGTERM);
    return expect_end(scenario, 0, STOP_SECONDS);
}

static bool verb_stop(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words, (void)line;
    return gateway_verbs_stop(scenario);
}

/* kill: SIGKILL, as at a loss of power: it has no time for a last word to anybody. */
static bool verb_kill(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words, (void)line;
    if (scenario->gateway.pid <= 0)
        return scenario_fail(scenario, "the gateway does not run");
    kill(scenario->gateway.pid, SIGKILL);
    return expect_end(scenario, 128 + SIGKILL, STOP_SECONDS);
}

/* hup: the log is forgotten before, so that log waits for what the reload says. */
/* Forgets what was logged but where the gateway listens: clients connect by those lines. */
static void forget_log(struct bytes *log)
{
    struct bytes kept = {NULL, 0, 0};
    for (const char *line = bytes_text(log); (line = strstr(line, LISTENING_TEXT)) != NULL;) {
        size_t length = strcspn(line, "\n");
        bytes_append(&kept, line, length);
        bytes_append(&kept, "\n", 1);
        line += length;
    }
    bytes_set(log, bytes_text(&kept), kept.length);
    bytes_clear(&kept);
}

static bool verb_hup(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words, (void)line;
    if (scenario->gateway.pid <= 0)
        return scenario_fail(scenario, "the gateway does not run");
    forget_log(&scenario->gateway.log);
    return kill(scenario->gateway.pid, SIGHUP) == 0;
}

/* log "text"... | log ~ regex | log lacks "text" */
static bool verb_log(struct scenario *scenario, const struct words *words, const char *line)
{
    struct gateway_process *gateway = &scenario->gateway;
    if (words_is(words, 1, "~"))
        return scenario_match(scenario, "log", scenario_rest(scenario_rest(line)),
                              bytes_text(&gateway->log));
    if (words_is(words, 1, "lacks")) {
        return strstr(bytes_text(&gateway->log), words_at(words, 2)) == NULL ||
               scenario_fail(scenario, "the log contains %s", words_at(words, 2));
    }
    for (size_t i = 1; i < words->count; i++) {
        if (gateway_process_find(gateway, words_at(words, i), scenario->until) == NULL)
            return scenario_fail(scenario, "expected: a log line with %s\n    got:\n%s",
                                 words_at(words, i), bytes_text(&gateway->log));
    }
    return true;
}

bool gateway_verbs_read_metrics(struct scenario *scenario, struct bytes *page)
{
    char port[8];
    struct bytes request = {NULL, 0, 0};
    struct http_client *client = bytes_allocate(sizeof(*client));
    client->fd = -1;
    const char *trouble = "no connection";
    if (gateway_verbs_port(scenario, "127.0.0.1", port) &&
        http_client_connect(client, "127.0.0.1", port)) {
        bytes_print(&request, "GET /-/metrics HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", port);
        http_client_send(client, &scenario->gateway, request.data, request.length, scenario->until);
        trouble = http_client_response(client, &scenario->gateway, scenario->until);
    }
    bytes_set(page, client->response.body.data, client->response.body.length);
    bool held = trouble == NULL && client->response.status == 200;
    if (!held)
        scenario_fail(scenario, "cannot read the metrics: %s, status %u",
                      trouble == NULL ? "" : trouble, client->response.status);
    bytes_clear(&request);
    http_client_free(client);
    return held;
}

/* The value of a sample, 0 when there is none yet. */
static double sample(const struct bytes *page, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = bytes_text(page); *line != '\0';) {
        if (strncmp(line, name, length) == 0 && line[length] == ' ')
            return strtod(line + length, NULL);
        const char *end = strchr(line, '\n');
        if (end == NULL)
            break;
        line = end + 1;
    }
    return 0;
}

/* metric NAME = VALUE | NAME < VALUE | NAME > VALUE | NAME + DIFFERENCE since the start of the
 * case. Labels are written as on the page: metric name{node="kitchen"} = 1. What a request leaves
 * behind is put away after its answer has gone out, so the page is read until it says so. */
static bool verb_metric(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words;
    const char *rest = scenario_rest(line);
    size_t length = strcspn(rest, " {");
    if (rest[length] == '{')
        length += strcspn(rest + length, "}") + 1;
    char *end;
    char name[256], sign = 0;
    int used = 0;
    snprintf(name, sizeof(name), "%.*s", (int)length, rest);
    if (sscanf(rest + strlen(name), " %c %n", &sign, &used) != 1 || strchr("=<>+", sign) == NULL)
        return scenario_fail(scenario, "metric NAME = VALUE, < VALUE, > VALUE or + DIFFERENCE");
    double wanted = strtod(rest + strlen(name) + used, &end);
    double got = 0;
    do {
        struct bytes page = {NULL, 0, 0};
        if (!gateway_verbs_read_metrics(scenario, &page))
            return false;
        got = sample(&page, name);
        bytes_clear(&page);
        if (sign == '+')
            got -= sample(&scenario->metrics_before, name);
        if ((sign == '<' && got < wanted) || (sign == '>' && got > wanted) ||
            (strchr("=+", sign) != NULL && got <= wanted && got >= wanted))
            return true;
        gateway_process_wait(&scenario->gateway, -1, 0, gateway_process_now() + 0.02);
    } while (gateway_process_now() < scenario->until);
    return scenario_fail(scenario, "expected: %s %c %g\n    got:      %g", name, sign, wanted, got);
}

/* peak-memory MB: the gateway never had more than that. */
static bool verb_peak_memory(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    char path[64], text[256];
    unsigned long kilobytes = 0;
    snprintf(path, sizeof(path), "/proc/%ld/status", (long)scenario->gateway.pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(text, sizeof(text), file) != NULL)
        sscanf(text, "VmHWM: %lu kB", &kilobytes);
    if (file != NULL)
        fclose(file);
    if (kilobytes == 0)
        return scenario_fail(scenario, "%s does not tell it", path);
    unsigned long megabytes = strtoul(words_at(words, 1), NULL, 10);
    return kilobytes <= megabytes * 1024 ||
           scenario_fail(scenario, "expected: at most %lu MB\n    got:      %lu kB", megabytes,
                         kilobytes);
}

bool gateway_verbs_run(struct scenario *scenario, const struct words *words, const char *line,
                       bool *known)
{
    static const struct {
        const char *name;
        bool (*run)(struct scenario *, const struct words *, const char *);
    } verbs[] = {
        {"start", verb_start},   {"stop", verb_stop},
        {"kill", verb_kill},     {"hup", verb_hup},
        {"run", verb_run},       {"log", verb_log},
        {"metric", verb_metric}, {"peak-memory", verb_peak_memory},
    };
    *known = true;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (words_is(words, 0, verbs[i].name))
            return verbs[i].run(scenario, words, line);
    }
    *known = false;
    return false;
}
