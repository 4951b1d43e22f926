#include "daemon/base/mem.h"
#include "parsers/literal.h"
#include "parsers/rules.h"
#include "parsers/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
t01_literal_is_what_every_match_holds(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *literal;
	} CASES[] = {
		{"Exception attempting sync", "Exception attempting sync"},
		{"^WebException\\s+trying to enroll: Status = (?<s>\\w+)$",
			"trying to enroll: Status = "},
		{"ab?cde", "cde"},
		{"abc*de", "ab"},
		{"abcd+ef", "abcd"},
		{"abc{0,2}d", "ab"},
		{"abc{x}d", "abc{x}d"},
		{"a{b|c}", NULL},
		{"one|another", NULL},
		{"(?i)letters", NULL},
		{"(?x) a b c", NULL},
		{"(?:x|y)tail", "tail"},
		{"\\(403\\) Forbidden", "(403) Forbidden"},
		{"\\x41bcd xyz", " xyz"},
		{"\\x{1F600}bc", "bc"},
		{"\\p{Lu}bcd\\pLq", "bcd"},
		{"[a\\]b]cd[^]x]ef", "cd"},
		{"[[:alpha:]]xyz", "xyz"},
		{"ab[[.]|.].]", NULL},
		{"abc[[:alpha:][:]d]", "abc"},
		{"ab(c|[)]d)ef(g)", "ab"},
		{"a(?=b|c)bc", "bc"},
		{"a\\Qb|c\\E", NULL},
		{"(*ACCEPT)abc", NULL},
		{"ab\\", "ab"},
		{"(?m)^abc", "abc"},
		{"\\cxyz\\g{1}xyzz\\1 23", "xyzz"},
		{"Unzulä?ssig", "Unzul"},
		{"x", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct buf out = BUF_INIT;
		bool found = literal_of_pattern(CASES[i].pattern, &out);
		assert_int_equal(found, CASES[i].literal != NULL);
		if (found)
			assert_string_equal(out.p, CASES[i].literal);
		buf_fini(&out);
	}
}

static void
t02_plain_part_is_what_no_envelope_escapes(void **state)
{
	(void)state;
	assert_true(span_equal(
		literal_plain_part(SPAN("credentials/certificate")), SPAN("credentials")));
	assert_true(span_equal(literal_plain_part(SPAN("it's \"so\" text")), SPAN(" text")));
	assert_true(span_equal(literal_plain_part(SPAN("sync \xe2\x80\x93 The")), SPAN("sync ")));
	assert_int_equal(literal_plain_part(SPAN("\xe2\x80\x93")).n, 0);
}

/* The one that stands first, by the simplest means. */
static size_t
slow_next(const struct span *literals, size_t count, struct span block, size_t from)
{
	for (size_t i = from; i < block.n; i++) {
		for (size_t k = 0; k < count; k++) {
			if (span_has_prefix(span_from(block, i), literals[k]))
				return i;
		}
	}
	return block.n;
}

static size_t
slow_count(struct span block, size_t from, size_t to)
{
	size_t lines = 0;
	for (size_t i = from; i < to; i++)
		lines += block.p[i] == '\n';
	return lines;
}

static void
t03_scan_finds_every_literal_at_every_place(void **state)
{
	(void)state;
	const struct span literals[] = {SPAN("ab"), SPAN("c"), SPAN("abcab"), SPAN("bbbbbbbb"),
		SPAN("dadb"), SPAN("daa"), SPAN("aaac"), SPAN("dbda"), SPAN("ddda"), SPAN("dbd"),
		SPAN("\xe4\xe4")};
	srand(1);
	for (int round = 0; round < 600; round++) {
		size_t count = 1 + (size_t)round / 3 % COUNT(literals);
		const struct span *some = literals + COUNT(literals) - count;
		struct scan *scan = scan_new(some, count);
		scan_limit(scan, SCAN_BYTES + (unsigned)round % 3);
		enum { ROOM = 300 };
		char *text = mem_new(ROOM);
		/* What stands behind the block is none of it. */
		struct span block = {text, (size_t)rand() % ROOM};
		for (size_t i = 0; i < ROOM; i++)
			text[i] = "abbdddd\xe4\n"[rand() % 9];
		if (rand() % 3 == 0)
			text[(size_t)rand() % ROOM] = 'c';
		for (size_t from = 0; from <= block.n; from++) {
			size_t lines, found = scan_next(scan, block, from, &lines);
			size_t first = slow_next(some, count, block, from);
			assert_true(found >= first && found <= block.n);
			assert_int_equal(lines, slow_count(block, from, found));
			assert_int_equal(found == block.n, first == block.n);
			if (found < block.n)
				assert_int_equal(slow_next(some, count, block, found), found);
		}
		scan_free(scan);
		free(text);
	}
}

