#ifndef AIWATCH_PARSERS_RULES_H
#define AIWATCH_PARSERS_RULES_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/span.h"
#include "parsers/event.h"
#include "parsers/frame.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Rules: which record means which event. The one file that includes pcre2.h is rules.c.
 *
 * Order: the first rule that matches decides, in the order in which they were given. A set is
 * immutable once compiled and may be used by many threads at once; the scratch memory of a match is
 * the caller's `struct rules_scratch`, one a thread.
 */
struct rule_definition {
	const char *name; /* unique, not NULL */
	enum event_kind event;
	const char *pattern; /* PCRE2, UTF, not NULL */
	const char
		*contains;   /* a literal that every match holds; NULL: found out where it can be */
	uint32_t severities; /* bit 1 << severity; 0 for any */
	const char *cause;   /* text with $group of the pattern's named groups; NULL for none */
	const char *advice;  /* NULL for the default of the event */
	bool against_record; /* matched against the whole record instead of the message */
	bool provisional;
};

struct rules;
struct rules_scratch;

/*
 * Compiles; copies what it needs. `failed` (not NULL) receives the index of the rule that does not
 * compile and err the sentence, with the offset in the pattern. Returns NULL on failure. The set
 * has one reference.
 */
struct rules *
rules_new(const struct rule_definition *definitions, size_t count, size_t *failed, struct err *err);
/* Whether the rule compiles, with the sentence where it does not: for less than a set of it. */
bool
rules_try(const struct rule_definition *definition, struct err *err);
struct rules *
rules_share(struct rules *rules); /* one more reference; thread safe */
void
rules_free(struct rules *rules); /* one reference less; takes NULL */

bool
rules_is_jit(const struct rules *rules); /* PCRE2's JIT serves these patterns */
bool
rules_has_record_rules(const struct rules *rules);
size_t
rules_count(const struct rules *rules);

/* The literal by which rule `i` is found before its pattern is tried; NULL where it has none
 * (slow). */
const char *
rules_literal(const struct rules *rules, size_t i);
const struct rule_definition *
rules_definition(const struct rules *rules, size_t i);

struct rules_scratch *
rules_scratch_new(void);
void
rules_scratch_free(struct rules_scratch *scratch);

enum rules_outcome {
	RULES_NONE, /* no rule matched */
	RULES_MATCH,
	RULES_LIMITED, /* a pattern ran into the match limit and none matched */
};

struct rules_match {
	size_t rule; /* index of the rule that matched, or ran into the limit */
	struct span
		cause; /* expanded cause; lives in scratch until the next call; empty for none */
};

/*
 * Finds the rule of a framed record. `message` is the frame's message, `record` the whole record
 * with its continuation lines joined by LF (may equal the first line). Neither need be valid UTF-8:
 * what is invalid counts as U+FFFD. Bounded time: PCRE2's match and depth limits.
 */
enum rules_outcome
rules_match(const struct rules *rules, struct rules_scratch *scratch, const struct frame *frame,
	struct span record, struct rules_match *match);

/*
 * For a record in which no rule matched: the rule it comes nearest to. Its pattern matches but for
 * the severity, or its literal stands there, or the longest beginning of its literal. Appends to
 * `why` (not NULL) what stands in the way. False, and nothing appended, where none is near.
 */
bool
rules_nearest(const struct rules *rules, struct rules_scratch *scratch, const struct frame *frame,
	struct span record, size_t *rule, struct buf *why);

/*
 * The block scanner: the next place at or behind `from` in `block` where a literal of any rule
 * stands, or block.n where none does. Where a rule has no literal every line is such a place
 * (returns `from`). *lines: the line feeds from `from` to there. Bytes are compared as they are:
 * only for encodings in which the literals' bytes are ASCII's.
 */
size_t
rules_next_hit(const struct rules *rules, struct span block, size_t from, size_t *lines);

#endif
