/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main: the command line of the daemon. It loads the configuration, so that a wrong one ends the
 * process before anything is opened, and then either tells about it or hands it to the gateway.
 */
#include "autoconfig.h"

#include <getopt.h>
#ifdef HAVE_MALLOPT
#include <malloc.h>
#endif
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "buffer.h"
#include "config.h"
#include "gateway.h"

enum {
    ERRORS_MAXIMUM = 1 << 20,
    PRINT_MAXIMUM = 1 << 26,
    OWN_PAGES_BYTES = 32768, /* blocks of memory from that size on have pages of their own */
};

enum main_task { TASK_RUN, TASK_TEST, TASK_PRINT, TASK_VERSION, TASK_HELP };

static const char usage[] =
    "Usage: coapgw [-tvq] [-c FILE] [--print-config]\n"
    "An HTTP-to-CoAP gateway.\n"
    "\n"
    "  -c, --config FILE   read FILE in place of " SYSCONFDIR "/coapgw/coapgw.json\n"
    "  -t, --test          test the configuration and exit\n"
    "      --print-config  print the effective configuration and exit\n"
    "  -v                  log more (level debug)\n"
    "  -q                  log less (level warning; twice: error)\n"
    "  -V, --version       print the version and exit\n"
    "  -h, --help          print this help and exit\n"
    "\n"
    "See coapgw(8), coapgw.json(5) and coapgw-mappings(5).\n";

/* Reads the options. False when they are wrong; getopt_long() has said why. */
static bool read_options(int argc, char **argv, struct gateway_options *options,
                         enum main_task *task)
{
    enum { OPTION_PRINT_CONFIG = 256 };
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"test", no_argument, NULL, 't'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {"verbose", no_argument, NULL, 'v'},
        {"quiet", no_argument, NULL, 'q'},
        {"print-config", no_argument, NULL, OPTION_PRINT_CONFIG},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "c:tvqVh", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config_path = optarg;
            break;
        case 't':
            *task = TASK_TEST;
            break;
        case 'v':
            options->verbosity++;
            break;
        case 'q':
            options->verbosity--;
            break;
        case 'V':
            *task = TASK_VERSION;
            return true;
        case 'h':
            *task = TASK_HELP;
            return true;
        case OPTION_PRINT_CONFIG:
            *task = TASK_PRINT;
            break;
        default:
            return false;
        }
    }
    if (optind < argc)
        fprintf(stderr, "%s: unexpected argument '%s'\n", argv[0], argv[optind]);
    return optind == argc;
}

static struct config *load(const char *path)
{
    struct config *config;
    struct buffer errors;

    buffer_init(&errors, ERRORS_MAXIMUM);
    config = config_load(path, &errors);
    if (config == NULL)
        fprintf(stderr, "%s", errors.length > 0 ? buffer_text(&errors) : "not enough memory\n");
    buffer_clear(&errors);
    return config;
}

static int print_config(const struct config *config)
{
    struct buffer text;
    int result = EX_OSERR;

    buffer_init(&text, PRINT_MAXIMUM);
    if (config_print(config, &text) == 0)
        result = fputs(buffer_text(&text), stdout) == EOF || fflush(stdout) == EOF ? EX_IOERR : 0;
    else
        fputs("coapgw: not enough memory\n", stderr);
    buffer_clear(&text);
    return result;
}

static int test_config(const char *path)
{
    return printf("%s: the configuration is valid\n", path) < 0 || fflush(stdout) == EOF ? EX_IOERR
                                                                                         : 0;
}

/* Bodies come and go in any order, and grow: with pages of their own they leave no holes in the
 * heap, are moved without a copy, and the memory returns to the system when they end. The C
 * library would do so for the first ones only, and then raise its threshold. */
static void keep_heap_small(void)
{
#ifdef HAVE_MALLOPT
    (void)mallopt(M_MMAP_THRESHOLD, OWN_PAGES_BYTES);
#endif
}

int main(int argc, char **argv)
{
    struct gateway_options options = {.config_path = SYSCONFDIR "/coapgw/coapgw.json"};
    enum main_task task = TASK_RUN;
    struct config *config;
    int result;

    if (!read_options(argc, argv, &options, &task)) {
        fputs("Try 'coapgw --help'.\n", stderr);
        return EX_USAGE;
    }
    if (task == TASK_HELP)
        return fputs(usage, stdout) == EOF || fflush(stdout) == EOF ? EX_IOERR : 0;
    if (task == TASK_VERSION)
        return puts("coapgw " PACKAGE_VERSION) == EOF || fflush(stdout) == EOF ? EX_IOERR : 0;
    keep_heap_small();
    config = load(options.config_path);
    if (config == NULL)
        return EX_CONFIG;
    if (task == TASK_RUN)
        return gateway_run(config, &options);
    result = task == TASK_PRINT ? print_config(config) : test_config(options.config_path);
    config_free(config);
    return result;
}