static void
t04_scan_stops_in_the_first_line_with_a_hit(void **state)
{
	(void)state;
	const struct span literals[] = {SPAN("zzzzaaaaaaaaaaaaaaaaaaaaaaaaaqx"), SPAN("eee")};
	struct scan *scan = scan_new(literals, 2);
	struct buf text = BUF_INIT;
	for (int i = 0; i < 100; i++)
		buf_add_text(&text, i == 50   ? "zzzzaaaaaaaaaaaaaaaaaaaaaaaaaqx\n"
				    : i == 51 ? "eee\n"
					      : "nothing here\n");
	size_t lines, found = scan_next(scan, buf_span(&text), 0, &lines);
	assert_int_equal(found, 50 * 13);
	assert_int_equal(lines, 50);
	assert_int_equal(scan_next(scan, buf_span(&text), found + 1, &lines), 50 * 13 + 32);
	assert_int_equal(lines, 1);
	assert_int_equal(scan_count_lines(buf_span(&text)), 100);
	buf_fini(&text);
	scan_free(scan);
}

static void
t05_lines_are_counted_in_blocks_of_any_length(void **state)
{
	(void)state;
	char *text = mem_new(70000);
	memset(text, '\n', 70000);
	for (size_t n = 0; n < 300; n++)
		assert_int_equal(scan_count_lines((struct span){text, n}), n);
	assert_int_equal(scan_count_lines((struct span){text, 70000}), 70000);
	free(text);
}

static const struct rule_definition RULES[] = {
	{.name = "rejected",
		.event = EVENT_ENROLL_REJECTED,
		.pattern = "^WebException trying to enroll: Status = ProtocolError",
		.severities = 1u << SEVERITY_WARNING},
	{.name = "forbidden",
		.event = EVENT_SYNC_FORBIDDEN,
		.pattern = "^Exception attempting sync\\b.*?(?<number>403)",
		.cause = "HTTP $number costs $$5 ${number}x $"},
	{.name = "other",
		.event = EVENT_SYNC_FAILED,
		.pattern = "^Exception attempting sync(?: - (?<sentence>.*))?",
		.cause = "$sentence"},
};

static struct rules *
compile(const struct rule_definition *definitions, size_t count)
{
	struct err err = ERR_INIT;
	size_t failed;
	struct rules *rules = rules_new(definitions, count, &failed, &err);
	if (!rules)
		fail_msg("%s", err.text);
	return rules;
}

static enum rules_outcome
match_message(const struct rules *rules, struct rules_scratch *scratch, const char *message,
	struct rules_match *match)
{
	struct frame frame = {.severity = SEVERITY_WARNING, .message = span_of(message)};
	return rules_match(rules, scratch, &frame, frame.message, match);
}

static void
t06_first_rule_that_matches_decides(void **state)
{
	(void)state;
	struct rules *rules = compile(RULES, COUNT(RULES));
	struct rules_scratch *scratch = rules_scratch_new();
	struct rules_match match;
	assert_int_equal(match_message(rules, scratch,
				 "WebException trying to enroll: Status = ProtocolError", &match),
		RULES_MATCH);
	assert_int_equal(match.rule, 0);
	assert_int_equal(
		match_message(rules, scratch, "Exception attempting sync - status 403: x", &match),
		RULES_MATCH);
	assert_int_equal(match.rule, 1);
	assert_true(span_equal(match.cause, SPAN("HTTP 403 costs $5 403x $")));
	assert_int_equal(
		match_message(rules, scratch, "Exception attempting sync - status 503", &match),
		RULES_MATCH);
	assert_int_equal(match.rule, 2);
	assert_true(span_equal(match.cause, SPAN("status 503")));
	assert_int_equal(
		match_message(rules, scratch, "Exception attempting sync", &match), RULES_MATCH);
	assert_int_equal(match.cause.n, 0);
	assert_int_equal(match_message(rules, scratch, "nothing", &match), RULES_NONE);
	rules_scratch_free(scratch);
	rules_free(rules);
}

