#ifndef CONFIG_INPUT_CHECK_H
#define CONFIG_INPUT_CHECK_H

#include "config/config.h"

/*
 * What no single key of an input can say: an error where the site's template names a wildcard that
 * a path has not, for all sites would be one; a warning where two inputs would read the same files.
 */
void
input_check(const struct config *config, struct config_problems *problems);

#endif
