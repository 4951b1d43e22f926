#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/keys.h"
#include "config/tree.h"

/* What is known while one configuration is read. */
struct reading {
	struct config_problems *problems;
	const char *folder; /* of the file that is read; "" for the working directory */
	bool is_lenient;    /* a secret that cannot be read is a warning */
};

/* Adds an error at a node, in front of it the key's name. Returns false. */
bool
reading_fail(struct reading *reading, const struct node *node, const struct config_key *key,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Sets what stands at `target` (the key's type, zeroed or set before) to a node's value: checked,
 * expanded, within its bounds. False with problems added, and then nothing has changed. Not for
 * sections, items and includes.
 */
bool
value_set(struct reading *reading, const struct config_key *key, const struct node *node,
	void *target);
void
value_fini(const struct config_key *key, void *target);

/* The texts of a list (or, where the key takes one, a single text), expanded and checked. */
bool
value_set_texts(struct reading *reading, const struct config_key *key, const struct node *node,
	struct config_list *list);
void
list_fini(struct config_list *list);

/* Replaces ${VAR} and ${VAR:-default} by the environment's and $$ by $; any other $ stays. The
 * result is to be freed; NULL with a sentence where a variable is not set or no UTF-8. */
char *
value_expand(const char *text, struct err *err);

/* "0", "512", "64KiB": the largest unit that divides. */
const char *
size_format(uint64_t size, char out[32]);
bool
size_parse(const char *text, uint64_t *size);

/* `path` itself where it is absolute or folder is "", else "folder/path"; to be freed. */
char *
path_join(const char *folder, const char *path);

#endif
