#include "daemon/input/site_name.h"

#include "daemon/base/mem.h"
#include "parsers/text.h"

#include <stdlib.h>

/* The next piece of a template: text as it is, or what stands between braces. */
struct piece {
	bool is_field;
	struct span text;
};

static bool
next_piece(struct span *rest, struct piece *piece, struct err *err)
{
	if (span_has_prefix(*rest, SPAN("{{"))) {
		*piece = (struct piece){false, span_first(*rest, 1)};
		*rest = span_from(*rest, 2);
		return true;
	}
	if (rest->p[0] == '{') {
		const char *end = memchr(rest->p, '}', rest->n);
		if (!end)
			return err_set(
				err, "the { in \"%.*s\" is not closed", (int)rest->n, rest->p);
		*piece = (struct piece){true, {rest->p + 1, (size_t)(end - rest->p) - 1}};
		*rest = span_from(*rest, piece->text.n + 2);
		return true;
	}
	const char *brace = memchr(rest->p, '{', rest->n);
	*piece = (struct piece){
		false, span_first(*rest, brace ? (size_t)(brace - rest->p) : rest->n)};
	*rest = span_from(*rest, piece->text.n);
	return true;
}

static struct span
next_choice(struct span *rest)
{
	const char *bar = memchr(rest->p, '|', rest->n);
	struct span choice = span_first(*rest, bar ? (size_t)(bar - rest->p) : rest->n);
	*rest = span_from(*rest, choice.n + 1);
	return span_trim(choice);
}

/* The number of a capture, from 1; 0 where the field is none. */
static size_t
capture_number(struct span field)
{
	size_t number = 0;
	for (size_t i = 0; i < field.n; i++) {
		if (field.p[i] < '0' || field.p[i] > '9' || number > GLOB_CAPTURES)
			return 0;
		number = number * 10 + (size_t)(field.p[i] - '0');
	}
	return number <= GLOB_CAPTURES ? number : 0;
}

static bool
check_field(struct span field, struct err *err)
{
	struct span rest = field;
	do {
		struct span choice = next_choice(&rest);
		if (!span_equal(choice, SPAN("host")) && !span_equal(choice, SPAN("dir")) &&
			!span_equal(choice, SPAN("file")) && capture_number(choice) == 0)
			return err_set(err,
				"\"%.*s\" names no part of a site; known are host, dir, file and 1 "
				"to %d",
				(int)choice.n, choice.p ? choice.p : "", GLOB_CAPTURES);
	} while (rest.n);
	return true;
}

bool
site_template_check(const char *template, struct err *err)
{
	struct span rest = span_of(template);
	struct piece piece;
	while (rest.n) {
		if (!next_piece(&rest, &piece, err))
			return false;
		if (piece.is_field && !check_field(piece.text, err))
			return false;
	}
	return true;
}

bool
site_template_has_host(const char *template)
{
	struct span rest = span_of(template);
	struct piece piece;
	struct err ignored = ERR_INIT;
	while (rest.n && next_piece(&rest, &piece, &ignored)) {
		struct span choices = piece.text;
		while (piece.is_field && choices.n) {
			if (span_equal(next_choice(&choices), SPAN("host")))
				return true;
		}
	}
	return false;
}

static struct span
folder_name(struct span path)
{
	const char *slash = memrchr(path.p, '/', path.n);
	struct span folder = span_first(path, slash ? (size_t)(slash - path.p) : 0);
	slash = memrchr(folder.p, '/', folder.n);
	return slash ? span_from(folder, (size_t)(slash - folder.p) + 1) : folder;
}

static struct span
file_name(struct span path)
{
	const char *slash = memrchr(path.p, '/', path.n);
	return slash ? span_from(path, (size_t)(slash - path.p) + 1) : path;
}

static struct span
value_of(
	struct span field, struct span host, struct span path, const struct glob_captures *captures)
{
	if (span_equal(field, SPAN("host")))
		return host;
	if (span_equal(field, SPAN("dir")))
		return folder_name(path);
	if (span_equal(field, SPAN("file")))
		return file_name(path);
	size_t number = capture_number(field);
	return number && number <= captures->count ? captures->item[number - 1]
						   : (struct span){NULL, 0};
}

/* What the piece stands for: text as it is, or the first choice that is not empty. */
static struct span
value_of_piece(struct piece piece, struct span host, struct span path,
	const struct glob_captures *captures)
{
	struct span value = piece.is_field ? (struct span){NULL, 0} : piece.text;
	while (piece.is_field && piece.text.n && span_trim(value).n == 0)
		value = value_of(next_choice(&piece.text), host, path, captures);
	return value;
}

static void
make_safe(struct span raw, struct buf *name)
{
	buf_clear(name);
	text_sanitize(name, span_trim(raw), SITE_NAME_MAX);
	struct span safe = span_trim(buf_span(name));
	if (safe.n == 0) {
		buf_clear(name);
		buf_add_text(name, "unknown");
		return;
	}
	memmove(name->p, safe.p, safe.n);
	name->n = safe.n;
	name->p[name->n] = '\0';
}

void
site_name_write(const char *template, struct span host, const char *path,
	const struct glob_captures *captures, struct buf *name)
{
	struct buf joined = BUF_INIT;
	struct span rest = span_of(template), value = {NULL, 0};
	struct piece piece;
	struct err ignored = ERR_INIT;
	while (rest.n && next_piece(&rest, &piece, &ignored)) {
		value = value_of_piece(piece, host, span_of(path), captures);
		if (rest.n || joined.n) /* mostly there is but one piece */
			buf_add_span(&joined, value);
	}
	make_safe(joined.n ? buf_span(&joined) : value, name);
	buf_fini(&joined);
}

char *
site_name(const char *template, struct span host, const char *path,
	const struct glob_captures *captures)
{
	struct buf name = BUF_INIT;
	site_name_write(template, host, path, captures, &name);
	return buf_take(&name);
}
