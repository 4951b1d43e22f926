#include "daemon/rule_case.h"

#include "config/tree.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_SITE "SITE"

static const char *const LIST_NAME[RULE_LISTS] = {
	[RULE_EVENTS] = "events",
	[RULE_STATES] = "states",
	[RULE_ALERTS] = "alerts",
};

const char *
rule_list_name(enum rule_list list)
{
	return LIST_NAME[list];
}

void
rule_texts_add(struct config_list *list, char *text)
{
	list->item = mem_grow(list->item, list->count + 1, sizeof *list->item);
	list->item[list->count++] = text;
}

void
rule_texts_clear(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct config_list){0};
}

static bool
wants(struct config_problems *problems, const struct node *node, const char *what)
{
	config_problems_add(
		problems, node->place, false, "%s is wanted here, not %s", what, node_words(node));
	return false;
}

static bool
read_text(const struct node *node, char **text, struct config_problems *problems)
{
	if (node->kind != NODE_SCALAR)
		return wants(problems, node, "a text");
	free(*text);
	*text = mem_text(node->text);
	return true;
}

static bool
unknown_key(const struct node *key, const char *known, struct config_problems *problems)
{
	config_problems_add(
		problems, key->place, false, "unknown key \"%s\": %s", key->text, known);
	return false;
}

/* Whether the i-th of the map's nodes is a key that stood there before. */
static bool
is_doubled(const struct node *map, size_t i, struct config_problems *problems)
{
	const struct node *key = &map->item[i];
	if (node_find(map, key->text) == key + 1)
		return false;
	config_problems_add(problems, key->place, false, "doubled key \"%s\"", key->text);
	return true;
}

static bool
read_step_key(const struct node *key, const struct node *value, struct rule_step *step,
	struct config_problems *problems)
{
	if (strcmp(key->text, "line") == 0)
		return read_text(value, &step->line, problems);
	if (strcmp(key->text, "at") != 0 && strcmp(key->text, "wait") != 0)
		return unknown_key(key, "a step has line, at and wait", problems);
	bool is_at = key->text[0] == 'a';
	if (value->kind == NODE_SCALAR && (is_at ? time_parse(value->text, &step->at)
						 : duration_parse(value->text, &step->wait)))
		return true;
	return wants(problems, value,
		is_at ? "a time as 2015-06-19T03:00:05Z" : "a duration as 30s or 10m");
}

static bool
read_step(const struct node *node, struct rule_step *step, struct config_problems *problems)
{
	*step = (struct rule_step){.at = TIME_NONE};
	if (node->kind == NODE_SCALAR)
		return read_text(node, &step->line, problems);
	if (node->kind != NODE_MAP)
		return wants(problems, node, "a line, {at, line} or {wait}");
	for (size_t i = 0; i + 1 < node->count; i += 2) {
		if (is_doubled(node, i, problems) ||
			!read_step_key(&node->item[i], &node->item[i + 1], step, problems))
			return false;
	}
	if (!step->line == !step->wait)
		return wants(problems, node, "either a line or a wait");
	return true;
}

static bool
read_steps(const struct node *node, struct rule_case *item, struct config_problems *problems)
{
	if (node->kind != NODE_LIST)
		return wants(problems, node, "a list of lines");
	item->steps = mem_array(node->count, sizeof *item->steps);
	for (size_t i = 0; i < node->count; i++) {
		item->step_count++;
		if (!read_step(&node->item[i], &item->steps[i], problems))
			return false;
	}
	return true;
}

static bool
read_list(const struct node *node, struct config_list *list, struct config_problems *problems)
{
	if (node->kind != NODE_LIST)
		return wants(problems, node, "a list");
	for (size_t i = 0; i < node->count; i++) {
		char *text = NULL;
		if (!read_text(&node->item[i], &text, problems))
			return false;
		rule_texts_add(list, text);
	}
	return true;
}

