#include "config/config.h"

#include "config/mask.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PROBLEMS_MAX = 200,	  /* more help nobody */
	LINE_SHOWN_MAX = 120,	  /* characters of a line */
	FILE_SHOWN_MAX = 1 << 20, /* bytes of a file that are looked at for it */
};

void
config_problems_fini(struct config_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free((char *)problems->item[i].place.file);
		free(problems->item[i].sentence);
	}
	free(problems->item);
	*problems = (struct config_problems){0};
}

static bool
is_shown(uint32_t c)
{
	bool is_control = c < 0x20 || (c >= 0x7f && c < 0xa0);
	bool is_format = (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
			 (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
	return !is_control && !is_format;
}

/* Appends at most `limit` characters: a tab as a blank, what a terminal must not see as '?'. */
static void
add_shown(struct buf *out, struct span s, size_t limit)
{
	while (s.n > 0 && limit > 0) {
		uint32_t c = 0;
		size_t n = utf8_decode(s, &c);
		if (c == '\t')
			buf_add_byte(out, ' ');
		else if (n > 0 && is_shown(c))
			buf_add(out, s.p, n);
		else
			buf_add_byte(out, '?');
		s = span_from(s, n ? n : 1);
		limit--;
	}
}

static size_t
count_characters(struct span s)
{
	size_t count = 0;
	for (uint32_t c; s.n > 0; count++) {
		size_t n = utf8_decode(s, &c);
		s = span_from(s, n ? n : 1);
	}
	return count;
}

static size_t
skip_characters(struct span s, size_t count)
{
	size_t at = 0;
	while (count-- > 0 && at < s.n) {
		uint32_t c;
		size_t n = utf8_decode(span_from(s, at), &c);
		at += n ? n : 1;
	}
	return at;
}

static void
add_formatted(struct config_problems *problems, struct config_place place, bool is_warning,
	const char *format, va_list args)
{
	char *raw;
	if (vasprintf(&raw, format, args) < 0)
		abort();
	struct buf sentence = BUF_INIT, masked = BUF_INIT;
	mask_sentence(&masked, span_of(raw));
	add_shown(&sentence, buf_span(&masked), 1000);
	buf_fini(&masked);
	free(raw);
	problems->item = mem_grow(problems->item, problems->count + 1, sizeof *problems->item);
	place.file = mem_text(place.file);
	problems->item[problems->count++] = (struct config_problem){
		.place = place, .is_warning = is_warning, .sentence = buf_take(&sentence)};
}

void
config_problems_add(struct config_problems *problems, struct config_place place, bool is_warning,
	const char *format, ...)
{
	problems->errors += !is_warning;
	if (problems->count >= PROBLEMS_MAX) {
		problems->left_out++;
		return;
	}
	va_list args;
	va_start(args, format);
	add_formatted(problems, place, is_warning, format, args);
	va_end(args);
}

void
config_problems_hide_last(struct config_problems *problems)
{
	if (problems->left_out == 0 && problems->count > 0)
		problems->item[problems->count - 1].is_private = true;
}

/* The file's beginning; "" where it is none that can be read without waiting. */
static void
read_shown(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		buf_reserve(text, FILE_SHOWN_MAX);
		ssize_t n;
		while (text->n < FILE_SHOWN_MAX &&
			(n = read(fd, text->p + text->n, FILE_SHOWN_MAX - text->n)) > 0)
			text->n += (size_t)n;
	}
	close(fd);
}

static bool
find_line(struct span text, unsigned line, struct span *found)
{
	for (unsigned i = 1; text.n > 0; i++) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		if (i == line) {
			*found = span_first(text, n);
			if (n > 0 && found->p[n - 1] == '\r')
				found->n--;
			return true;
		}
		text = span_from(text, n + 1);
	}
	return false;
}

/* A long line is shown from shortly before the column on. */
static void
print_line(struct span raw, unsigned raw_column, bool colour, struct buf *out)
{
	struct buf masked = BUF_INIT;
	size_t at = skip_characters(raw, raw_column - 1);
	mask_line(&masked, raw, &at);
	struct span line = buf_span(&masked);
	size_t column = count_characters(span_first(line, at)) + 1;
	size_t from = column > LINE_SHOWN_MAX - 20 ? column - 60 : 0;
	buf_add_text(out, "    ");
	if (from > 0)
		buf_add_text(out, "… ");
	add_shown(out, span_from(line, skip_characters(line, from)), LINE_SHOWN_MAX);
	buf_add_text(out, "\n    ");
	size_t blanks = column - 1 - from + (from > 0 ? 2 : 0);
	for (size_t i = 0; i < blanks; i++)
		buf_add_byte(out, ' ');
	buf_add_text(out, colour ? "\033[32m^\033[0m\n" : "^\n");
	buf_fini(&masked);
}

static void
print_place(const struct config_place *place, struct buf *out)
{
	if (place->file)
		add_shown(out, span_of(place->file), 4096);
	else
		buf_add_text(out, "(built in)");
	if (place->line > 0)
		buf_format(out, ":%u:%u", place->line, place->column);
	buf_add_text(out, ": ");
}

static void
print_problem(const struct config_problem *problem, bool colour, struct buf *out)
{
	const struct config_place *place = &problem->place;
	print_place(place, out);
	if (problem->is_warning)
		buf_add_text(out, colour ? "\033[33mwarning:\033[0m " : "warning: ");
	if (colour && !problem->is_warning)
		buf_format(out, "\033[31m%s\033[0m\n", problem->sentence);
	else
		buf_format(out, "%s\n", problem->sentence);
	if (!place->file || place->line == 0 || place->column == 0 || problem->is_private)
		return;
	struct buf text = BUF_INIT;
	struct span line;
	read_shown(place->file, &text);
	/* NULs: UTF-16, of which no line could be shown. */
	if (find_line(buf_span(&text), place->line, &line) && !memchr(line.p, '\0', line.n))
		print_line(line, place->column, colour, out);
	buf_fini(&text);
}

void
config_problems_print(const struct config_problems *problems, bool colour, struct buf *out)
{
	for (size_t i = 0; i < problems->count; i++)
		print_problem(&problems->item[i], colour, out);
	if (problems->left_out > 0)
		buf_format(out, "and %zu more\n", problems->left_out);
}
