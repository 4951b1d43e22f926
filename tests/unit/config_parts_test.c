/* The small parts of the configuration, each alone. */
#include "config/checks.h"
#include "config/keys.h"
#include "config/suggest.h"
#include "config/template.h"
#include "config/value.h"
#include "daemon/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
check_all(bool (*check)(const char *text, struct err *err), const char *const *texts, bool wanted)
{
	for (; *texts; texts++) {
		struct err err = ERR_INIT;
		if (check(*texts, &err) != wanted)
			fail_msg("\"%s\": %s", *texts, err.text);
		assert_int_equal(err.text[0] == '\0', wanted);
	}
}

static void
t01_names_are_words(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"a", "A.b_c-9", "0", NULL};
	static const char *const BAD[] = {"", ".a", "-a", "_a", "a b", "a/b", "ä", "a\n", NULL};
	check_all(check_name, GOOD, true);
	check_all(check_name, BAD, false);
}

static void
t02_globs_are_closed_and_double_stars_stand_alone(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"/a/**/*.log", "/**", "/**/x", "/a/**", "/[]]", "/[!]a]",
		"/[a-z]", "/\\[", "/a\\*", "/{a}", "//a/./b", "/..a", NULL};
	static const char *const BAD[] = {"", "a", "/a/", "/", "/[", "/[]", "/[a/b]", "/a**",
		"/**a", "/a/**b/c", "/***", "/x\\", "/[[:alpha:]]", "/a/../b", "/..",
		"/1/2/3/4/5/6/7/8/9/10/1/2/3/4/5/6/7/8/9/20/1/2/3/4/5/6/7/8/9/30/1/2/3/4/5/6/7/8/9/"
		"40/1/2/3/4/5/6/7/8/9",
		NULL};
	check_all(path_glob_check, GOOD, true);
	check_all(path_glob_check, BAD, false);
}

static void
t03_templates_know_their_parts(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"x", "{host}", "{1|16|dir}-{file}", NULL};
	static const char *const BAD[] = {"", "{", "}", "{}", "{|}", "{host|}", "{0}", "{17}",
		"{100}", "{01}", "{name}", "{host{dir}}", "{1a}", NULL};
	check_all(template_check_site, GOOD, true);
	check_all(template_check_site, BAD, false);
	static const char *const GOOD_ROTATED[] = {"{name}.*", "{stem}-*{ext}", "x", NULL};
	static const char *const BAD_ROTATED[] = {
		"", "{name}", "a/{name}", "{host}", "{1}", "{name}[", NULL};
	check_all(template_check_rotated, GOOD_ROTATED, true);
	check_all(template_check_rotated, BAD_ROTATED, false);
}

static void
t04_addresses_have_a_host_and_a_port(void **state)
{
	(void)state;
	static const char *const GOOD[] = {
		"/dev/log", "udp://h:1", "tcp://h.example:65535", "tls://[::1]:6514", NULL};
	static const char *const BAD[] = {"", "dev/log", "h:514", "udp://h", "udp://:1",
		"udp://h:0", "udp://h:65536", "udp://h:99999999999", "udp://h:+1", "udp://::1:514",
		"udp://[]:1", "udp://[::1]", "tcp://h:1/", "http://h:1", NULL};
	check_all(check_address, GOOD, true);
	check_all(check_address, BAD, false);
}

static void
t05_urls_are_http_with_a_host(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"http://a", "https://a/b?c=d:e@f#g", "HTTP://[::1]:80",
		"https://u:p@a:1/", "https://a?b", NULL};
	static const char *const BAD[] = {"", "a", "http:a", "http://", "http:///x",
		"http://a:", "http://a:x", "http://a:0/", "http://a b", "http://a\n", "ftp://a",
		"http://[::1", "http://u@", "http://a\\b", NULL};
	check_all(check_url, GOOD, true);
	check_all(check_url, BAD, false);
}

static void
t06_encodings_and_zones_exist(void **state)
{
	(void)state;
	static const char *const GOOD[] = {
		"auto", "utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-15", NULL};
	static const char *const BAD[] = {"", "utf-9", "utf-8//IGNORE", "latin", NULL};
	check_all(check_encoding, GOOD, true);
	check_all(check_encoding, BAD, false);
	static const char *const ZONE[] = {"local", "UTC", "Europe/Berlin", "Asia/Kolkata", NULL};
	static const char *const NO_ZONE[] = {"", "Europe", "../../../etc/passwd", "/etc/localtime",
		"Mars/Olympus", "zone.tab", NULL};
	check_all(check_timezone, ZONE, true);
	check_all(check_timezone, NO_ZONE, false);
}

static void
t07_headers_are_tokens(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"X-A", "a", "!#$%&'*+-.^_`|~9", NULL};
	static const char *const BAD[] = {"", "a b", "a:", "a\r\nb", "ä", NULL};
	check_all(check_header, GOOD, true);
	check_all(check_header, BAD, false);
}

static const char *
nearest(const char *word, const char *const *candidates)
{
	struct suggest suggest = suggest_start(word);
	for (; *candidates; candidates++)
		suggest_offer(&suggest, *candidates);
	return suggest.best;
}

