#include "parsers/rules.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "parsers/literal.h"
#include "parsers/scan.h"
#include "parsers/text.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A match that needs more than this is given up: with a line of 64 KiB some tens of milliseconds
 * and some MiB at worst. */
enum {
	MATCH_LIMIT = 1000000,
	DEPTH_LIMIT = 20000,
	HEAP_LIMIT_KIB = 8192,
	JIT_STACK = 32 * 1024,
	JIT_STACK_LIMIT = 1024 * 1024,
	PATTERN_LIMIT = 16 * 1024,
	CAUSE_LIMIT = 256,
};

struct rule {
	struct rule_definition definition;
	char *literal; /* NULL for none */
	size_t literal_n;
	pcre2_code *code;
};

struct rules {
	atomic_uint references;
	struct rule *rules;
	size_t count;
	struct scan *scan; /* NULL: a rule has no literal that could be searched */
	bool is_jit;
	bool has_record_rules;
	uint32_t groups; /* the most capture groups of any pattern */
};

struct rules_scratch {
	pcre2_match_data *match;
	uint32_t match_groups;
	pcre2_match_context *limits;
	pcre2_jit_stack *jit_stack;
	struct buf cause, safe_cause;
	struct buf message, record; /* where they are no UTF-8, repaired */
};

static void
copy_definition(struct rule_definition *to, const struct rule_definition *from)
{
	*to = *from;
	to->name = mem_text(from->name);
	to->pattern = mem_text(from->pattern);
	to->contains = mem_text(from->contains);
	to->cause = mem_text(from->cause);
	to->advice = mem_text(from->advice);
}

static void
rule_fini(struct rule *rule)
{
	free((char *)rule->definition.name);
	free((char *)rule->definition.pattern);
	free((char *)rule->definition.contains);
	free((char *)rule->definition.cause);
	free((char *)rule->definition.advice);
	free(rule->literal);
	pcre2_code_free(rule->code);
}

/* One piece of a cause's text: plain, or a group's name behind `$`. `$$` is a dollar sign. */
static bool
next_piece(struct span *rest, struct span *piece)
{
	const char *dollar = rest->n ? memchr(rest->p, '$', rest->n) : NULL;
	if (dollar != rest->p || rest->n < 2) {
		size_t n = dollar && dollar != rest->p ? (size_t)(dollar - rest->p) : rest->n;
		*piece = span_first(*rest, n);
		*rest = span_from(*rest, n);
		return false;
	}
	bool braced = rest->p[1] == '{';
	size_t start = braced ? 2 : 1, n = 0;
	while (start + n < rest->n &&
		(rest->p[start + n] == '_' ||
			((rest->p[start + n] | 0x20) >= 'a' &&
				(rest->p[start + n] | 0x20) <= 'z') ||
			(n && rest->p[start + n] >= '0' && rest->p[start + n] <= '9')))
		n++;
	*piece = (struct span){rest->p + start, n};
	bool is_name = n > 0;
	if (!is_name) {
		*piece = span_first(*rest, 1);
		start = rest->p[1] == '$' ? 2 : 1;
		braced = false;
	}
	braced = braced && start + n < rest->n && rest->p[start + n] == '}';
	*rest = span_from(*rest, start + (is_name ? n : 0) + braced);
	return is_name;
}

enum { GROUP_NAME = 64 };

static bool
group_name(struct span piece, char name[GROUP_NAME])
{
	if (piece.n >= GROUP_NAME)
		return false;
	memcpy(name, piece.p, piece.n);
	name[piece.n] = '\0';
	return true;
}

static bool
check_cause(const struct rule *rule, struct err *err)
{
	struct span rest = span_of(rule->definition.cause), piece;
	char name[GROUP_NAME];
	while (rest.n > 0) {
		if (!next_piece(&rest, &piece))
			continue;
		PCRE2_SPTR first, last;
		if (!group_name(piece, name) || pcre2_substring_nametable_scan(rule->code,
							(PCRE2_SPTR)name, &first, &last) < 0)
			return err_set(err,
				"the pattern has no group named %.*s, which cause names",
				(int)piece.n, piece.p);
	}
	return true;
}

