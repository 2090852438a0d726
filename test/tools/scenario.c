/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"
/*
 * scenario: runs a scenario file: writes the gateway's configuration, starts the real program,
 * plays CoAP nodes and HTTP clients around it and compares what goes over the wire. A case that
 * held says which conformance rows it proves; one that failed shows both sides, and the run goes on
 * with the next case. The language is described in README beside this file.
 *
 *     scenario -g GATEWAY [-d FOLDER] FILE        exit code 0, 1 or 77 (no such gateway)
 */

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "script.h"

struct run {
    struct scenario scenario;
    struct script script;
    unsigned cases;
    unsigned failures;
};

bool scenario_fail(struct scenario *scenario, const char *format, ...)
{
    char text[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    bytes_set(&scenario->failure, text, strlen(text));
    return false;
}

bool scenario_differ(struct scenario *scenario, struct bytes *expected, struct bytes *got)
{
    bytes_empty(&scenario->failure);
    bytes_print(&scenario->failure, "expected: %s\n    got:      %s", bytes_text(expected),
                bytes_text(got));
    bytes_clear(expected);
    bytes_clear(got);
    return false;
}

bool scenario_match(struct scenario *scenario, const char *what, const char *regex,
                    const char *text)
{
    regex_t compiled;
    if (regcomp(&compiled, regex, REG_EXTENDED | REG_NOSUB) != 0)
        return scenario_fail(scenario, "no regular expression: %s", regex);
    bool found = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return found ||
           scenario_fail(scenario, "expected: %s ~ %s\n    got:      %s", what, regex, text);
}

const char *scenario_rest(const char *line)
{
    line += strspn(line, " \t");
    line += strcspn(line, " \t");
    return line + strspn(line, " \t");
}

static bool expand(struct scenario *scenario, const char *line, struct bytes *out)
{
    struct bytes unknown = {NULL, 0, 0};
    bool known = variables_expand(&scenario->variables, line, out, &unknown);
    if (!known)
        scenario_fail(scenario, "no variable %s", bytes_text(&unknown));
    bytes_clear(&unknown);
    return known;
}

/* config | mapping NAME | file NAME, up to end: writes a file of the scenario's folder. */
static bool write_block(struct run *run, size_t begin, size_t end, const char *folder,
                        const char *name)
{
    struct scenario *scenario = &run->scenario;
    struct bytes text = {NULL, 0, 0};
    char path[1024];
    bool good = true;
    snprintf(path, sizeof(path), "%s/%s%s", scenario->directory, folder, name);
    for (size_t i = begin + 1; good && i < end; i++) {
        good = expand(scenario, run->script.lines[i], &text);
        bytes_append(&text, "\n", 1);
    }
    FILE *stream = good ? fopen(path, "w") : NULL;
    if (stream != NULL) {
        fwrite(bytes_text(&text), 1, text.length, stream);
        good = fclose(stream) == 0;
    } else if (good) {
        good = scenario_fail(scenario, "cannot write %s: %s", path, strerror(errno));
    }
    bytes_clear(&text);
    return good;
}

static struct scripted_node *node_named(struct scenario *scenario, const struct words *words)
{
    for (size_t i = 0; i < SCENARIO_NODES; i++) {
        if (scenario->nodes[i].fd >= 0 && words_is(words, 0, scenario->nodes[i].name))
            return &scenario->nodes[i];
    }
    return NULL;
}

static bool run_verb(struct scenario *scenario, struct words *words, const char *line)
{
    bool known = false, held;
    struct scripted_node *node = node_named(scenario, words);
    if (node != NULL)
        return node_verbs_run(scenario, node, words);
    if (words_is(words, 0, "set")) {
        variables_set(&scenario->variables, words_at(words, 1), words_at(words, 2));
        return true;
    }
    if (words_is(words, 0, "remove")) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/%s", scenario->directory, words_at(words, 1));
        return unlink(path) == 0 || scenario_fail(scenario, "no file %s", path);
    }
    held = gateway_verbs_run(scenario, words, line, &known);
    if (!known)
        held = http_verbs_run(scenario, words, line, &known);
    return known ? held : scenario_fail(scenario, "no verb %s", words_at(words, 0));
}

/* One line that is no block; "within SECONDS" in front of a verb lengthens its patience. */
static bool run_line(struct scenario *scenario, const char *line)
{
    struct bytes expanded = {NULL, 0, 0};
    struct words words = {.count = 0};
    double seconds = SCENARIO_SECONDS;
    if (!expand(scenario, line, &expanded))
        return false;
    const char *text = bytes_text(&expanded);
    if (script_begins(text, "within")) {
        seconds = strtod(scenario_rest(text), NULL);
        text = scenario_rest(scenario_rest(text));
    }
    scenario->until = gateway_process_now() + seconds * scenario->patience;
    bool raw = script_begins(text, "has") || script_begins(text, "field") ||
               script_begins(text, "metric") || strncmp(scenario_rest(text), "~ ", 2) == 0;
    bool held = words_split(&words, text) || raw ||
                scenario_fail(scenario, "a quote or an escape is broken");
    if (held && words.count > 0)
        held = run_verb(scenario, &words, text);
    words_clear(&words);
    bytes_clear(&expanded);
    return held;
}

