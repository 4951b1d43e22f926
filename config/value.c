#include "config/value.h"

#include "config/secret.h"
#include "config/suggest.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { TEXT_MAX = 4096, WORD_HELD = 4 };

bool
reading_fail(struct reading *reading, const struct node *node, const struct config_key *key,
	const char *format, ...)
{
	struct err err;
	va_list args;
	va_start(args, format);
	vsnprintf(err.text, sizeof err.text, format, args);
	va_end(args);
	config_problems_add(reading->problems, node->place, false, "%s: %s", key->name, err.text);
	return false;
}

char *
path_join(const char *folder, const char *path)
{
	return *path == '/' || *folder == '\0' ? mem_text(path) : mem_format("%s/%s", folder, path);
}

/* ---- texts ---- */

static bool
is_variable_letter(char c, bool is_first)
{
	bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
	return is_letter || (!is_first && c >= '0' && c <= '9');
}

/* Behind `${`: appends the value. Returns what stands behind the `}`, NULL with a sentence. */
static const char *
expand_variable(const char *p, struct buf *out, struct err *err)
{
	size_t n = 0;
	while (is_variable_letter(p[n], n == 0))
		n++;
	const char *end = strchr(p, '}');
	bool has_standard = strncmp(p + n, ":-", 2) == 0;
	if (n == 0 || !end || (p[n] != '}' && !has_standard)) {
		err_set(err, "\"${\" without NAME} or NAME:-default} behind it; $$ is a dollar");
		return NULL;
	}
	char *name = mem_copy(p, n);
	const char *value = getenv(name);
	if (!value && !has_standard)
		err_set(err, "environment variable %s is not set; ${%s:-…} gives a default", name,
			name);
	else if (value && !utf8_is_valid(span_of(value)))
		err_set(err, "environment variable %s is no valid UTF-8", name);
	free(name);
	if (err->text[0])
		return NULL;
	if (value && (*value || !has_standard))
		buf_add_text(out, value);
	else if (has_standard)
		buf_add(out, p + n + 2, (size_t)(end - (p + n + 2)));
	return end + 1;
}

char *
value_expand(const char *text, struct err *err)
{
	struct buf out = BUF_INIT;
	*err = ERR_INIT;
	for (const char *p = text; p && *p;) {
		if (p[0] == '$' && p[1] == '{') {
			p = expand_variable(p + 2, &out, err);
			continue;
		}
		buf_add_byte(&out, *p);
		p += p[0] == '$' && p[1] == '$' ? 2 : 1;
	}
	if (!err->text[0])
		return buf_take(&out);
	buf_fini(&out);
	return NULL;
}

/* "a, b or c", and "did you mean": what is near, else what holds the text. */
static void
describe_words(const char *const *words, const char *text, struct buf *out)
{
	struct suggest suggest = suggest_start(text);
	const char *holds = NULL;
	for (size_t i = 0; words[i]; i++) {
		const char *between = i == 0 ? "" : words[i + 1] ? ", " : " or ";
		buf_format(out, "%s%s", between, words[i]);
		suggest_offer(&suggest, words[i]);
		if (!holds && strlen(text) >= WORD_HELD && strcasestr(words[i], text))
			holds = words[i];
	}
	const char *meant = suggest.best ? suggest.best : holds;
	if (meant)
		buf_format(out, "; did you mean \"%s\"?", meant);
}

static bool
find_word(struct reading *reading, const struct config_key *key, const struct node *node,
	const char *text, size_t *found)
{
	size_t i = 0;
	while (key->words[i] && strcmp(key->words[i], text) != 0)
		i++;
	*found = i;
	if (key->words[i])
		return true;
	if (!key->words[1])
		return reading_fail(reading, node, key,
			"\"%s\" is not served by this version, only \"%s\" is", text,
			key->words[0]);
	struct buf words = BUF_INIT;
	describe_words(key->words, text, &words);
	reading_fail(reading, node, key, "\"%s\" is none of %s", text, words.p);
	buf_fini(&words);
	return false;
}