static bool
compile_pattern(struct rule *rule, struct err *err)
{
	const char *pattern = rule->definition.pattern;
	int code;
	PCRE2_SIZE offset;
	if (strlen(pattern) > PATTERN_LIMIT)
		return err_set(err, "the pattern is longer than %d bytes", PATTERN_LIMIT);
	/*
	 * Not PCRE2_MATCH_INVALID_UTF: with it and the JIT, 10.42 misses letters beyond ASCII that
	 * \D, \W and \S should match.
	 */
	rule->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
		PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
	if (rule->code)
		return true;
	unsigned char words[256];
	pcre2_get_error_message(code, words, sizeof words);
	return err_set(err, "the pattern does not compile: %s, at its offset %zu", (char *)words,
		(size_t)offset);
}

static bool
rule_init(struct rule *rule, const struct rule_definition *definition, struct err *err)
{
	copy_definition(&rule->definition, definition);
	if (!compile_pattern(rule, err) || !check_cause(rule, err))
		return false;
	struct buf literal = BUF_INIT;
	if (definition->contains && definition->contains[0])
		buf_add_text(&literal, definition->contains);
	else
		literal_of_pattern(definition->pattern, &literal);
	rule->literal_n = literal.n;
	rule->literal = literal.n ? buf_take(&literal) : NULL;
	buf_fini(&literal);
	return true;
}

/* JSON may spell any letter as an escape: a line that holds one is looked at whatever it says. */
#define JSON_ESCAPE SPAN("\\u00")

static struct scan *
make_scan(const struct rules *rules)
{
	struct span *parts = mem_array(rules->count + 1, sizeof *parts);
	bool searchable = true;
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];
		parts[i] = literal_plain_part((struct span){rule->literal, rule->literal_n});
		searchable = searchable && parts[i].n > 0;
	}
	parts[rules->count] = JSON_ESCAPE;
	size_t count = rules->count ? rules->count + 1 : 0;
	struct scan *scan = searchable ? scan_new(parts, count) : NULL;
	free(parts);
	return scan;
}

static bool
add_rule(struct rules *rules, const struct rule_definition *definition, struct err *err)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (strcmp(rules->rules[i].definition.name, definition->name) == 0)
			return err_set(err, "a rule named %s is there already", definition->name);
	}
	struct rule *rule = &rules->rules[rules->count++];
	if (!rule_init(rule, definition, err))
		return false;
	uint32_t groups;
	pcre2_pattern_info(rule->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (groups > rules->groups)
		rules->groups = groups;
	if (pcre2_jit_compile(rule->code, PCRE2_JIT_COMPLETE) != 0)
		rules->is_jit = false;
	rules->has_record_rules = rules->has_record_rules || definition->against_record;
	return true;
}

struct rules *
rules_new(const struct rule_definition *definitions, size_t count, size_t *failed, struct err *err)
{
	struct rules *rules = mem_new(sizeof *rules);
	atomic_init(&rules->references, 1);
	rules->rules = mem_array(count, sizeof *rules->rules);
	rules->is_jit = count > 0;
	for (size_t i = 0; i < count; i++) {
		if (!add_rule(rules, &definitions[i], err)) {
			*failed = i;
			rules_free(rules);
			return NULL;
		}
	}
	rules->scan = make_scan(rules);
	return rules;
}

bool
rules_try(const struct rule_definition *definition, struct err *err)
{
	struct rule rule = {0};
	bool ok = rule_init(&rule, definition, err);
	rule_fini(&rule);
	return ok;
}

struct rules *
rules_share(struct rules *rules)
{
	atomic_fetch_add(&rules->references, 1);
	return rules;
}

void
rules_free(struct rules *rules)
{
	if (!rules || atomic_fetch_sub(&rules->references, 1) != 1)
		return;
	for (size_t i = 0; i < rules->count; i++)
		rule_fini(&rules->rules[i]);
	free(rules->rules);
	scan_free(rules->scan);
	free(rules);
}