static bool run_lines(struct run *run, size_t begin, size_t end, size_t *failed_at);

/* times N [as NAME] ... done: ${NAME} counts from 0. */
static bool run_times(struct run *run, size_t begin, size_t end, size_t *failed_at)
{
    struct scenario *scenario = &run->scenario;
    struct bytes line = {NULL, 0, 0};
    struct words words = {.count = 0};
    long count = 0;
    bool held = expand(scenario, run->script.lines[begin], &line);
    if (held &&
        (!words_split(&words, bytes_text(&line)) || !words_number(words_at(&words, 1), &count)))
        held = scenario_fail(scenario, "times NUMBER [as NAME]");
    for (long i = 0; held && i < count; i++) {
        char number[24];
        snprintf(number, sizeof(number), "%ld", i);
        if (words_is(&words, 2, "as"))
            variables_set(&scenario->variables, words_at(&words, 3), number);
        held = run_lines(run, begin + 1, end, failed_at);
    }
    words_clear(&words);
    bytes_clear(&line);
    return held;
}

/* Runs lines up to `end`; on failure `failed_at` is the line. */
static bool run_lines(struct run *run, size_t begin, size_t end, size_t *failed_at)
{
    for (size_t i = begin; i < end; i++) {
        const char *line = run->script.lines[i];
        bool held = true;
        *failed_at = i;
        if (script_begins(line, "times")) {
            size_t done = script_block_end(&run->script, i);
            held = run_times(run, i, done, failed_at);
            i = done;
        } else if (script_begins(line, "config")) {
            size_t last = script_block_end(&run->script, i);
            held = write_block(run, i, last, "", "coapgw.json");
            i = last;
        } else if (script_begins(line, "mapping") || script_begins(line, "file")) {
            const char *folder = script_begins(line, "mapping") ? "mappings/" : "";
            size_t last = script_block_end(&run->script, i);
            held = write_block(run, i, last, folder, scenario_rest(line));
            i = last;
        } else {
            held = run_line(&run->scenario, line);
        }
        if (!held)
            return false;
    }
    return true;
}

/* "METH-01,METH-02 title": prints what the case proved. */
static void print_rows(const struct run *run, const char *heading)
{
    const char *title = heading + strcspn(heading, " ");
    const char *slash = strrchr(run->scenario.file, '/');
    const char *file = slash == NULL ? run->scenario.file : slash + 1;
    title += strspn(title, " ");
    for (const char *row = heading; row < title && *row != '-';) {
        size_t length = strcspn(row, ", ");
        printf("ROW %.*s wire %s:%s\n", (int)length, row, file, title);
        row += length;
        if (*row++ != ',')
            break;
    }
}

static void report_failure(struct run *run, size_t line, const char *title)
{
    const struct scenario *scenario = &run->scenario;
    printf("FAIL %s:%zu: %s\n    %s\n    %s\n", scenario->file, line + 1, title,
           run->script.lines[line] + strspn(run->script.lines[line], " \t"),
           bytes_text(&scenario->failure));
    printf("  what went over the wire:\n%s", bytes_text(&scenario->transcript));
    printf("  log of the gateway:\n%s\n", bytes_text(&scenario->gateway.log));
}

static bool mentions_metric(const struct script *script, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        if (script_begins(script->lines[i], "metric"))
            return true;
    }
    return false;
}

static void run_case(struct run *run, size_t begin, size_t end)
{
    struct scenario *scenario = &run->scenario;
    const char *heading = scenario_rest(run->script.lines[begin]);
    size_t failed_at = begin;
    for (size_t i = 0; i < SCENARIO_NODES; i++)
        scripted_node_begin_case(&scenario->nodes[i]);
    bytes_empty(&scenario->transcript);
    scenario->quickest = HUGE_VAL;
    scenario->until = gateway_process_now() + SCENARIO_SECONDS * scenario->patience;
    bool held = !mentions_metric(&run->script, begin, end) || scenario->gateway.pid == 0 ||
                gateway_verbs_read_metrics(scenario, &scenario->metrics_before);
    held = held && run_lines(run, begin + 1, end, &failed_at);
    run->cases++;
    if (held)
        print_rows(run, heading);
    else
        report_failure(run, failed_at, heading);
    run->failures += held ? 0 : 1;
    fflush(stdout);
    http_verbs_end_case(scenario);
    for (size_t i = 0; i < SCENARIO_NODES; i++) {
        if (scenario->nodes[i].fd >= 0)
            scripted_node_end_case(&scenario->nodes[i]);
    }
}

