#include "config/section.h"

#include "config/mask.h"
#include "config/suggest.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

static void *
target_of(const struct config_key *key, void *base)
{
	return (char *)base + key->offset;
}

static struct config_place *
place_of(void *base, size_t at)
{
	return (struct config_place *)((char *)base + at);
}

static size_t *
count_of(const struct config_key *key, void *base)
{
	return (size_t *)((char *)base + key->count_at);
}

static char *
item_name(const struct config_section *section, const void *item)
{
	return *(char *const *)((const char *)item + section->name_at);
}

unsigned
section_type(const struct config_section *section, const void *item)
{
	if (section->selector < 0)
		return 0;
	const struct config_key *selector = &section->key[section->selector];
	return 1U << *(const unsigned *)((const char *)item + selector->offset);
}

/* ---- keys ---- */

static const struct config_section *
section_that_knows(const char *name, const char **owner)
{
	for (size_t i = 0; i < CONFIG_TOP.count; i++) {
		const struct config_key *key = &CONFIG_TOP.key[i];
		if (key->type == KEY_SECTION && config_key_find(key->section, name, 0)) {
			*owner = key->name;
			return key->section;
		}
	}
	return NULL;
}

static void
refuse_key(struct reading *reading, const struct config_section *section, unsigned type,
	const struct node *name)
{
	struct suggest suggest = suggest_start(name->text);
	const char *owner;
	for (size_t i = 0; i < section->count; i++) {
		const struct config_key *key = &section->key[i];
		if (!key->for_type || !type || (key->for_type & type))
			suggest_offer(&suggest, key->name);
	}
	if (config_key_find(section, name->text, 0))
		config_problems_add(reading->problems, name->place, false,
			"a %s of this type has no key \"%s\"", section->item, name->text);
	else if (suggest.best)
		config_problems_add(reading->problems, name->place, false,
			"unknown key \"%s\"; did you mean \"%s\"?", name->text, suggest.best);
	else if (section == &CONFIG_TOP && section_that_knows(name->text, &owner))
		config_problems_add(reading->problems, name->place, false,
			"unknown key \"%s\"; did you mean it under \"%s\"?", name->text, owner);
	else
		config_problems_add(
			reading->problems, name->place, false, "unknown key \"%s\"", name->text);
	if (mask_is_secret(name->text))
		config_problems_hide_last(reading->problems);
}

/* Reads a map's values into base by `read_one`; returns the bits of the keys that it names. */
struct map_reader {
	struct reading *reading;
	const struct config_section *section;
	unsigned type;
	struct top *top; /* where the section is CONFIG_TOP */
	void *base;
};

static void
read_section_or_value(
	struct map_reader *m, const struct config_key *key, size_t index, const struct node *value);

static uint64_t
read_map(struct map_reader *m, const struct node *map)
{
	const struct config_section *section = m->section;
	unsigned line[SECTION_KEYS_MAX] = {0};
	uint64_t given = 0;
	for (size_t i = 0; i + 1 < map->count; i += 2) {
		const struct node *name = &map->item[i];
		const struct config_key *key = config_key_find(section, name->text, m->type);
		if (!key) {
			refuse_key(m->reading, section, m->type, name);
			continue;
		}
		size_t index = (size_t)(key - section->key);
		if (line[index] > 0) {
			config_problems_add(m->reading->problems, name->place, false,
				"doubled key \"%s\", first on line %u", name->text, line[index]);
			continue;
		}
		line[index] = name->place.line;
		given |= UINT64_C(1) << index;
		read_section_or_value(m, key, index, &map->item[i + 1]);
	}
	return given;
}

static void
set_standards(
	struct reading *reading, const struct config_section *section, uint64_t given, void *base);

/* ---- items ---- */

static void
fini_values(const struct config_section *section, void *base)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct config_key *key = &section->key[i];
		if (key->type < KEY_SECTION)
			value_fini(key, target_of(key, base));
		else if (key->type == KEY_SECTION && section->item)
			fini_values(key->section, base);
	}
}