static bool
read_expected(const struct node *node, struct rule_case *item, struct config_problems *problems)
{
	if (node->kind != NODE_MAP)
		return wants(problems, node, "a mapping of events, states and alerts");
	for (size_t i = 0; i + 1 < node->count; i += 2) {
		const struct node *key = &node->item[i];
		size_t list = 0;
		if (is_doubled(node, i, problems))
			return false;
		while (list < RULE_LISTS && strcmp(key->text, LIST_NAME[list]) != 0)
			list++;
		if (list == RULE_LISTS)
			return unknown_key(key, "`expect` has events, states and alerts", problems);
		item->has_expected[list] = true;
		if (!read_list(&node->item[i + 1], &item->expected[list], problems))
			return false;
	}
	return true;
}

static bool
read_case_key(const struct node *key, const struct node *value, struct rule_case *item,
	struct config_problems *problems)
{
	if (strcmp(key->text, "case") == 0)
		return read_text(value, &item->name, problems);
	if (strcmp(key->text, "site") == 0)
		return read_text(value, &item->site, problems);
	if (strcmp(key->text, "lines") == 0)
		return read_steps(value, item, problems);
	if (strcmp(key->text, "expect") == 0)
		return read_expected(value, item, problems);
	return unknown_key(key, "a case has case, site, lines and expect", problems);
}

static bool
read_case(const struct node *node, struct rule_case *item, struct config_problems *problems)
{
	if (node->kind != NODE_MAP)
		return wants(problems, node, "a case (a mapping with case, lines and expect)");
	for (size_t i = 0; i + 1 < node->count; i += 2) {
		if (is_doubled(node, i, problems) ||
			!read_case_key(&node->item[i], &node->item[i + 1], item, problems))
			return false;
	}
	bool compares = item->has_expected[RULE_EVENTS] || item->has_expected[RULE_STATES] ||
			item->has_expected[RULE_ALERTS];
	if (!item->name || !item->steps || !compares)
		return wants(problems, node, "a case with a name, lines and something to expect");
	if (!item->site)
		item->site = mem_text(DEFAULT_SITE);
	return true;
}

static bool
read_file(const char *path, struct buf *text, struct config_problems *problems)
{
	FILE *file = fopen(path, "re");
	if (!file) {
		config_problems_add(problems, (struct config_place){path, 0, 0}, false,
			"cannot be read: %s", strerror(errno));
		return false;
	}
	char block[16384];
	size_t n;
	while ((n = fread(block, 1, sizeof block, file)) > 0 && text->n <= TREE_SIZE_MAX)
		buf_add(text, block, n);
	bool was_read = !ferror(file), fits = text->n <= TREE_SIZE_MAX;
	fclose(file);
	if (!was_read)
		config_problems_add(problems, (struct config_place){path, 0, 0}, false,
			"cannot be read to its end");
	else if (!fits)
		config_problems_add(problems, (struct config_place){path, 0, 0}, false,
			"is longer than the %d bytes that a file of cases may have", TREE_SIZE_MAX);
	return was_read && fits;
}

static bool
read_cases(const struct node *root, struct rule_cases *cases, struct config_problems *problems)
{
	if (root->kind != NODE_LIST)
		return wants(problems, root, "a list of cases");
	cases->item = mem_array(root->count, sizeof *cases->item);
	bool ok = true;
	for (size_t i = 0; i < root->count; i++) {
		struct rule_case *item = &cases->item[cases->count++];
		item->place = root->item[i].place;
		item->place.file = cases->path;
		ok &= read_case(&root->item[i], item, problems);
	}
	return ok;
}

bool
rule_cases_load(const char *path, struct rule_cases *cases, struct config_problems *problems)
{
	struct buf text = BUF_INIT;
	struct node root;
	cases->path = mem_text(path);
	bool ok = read_file(path, &text, problems) &&
		  tree_parse(&root, cases->path, buf_span(&text), problems);
	if (ok) {
		ok = read_cases(&root, cases, problems);
		node_fini(&root);
	}
	buf_fini(&text);
	return ok;
}

void
rule_cases_fini(struct rule_cases *cases)
{
	for (size_t i = 0; i < cases->count; i++) {
		struct rule_case *item = &cases->item[i];
		free(item->name);
		free(item->site);
		for (size_t j = 0; j < item->step_count; j++)
			free(item->steps[j].line);
		free(item->steps);
		for (size_t j = 0; j < RULE_LISTS; j++)
			rule_texts_clear(&item->expected[j]);
	}
	free(cases->item);
	free(cases->path);
	*cases = (struct rule_cases){0};
}