bool
rules_is_jit(const struct rules *rules)
{
	return rules->is_jit;
}

bool
rules_has_record_rules(const struct rules *rules)
{
	return rules->has_record_rules;
}

size_t
rules_count(const struct rules *rules)
{
	return rules->count;
}

const char *
rules_literal(const struct rules *rules, size_t i)
{
	return rules->rules[i].literal;
}

const struct rule_definition *
rules_definition(const struct rules *rules, size_t i)
{
	return &rules->rules[i].definition;
}

static void *
must(void *p)
{
	if (!p)
		abort();
	return p;
}

struct rules_scratch *
rules_scratch_new(void)
{
	struct rules_scratch *scratch = mem_new(sizeof *scratch);
	scratch->limits = must(pcre2_match_context_create(NULL));
	pcre2_set_match_limit(scratch->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(scratch->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(scratch->limits, HEAP_LIMIT_KIB);
	scratch->jit_stack = pcre2_jit_stack_create(JIT_STACK, JIT_STACK_LIMIT, NULL);
	if (scratch->jit_stack)
		pcre2_jit_stack_assign(scratch->limits, NULL, scratch->jit_stack);
	return scratch;
}

void
rules_scratch_free(struct rules_scratch *scratch)
{
	if (!scratch)
		return;
	pcre2_match_data_free(scratch->match);
	pcre2_match_context_free(scratch->limits);
	pcre2_jit_stack_free(scratch->jit_stack);
	buf_fini(&scratch->cause);
	buf_fini(&scratch->safe_cause);
	buf_fini(&scratch->message);
	buf_fini(&scratch->record);
	free(scratch);
}

static void
make_match_room(struct rules_scratch *scratch, uint32_t groups)
{
	if (scratch->match && scratch->match_groups >= groups)
		return;
	pcre2_match_data_free(scratch->match);
	scratch->match = must(pcre2_match_data_create(groups + 1, NULL));
	scratch->match_groups = groups;
}

/* Several groups may have one name ((?J)): the first that is set counts. */
static struct span
group_value(const struct rule *rule, const pcre2_match_data *match, struct span subject,
	struct span piece)
{
	char name[GROUP_NAME];
	PCRE2_SPTR first, last;
	if (!group_name(piece, name))
		return (struct span){0};
	int size = pcre2_substring_nametable_scan(rule->code, (PCRE2_SPTR)name, &first, &last);
	if (size <= 0)
		return (struct span){0};
	const PCRE2_SIZE *places = pcre2_get_ovector_pointer((pcre2_match_data *)match);
	for (PCRE2_SPTR entry = first; entry <= last; entry += size) {
		size_t group = (size_t)entry[0] << 8 | entry[1];
		PCRE2_SIZE from = places[2 * group], to = places[2 * group + 1];
		if (from != PCRE2_UNSET && to > from && to <= subject.n)
			return (struct span){subject.p + from, to - from};
	}
	return (struct span){0};
}

static struct span
expand_cause(const struct rule *rule, struct rules_scratch *scratch, struct span subject)
{
	buf_clear(&scratch->cause);
	buf_clear(&scratch->safe_cause);
	struct span rest = span_of(rule->definition.cause), piece;
	while (rest.n > 0) {
		if (next_piece(&rest, &piece))
			piece = group_value(rule, scratch->match, subject, piece);
		buf_add_span(&scratch->cause, piece);
	}
	text_sanitize(&scratch->safe_cause, span_trim(buf_span(&scratch->cause)), CAUSE_LIMIT);
	return buf_span(&scratch->safe_cause);
}

static enum rules_outcome
match_rule(const struct rule *rule, struct rules_scratch *scratch, struct span subject)
{
	struct span literal = {rule->literal, rule->literal_n};
	if (literal.n && !span_find(subject, literal))
		return RULES_NONE;
	const char *start = subject.p ? subject.p : "";
	int code = pcre2_match(rule->code, (PCRE2_SPTR)start, subject.n, 0, PCRE2_NO_UTF_CHECK,
		scratch->match, scratch->limits);
	if (code == PCRE2_ERROR_NOMEMORY)
		abort();
	if (code >= 0)
		return RULES_MATCH;
	return code == PCRE2_ERROR_NOMATCH ? RULES_NONE : RULES_LIMITED;
}

/* What PCRE2 is told not to check. */
static struct span
valid_subject(struct buf *repaired, struct span subject)
{
	if (utf8_is_valid(subject))
		return subject;
	buf_clear(repaired);
	utf8_repair(repaired, subject);
	return buf_span(repaired);
}

enum rules_outcome
rules_match(const struct rules *rules, struct rules_scratch *scratch, const struct frame *frame,
	struct span record, struct rules_match *match)
{
	enum rules_outcome outcome = RULES_NONE;
	struct span message = valid_subject(&scratch->message, frame->message);
	*match = (struct rules_match){0};
	if (rules->has_record_rules)
		record = valid_subject(&scratch->record, record);
	make_match_room(scratch, rules->groups);
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];
		uint32_t severities = rule->definition.severities;
		if (severities && !(severities & UINT32_C(1) << frame->severity))
			continue;
		struct span subject = rule->definition.against_record ? record : message;
		enum rules_outcome one = match_rule(rule, scratch, subject);
		if (one == RULES_NONE)
			continue;
		if (one == RULES_MATCH || outcome == RULES_NONE)
			match->rule = i;
		outcome = one;
		if (one == RULES_MATCH) {
			match->cause = expand_cause(rule, scratch, subject);
			return RULES_MATCH;
		}
	}
	return outcome;
}