/* Cases fail alone; a failure outside of them ends the run. */
static bool run_script(struct run *run)
{
    for (size_t i = 0; i < run->script.count; i++) {
        const char *line = run->script.lines[i];
        bool is_block = script_begins(line, "config") || script_begins(line, "mapping") ||
                        script_begins(line, "file") || script_begins(line, "case") ||
                        script_begins(line, "times");
        size_t last = is_block ? script_block_end(&run->script, i) : i;
        size_t failed_at = i;
        if (last == run->script.count) {
            printf("FAIL %s:%zu: the block has no end\n", run->scenario.file, i + 1);
            return false;
        }
        if (script_begins(line, "case")) {
            run_case(run, i, last);
        } else if (!run_lines(run, i, last + 1, &failed_at)) {
            report_failure(run, failed_at, "outside of a case");
            return false;
        }
        i = last;
    }
    return true;
}

static int remove_entry(const char *path, const struct stat *state, int type, struct FTW *place)
{
    (void)state, (void)type, (void)place;
    return remove(path);
}

static bool prepare(struct scenario *scenario, const char *folder)
{
    static const char *const names[SCENARIO_NODES] = {"node", "node2", "node3", "node6"};
    char text[600];
    const char *slash = strrchr(scenario->file, '/');
    snprintf(scenario->directory, sizeof(scenario->directory), "%s/%s.dir", folder,
             slash == NULL ? scenario->file : slash + 1);
    for (size_t i = 0; i < SCENARIO_NODES; i++)
        scenario->nodes[i].fd = scenario->nodes[i].other_port_fd =
            scenario->nodes[i].other_address_fd = -1;
    nftw(scenario->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    snprintf(text, sizeof(text), "%s/mappings", scenario->directory);
    if (mkdir(scenario->directory, 0777) < 0 || mkdir(text, 0777) < 0) {
        printf("FAIL %s: cannot make %s: %s\n", scenario->file, text, strerror(errno));
        return false;
    }
    char *absolute = realpath(scenario->directory, NULL);
    variables_set(&scenario->variables, "dir", absolute == NULL ? "" : absolute);
    free(absolute);
    for (size_t i = 0; i < SCENARIO_NODES; i++) {
        char port[8] = "1"; /* without IPv6, node6 cannot be had: cases that use it fail */
        if (scripted_node_open(&scenario->nodes[i], names[i], i == 3 ? "::1" : "127.0.0.1",
                               &scenario->transcript))
            snprintf(port, sizeof(port), "%u", scripted_node_port(&scenario->nodes[i]));
        variables_set(&scenario->variables, names[i], port);
    }
    snprintf(text, sizeof(text), "%u", scripted_node_closed_port());
    variables_set(&scenario->variables, "closed", text);
    return true;
}

/* What goes on during every wait: the nodes send what they were told to send later. */
static double tick(void *handle, double now)
{
    struct scenario *scenario = handle;
    double next = HUGE_VAL;
    for (size_t i = 0; i < SCENARIO_NODES; i++)
        next = fmin(next, scripted_node_tick(&scenario->nodes[i], now));
    return next;
}

static void clean_up(struct run *run, bool keep)
{
    struct scenario *scenario = &run->scenario;
    gateway_process_kill(&scenario->gateway);
    bytes_clear(&scenario->gateway.log);
    if (!keep)
        nftw(scenario->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    for (size_t i = 0; i < SCENARIO_NODES; i++)
        scripted_node_close(&scenario->nodes[i]);
    script_clear(&run->script);
    variables_clear(&scenario->variables);
    bytes_clear(&scenario->transcript);
    bytes_clear(&scenario->failure);
    bytes_clear(&scenario->metrics_before);
}

int main(int argc, char **argv)
{
    struct run run = {.scenario = {.gateway = {.log_fd = -1}, .patience = 1}};
    const char *folder = ".";
    for (int option; (option = getopt(argc, argv, "g:d:p:")) != -1;) {
        if (option == 'g')
            run.scenario.program = optarg;
        else if (option == 'd')
            folder = optarg;
        else if (option == 'p')
            run.scenario.patience = strtod(optarg, NULL);
    }
    if (optind + 1 != argc || run.scenario.program == NULL || run.scenario.patience < 1) {
        fprintf(stderr, "usage: scenario -g gateway [-d folder] [-p patience] file\n");
        return 64;
    }
    if (access(run.scenario.program, X_OK) != 0) {
        printf("SKIP: there is no gateway %s\n", run.scenario.program);
        return 77;
    }
    run.scenario.file = argv[optind];
    run.scenario.gateway.tick = tick;
    run.scenario.gateway.tick_handle = &run.scenario;
    if (!script_read(&run.script, argv[optind])) {
        fprintf(stderr, "scenario: cannot read %s: %s\n", argv[optind], strerror(errno));
        return EXIT_FAILURE;
    }
    bool held = prepare(&run.scenario, folder) && run_script(&run);
    if (held && run.scenario.gateway.pid > 0 && !gateway_verbs_stop(&run.scenario)) {
        held = false;
        printf("FAIL %s: at the end: %s\n", argv[optind], bytes_text(&run.scenario.failure));
    }
    held = held && run.failures == 0;
    printf("%u cases, %u failed\n", run.cases, run.failures);
    clean_up(&run, !held);
    return held ? EXIT_SUCCESS : EXIT_FAILURE;
}
