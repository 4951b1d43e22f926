#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "config/config.h"
#include "daemon/base/err.h"

/*
 * The one table of keys. Parser, defaults, normal form and all that documents the configuration
 * read the same rows.
 */
enum key_type {
	KEY_TEXT,     /* char *; one of `words` where there are some */
	KEY_PATH,     /* char *; a relative one starts at the folder of the file it stands in */
	KEY_CHOICE,   /* an enum, whose values are the indices of `words` */
	KEY_BOOL,     /* bool */
	KEY_COUNT,    /* uint64_t */
	KEY_SIZE,     /* uint64_t, bytes */
	KEY_DURATION, /* int64_t, microseconds */
	KEY_TEXTS,    /* struct config_list */
	KEY_PAIRS,    /* struct config_pairs */
	KEY_SECRETS,  /* struct config_pairs whose values may be secrets */
	KEY_SECRET,   /* struct config_secret */
	KEY_SECTION,  /* a mapping of `section`'s keys, stored in the same struct; within an item
			 none of them has a default */
	KEY_ITEMS, /* a list of mappings of `section`'s keys: array at offset, count at count_at */
	KEY_INCLUDE, /* other files; nothing is stored */
	KEY_TYPES,
};

typedef bool
key_check(const char *text, struct err *err);

struct config_section;

struct config_key {
	const char *name;
	enum key_type type;
	size_t offset;
	size_t count_at; /* KEY_ITEMS */
	size_t place_at; /* where its struct config_place is kept; 0 for nowhere */
	const struct config_section *section;
	const char *const *words; /* NULL-terminated */
	key_check *check;	  /* of a text, or of each of a list */
	const char *standard;	  /* the default as YAML; NULL: none (texts NULL, lists empty) */
	uint64_t least, most; /* of a number; bytes of a text; count of a list; 0 for the type's */
	bool takes_zero;      /* 0 besides least to most */
	bool is_required;
	bool is_verbatim;  /* no ${VAR} and no $$ in it */
	bool is_own_file;  /* a path that must be readable when the configuration is loaded */
	bool takes_one;	   /* of a list: a single text stands for a list of one */
	bool hides_user;   /* a URL, shown without the user and password in it */
	unsigned for_type; /* KEY_ITEMS' keys: bits of the item's types that know it; 0 for all */
	const char *help;
};

struct config_section {
	const char *item; /* "input": what one is called in a sentence; NULL for a plain section */
	const struct config_key *key;
	size_t count;
	size_t size;	/* of an item's struct, which starts with its struct config_place */
	size_t name_at; /* of its name, which is unique */
	int selector;	/* index of the key that chooses for_type's bits; -1 for none */
	/* NULL, or a look at an item as it was given, before the defaults and whatever is wrong
	 * with its single keys; `given` has a bit for each key that stands there. */
	void (*check_item)(struct config_problems *problems, const void *item, uint64_t given);
};

/* A row's member: .offset of its struct. */
#define AT(type, member) .offset = offsetof(struct type, member)

enum { KEY_NAME_MAX = 63 }; /* bytes of a name */

/* keys.c has all but the sinks' keys, which are keys_sink.c's. */
extern const struct config_section CONFIG_TOP, CONFIG_SINK;

/* The key of that name, known to a type (its bit; 0 for any); NULL where there is none. */
const struct config_key *
config_key_find(const struct config_section *section, const char *name, unsigned type);

#endif
