#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "config/value.h"

/*
 * Reads a secret as it is named: {file: PATH}, {credential: NAME} of $CREDENTIALS_DIRECTORY, or
 * {env: NAME}. One line; a line end behind it is not part of it. False with problems added. Where
 * reading is lenient and only the secret itself is missing: true, and value is NULL.
 */
bool
secret_read(struct reading *reading, const struct config_key *key, const struct node *node,
	struct config_secret *secret);
void
secret_fini(struct config_secret *secret); /* wipes it first */

#endif