static void
t07_severity_must_be_one_of_the_rule(void **state)
{
	(void)state;
	struct rules *rules = compile(RULES, COUNT(RULES));
	struct rules_scratch *scratch = rules_scratch_new();
	struct rules_match match;
	struct frame frame = {
		.severity = SEVERITY_INFORMATION,
		.message = SPAN("WebException trying to enroll: Status = ProtocolError"),
	};
	assert_int_equal(rules_match(rules, scratch, &frame, frame.message, &match), RULES_NONE);
	rules_scratch_free(scratch);
	rules_free(rules);
}

static void
t08_rule_against_the_record_sees_all_lines(void **state)
{
	(void)state;
	const struct rule_definition definition = {.name = "page",
		.event = EVENT_SYNC_FAILED,
		.pattern = "(?s)^Head.*<title>(?<title>[^<]*)",
		.cause = "$title",
		.against_record = true};
	struct rules *rules = compile(&definition, 1);
	struct rules_scratch *scratch = rules_scratch_new();
	struct rules_match match;
	struct frame frame = {.message = SPAN("Head")};
	assert_true(rules_has_record_rules(rules));
	assert_int_equal(rules_match(rules, scratch, &frame, SPAN("Head"), &match), RULES_NONE);
	assert_int_equal(rules_match(rules, scratch, &frame,
				 SPAN("Head\n<html>\n<title>Proxy\x1b[1m</title>"), &match),
		RULES_MATCH);
	assert_true(span_equal(match.cause, SPAN("Proxy [1m")));
	rules_scratch_free(scratch);
	rules_free(rules);
}

static void
t09_invalid_bytes_are_repaired_before_the_match(void **state)
{
	(void)state;
	struct rules *rules = compile(RULES, COUNT(RULES));
	struct rules_scratch *scratch = rules_scratch_new();
	struct rules_match match;
	assert_int_equal(match_message(rules, scratch,
				 "Exception attempting sync \xff\xfe \xc3( 403", &match),
		RULES_MATCH);
	assert_int_equal(match.rule, 1);
	struct frame frame = {
		.severity = SEVERITY_ERROR, .message = SPAN("Exception attempting sync \0 403")};
	assert_int_equal(rules_match(rules, scratch, &frame, frame.message, &match), RULES_MATCH);
	assert_int_equal(match.rule, 1);
	rules_scratch_free(scratch);
	rules_free(rules);
}

static void
t10_pattern_without_end_runs_into_its_limit(void **state)
{
	(void)state;
	const struct rule_definition definitions[] = {
		{.name = "endless", .event = EVENT_SYNC_FAILED, .pattern = "(a+|a+b)+$"},
		{.name = "after", .event = EVENT_SYNC_SUCCEEDED, .pattern = "ccc!"},
	};
	struct rules *rules = compile(definitions, 2);
	struct rules_scratch *scratch = rules_scratch_new();
	struct rules_match match;
	char *text = mem_new(65537);
	memset(text, 'a', 65536);
	text[65535] = 'c';
	assert_int_equal(match_message(rules, scratch, text, &match), RULES_LIMITED);
	assert_int_equal(match.rule, 0);
	memcpy(text + 65000, "ccc!", 4);
	assert_int_equal(match_message(rules, scratch, text, &match), RULES_MATCH);
	assert_int_equal(match.rule, 1);
	free(text);
	rules_scratch_free(scratch);
	rules_free(rules);
}

static void
assert_refused(
	const struct rule_definition *definitions, size_t count, size_t index, const char *words)
{
	struct err err = ERR_INIT;
	size_t failed = 99;
	assert_null(rules_new(definitions, count, &failed, &err));
	assert_int_equal(failed, index);
	if (!strstr(err.text, words))
		fail_msg("%s", err.text);
}

static void
t11_what_does_not_compile_is_refused_with_its_place(void **state)
{
	(void)state;
	const struct rule_definition definitions[] = {
		{.name = "good", .event = EVENT_SYNC_FAILED, .pattern = "x"},
		{.name = "bad", .event = EVENT_SYNC_FAILED, .pattern = "a(b"},
	};
	const struct rule_definition doubled[] = {definitions[0], definitions[0]};
	const struct rule_definition group = {
		.name = "g", .event = EVENT_SYNC_FAILED, .pattern = "x", .cause = "a $nothing b"};
	assert_refused(definitions, 2, 1, "missing closing parenthesis, at its offset 3");
	assert_refused(doubled, 2, 1, "a rule named good is there already");
	assert_refused(&group, 1, 0, "no group named nothing");
}

