/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload_resolver: a name service for tests, put before the C library's by LD_PRELOAD. The file
 * that FAKE_HOSTS names holds lines "name answer answer ...", each answer an address or several
 * with commas between: the first question for a name gets the first answer, the next one the
 * second, and the last answer from then on. Other names are unknown. So a test can let an answer
 * change between two questions (DNS rebinding).
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 16 };

static char asked_name[NAMES_MAX][64];
static unsigned asked_count[NAMES_MAX];

static unsigned times_asked(const char *name)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        if (asked_name[i][0] == '\0')
            snprintf(asked_name[i], sizeof(asked_name[i]), "%s", name);
        if (strcmp(asked_name[i], name) == 0)
            return asked_count[i]++;
    }
    return 0;
}

enum { ANSWER_SIZE = 256 };

/* The answer for `name` to this question. */
static int look_up(const char *name, char answer[ANSWER_SIZE])
{
    const char *path = getenv("FAKE_HOSTS");
    FILE *hosts = path != NULL ? fopen(path, "r") : NULL;
    char line[512];
    int found = 0;
    while (hosts != NULL && !found && fgets(line, sizeof(line), hosts) != NULL) {
        char *rest = line;
        char *word = strsep(&rest, " \n");
        if (strcmp(word, name) != 0)
            continue;
        unsigned turn = times_asked(name);
        while (rest != NULL && (word = strsep(&rest, " \n")) != NULL) {
            if (*word == '\0')
                continue;
            snprintf(answer, ANSWER_SIZE, "%s", word);
            found = 1;
            if (turn-- == 0)
                break;
        }
    }
    if (hosts != NULL)
        fclose(hosts);
    return found;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result);

/* Addresses are read by the C library, whose freeaddrinfo takes our answers too. */
static int read_address(const char *node, const char *service, const struct addrinfo *hints,
                        struct addrinfo **result)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &symbol, sizeof(real));
    return real != NULL ? real(node, service, hints, result) : EAI_FAIL;
}

struct answer {
    struct addrinfo info;
    struct sockaddr_storage address;
};

/* Puts an address at the end of the list. 0 or an error of getaddrinfo. */
static int add_answer(const char *text, const struct addrinfo *hints, struct addrinfo **list)
{
    struct answer *answer = calloc(1, sizeof(*answer));
    if (answer == NULL)
        return EAI_MEMORY;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&answer->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&answer->address;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        answer->info.ai_addrlen = sizeof(*v4);
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        answer->info.ai_addrlen = sizeof(*v6);
    } else {
        free(answer);
        return EAI_FAIL;
    }
    answer->info.ai_family = answer->address.ss_family;
    answer->info.ai_socktype = hints != NULL ? hints->ai_socktype : 0;
    answer->info.ai_addr = (struct sockaddr *)&answer->address;
    while (*list != NULL)
        list = &(*list)->ai_next;
    *list = &answer->info;
    return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    char text[ANSWER_SIZE];
    char *rest = text, *word;
    int error = 0;
    if (node == NULL || (hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0))
        return read_address(node, service, hints, result);
    if (!look_up(node, text))
        return EAI_NONAME;
    *result = NULL;
    while (error == 0 && (word = strsep(&rest, ",")) != NULL)
        error = add_answer(word, hints, result);
    if (error != 0 && *result != NULL)
        freeaddrinfo(*result);
    return error;
}
