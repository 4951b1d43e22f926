#ifndef AIWATCH_ASK_H
#define AIWATCH_ASK_H

#include "daemon/base/err.h"

#include <jansson.h>

/*
 * Asks the running daemon of this configuration (NULL: the default one). `request` is taken; NULL
 * where a word in it was not UTF-8. NULL with a sentence: then *code is EXIT_USAGE, EXIT_CONFIG
 * where the configuration names no socket, or 1 where the daemon does not answer or refused.
 */
json_t *
ask_daemon(const char *config_path, json_t *request, int *code, struct err *err);

/* The words as a list; NULL where one is not UTF-8. */
json_t *
ask_words(char *const *words, int count);

#endif