static void
t08_the_nearest_word_is_meant(void **state)
{
	(void)state;
	static const char *const WORD[] = {
		"paths", "poll_interval", "site", "start", "state", NULL};
	assert_string_equal(nearest("path", WORD), "paths");
	assert_string_equal(nearest("PATHS", WORD), "paths");
	assert_string_equal(
		nearest("stiae", (const char *const[]){"state", NULL}) ? "x" : "none", "none");
	assert_string_equal(nearest("sitte", WORD), "site");
	assert_string_equal(nearest("satrt", WORD), "start");
	assert_string_equal(nearest("poll-interval", WORD), "poll_interval");
	assert_string_equal(nearest("polinterval", WORD), "poll_interval");
	assert_null(nearest("colour", WORD));
	assert_null(nearest("", WORD));
	assert_null(nearest("a_word_that_is_longer_than_any_that_could_be_a_key", WORD));
}

static void
t09_sizes_are_written_and_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t size;
		const char *again;
	} ROW[] = {
		{"0", 0, "0"},
		{"1000", 1000, "1000"},
		{"1024", 1024, "1KiB"},
		{"64KiB", 65536, "64KiB"},
		{"1536KiB", 1536 * 1024, "1536KiB"},
		{"1MiB", 1 << 20, "1MiB"},
		{"2GiB", UINT64_C(2) << 30, "2GiB"},
	};
	char text[32];
	uint64_t size;
	for (size_t i = 0; i < COUNT(ROW); i++) {
		assert_true(size_parse(ROW[i].text, &size));
		assert_int_equal(size, ROW[i].size);
		assert_string_equal(size_format(size, text), ROW[i].again);
	}
	static const char *const BAD[] = {"", "KiB", "-1", "1.5MiB", "1kib", "1 KiB", "1KB",
		"18446744073709551616", "99999999999999999999999", "18014398509481984KiB"};
	for (size_t i = 0; i < COUNT(BAD); i++)
		assert_false(size_parse(BAD[i], &size));
}

static void
t10_variables_are_replaced(void **state)
{
	(void)state;
	setenv("TEST_A", "value", 1);
	setenv("TEST_EMPTY", "", 1);
	unsetenv("TEST_UNSET");
	static const struct {
		const char *text, *wanted; /* NULL: refused */
	} ROW[] = {
		{"", ""},
		{"plain", "plain"},
		{"${TEST_A}", "value"},
		{"a${TEST_A}b${TEST_A}", "avaluebvalue"},
		{"${TEST_UNSET:-x y}", "x y"},
		{"${TEST_EMPTY:-x}", "x"},
		{"${TEST_EMPTY}", ""},
		{"${TEST_UNSET:-}", ""},
		{"${TEST_A:-x}", "value"},
		{"$$", "$"},
		{"$${TEST_A}", "${TEST_A}"},
		{"$$$", "$$"},
		{"$x $1 $", "$x $1 $"},
		{"${TEST_UNSET}", NULL},
		{"${TEST_A", NULL},
		{"${", NULL},
		{"${}", NULL},
		{"${1A}", NULL},
		{"${TEST_A-x}", NULL},
		{"${TEST_A:x}", NULL},
	};
	for (size_t i = 0; i < COUNT(ROW); i++) {
		struct err err = ERR_INIT;
		char *text = value_expand(ROW[i].text, &err);
		if (!text != !ROW[i].wanted || (text && strcmp(text, ROW[i].wanted) != 0))
			fail_msg("%s: %s %s", ROW[i].text, text ? text : "NULL", err.text);
		assert_int_equal(text == NULL, err.text[0] != '\0');
		free(text);
	}
}

static void
check_row(const struct config_key *key)
{
	assert_non_null(key->name);
	assert_true(key->help && *key->help);
	assert_true(key->type < KEY_TYPES);
	bool is_number =
		key->type == KEY_COUNT || key->type == KEY_SIZE || key->type == KEY_DURATION;
	if (is_number)
		assert_true(key->most > key->least && (key->standard || key->is_required));
	if (key->type == KEY_CHOICE)
		assert_non_null(key->words);
	if (key->is_required)
		assert_null(key->standard);
	assert_int_equal(key->section != NULL, key->type == KEY_SECTION || key->type == KEY_ITEMS);
}

static void
check_table(const struct config_section *section)
{
	assert_true(section->count <= 64);
	for (size_t i = 0; i < section->count; i++) {
		const struct config_key *key = &section->key[i];
		check_row(key);
		assert_ptr_equal(config_key_find(section, key->name, key->for_type), key);
		if (key->section)
			check_table(key->section);
	}
}

static void
t11_every_row_of_the_table_is_whole(void **state)
{
	(void)state;
	check_table(&CONFIG_TOP);
	assert_null(config_key_find(&CONFIG_TOP, "", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_names_are_words),
		cmocka_unit_test(t02_globs_are_closed_and_double_stars_stand_alone),
		cmocka_unit_test(t03_templates_know_their_parts),
		cmocka_unit_test(t04_addresses_have_a_host_and_a_port),
		cmocka_unit_test(t05_urls_are_http_with_a_host),
		cmocka_unit_test(t06_encodings_and_zones_exist),
		cmocka_unit_test(t07_headers_are_tokens),
		cmocka_unit_test(t08_the_nearest_word_is_meant),
		cmocka_unit_test(t09_sizes_are_written_and_read),
		cmocka_unit_test(t10_variables_are_replaced),
		cmocka_unit_test(t11_every_row_of_the_table_is_whole),
	};
	return cmocka_run_group_tests_name("config_parts", tests, NULL, NULL);
}
