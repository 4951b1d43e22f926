#include "config/keys.h"
#include "config/section.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Plain where YAML and this reader take it as it is, else in double quotes. */
static bool
is_plain(const char *text)
{
	static const char SAFE[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_./+-";
	return *text && *text != '-' && strcasecmp(text, "null") != 0 &&
	       text[strspn(text, SAFE)] == '\0';
}

static void
add_escaped(struct buf *out, const char *text)
{
	static const struct {
		char c;
		const char *text;
	} ESCAPE[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {'\t', "\\t"}, {'\r', "\\r"}};
	for (struct span s = span_of(text); s.n > 0;) {
		uint32_t c = 0;
		size_t n = utf8_decode(s, &c), i = 0;
		while (i < COUNT(ESCAPE) && ESCAPE[i].c != *s.p)
			i++;
		if (i < COUNT(ESCAPE))
			buf_add_text(out, ESCAPE[i].text);
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			buf_format(out, "\\x%02X", (unsigned)c);
		else if ((c >= 0x2000 && c < 0x2070 && c != 0x2013 && c != 0x2014) || c == 0xfeff)
			buf_format(out, "\\u%04X", (unsigned)c);
		else
			buf_add(out, s.p, n ? n : 1);
		s = span_from(s, n ? n : 1);
	}
}

static void
add_scalar(struct buf *out, const char *text, bool is_verbatim)
{
	if (is_plain(text)) {
		buf_add_text(out, text);
		return;
	}
	struct buf doubled = BUF_INIT;
	for (const char *p = text; *p; p++) {
		if (*p == '$' && !is_verbatim)
			buf_add_byte(&doubled, '$');
		buf_add_byte(&doubled, *p);
	}
	buf_add_byte(out, '"');
	add_escaped(out, doubled.p ? doubled.p : "");
	buf_add_byte(out, '"');
	buf_fini(&doubled);
}

/* ---- values by type ---- */

/* A URL without the user and password in it, where they are to be hidden. */
static void
add_text(struct buf *out, const struct config_key *key, const char *text)
{
	const char *scheme = key->hides_user ? strstr(text, "://") : NULL;
	const char *at = scheme ? memchr(scheme, '@', 3 + strcspn(scheme + 3, "/?#")) : NULL;
	if (!at) {
		add_scalar(out, text, key->is_verbatim);
		return;
	}
	char *shown = mem_format("%.*s***%s", (int)(scheme + 3 - text), text, at);
	add_scalar(out, shown, key->is_verbatim);
	free(shown);
}

static void
print_text(struct buf *out, const struct config_key *key, const void *value)
{
	const char *text = *(char *const *)value;
	if (text)
		add_text(out, key, text);
	else
		buf_add_text(out, "null");
}

static void
print_choice(struct buf *out, const struct config_key *key, const void *value)
{
	buf_add_text(out, key->words[*(const unsigned *)value]);
}

static void
print_bool(struct buf *out, const struct config_key *key, const void *value)
{
	(void)key;
	buf_add_text(out, *(const bool *)value ? "true" : "false");
}

static void
print_count(struct buf *out, const struct config_key *key, const void *value)
{
	(void)key;
	buf_format(out, "%" PRIu64, *(const uint64_t *)value);
}

static void
print_size(struct buf *out, const struct config_key *key, const void *value)
{
	(void)key;
	char text[32];
	buf_add_text(out, size_format(*(const uint64_t *)value, text));
}

static void
print_duration(struct buf *out, const struct config_key *key, const void *value)
{
	(void)key;
	char text[TIME_TEXT];
	buf_add_text(out, duration_format(*(const int64_t *)value, text));
}

static void
print_texts(struct buf *out, const struct config_key *key, const void *value)
{
	const struct config_list *list = value;
	buf_add_byte(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		buf_add_text(out, i > 0 ? ", " : "");
		add_text(out, key, list->item[i]);
	}
	buf_add_byte(out, ']');
}

/* "file /etc/x" as {file: "/etc/x"}. */
static void
print_source(struct buf *out, const char *from)
{
	size_t n = strcspn(from, " ");
	buf_format(out, "{%.*s: ", (int)n, from);
	add_scalar(out, from + n + 1, false);
	buf_add_byte(out, '}');
}

static void
print_pairs(struct buf *out, const struct config_key *key, const void *value)
{
	const struct config_pairs *pairs = value;
	buf_add_byte(out, '{');
	for (size_t i = 0; i < pairs->count; i++) {
		const struct config_pair *pair = &pairs->item[i];
		buf_add_text(out, i > 0 ? ", " : "");
		add_scalar(out, pair->name, true);
		buf_add_text(out, ": ");
		if (pair->from)
			print_source(out, pair->from);
		else
			add_scalar(out, pair->value, key->is_verbatim);
	}
	buf_add_byte(out, '}');
}

static void
print_secret(struct buf *out, const struct config_key *key, const void *value)
{
	(void)key;
	print_source(out, ((const struct config_secret *)value)->from);
}

static void (*const PRINT[KEY_TYPES])(
	struct buf *out, const struct config_key *key, const void *value) = {
	[KEY_TEXT] = print_text,
	[KEY_PATH] = print_text,
	[KEY_CHOICE] = print_choice,
	[KEY_BOOL] = print_bool,
	[KEY_COUNT] = print_count,
	[KEY_SIZE] = print_size,
	[KEY_DURATION] = print_duration,
	[KEY_TEXTS] = print_texts,
	[KEY_PAIRS] = print_pairs,
	[KEY_SECRETS] = print_pairs,
	[KEY_SECRET] = print_secret,
};

/* ---- the whole ---- */

/* Nothing was given, and nothing is the default. */
static bool
is_absent(const struct config_key *key, const void *value)
{
	if (key->standard)
		return false;
	switch (key->type) {
	case KEY_TEXT:
	case KEY_PATH:
		return *(char *const *)value == NULL;
	case KEY_TEXTS:
		return ((const struct config_list *)value)->count == 0;
	case KEY_PAIRS:
	case KEY_SECRETS:
		return ((const struct config_pairs *)value)->count == 0;
	case KEY_SECRET:
		return ((const struct config_secret *)value)->from == NULL;
	default:
		return false;
	}
}

/* `only: {kinds: […]}`, where anything is said in it. */
static void
print_inner(struct buf *out, const struct config_key *section, const void *base, const char *lead)
{
	size_t count = 0;
	for (size_t i = 0; i < section->section->count; i++) {
		const struct config_key *key = &section->section->key[i];
		const void *value = (const char *)base + key->offset;
		if (is_absent(key, value))
			continue;
		if (count++ == 0)
			buf_format(out, "%*s%s: {%s: ", (int)strlen(lead), "", section->name,
				key->name);
		else
			buf_format(out, ", %s: ", key->name);
		PRINT[key->type](out, key, value);
	}
	if (count > 0)
		buf_add_text(out, "}\n");
}

/* The keys of one mapping; `lead` stands before the first, blanks of its length before others. */
static void
print_keys(
	struct buf *out, const struct config_section *section, const char *lead, const void *base)
{
	unsigned type = section_type(section, base);
	bool is_first = true;
	for (size_t i = 0; i < section->count; i++) {
		const struct config_key *key = &section->key[i];
		const void *value = (const char *)base + key->offset;
		bool is_known = !key->for_type || (key->for_type & type);
		if (is_known && key->type == KEY_SECTION && section->item)
			print_inner(out, key, base, lead);
		if (!is_known || key->type >= KEY_SECTION || is_absent(key, value))
			continue;
		buf_format(out, "%*s%s: ", (int)strlen(lead), is_first ? lead : "", key->name);
		PRINT[key->type](out, key, value);
		buf_add_byte(out, '\n');
		is_first = false;
	}
}

static void
print_items(struct buf *out, const struct config_key *key, const struct config *config)
{
	const struct config_section *section = key->section;
	const char *array = *(char *const *)((const char *)config + key->offset);
	size_t count = *(const size_t *)((const char *)config + key->count_at);
	buf_format(out, "%s:%s\n", key->name, count == 0 ? " []" : "");
	for (size_t i = 0; i < count; i++) {
		const struct config_place *place = (const void *)(array + i * section->size);
		if (!place->file && !key->standard)
			buf_add_text(out, "  # shipped\n");
		print_keys(out, section, "  - ", place);
	}
}

void
config_print(const struct config *config, struct buf *out)
{
	for (size_t i = 0; i < CONFIG_TOP.count; i++) {
		const struct config_key *key = &CONFIG_TOP.key[i];
		if (key->type == KEY_INCLUDE)
			continue;
		if (key->type == KEY_ITEMS) {
			print_items(out, key, config);
		} else if (key->type == KEY_SECTION) {
			buf_format(out, "%s:\n", key->name);
			print_keys(out, key->section, "  ", config);
		} else {
			buf_format(out, "%s: ", key->name);
			PRINT[key->type](out, key, (const char *)config + key->offset);
			buf_add_byte(out, '\n');
		}
	}
}
