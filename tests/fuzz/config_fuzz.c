/* The configuration: YAML, the table of keys, rules. What stands behind a NUL is the text of every
 * file that is included, so that none is opened. Every problem has a place in the text; what loads
 * is printed in a form that, read again, is printed the same. */
#include "config/section.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "daemon/ruleset.h"

#include <stdlib.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char MAIN[] = "main.yml", INCLUDED[] = "included.yml";

struct loading {
	struct reading reading;
	struct top top;
	struct span included;
	bool is_included; /* it is being read: once is enough */
};

static void
read_text(struct loading *loading, const char *file, struct span text)
{
	struct node root;
	if (!tree_parse(&root, file, text, loading->reading.problems))
		return;
	top_read(&loading->reading, &loading->top, &root);
	node_fini(&root);
}

static void
include(void *owner, const struct config_key *key, const struct node *node)
{
	struct loading *loading = owner;
	struct config_list list = {0};
	if (!value_set_texts(&loading->reading, key, node, &list))
		return;
	list_fini(&list);
	if (loading->is_included)
		return;
	loading->is_included = true;
	read_text(loading, INCLUDED, loading->included);
	loading->is_included = false;
}

static struct config *
load(struct span text, struct span included, struct config_problems *problems)
{
	struct config *config = mem_new(sizeof *config);
	struct loading loading = {
		.reading = {.problems = problems, .folder = "", .is_lenient = true},
		.top = {.config = config, .include = include, .owner = &loading},
		.included = included,
	};
	read_text(&loading, MAIN, text);
	top_set_standards(&loading.reading, &loading.top);
	ruleset_check(config, problems);
	return config;
}

static void
release(struct config *config, struct config_problems *problems)
{
	top_fini(config);
	free(config);
	config_problems_fini(problems);
}

static void
check_problems(const struct config_problems *problems)
{
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem *problem = &problems->item[i];
		const struct config_place *place = &problem->place;
		bool is_known = place->file && (strcmp(place->file, MAIN) == 0 ||
						       strcmp(place->file, INCLUDED) == 0);
		if (!is_known || place->line == 0 || place->column == 0 || !problem->sentence[0] ||
			!utf8_is_valid(span_of(problem->sentence)))
			abort();
	}
	config_problems_print(problems, true, &out);
	buf_fini(&out);
}

static void
check_print(const struct config *config)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct config_problems problems = {0};
	config_print(config, &once);
	struct config *again = load(buf_span(&once), (struct span){0}, &problems);
	if (problems.errors > 0)
		abort();
	config_print(again, &twice);
	if (!span_equal(buf_span(&once), buf_span(&twice)))
		abort();
	release(again, &problems);
	buf_fini(&once);
	buf_fini(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct span text = {(const char *)bytes, n}, included = {0};
	struct config_problems problems = {0};
	const char *end = n ? memchr(bytes, '\0', n) : NULL;
	if (end) {
		included = span_from(text, (size_t)(end - text.p) + 1);
		text = span_first(text, (size_t)(end - text.p));
	}
	struct config *config = load(text, included, &problems);
	check_problems(&problems);
	if (problems.errors == 0)
		check_print(config);
	release(config, &problems);
	return 0;
}
