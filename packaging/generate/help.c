#include "packaging/generate/generate.h"

#include <string.h>

static struct span
first_line(struct span text)
{
	const char *end = memchr(text.p, '\n', text.n);
	return (struct span){text.p, end ? (size_t)(end - text.p) : text.n};
}

static struct span
behind(struct span text, size_t n)
{
	return (struct span){text.p + n, text.n - n};
}

static size_t
blanks_of(struct span line)
{
	size_t n = 0;
	while (n < line.n && line.p[n] == ' ')
		n++;
	return n;
}

/* Where the text of `  LABEL   TEXT` begins; 0 where the line is none. */
static size_t
text_of_row(struct span line)
{
	if (blanks_of(line) != 2 || line.n < 4 || (line.p[2] == '-' && line.p[3] == ' '))
		return 0;
	for (size_t i = 3; i + 2 < line.n; i++) {
		if (line.p[i] == ' ' && line.p[i + 1] == ' ')
			return i + blanks_of(behind(line, i));
	}
	return 0;
}

bool
help_next_row(struct span *block, struct help_row *row)
{
	struct span line = first_line(*block);
	size_t text = text_of_row(line);
	if (text == 0)
		return false;
	size_t label = text;
	while (line.p[label - 1] == ' ')
		label--;
	row->label = (struct span){line.p + 2, label - 2};
	size_t end = line.n;
	while (end < block->n) {
		struct span next = first_line(behind(*block, end + 1));
		if (blanks_of(next) <= 2)
			break;
		end += 1 + next.n;
	}
	row->text = (struct span){line.p + text, end - text};
	*block = behind(*block, end < block->n ? end + 1 : end);
	return true;
}

bool
help_next_block(struct span *help, struct span *block)
{
	while (help->n > 0 && *help->p == '\n')
		*help = behind(*help, 1);
	if (help->n == 0)
		return false;
	size_t end = 0;
	while (end < help->n &&
		!(help->p[end] == '\n' && (end + 1 == help->n || help->p[end + 1] == '\n')))
		end++;
	*block = (struct span){help->p, end};
	*help = behind(*help, end);
	return true;
}
