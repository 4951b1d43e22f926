#include "config/value.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/web/metrics.h"
#include "packaging/generate/generate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 64 }; /* escapes make them longer */

/* What is special to roff, and what a typesetter would make of a hyphen or a quote. */
static void
put_escaped(char c)
{
	static const char *const ESCAPE[256] = {['\\'] = "\\e",
		['-'] = "\\-",
		['\''] = "\\(aq",
		['`'] = "\\(ga",
		['~'] = "\\(ti",
		['^'] = "\\(ha",
		['"'] = "\\(dq"};
	const char *escape = ESCAPE[(unsigned char)c];
	if (escape)
		fputs(escape, stdout);
	else
		putchar(c);
}

static void
put_escaped_span(struct span text)
{
	if (text.n > 0 && (*text.p == '.' || *text.p == '\''))
		fputs("\\&", stdout);
	for (size_t i = 0; i < text.n; i++)
		put_escaped(text.p[i]);
}

/* Line by line, as it stands. */
static void
put_literal(struct span text)
{
	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		put_escaped_span((struct span){text.p, n});
		putchar('\n');
		text = span_from(text, n + (end ? 1 : 0));
	}
}

static size_t
word_length(struct span text)
{
	size_t n = 0;
	while (n < text.n && text.p[n] != ' ' && text.p[n] != '\n')
		n++;
	return n;
}

/* Filled: short lines, and a new one for each sentence, so that roff sees where it ends. */
static void
put_text(struct span text)
{
	size_t column = 0;
	while (text.n > 0) {
		struct span word = {text.p, word_length(text)};
		text = span_from(text, word.n < text.n ? word.n + 1 : word.n);
		if (word.n == 0)
			continue;
		if (column > 0)
			putchar(column + word.n > LINE_MAX_BYTES ? '\n' : ' ');
		column = column + word.n > LINE_MAX_BYTES ? word.n : column + 1 + word.n;
		put_escaped_span(word);
		if (strchr(".?!", word.p[word.n - 1]) && text.n > 0) {
			putchar('\n');
			column = 0;
		}
	}
	putchar('\n');
}

static void
put_words(const char *text)
{
	put_text(span_of(text));
}

/* ---- verbs ---- */

static void
put_head(struct span label)
{
	fputs(".It ", stdout);
	fputs(*label.p == '-' ? "Fl " : "Cm ", stdout);
	size_t i = *label.p == '-' ? 1 : 0;
	for (bool is_first = true; i < label.n; i++) {
		if (is_first && label.p[i] == ' ') {
			fputs(" Ar ", stdout);
			is_first = false;
		} else {
			put_escaped(label.p[i]);
		}
	}
	putchar('\n');
}

static void
put_block(struct span block)
{
	struct help_row row;
	struct span rest = block;
	if (help_next_row(&rest, &row)) {
		puts(".Bl -tag -width 4n");
		do {
			put_head(row.label);
			put_text(row.text);
		} while (help_next_row(&rest, &row));
		puts(".El");
	} else if (*block.p == ' ') {
		puts(".Bd -literal");
		put_literal(block);
		puts(".Ed");
	} else {
		put_text(block);
	}
}

static void
put_verb(const struct verb *verb)
{
	struct span help = span_of(verb->help), block;
	printf(".Ss ");
	put_words(verb->name);
	printf(".Nm aiwatch\n.Cm ");
	put_words(verb->name);
	put_words(verb->arguments);
	puts(".Pp");
	while (help_next_block(&help, &block)) {
		if (block.p != verb->help && *block.p != ' ')
			puts(".Pp");
		put_block(block);
	}
}

static void
put_verbs(void)
{
	for (size_t i = 0; verb_at(i); i++)
		put_verb(verb_at(i));
}

/* ---- keys ---- */

static const char *const TYPE[KEY_TYPES] = {
	[KEY_TEXT] = "text",
	[KEY_PATH] = "path",
	[KEY_CHOICE] = "word",
	[KEY_BOOL] = "true or false",
	[KEY_COUNT] = "number",
	[KEY_SIZE] = "size",
	[KEY_DURATION] = "duration",
	[KEY_TEXTS] = "list of texts",
	[KEY_PAIRS] = "mapping of texts",
	[KEY_SECRETS] = "mapping of texts or secrets",
	[KEY_SECRET] = "secret",
	[KEY_SECTION] = "mapping",
	[KEY_ITEMS] = "list of mappings",
	[KEY_INCLUDE] = "list of paths",
};

static const char *
number_text(const struct config_key *key, uint64_t number, char out[TIME_TEXT])
{
	if (key->type == KEY_DURATION)
		return duration_format((int64_t)number, out);
	if (key->type == KEY_SIZE)
		return size_format(number, out);
	snprintf(out, TIME_TEXT, "%" PRIu64, number);
	return out;
}

