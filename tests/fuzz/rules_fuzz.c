/* A pattern (up to the first NUL) and a text: where the pattern matches, the literal that was told
 * from it stands in the text, and the block scanner stops there. */
#include "daemon/base/mem.h"
#include "parsers/literal.h"
#include "parsers/rules.h"

#include <stdlib.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* The same pattern with a literal that is in every text: it is tried for sure. */
static bool
matches(const char *pattern, struct span text)
{
	struct err err = ERR_INIT;
	size_t failed;
	struct rule_definition definition = {
		.name = "x", .event = EVENT_SYNC_FAILED, .pattern = pattern, .contains = "@"};
	struct rules *rules = rules_new(&definition, 1, &failed, &err);
	if (!rules)
		return false;
	struct rules_scratch *scratch = rules_scratch_new();
	struct rules_match match;
	struct frame frame = {.message = text};
	bool matched = rules_match(rules, scratch, &frame, text, &match) == RULES_MATCH;
	rules_scratch_free(scratch);
	rules_free(rules);
	return matched;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const uint8_t *end = n ? memchr(bytes, '\0', n) : NULL;
	struct buf literal = BUF_INIT;
	if (!end || n > 400)
		return 0;
	char *pattern = mem_copy(bytes, (size_t)(end - bytes));
	char *text = mem_format("%.*s@", (int)(bytes + n - end - 1), (const char *)end + 1);
	if (literal_of_pattern(pattern, &literal) && matches(pattern, span_of(text)) &&
		!span_find(span_of(text), buf_span(&literal)))
		abort();
	buf_fini(&literal);
	free(pattern);
	free(text);
	return 0;
}
