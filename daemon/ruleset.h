#ifndef AIWATCH_RULESET_H
#define AIWATCH_RULESET_H

#include "config/config.h"
#include "parsers/rules.h"

/*
 * The rules of a configuration, compiled. Adds a problem, at its place, for each that names no
 * event or severity there is, does not compile, or whose cause names no group of its pattern. NULL
 * where there is one; otherwise one reference, the caller's.
 */
struct rules *
ruleset_compile(const struct config *config, struct config_problems *problems);

/* As ruleset_compile, for the problems alone. */
void
ruleset_check(const struct config *config, struct config_problems *problems);

#endif