/* Reads the key that chooses the type before all others. False where there is no good one. */
static bool
read_selector(struct reading *reading, const struct config_section *section, const struct node *map,
	void *item)
{
	if (section->selector < 0)
		return true;
	const struct config_key *key = &section->key[section->selector];
	const struct node *value = node_find(map, key->name);
	/* The same value is read again in its turn, and refused then. */
	struct config_problems ignored = {0};
	struct reading quiet = *reading;
	quiet.problems = &ignored;
	bool ok = value && value_set(&quiet, key, value, target_of(key, item));
	config_problems_fini(&ignored);
	return ok;
}

static void
require_keys(struct reading *reading, const struct config_section *section, unsigned type,
	uint64_t given, const struct node *map)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct config_key *key = &section->key[i];
		bool is_known = !key->for_type || (key->for_type & type);
		if (key->is_required && is_known && !(given >> i & 1))
			config_problems_add(reading->problems, map->place, false,
				"this %s has no \"%s\"", section->item, key->name);
	}
}

/* One item, zeroed before. False with problems added; its values are to be finished either way. */
static bool
read_item(struct reading *reading, const struct config_section *section, const struct node *map,
	void *item)
{
	if (map->kind != NODE_MAP) {
		config_problems_add(reading->problems, map->place, false,
			"%s: a mapping is wanted, not %s", section->item, node_words(map));
		return false;
	}
	size_t before = reading->problems->errors;
	struct map_reader m = {.reading = reading, .section = section, .base = item};
	if (read_selector(reading, section, map, item))
		m.type = section_type(section, item);
	*place_of(item, 0) = map->place;
	uint64_t given = read_map(&m, map);
	require_keys(reading, section, m.type, given, map);
	if (section->check_item && m.type)
		section->check_item(reading->problems, item, given);
	if (reading->problems->errors > before)
		return false;
	set_standards(reading, section, given, item);
	return true;
}

/* Names of a list's items, also of those that are wrong: each has its own. */
struct names {
	char **item;
	unsigned *line;
	size_t count;
};

static void
note_name(struct reading *reading, const struct config_section *section, const void *item,
	const struct config_place *place, struct names *names)
{
	const char *name = item_name(section, item);
	for (size_t i = 0; name && i < names->count; i++) {
		if (strcmp(names->item[i], name) != 0)
			continue;
		config_problems_add(reading->problems, *place, false,
			"doubled name \"%s\": the %s on line %u has it", name, section->item,
			names->line[i]);
		return;
	}
	if (!name)
		return;
	names->item[names->count] = mem_text(name);
	names->line[names->count++] = place->line;
}

static void
names_fini(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->item[i]);
	free(names->item);
	free(names->line);
}

/* Takes the item over: it replaces one of its name, or is added. */
static void
put_item(const struct config_key *key, void *base, void *item)
{
	const struct config_section *section = key->section;
	char **array = target_of(key, base);
	size_t *count = count_of(key, base);
	const char *name = item_name(section, item);
	size_t i = 0;
	while (i < *count && strcmp(item_name(section, *array + i * section->size), name) != 0)
		i++;
	char *slot;
	if (i < *count) {
		slot = *array + i * section->size;
		fini_values(section, slot);
	} else {
		*array = mem_grow(*array, *count + 1, section->size);
		slot = *array + (*count)++ * section->size;
	}
	memcpy(slot, item, section->size);
}

static void
read_items(
	struct reading *reading, const struct config_key *key, const struct node *list, void *base)
{
	if (list->kind != NODE_LIST) {
		reading_fail(reading, list, key, "a list is wanted, not %s", node_words(list));
		return;
	}
	struct names names = {mem_array(list->count, sizeof(char *)),
		mem_array(list->count, sizeof(unsigned)), 0};
	for (size_t i = 0; i < list->count; i++) {
		if (*count_of(key, base) >= key->most) {
			reading_fail(reading, &list->item[i], key,
				"more than the %u that are taken", (unsigned)key->most);
			break;
		}
		char *item = mem_new(key->section->size);
		bool ok = read_item(reading, key->section, &list->item[i], item);
		note_name(reading, key->section, item, &list->item[i].place, &names);
		if (ok)
			put_item(key, base, item);
		else
			fini_values(key->section, item);
		free(item);
	}
	names_fini(&names);
}

