/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_gateway: the life of the real process: command line, exit codes, start, reload, stop. It
 * starts ./coapgw on ports that the kernel chooses and reads them from its log; a UDP socket of the
 * test plays the node.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_SIZE = 65536, PATIENCE_MS = 10000 };

static const char open_config[] = "{\"http\": {\"listen\": [\"127.0.0.1:0\"]}, \"auth\": \"none\","
                                  " \"access\": [{\"targets\": [\"coap://127.0.0.1:*\"]}]}";

/* A daemon under test, and what it wrote so far. */
struct process {
    pid_t pid;
    int output; /* standard output and standard error */
    char text[TEXT_SIZE];
    size_t length;
};

static char folder[64];
static char config_path[128];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "gateway-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(config_path, sizeof config_path, "%s/coapgw.json", folder);
}

static void remove_folder(void)
{
    unlink(config_path);
    rmdir(folder);
}

static void write_config(const char *text)
{
    FILE *file = fopen(config_path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* Starts ./coapgw with these arguments (NULL ends them). */
static void spawn(struct process *process, const char *const arguments[])
{
    int ends[2];

    memset(process, 0, sizeof *process);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    process->pid = fork();
    ck_assert_int_ge(process->pid, 0);
    if (process->pid == 0) {
        char *list[16] = {strdup("coapgw")};

        for (size_t i = 0; arguments[i] != NULL && i < 14; i++)
            list[i + 1] = strdup(arguments[i]);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execv("./coapgw", list);
        _exit(127);
    }
    close(ends[1]);
    process->output = ends[0];
}

/* Reads more of the output; false at its end. */
static bool read_more(struct process *process)
{
    struct pollfd descriptor = {.fd = process->output, .events = POLLIN};
    ssize_t length;

    ck_assert_msg(poll(&descriptor, 1, PATIENCE_MS) == 1, "nothing more came after:\n%s",
                  process->text);
    length = read(process->output, process->text + process->length,
                  sizeof process->text - 1 - process->length);
    ck_assert_int_ge(length, 0);
    process->length += (size_t)length;
    process->text[process->length] = '\0';
    return length > 0;
}

/* Waits until the output has `part`, and returns what follows it. */
static const char *wait_for(struct process *process, const char *part)
{
    const char *found;

    while ((found = strstr(process->text, part)) == NULL || strchr(found, '\n') == NULL)
        ck_assert_msg(read_more(process), "\"%s\" did not come:\n%s", part, process->text);
    return found + strlen(part);
}

/* Waits for the end of the process and returns its exit code. */
static int finish(struct process *process)
{
    int status;

    while (read_more(process))
        ;
    close(process->output);
    ck_assert_int_eq(waitpid(process->pid, &status, 0), process->pid);
    ck_assert_msg(WIFEXITED(status), "ended by signal %d:\n%s", WTERMSIG(status), process->text);
    return WEXITSTATUS(status);
}

static int run(struct process *process, const char *const arguments[])
{
    spawn(process, arguments);
    return finish(process);
}

/* Starts the daemon with config_path and returns its port. */
static uint16_t start(struct process *process)
{
    const char *const arguments[] = {"-c", config_path, NULL};

    spawn(process, arguments);
    return (uint16_t)strtoul(wait_for(process, "listening on http://127.0.0.1:"), NULL, 10);
}

static int stop(struct process *process)
{
    ck_assert_int_eq(kill(process->pid, SIGTERM), 0);
    return finish(process);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A socket of that kind on a port of 127.0.0.1 that the kernel chooses. */
static int bound_socket(int type, uint16_t *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* Sends a GET and returns the connection. */
static int send_get(uint16_t port, const char *target)
{
    struct sockaddr_in address = loopback(port);
    char request[256];
    int length =
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", target);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(send(fd, request, (size_t)length, MSG_NOSIGNAL), length);
    return fd;
}

/* Reads the whole response, until the daemon closes. */
static void read_response(int fd, char response[TEXT_SIZE])
{
    size_t used = 0;
    ssize_t length;

    do {
        struct pollfd descriptor = {.fd = fd, .events = POLLIN};

        ck_assert_int_eq(poll(&descriptor, 1, PATIENCE_MS), 1);
        length = recv(fd, response + used, TEXT_SIZE - 1 - used, 0);
        used += length > 0 ? (size_t)length : 0;
    } while (length > 0);
    response[used] = '\0';
    close(fd);
}

static void get(uint16_t port, const char *target, char response[TEXT_SIZE])
{
    read_response(send_get(port, target), response);
}

START_TEST(help_and_version_go_to_standard_output)
{
    struct process process;

    ck_assert_int_eq(run(&process, (const char *const[]){"--help", NULL}), 0);
    ck_assert_ptr_nonnull(strstr(process.text, "--print-config"));
    ck_assert_int_eq(run(&process, (const char *const[]){"-V", NULL}), 0);
    ck_assert_int_eq(strncmp(process.text, "coapgw ", 7), 0);
}
END_TEST

START_TEST(wrong_usage_exits_64)
{
    struct process process;

    ck_assert_int_eq(run(&process, (const char *const[]){"--nonsense", NULL}), 64);
    ck_assert_int_eq(run(&process, (const char *const[]){"-c", NULL}), 64);
    ck_assert_int_eq(run(&process, (const char *const[]){"file", NULL}), 64);
}
END_TEST

START_TEST(a_test_of_a_right_configuration_exits_0)
{
    struct process process;

    write_config("{}");
    ck_assert_int_eq(run(&process, (const char *const[]){"-t", "-c", config_path, NULL}), 0);
}
END_TEST

START_TEST(a_wrong_configuration_exits_78_with_every_error)
{
    struct process process;

    write_config("{\n\"auth\": 1,\n\"htp\": {}\n}");
    ck_assert_int_eq(run(&process, (const char *const[]){"-t", "-c", config_path, NULL}), 78);
    ck_assert_ptr_nonnull(strstr(process.text, "coapgw.json:2: auth: "));
    ck_assert_ptr_nonnull(strstr(process.text, "coapgw.json:3: htp: "));
    ck_assert_int_eq(run(&process, (const char *const[]){"-c", config_path, NULL}), 78);
    ck_assert_int_eq(run(&process, (const char *const[]){"-c", "absent.json", NULL}), 78);
}
END_TEST

START_TEST(an_http_address_in_use_exits_69)
{
    struct process process;
    char text[128];
    uint16_t port;
    int fd = bound_socket(SOCK_STREAM, &port);

    ck_assert_int_eq(listen(fd, 1), 0);
    snprintf(text, sizeof text, "{\"http\": {\"listen\": [\"127.0.0.1:%u\"]}}", port);
    write_config(text);
    ck_assert_int_eq(run(&process, (const char *const[]){"-c", config_path, NULL}), 69);
    close(fd);
}
END_TEST

START_TEST(a_coap_address_in_use_exits_69)
{
    struct process process;
    char text[256];
    uint16_t port;
    int fd = bound_socket(SOCK_DGRAM, &port);

    snprintf(text, sizeof text,
             "{\"http\": {\"listen\": [\"127.0.0.1:0\"]}, \"coap\": {\"bind\": \"127.0.0.1:%u\"}}",
             port);
    write_config(text);
    ck_assert_int_eq(run(&process, (const char *const[]){"-c", config_path, NULL}), 69);
    close(fd);
}
END_TEST

START_TEST(it_serves_from_the_line_that_tells_its_port_until_sigterm)
{
    struct process process;
    char response[TEXT_SIZE];
    uint16_t port;

    write_config("{\"http\": {\"listen\": [\"127.0.0.1:0\"]}}");
    port = start(&process);
    get(port, "/-/health/ready", response);
    ck_assert_int_eq(strncmp(response, "HTTP/1.1 200 ", 13), 0);
    ck_assert_int_eq(stop(&process), 0);
}
END_TEST

START_TEST(sigint_ends_it_too)
{
    struct process process;

    write_config("{\"http\": {\"listen\": [\"127.0.0.1:0\"]}}");
    start(&process);
    ck_assert_int_eq(kill(process.pid, SIGINT), 0);
    ck_assert_int_eq(finish(&process), 0);
}
END_TEST

START_TEST(a_reload_puts_the_new_configuration_in_force)
{
    struct process process;
    char response[TEXT_SIZE];
    uint16_t port;

    write_config("{\"http\": {\"listen\": [\"127.0.0.1:0\"]}}");
    port = start(&process);
    get(port, "/hc/coap://127.0.0.1:1/x", response);
    ck_assert_int_eq(strncmp(response, "HTTP/1.1 401 ", 13), 0);
    write_config("{\"http\": {\"listen\": [\"127.0.0.1:0\"]}, \"auth\": \"none\"}");
    ck_assert_int_eq(kill(process.pid, SIGHUP), 0);
    wait_for(&process, "configuration: loaded anew");
    get(port, "/hc/coap://127.0.0.1:1/x", response);
    ck_assert_int_eq(strncmp(response, "HTTP/1.1 403 ", 13), 0);
    get(port, "/-/metrics", response);
    ck_assert_ptr_nonnull(strstr(response, "coapgw_config_last_reload_successful 1\n"));
    ck_assert_int_eq(stop(&process), 0);
}
END_TEST

START_TEST(a_wrong_reload_keeps_the_old_configuration)
{
    struct process process;
    char response[TEXT_SIZE];
    uint16_t port;

    write_config(open_config);
    port = start(&process);
    write_config("{\n\"auth\": 1,\n\"htp\": {}\n}");
    ck_assert_int_eq(kill(process.pid, SIGHUP), 0);
    wait_for(&process, "coapgw.json:2: auth: ");
    wait_for(&process, "coapgw.json:3: htp: ");
    wait_for(&process, "the old one stays in force");
    get(port, "/-/metrics", response);
    ck_assert_int_eq(strncmp(response, "HTTP/1.1 200 ", 13), 0);
    ck_assert_ptr_nonnull(strstr(response, "coapgw_config_last_reload_successful 0\n"));
    ck_assert_int_eq(stop(&process), 0);
}
END_TEST

START_TEST(a_reload_with_other_addresses_says_that_a_restart_is_needed)
{
    struct process process;

    write_config(open_config);
    start(&process);
    write_config("{\"http\": {\"listen\": [\"127.0.0.2:0\"]}, \"auth\": \"none\","
                 " \"coap\": {\"bind\": \"127.0.0.1\"}}");
    ck_assert_int_eq(kill(process.pid, SIGHUP), 0);
    wait_for(&process, "http.listen: the new addresses need a restart");
    wait_for(&process, "coap.bind: the new address needs a restart");
    wait_for(&process, "configuration: loaded anew");
    ck_assert_int_eq(stop(&process), 0);
}
END_TEST

/* Receives the request at the node; returns its length. */
static size_t receive_request(int node, uint8_t request[1152], struct sockaddr_in *from)
{
    struct pollfd descriptor = {.fd = node, .events = POLLIN};
    socklen_t size = sizeof *from;
    ssize_t length;

    ck_assert_int_eq(poll(&descriptor, 1, PATIENCE_MS), 1);
    length = recvfrom(node, request, 1152, 0, (struct sockaddr *)from, &size);
    ck_assert_int_ge(length, 4);
    return (size_t)length;
}

START_TEST(a_request_under_way_is_answered_before_the_process_ends)
{
    struct process process;
    char response[TEXT_SIZE], target[64];
    uint8_t message[1152];
    struct sockaddr_in from;
    uint16_t node_port, port;
    int node = bound_socket(SOCK_DGRAM, &node_port), client;
    size_t token_length;

    write_config(open_config);
    port = start(&process);
    snprintf(target, sizeof target, "/hc/coap://127.0.0.1:%u/x", node_port);
    client = send_get(port, target);
    receive_request(node, message, &from);
    ck_assert_int_eq(kill(process.pid, SIGTERM), 0);
    wait_for(&process, "stopping: ");
    /* 2.05 with the payload "late", piggybacked: the same message ID and token */
    token_length = message[0] & 0x0f;
    message[0] = (uint8_t)(0x60 | token_length);
    message[1] = 0x45;
    memcpy(message + 4 + token_length, "\xfflate", 5);
    ck_assert_int_gt(
        sendto(node, message, 4 + token_length + 5, 0, (struct sockaddr *)&from, sizeof from), 0);
    read_response(client, response);
    ck_assert_msg(strncmp(response, "HTTP/1.1 200 ", 13) == 0, "%s", response);
    ck_assert_ptr_nonnull(strstr(response, "late"));
    ck_assert_int_eq(finish(&process), 0);
    close(node);
}
END_TEST

START_TEST(a_reload_with_more_connections_raises_the_limit_of_descriptors)
{
    struct process process;
    struct rlimit usual, low, raised;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
    low = usual;
    low.rlim_cur = 100;
    write_config("{\"http\": {\"listen\": [\"127.0.0.1:0\"], \"limits\": {\"connections\": 10}}}");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    start(&process);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
    write_config("{\"http\": {\"listen\": [\"127.0.0.1:0\"], \"limits\": {\"connections\": 150}}}");
    ck_assert_int_eq(kill(process.pid, SIGHUP), 0);
    wait_for(&process, "configuration: loaded anew");
    ck_assert_int_eq(prlimit(process.pid, RLIMIT_NOFILE, NULL, &raised), 0);
    ck_assert_uint_gt(raised.rlim_cur, 150);
    ck_assert_int_eq(stop(&process), 0);
}
END_TEST

START_TEST(a_second_signal_ends_it_at_once)
{
    struct process process;
    char response[TEXT_SIZE], target[64];
    uint8_t message[1152];
    struct sockaddr_in from;
    uint16_t node_port, port;
    int node = bound_socket(SOCK_DGRAM, &node_port), client;

    write_config(open_config);
    port = start(&process);
    snprintf(target, sizeof target, "/hc/coap://127.0.0.1:%u/x", node_port);
    client = send_get(port, target);
    receive_request(node, message, &from);
    ck_assert_int_eq(kill(process.pid, SIGTERM), 0);
    wait_for(&process, "stopping: ");
    ck_assert_int_eq(kill(process.pid, SIGHUP), 0);
    wait_for(&process, "not loaded anew while stopping");
    ck_assert_int_eq(kill(process.pid, SIGTERM), 0);
    ck_assert_int_eq(finish(&process), 0);
    read_response(client, response);
    close(node);
}
END_TEST

START_TEST(what_no_node_answers_ends_with_503_at_the_stop)
{
    struct process process;
    char response[TEXT_SIZE], target[64];
    uint8_t message[1152];
    struct sockaddr_in from;
    uint16_t node_port, port;
    int node = bound_socket(SOCK_DGRAM, &node_port), client;

    write_config(open_config);
    port = start(&process);
    snprintf(target, sizeof target, "/hc/coap://127.0.0.1:%u/x", node_port);
    client = send_get(port, target);
    receive_request(node, message, &from);
    ck_assert_int_eq(kill(process.pid, SIGTERM), 0);
    read_response(client, response);
    ck_assert_msg(strncmp(response, "HTTP/1.1 503 ", 13) == 0, "%s", response);
    ck_assert_int_eq(finish(&process), 0);
    close(node);
}
END_TEST

/* How often the process gave up the processor to wait. */
static unsigned long waits_of(pid_t pid)
{
    static const char key[] = "voluntary_ctxt_switches:";
    char path[64], line[256];
    unsigned long waits = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, sizeof key - 1) == 0)
            waits = strtoul(line + sizeof key - 1, NULL, 10);
    fclose(file);
    return waits;
}

START_TEST(an_idle_daemon_makes_no_wake_ups)
{
    struct process process;
    char response[TEXT_SIZE];
    unsigned long before;
    uint16_t port;

    write_config(open_config);
    port = start(&process);
    get(port, "/-/health/live", response);
    /* Whatever the answered request leaves behind settles first: nothing is logged meanwhile. */
    ck_assert_int_eq(poll(&(struct pollfd){.fd = process.output, .events = POLLIN}, 1, 200), 0);
    before = waits_of(process.pid);
    ck_assert_int_eq(poll(&(struct pollfd){.fd = process.output, .events = POLLIN}, 1, 2000), 0);
    ck_assert_uint_eq(waits_of(process.pid), before);
    ck_assert_int_eq(stop(&process), 0);
}
END_TEST

/* Receives one message at the service manager's socket. */
static void expect_state(int manager, const char *state)
{
    struct pollfd descriptor = {.fd = manager, .events = POLLIN};
    char text[128];
    ssize_t length;

    ck_assert_int_eq(poll(&descriptor, 1, PATIENCE_MS), 1);
    length = recv(manager, text, sizeof text - 1, 0);
    ck_assert_int_gt(length, 0);
    text[length] = '\0';
    ck_assert_int_eq(strncmp(text, state, strlen(state)), 0);
}

START_TEST(the_service_manager_is_told)
{
    struct process process;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", folder);
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    write_config("{\"http\": {\"listen\": [\"127.0.0.1:0\"]}}");
    start(&process);
    expect_state(manager, "READY=1");
    ck_assert_int_eq(kill(process.pid, SIGHUP), 0);
    expect_state(manager, "RELOADING=1\nMONOTONIC_USEC=");
    expect_state(manager, "READY=1");
    ck_assert_int_eq(kill(process.pid, SIGTERM), 0);
    expect_state(manager, "STOPPING=1");
    ck_assert_int_eq(finish(&process), 0);
    close(manager);
    unlink(address.sun_path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway");
    TCase *tests = tcase_create("gateway");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, help_and_version_go_to_standard_output);
    tcase_add_test(tests, wrong_usage_exits_64);
    tcase_add_test(tests, a_test_of_a_right_configuration_exits_0);
    tcase_add_test(tests, a_wrong_configuration_exits_78_with_every_error);
    tcase_add_test(tests, an_http_address_in_use_exits_69);
    tcase_add_test(tests, a_coap_address_in_use_exits_69);
    tcase_add_test(tests, it_serves_from_the_line_that_tells_its_port_until_sigterm);
    tcase_add_test(tests, sigint_ends_it_too);
    tcase_add_test(tests, a_reload_puts_the_new_configuration_in_force);
    tcase_add_test(tests, a_wrong_reload_keeps_the_old_configuration);
    tcase_add_test(tests, a_reload_with_other_addresses_says_that_a_restart_is_needed);
    tcase_add_test(tests, a_request_under_way_is_answered_before_the_process_ends);
    tcase_add_test(tests, a_reload_with_more_connections_raises_the_limit_of_descriptors);
    tcase_add_test(tests, a_second_signal_ends_it_at_once);
    tcase_add_test(tests, what_no_node_answers_ends_with_503_at_the_stop);
    tcase_add_test(tests, an_idle_daemon_makes_no_wake_ups);
    tcase_add_test(tests, the_service_manager_is_told);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