/* The node's text with variables replaced; NULL with a problem added where it is none. */
static char *
expand_text(struct reading *reading, const struct config_key *key, const struct node *node,
	const char *wanted)
{
	if (node->kind != NODE_SCALAR || node_is_null(node)) {
		reading_fail(reading, node, key, "%s is wanted, not %s", wanted, node_words(node));
		return NULL;
	}
	if (key->is_verbatim)
		return mem_text(node->text);
	struct err err;
	char *text = value_expand(node->text, &err);
	if (!text)
		reading_fail(reading, node, key, "%s", err.text);
	return text;
}

static bool
check_text(struct reading *reading, const struct config_key *key, const struct node *node,
	const char *text, uint64_t most)
{
	struct err err = ERR_INIT;
	size_t word;
	if (*text == '\0')
		return reading_fail(reading, node, key, "must not be empty");
	if (strlen(text) > most)
		return reading_fail(reading, node, key, "is longer than %" PRIu64 " bytes", most);
	if (key->words)
		return find_word(reading, key, node, text, &word);
	if (key->check && !key->check(text, &err))
		return reading_fail(reading, node, key, "%s", err.text);
	return true;
}

static char *
read_text(struct reading *reading, const struct config_key *key, const struct node *node,
	uint64_t most, bool is_path)
{
	char *text = expand_text(reading, key, node, is_path ? "a path" : "a text");
	if (text && !check_text(reading, key, node, text, most)) {
		free(text);
		return NULL;
	}
	if (text && is_path) {
		char *path = path_join(reading->folder, text);
		free(text);
		text = path;
	}
	return text;
}

static bool
set_text(struct reading *reading, const struct config_key *key, const struct node *node,
	void *target)
{
	char **text = target;
	/* Where nothing is the default, nothing can be said, too. */
	if (node_is_null(node) && key->standard && strcmp(key->standard, "null") == 0) {
		free(*text);
		*text = NULL;
		return true;
	}
	char *new = read_text(reading, key, node, key->most ? key->most : TEXT_MAX, false);
	if (!new)
		return false;
	free(*text);
	*text = new;
	return true;
}

static bool
set_path(struct reading *reading, const struct config_key *key, const struct node *node,
	void *target)
{
	char **path = target;
	char *new = read_text(reading, key, node, key->most ? key->most : TEXT_MAX, true);
	if (!new)
		return false;
	if (key->is_own_file && access(new, R_OK) != 0) {
		config_problems_add(reading->problems, node->place, reading->is_lenient,
			"%s: %s cannot be read: %s", key->name, new, strerror(errno));
		if (!reading->is_lenient) {
			free(new);
			return false;
		}
	}
	free(*path);
	*path = new;
	return true;
}

/* ---- words and numbers ---- */

static bool
set_choice(struct reading *reading, const struct config_key *key, const struct node *node,
	void *target)
{
	size_t found;
	char *text = expand_text(reading, key, node, "a word");
	bool ok = text && find_word(reading, key, node, text, &found);
	if (ok)
		*(unsigned *)target = (unsigned)found;
	free(text);
	return ok;
}

static bool
set_bool(struct reading *reading, const struct config_key *key, const struct node *node,
	void *target)
{
	static const char *const WORD[] = {"false", "true", "no", "yes", "off", "on"};
	char *text = expand_text(reading, key, node, "true or false");
	if (!text)
		return false;
	size_t i = 0;
	while (i < COUNT(WORD) && strcasecmp(text, WORD[i]) != 0)
		i++;
	bool ok = i < COUNT(WORD) ||
		  reading_fail(reading, node, key, "\"%s\" is neither true nor false", text);
	if (ok)
		*(bool *)target = i % 2;
	free(text);
	return ok;
}

static bool
number_parse(const char *text, uint64_t *number)
{
	uint64_t n = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	}
	*number = n;
	return p != text && *p == '\0';
}

static const struct {
	const char *name;
	uint64_t bytes;
} UNIT[] = {{"GiB", 1024 * 1024 * 1024}, {"MiB", 1024 * 1024}, {"KiB", 1024}};

const char *
size_format(uint64_t size, char out[32])
{
	size_t i = 0;
	while (i < COUNT(UNIT) && (size == 0 || size % UNIT[i].bytes))
		i++;
	snprintf(out, 32, "%" PRIu64 "%s", i < COUNT(UNIT) ? size / UNIT[i].bytes : size,
		i < COUNT(UNIT) ? UNIT[i].name : "");
	return out;
}

