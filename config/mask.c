#include "config/mask.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char MASK[] = "***";

bool
mask_is_secret(const char *name)
{
	static const char *const WORD[] = {
		"pass", "secret", "token", "auth", "bearer", "basic", "key", "credential"};
	for (size_t i = 0; i < COUNT(WORD); i++) {
		if (strcasestr(name, WORD[i]))
			return true;
	}
	return false;
}

/* A text in the making: what was appended, and where the place that is looked for went. */
struct masking {
	struct buf *out;
	struct span text;
	size_t done; /* bytes of text that are in out, or hidden */
	size_t at, moved;
	bool has_moved;
};

static void
move_to(struct masking *m, size_t end, bool hide)
{
	size_t from = m->out->n, begun = m->done;
	if (end <= begun)
		return;
	if (hide)
		buf_add_text(m->out, MASK);
	else
		buf_add(m->out, m->text.p + begun, end - begun);
	if (!m->has_moved && m->at < end) {
		m->moved = from + (hide ? 0 : m->at - begun);
		m->has_moved = true;
	}
	m->done = end;
}

static void
hide(struct masking *m, size_t from, size_t end)
{
	if (end <= from || from < m->done)
		return;
	move_to(m, from, false);
	move_to(m, end, true);
}

static size_t
run_of(struct span text, size_t at, const char *end)
{
	while (at < text.n && !strchr(end, text.p[at]))
		at++;
	return at;
}

/* `at` is behind "://". */
static void
hide_in_url(struct masking *m, size_t at, const char *path_begins)
{
	size_t host = run_of(m->text, at, "/?# \t\"'");
	const char *user = host > at ? memrchr(m->text.p + at, '@', host - at) : NULL;
	size_t end = run_of(m->text, host, " \t\"'");
	size_t path = run_of(span_first(m->text, end), host, path_begins);
	if (user)
		hide(m, at, (size_t)(user - m->text.p));
	hide(m, path + 1, end);
}

/* The name in front of the colon at `at`, to be freed. */
static char *
name_before(struct span text, size_t at)
{
	size_t end = at, from;
	while (end > 0 && strchr(" \"'", text.p[end - 1]))
		end--;
	for (from = end; from > 0 && !strchr(" \t{[,\"'", text.p[from - 1]);)
		from--;
	return mem_copy(text.p + from, end - from);
}

/* Where the value ends that begins at `at`; a quoted one begins behind its quote. */
static size_t
end_of_value(struct span text, size_t at, char quote, bool in_flow)
{
	if (!quote && in_flow)
		return run_of(text, at, ",]}");
	size_t end = at;
	while (quote && end < text.n && text.p[end] != quote)
		end += quote == '"' && text.p[end] == '\\' ? 2 : 1;
	return quote && end < text.n ? end : text.n;
}

/* `at` is behind a colon. What names a secret, or a file, is none: {file: …}, key: PATH. */
static void
hide_value(struct masking *m, size_t at)
{
	char *name = name_before(m->text, at - 1);
	size_t from = at;
	while (from < m->text.n && strchr(" \t", m->text.p[from]))
		from++;
	bool is_value = from > at && from < m->text.n && !strchr("{[#", m->text.p[from]);
	if (is_value && mask_is_secret(name) && strcmp(name, "key") != 0 &&
		strcmp(name, "credential") != 0) {
		char first = m->text.p[from], quote = first == '"' || first == '\'' ? first : '\0';
		bool in_flow = memchr(m->text.p, '{', at) || memchr(m->text.p, '[', at);
		from += quote != '\0';
		hide(m, from, end_of_value(m->text, from, quote, in_flow));
	}
	free(name);
}

void
mask_line(struct buf *out, struct span line, size_t *at)
{
	struct masking m = {.out = out, .text = line, .at = *at};
	size_t before = out->n;
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] != ':')
			continue;
		if (span_has_prefix(span_from(line, i), SPAN("://")))
			hide_in_url(&m, i + 3, "/?#");
		else
			hide_value(&m, i + 1);
	}
	move_to(&m, line.n, false);
	*at = (m.has_moved ? m.moved : out->n) - before;
}

void
mask_sentence(struct buf *out, struct span sentence)
{
	struct masking m = {.out = out, .text = sentence, .at = sentence.n};
	for (size_t i = 0; i < sentence.n; i++) {
		if (span_has_prefix(span_from(sentence, i), SPAN("://")))
			hide_in_url(&m, i + 3, "?#");
	}
	move_to(&m, sentence.n, false);
}
