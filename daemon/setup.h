#ifndef AIWATCH_SETUP_H
#define AIWATCH_SETUP_H

#include "config/config.h"
#include "parsers/rules.h"

/*
 * Loads the configuration for a verb: of the named file, or of the default one, or the defaults,
 * which is said on standard error. Problems are printed there too. `quiet` is for verbs that only
 * look: a secret that cannot be read is no error, and warnings are not printed. NULL where there
 * are errors: the verb exits 78.
 */
struct config *
setup_config(const char *path, bool quiet);

/* Compiles the configuration's rules; NULL where one does not, which is printed: exit 78. */
struct rules *
setup_rules(const struct config *config);

/* Prints problems to standard error, as a person wants them. */
void
setup_print_problems(const struct config_problems *problems);

#endif