bool
size_parse(const char *text, uint64_t *size)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 20)
		return false;
	char number[24] = "";
	memcpy(number, text, digits);
	if (!number_parse(number, size))
		return false;
	if (text[digits] == '\0')
		return true;
	for (size_t i = 0; i < COUNT(UNIT); i++) {
		if (strcmp(text + digits, UNIT[i].name) == 0)
			return !__builtin_mul_overflow(*size, UNIT[i].bytes, size);
	}
	return false;
}

static const char *
count_format(uint64_t count, char out[TIME_TEXT])
{
	snprintf(out, TIME_TEXT, "%" PRIu64, count);
	return out;
}

static const char *
length_format(uint64_t length, char out[TIME_TEXT])
{
	return duration_format((int64_t)length, out);
}

static bool
length_parse(const char *text, uint64_t *length)
{
	int64_t duration;
	if (!duration_parse(text, &duration))
		return false;
	*length = (uint64_t)duration;
	return true;
}

/* The three kinds of numbers, all within 64 bits; durations are never negative. */
static const struct number {
	const char *words;
	const char *wanted;
	bool (*parse)(const char *text, uint64_t *number);
	const char *(*format)(uint64_t number, char *out);
} NUMBER[KEY_TYPES] = {
	[KEY_COUNT] = {"number", "a whole number is wanted", number_parse, count_format},
	[KEY_SIZE] = {"size", "bytes are wanted, or KiB, MiB or GiB as in 64KiB", size_parse,
		size_format},
	[KEY_DURATION] = {"duration", "a whole number with s, m, h, d or w is wanted, as 10m",
		length_parse, length_format},
};

static bool
check_number(struct reading *reading, const struct config_key *key, const struct node *node,
	const char *text, uint64_t *number)
{
	const struct number *kind = &NUMBER[key->type];
	if (!kind->parse(text, number))
		return reading_fail(
			reading, node, key, "\"%s\" is no %s; %s", text, kind->words, kind->wanted);
	if ((*number >= key->least && *number <= key->most) || (*number == 0 && key->takes_zero))
		return true;
	char least[TIME_TEXT], most[TIME_TEXT];
	return reading_fail(reading, node, key, "%s is out of bounds: %s%s to %s", text,
		key->takes_zero ? "0, or " : "", kind->format(key->least, least),
		kind->format(key->most, most));
}

static bool
set_number(struct reading *reading, const struct config_key *key, const struct node *node,
	void *target)
{
	char wanted[32];
	uint64_t number;
	snprintf(wanted, sizeof wanted, "a %s", NUMBER[key->type].words);
	char *text = expand_text(reading, key, node, wanted);
	bool ok = text && check_number(reading, key, node, text, &number);
	free(text);
	if (ok)
		*(uint64_t *)target = number;
	return ok;
}

/* ---- lists and pairs ---- */

void
list_fini(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct config_list){0};
}

static bool
check_count(struct reading *reading, const struct config_key *key, const struct node *node,
	size_t count)
{
	if (count < key->least)
		return reading_fail(reading, node, key, "must not be empty");
	if (key->most && count > key->most)
		return reading_fail(reading, node, key,
			"%zu are more than the %" PRIu64 " that are taken", count, key->most);
	return true;
}

bool
value_set_texts(struct reading *reading, const struct config_key *key, const struct node *node,
	struct config_list *list)
{
	bool is_one = key->takes_one && node->kind == NODE_SCALAR && !node_is_null(node);
	if (!is_one && node->kind != NODE_LIST)
		return reading_fail(
			reading, node, key, "a list is wanted, not %s", node_words(node));
	const struct node *item = is_one ? node : node->item;
	size_t count = is_one ? 1 : node->count;
	if (!check_count(reading, key, node, count))
		return false;
	struct config_list new = {.item = mem_array(count, sizeof *new.item)};
	bool is_path = key->type == KEY_INCLUDE;
	bool ok = true;
	for (size_t i = 0; i < count; i++) {
		char *text = read_text(reading, key, &item[i], TEXT_MAX, is_path);
		ok = text && ok;
		if (text)
			new.item[new.count++] = text;
	}
	list_fini(ok ? list : &new);
	if (ok)
		*list = new;
	return ok;
}

static bool
set_texts(struct reading *reading, const struct config_key *key, const struct node *node,
	void *target)
{
	return value_set_texts(reading, key, node, target);
}

