/* SPDX-License-Identifier: BSD-2-Clause */
#include "script.h"
/*
 * script: reads a scenario file and finds where its blocks end. A block of a file's text (config,
 * mapping, file) and a case end with "end", a repetition (times) with "done".
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool script_read(struct script *script, const char *file)
{
    FILE *stream = fopen(file, "r");
    char *line = NULL;
    size_t size = 0;
    if (stream == NULL)
        return false;
    for (ssize_t length; (length = getline(&line, &size, stream)) >= 0;) {
        if (length > 0 && line[length - 1] == '\n')
            line[length - 1] = '\0';
        char **lines = realloc(script->lines, (script->count + 1) * sizeof(*lines));
        if (lines == NULL)
            break;
        script->lines = lines;
        script->lines[script->count++] = strdup(line);
    }
    free(line);
    fclose(stream);
    return true;
}

bool script_begins(const char *line, const char *word)
{
    size_t length = strlen(word);
    line += strspn(line, " \t");
    return strncmp(line, word, length) == 0 && strchr(" \t", line[length]) != NULL;
}

/* The line that ends the block that begins at `at`. A case holds blocks of files, times holds
 * times, and both may stand in each other's neighbourhood. */
size_t script_block_end(const struct script *script, size_t at)
{
    bool is_times = script_begins(script->lines[at], "times");
    size_t depth = 1;
    for (at++; at < script->count; at++) {
        const char *line = script->lines[at];
        if (is_times ? script_begins(line, "times")
                     : script_begins(line, "config") || script_begins(line, "mapping") ||
                           script_begins(line, "file"))
            depth++;
        if (script_begins(line, is_times ? "done" : "end") && --depth == 0)
            break;
    }
    return at;
}

void script_clear(struct script *script)
{
    for (size_t i = 0; i < script->count; i++)
        free(script->lines[i]);
    free(script->lines);
    *script = (struct script){NULL, 0};
}