/* ---- all kinds ---- */

static void
read_section(
	struct map_reader *m, const struct config_key *key, size_t index, const struct node *value)
{
	if (value->kind != NODE_MAP) {
		reading_fail(
			m->reading, value, key, "a mapping is wanted, not %s", node_words(value));
		return;
	}
	struct map_reader inner = {.reading = m->reading, .section = key->section, .base = m->base};
	uint64_t given = read_map(&inner, value);
	if (m->top)
		m->top->within[index] |= given;
}

static void
read_section_or_value(
	struct map_reader *m, const struct config_key *key, size_t index, const struct node *value)
{
	bool is_left_out =
		node_is_null(value) && (key->type == KEY_SECTION || key->type == KEY_ITEMS);
	if (m->top && !is_left_out)
		m->top->given |= UINT64_C(1) << index;
	if (is_left_out)
		return;
	if (key->place_at)
		*place_of(m->base, key->place_at) = value->place;
	switch (key->type) {
	case KEY_INCLUDE:
		m->top->include(m->top->owner, key, value);
		break;
	case KEY_SECTION:
		read_section(m, key, index, value);
		break;
	case KEY_ITEMS:
		read_items(m->reading, key, value, m->base);
		break;
	default:
		value_set(m->reading, key, value, target_of(key, m->base));
		break;
	}
}

/* A default is YAML of the table's: it cannot be wrong, and a test reads them all. */
static void
set_standard(struct reading *reading, const struct config_key *key, void *base)
{
	struct node node;
	if (!tree_parse(&node, NULL, span_of(key->standard), reading->problems))
		return;
	if (key->type == KEY_ITEMS)
		read_items(reading, key, &node, base);
	else
		value_set(reading, key, &node, target_of(key, base));
	node_fini(&node);
}

static void
set_standards(
	struct reading *reading, const struct config_section *section, uint64_t given, void *base)
{
	unsigned type = section_type(section, base);
	for (size_t i = 0; i < section->count; i++) {
		const struct config_key *key = &section->key[i];
		bool is_known = !key->for_type || (key->for_type & type);
		if (key->standard && is_known && !(given >> i & 1))
			set_standard(reading, key, base);
	}
}

void
top_read(struct reading *reading, struct top *top, const struct node *map)
{
	if (node_is_null(map))
		return;
	if (map->kind != NODE_MAP) {
		config_problems_add(reading->problems, map->place, false,
			"a mapping of keys is wanted, not %s", node_words(map));
		return;
	}
	struct map_reader m = {
		.reading = reading, .section = &CONFIG_TOP, .top = top, .base = top->config};
	read_map(&m, map);
}

void
top_set_standards(struct reading *reading, struct top *top)
{
	set_standards(reading, &CONFIG_TOP, top->given, top->config);
	for (size_t i = 0; i < CONFIG_TOP.count; i++) {
		const struct config_key *key = &CONFIG_TOP.key[i];
		if (key->type == KEY_SECTION)
			set_standards(reading, key->section, top->within[i], top->config);
	}
}

void
top_fini(struct config *config)
{
	for (size_t i = 0; i < CONFIG_TOP.count; i++) {
		const struct config_key *key = &CONFIG_TOP.key[i];
		const struct config_section *section = key->section;
		if (key->type == KEY_SECTION)
			fini_values(section, config);
		if (key->type != KEY_ITEMS)
			continue;
		char **array = target_of(key, config);
		for (size_t j = 0; j < *count_of(key, config); j++)
			fini_values(section, *array + j * section->size);
		free(*array);
	}
	fini_values(&CONFIG_TOP, config);
}