static void
put_bounds(const struct config_key *key)
{
	char least[TIME_TEXT], most[TIME_TEXT];
	bool is_number =
		key->type == KEY_COUNT || key->type == KEY_SIZE || key->type == KEY_DURATION;
	if (is_number && key->most)
		printf("From %s to %s%s.\n", number_text(key, key->least, least),
			number_text(key, key->most, most), key->takes_zero ? ", or 0" : "");
}

static void
put_choices(const struct config_key *key)
{
	if (!key->words)
		return;
	puts("One of");
	for (size_t i = 0; key->words[i]; i++)
		printf(".Cm %s%s\n", key->words[i], key->words[i + 1] ? " ," : " .");
}

static void
put_types(const struct config_section *section, const struct config_key *key)
{
	if (!key->for_type || section->selector < 0)
		return;
	const char *const *words = section->key[section->selector].words;
	puts("Of");
	for (unsigned i = 0, left = key->for_type; words[i]; i++) {
		if (!(key->for_type >> i & 1))
			continue;
		left &= ~(1U << i);
		printf(".Cm %s%s\n", words[i], left ? " ," : " only .");
	}
}

/* A default of a list of items is YAML that does not read well in a sentence: it stands alone. */
static void
put_standard(const struct config_key *key)
{
	if (key->is_required)
		puts("Required.");
	if (!key->standard)
		return;
	puts("Default:");
	if (strlen(key->standard) < 40) {
		put_words(key->standard);
		return;
	}
	puts(".Bd -literal -compact");
	put_literal(span_of(key->standard));
	puts(".Ed");
}

static void
put_keys(const struct config_section *section);

static void
put_key(const struct config_section *section, const struct config_key *key)
{
	printf(".It Ic %s : Ar %s\n", key->name, TYPE[key->type]);
	char *sentence = mem_format("%s.", key->help);
	put_words(sentence);
	free(sentence);
	put_types(section, key);
	put_choices(key);
	put_bounds(key);
	put_standard(key);
	/* Those of the top have a section of the page. */
	if (key->section && section != &CONFIG_TOP)
		put_keys(key->section);
}

static void
put_keys(const struct config_section *section)
{
	puts(".Bl -tag -width 4n");
	for (size_t i = 0; i < section->count; i++)
		put_key(section, &section->key[i]);
	puts(".El");
}

/* ---- rules ---- */

static bool
put_rules(struct err *err)
{
	struct config_problems problems = {0};
	struct config *config = config_load(NULL, &problems);
	config_problems_fini(&problems);
	if (!config)
		return err_set(err, "the shipped rules do not load");
	puts(".Bl -tag -width 4n -compact");
	for (size_t i = 0; i < config->rule_count; i++) {
		const struct config_rule *rule = &config->rules[i];
		printf(".It Cm %s\n", rule->name);
		printf("%s%s%s\n", rule->event, rule->provisional ? ", provisional" : "",
			rule->advice ? ", with advice of its own" : "");
	}
	puts(".El");
	config_free(config);
	return true;
}

/* ---- metrics ---- */

static void
put_metric(const char *name, const char *type, const char *help)
{
	printf(".It Cm %s\n%s\n(%s)\n", name, help, type);
}

static void
put_metrics(void)
{
	puts(".Bl -tag -width 4n -compact");
	metrics_each(put_metric);
	puts(".El");
}

/* ---- the template ---- */

static bool
expand_keys(const char *name, struct err *err)
{
	const struct config_key *key = config_key_find(&CONFIG_TOP, name, 0);
	if (!key || !key->section)
		return err_set(err, "there is no section of keys called %s", name);
	put_keys(key->section);
	return true;
}

static bool
expand(const char *word, struct err *err)
{
	if (strcmp(word, "verbs") == 0)
		put_verbs();
	else if (strcmp(word, "keys") == 0)
		put_keys(&CONFIG_TOP);
	else if (strncmp(word, "keys ", 5) == 0)
		return expand_keys(word + 5, err);
	else if (strcmp(word, "metrics") == 0)
		put_metrics();
	else if (strcmp(word, "rules") == 0)
		return put_rules(err);
	else
		return err_set(err, "@%s@ is not known", word);
	return true;
}

static bool
put_template_line(char *line, struct err *err)
{
	size_t n = strlen(line);
	if (n < 4 || line[0] != '@' || line[n - 2] != '@') {
		fputs(line, stdout);
		return true;
	}
	line[n - 2] = '\0';
	return expand(line + 1, err);
}

bool
generate_manual(const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	bool ok = true;
	if (!file)
		return err_system(err, errno, "cannot read %s", path);
	while (ok && getline(&line, &size, file) > 0)
		ok = put_template_line(line, err);
	free(line);
	fclose(file);
	return ok || err_context(err, "%s", path);
}