/* How many bytes of the literal's beginning stand in s, letters compared without case. */
static size_t
longest_beginning(struct span s, struct span literal)
{
	size_t longest = 0;
	for (size_t i = 0; i < s.n; i++) {
		struct span rest = span_from(s, i);
		while (longest < literal.n &&
			span_has_prefix_nocase(rest, span_first(literal, longest + 1)))
			longest++;
	}
	return longest;
}

enum { NEAR_BEGINNING = 8, NEAR_LITERAL = 1000000, NEAR_SEVERITY };

static size_t
nearness(const struct rule *rule, struct rules_scratch *scratch, struct span subject)
{
	struct span literal = {rule->literal, rule->literal_n};
	if (match_rule(rule, scratch, subject) == RULES_MATCH)
		return NEAR_SEVERITY;
	if (literal.n == 0)
		return 0;
	if (span_find(subject, literal))
		return NEAR_LITERAL;
	size_t n = longest_beginning(subject, literal);
	return n >= NEAR_BEGINNING ? n : 0;
}

bool
rules_nearest(const struct rules *rules, struct rules_scratch *scratch, const struct frame *frame,
	struct span record, size_t *rule, struct buf *why)
{
	size_t best = 0;
	make_match_room(scratch, rules->groups);
	for (size_t i = 0; i < rules->count; i++) {
		bool whole = rules->rules[i].definition.against_record;
		size_t near = nearness(&rules->rules[i], scratch, whole ? record : frame->message);
		if (near > best) {
			best = near;
			*rule = i;
		}
	}
	if (best == 0)
		return false;
	const struct rule *nearest = &rules->rules[*rule];
	if (best == NEAR_SEVERITY)
		buf_format(why, "its pattern matches, but %s is none of its severities",
			severity_name(frame->severity));
	else if (best == NEAR_LITERAL)
		buf_format(why, "\"%s\" stands there, but its pattern does not match",
			nearest->literal);
	else
		buf_format(why, "\"%.*s\" stands there, but not \"%s\"", (int)best,
			nearest->literal, nearest->literal);
	return true;
}

size_t
rules_next_hit(const struct rules *rules, struct span block, size_t from, size_t *lines)
{
	*lines = 0;
	if (from >= block.n)
		return block.n;
	return rules->scan ? scan_next(rules->scan, block, from, lines) : from;
}