static void
pairs_fini(struct config_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		struct config_pair *pair = &pairs->item[i];
		free(pair->name);
		if (pair->from && pair->value)
			explicit_bzero(pair->value, strlen(pair->value));
		free(pair->value);
		free(pair->from);
	}
	free(pairs->item);
	*pairs = (struct config_pairs){0};
}

static bool
has_pair(const struct config_pairs *pairs, const char *name, bool is_header)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const char *other = pairs->item[i].name;
		if ((is_header ? strcasecmp(other, name) : strcmp(other, name)) == 0)
			return true;
	}
	return false;
}

static bool
read_pair(struct reading *reading, const struct config_key *key, const struct node *name,
	const struct node *value, struct config_pairs *pairs)
{
	struct err err = ERR_INIT;
	struct config_pair pair = {0};
	if (*name->text == '\0' || strlen(name->text) > 256)
		return reading_fail(reading, name, key, "a name has 1 to 256 bytes");
	if (has_pair(pairs, name->text, key->type == KEY_SECRETS))
		return reading_fail(reading, name, key, "doubled name \"%s\"", name->text);
	if (key->check && !key->check(name->text, &err))
		return reading_fail(reading, name, key, "%s", err.text);
	if (key->type == KEY_SECRETS && value->kind == NODE_MAP) {
		struct config_secret secret = {0};
		if (!secret_read(reading, key, value, &secret))
			return false;
		pair.from = secret.from;
		pair.value = secret.value;
	} else {
		pair.value = expand_text(reading, key, value, "a text");
	}
	if (!pair.value && !pair.from)
		return false;
	pair.name = mem_text(name->text);
	pairs->item[pairs->count++] = pair;
	for (const char *p = pair.from ? NULL : pair.value; p && *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return reading_fail(
				reading, value, key, "must be one line without control characters");
	}
	return true;
}

static bool
set_pairs(struct reading *reading, const struct config_key *key, const struct node *node,
	void *target)
{
	if (node->kind != NODE_MAP)
		return reading_fail(
			reading, node, key, "a mapping is wanted, not %s", node_words(node));
	if (!check_count(reading, key, node, node->count / 2))
		return false;
	struct config_pairs new = {.item = mem_array(node->count / 2, sizeof *new.item)};
	bool ok = true;
	for (size_t i = 0; i < node->count; i += 2)
		ok = read_pair(reading, key, &node->item[i], &node->item[i + 1], &new) && ok;
	pairs_fini(ok ? target : &new);
	if (ok)
		*(struct config_pairs *)target = new;
	return ok;
}

static bool
set_secret(struct reading *reading, const struct config_key *key, const struct node *node,
	void *target)
{
	return secret_read(reading, key, node, target);
}

/* ---- by type ---- */

static void
fini_text(void *target)
{
	free(*(char **)target);
	*(char **)target = NULL;
}

static void
fini_texts(void *target)
{
	list_fini(target);
}

static void
fini_pairs(void *target)
{
	pairs_fini(target);
}

static void
fini_secret(void *target)
{
	secret_fini(target);
}

static const struct {
	bool (*set)(struct reading *reading, const struct config_key *key, const struct node *node,
		void *target);
	void (*fini)(void *target);
} TYPE[KEY_TYPES] = {
	[KEY_TEXT] = {set_text, fini_text},
	[KEY_PATH] = {set_path, fini_text},
	[KEY_CHOICE] = {set_choice, NULL},
	[KEY_BOOL] = {set_bool, NULL},
	[KEY_COUNT] = {set_number, NULL},
	[KEY_SIZE] = {set_number, NULL},
	[KEY_DURATION] = {set_number, NULL},
	[KEY_TEXTS] = {set_texts, fini_texts},
	[KEY_PAIRS] = {set_pairs, fini_pairs},
	[KEY_SECRETS] = {set_pairs, fini_pairs},
	[KEY_SECRET] = {set_secret, fini_secret},
};

bool
value_set(struct reading *reading, const struct config_key *key, const struct node *node,
	void *target)
{
	return TYPE[key->type].set(reading, key, node, target);
}

void
value_fini(const struct config_key *key, void *target)
{
	if (TYPE[key->type].fini)
		TYPE[key->type].fini(target);
}