static void
t12_block_scanner_stops_at_literals_of_all_rules(void **state)
{
	(void)state;
	struct rules *rules = compile(RULES, COUNT(RULES));
	struct span block = SPAN("nothing\nx Exception attempting sync\n{\"a\":\"\\u0045x\"}\n");
	size_t lines, hit = rules_next_hit(rules, block, 0, &lines);
	assert_int_equal(hit, 10);
	assert_int_equal(lines, 1);
	hit = rules_next_hit(rules, block, hit + 1, &lines);
	assert_int_equal(block.p[hit], '\\');
	assert_int_equal(rules_next_hit(rules, block, hit + 1, &lines), block.n);
	assert_int_equal(lines, 1);
	rules_free(rules);
	const struct rule_definition slow = {
		.name = "slow", .event = EVENT_SYNC_FAILED, .pattern = "\\d+"};
	rules = compile(&slow, 1);
	assert_null(rules_literal(rules, 0));
	assert_int_equal(rules_next_hit(rules, block, 3, &lines), 3);
	assert_int_equal(lines, 0);
	struct rules *shared = rules_share(rules);
	rules_free(rules);
	assert_int_equal(rules_count(shared), 1);
	rules_free(shared);
}

static void
assert_nearest(const struct rules *rules, enum severity severity, const char *message,
	const char *name, const char *expected)
{
	struct rules_scratch *scratch = rules_scratch_new();
	struct frame frame = {.severity = severity, .message = span_of(message)};
	struct buf why = BUF_INIT;
	size_t rule = 99;
	bool near = rules_nearest(rules, scratch, &frame, frame.message, &rule, &why);
	assert_int_equal(near, name != NULL);
	if (near) {
		assert_string_equal(rules_definition(rules, rule)->name, name);
		assert_string_equal(why.p, expected);
	}
	buf_fini(&why);
	rules_scratch_free(scratch);
}

static void
t13_nearest_rule_says_what_stands_in_the_way(void **state)
{
	(void)state;
	struct rules *rules = compile(RULES, COUNT(RULES));
	assert_nearest(rules, SEVERITY_VERBOSE,
		"WebException trying to enroll: Status = ProtocolError", "rejected",
		"its pattern matches, but Verbose is none of its severities");
	assert_nearest(rules, SEVERITY_ERROR, "then: Exception attempting sync 403", "forbidden",
		"\"Exception attempting sync\" stands there, but its pattern does not match");
	assert_nearest(rules, SEVERITY_ERROR, "an exception attempting a sync", "forbidden",
		"\"Exception attempting \" stands there, but not \"Exception attempting sync\"");
	assert_nearest(rules, SEVERITY_ERROR, "nothing of the kind", NULL, NULL);
	rules_free(rules);
}

/* PCRE2 10.42 misses these with PCRE2_MATCH_INVALID_UTF and the JIT. */
static void
t14_classes_match_letters_beyond_ascii(void **state)
{
	(void)state;
	const char *const pattern[] = {"x\\D+403", "x\\S+403", "x[^0-9]+403"};
	for (size_t i = 0; i < COUNT(pattern); i++) {
		const struct rule_definition definition = {
			.name = "class", .event = EVENT_SYNC_FAILED, .pattern = pattern[i]};
		struct rules *rules = compile(&definition, 1);
		struct rules_scratch *scratch = rules_scratch_new();
		struct rules_match match;
		assert_int_equal(
			match_message(rules, scratch, "x\u30b9\u30b9403", &match), RULES_MATCH);
		rules_scratch_free(scratch);
		rules_free(rules);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_literal_is_what_every_match_holds),
		cmocka_unit_test(t02_plain_part_is_what_no_envelope_escapes),
		cmocka_unit_test(t03_scan_finds_every_literal_at_every_place),
		cmocka_unit_test(t04_scan_stops_in_the_first_line_with_a_hit),
		cmocka_unit_test(t05_lines_are_counted_in_blocks_of_any_length),
		cmocka_unit_test(t06_first_rule_that_matches_decides),
		cmocka_unit_test(t07_severity_must_be_one_of_the_rule),
		cmocka_unit_test(t08_rule_against_the_record_sees_all_lines),
		cmocka_unit_test(t09_invalid_bytes_are_repaired_before_the_match),
		cmocka_unit_test(t14_classes_match_letters_beyond_ascii),
		cmocka_unit_test(t10_pattern_without_end_runs_into_its_limit),
		cmocka_unit_test(t11_what_does_not_compile_is_refused_with_its_place),
		cmocka_unit_test(t12_block_scanner_stops_at_literals_of_all_rules),
		cmocka_unit_test(t13_nearest_rule_says_what_stands_in_the_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
