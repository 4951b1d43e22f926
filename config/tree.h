#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "config/config.h"
#include "daemon/base/span.h"

/*
 * A YAML 1.1 document as a tree of nodes that know their place. The one file that includes yaml.h
 * is tree.c. What a configuration has no use for is an error with its place: anchors, aliases,
 * tags, a second document, a key that is no text, a NUL in a text.
 */
enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	bool is_plain; /* a scalar without quotes */
	struct config_place place;
	char *text;	   /* NODE_SCALAR; valid UTF-8 */
	struct node *item; /* NODE_LIST: `count` items; NODE_MAP: `count` keys and values in turn */
	size_t count;
};

enum {
	TREE_DEPTH_MAX = 16,
	TREE_SIZE_MAX = 1024 * 1024, /* bytes of one file */
};

/*
 * Parses `text`; places carry `file` as it is (borrowed, may be NULL). False with problems added,
 * and then there is nothing to finish. An empty document is a plain scalar "".
 */
bool
tree_parse(struct node *root, const char *file, struct span text, struct config_problems *problems);
void
node_fini(struct node *node);

/* A plain `~`, `null` or nothing at all. */
bool
node_is_null(const struct node *node);

/* The value behind a key of a map; NULL where there is none or node is no map. */
const struct node *
node_find(const struct node *node, const char *key);

/* "a text", "a list", "a mapping", "nothing", for sentences. */
const char *
node_words(const struct node *node);

#endif
