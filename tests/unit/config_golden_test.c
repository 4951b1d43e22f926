/*
 * Walks tests/golden/config: each NAME.yml is loaded, and what is said about it, then its normal
 * form without the shipped rules, must be NAME.expect. AIWATCH_UPDATE=1 writes the latter instead.
 */
#include "config/config.h"
#include "daemon/base/mem.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { CASES_LEAST = 40, VARIANTS = 12 };

static char top[4096];
static char scratch[] = "/tmp/config_golden_test.XXXXXX";

static void
go(const char *folder)
{
	assert_int_equal(chdir(top), 0);
	assert_int_equal(chdir(folder), 0);
}

static void
read_whole(const char *path, struct buf *text)
{
	char bytes[4096];
	size_t n;
	FILE *f = fopen(path, "r");
	if (!f)
		return;
	while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
		buf_add(text, bytes, n);
	fclose(f);
}

static void
write_whole(const char *path, struct span text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fwrite(text.n ? text.p : "", 1, text.n, f);
	assert_int_equal(fclose(f), 0);
}

/* A normal form without the items behind "# shipped". */
static void
add_without_shipped(struct buf *out, struct span text)
{
	bool is_left_out = false, is_first = false;
	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		struct span line = span_first(text, end ? (size_t)(end - text.p) + 1 : text.n);
		bool is_mark = span_equal(line, SPAN("  # shipped\n"));
		if (is_mark)
			is_left_out = true;
		else if (!is_first && !span_has_prefix(line, SPAN("    ")))
			is_left_out = false;
		is_first = is_mark;
		if (!is_left_out)
			buf_add_span(out, line);
		text = span_from(text, line.n);
	}
}

static bool
load(const char *path, struct buf *said, struct buf *form)
{
	struct config_problems problems;
	struct config *config = config_load(path, &problems);
	config_problems_print(&problems, false, said);
	config_problems_fini(&problems);
	if (config)
		config_print(config, form);
	config_free(config);
	return config != NULL;
}

static void
each_case(void (*visit)(const char *name))
{
	glob_t found;
	go("tests/golden/config");
	assert_int_equal(glob("*.yml", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= CASES_LEAST);
	for (size_t i = 0; i < found.gl_pathc; i++)
		visit(found.gl_pathv[i]);
	globfree(&found);
	go(".");
}

static void
compare(const char *name)
{
	struct buf said = BUF_INIT, form = BUF_INIT, expected = BUF_INIT;
	load(name, &said, &form);
	add_without_shipped(&said, buf_span(&form));
	char *path = mem_format("%.*s.expect", (int)(strlen(name) - 4), name);
	if (getenv("AIWATCH_UPDATE"))
		write_whole(path, buf_span(&said));
	read_whole(path, &expected);
	if (!span_equal(buf_span(&said), buf_span(&expected)))
		fail_msg("%s: expected:\n%s\nbut it is:\n%s", name,
			expected.p ? expected.p : "(nothing)", said.p ? said.p : "(nothing)");
	free(path);
	buf_fini(&said);
	buf_fini(&form);
	buf_fini(&expected);
}

static void
t01_each_golden_file_gives_what_is_expected(void **state)
{
	(void)state;
	each_case(compare);
}

static void
check_form_again(const char *name)
{
	struct buf said = BUF_INIT, form = BUF_INIT, again = BUF_INIT;
	if (load(name, &said, &form)) {
		assert_int_equal(chdir(scratch), 0);
		write_whole("again.yml", buf_span(&form));
		buf_clear(&said);
		if (!load("again.yml", &said, &again))
			fail_msg("the normal form of %s is not read: %s", name, said.p);
		/* Read back, a shipped rule is one of the file's. */
		struct buf plain = BUF_INIT;
		struct span rest = buf_span(&form);
		for (const char *mark; (mark = span_find(rest, SPAN("  # shipped\n")));) {
			buf_add(&plain, rest.p, (size_t)(mark - rest.p));
			rest = span_from(rest, (size_t)(mark - rest.p) + 12);
		}
		buf_add_span(&plain, rest);
		assert_string_equal(plain.p, again.p);
		buf_fini(&plain);
		go("tests/golden/config");
	}
	buf_fini(&said);
	buf_fini(&form);
	buf_fini(&again);
}

static void
t02_the_normal_form_read_again_says_the_same(void **state)
{
	(void)state;
	each_case(check_form_again);
}

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Cuts the text, or changes some of its bytes. */
static void
damage(struct buf *text, uint64_t *seed)
{
	static const char LIKELY[] = "{}[]\"':,-#&*!|>%@`\n\t $?\\\x80\xff";
	if (text->n == 0)
		return;
	if (next_random(seed) % 3 == 0) {
		text->n = next_random(seed) % text->n;
		return;
	}
	for (uint64_t i = next_random(seed) % 6 + 1; i > 0; i--) {
		uint64_t r = next_random(seed);
		text->p[r % text->n] =
			r & 1 << 20 ? LIKELY[(r >> 24) % (sizeof LIKELY - 1)] : (char)(r >> 32);
	}
}

static void
check_damaged(const char *name)
{
	static uint64_t seed = 88172645463325252;
	for (int i = 0; i < VARIANTS; i++) {
		struct buf text = BUF_INIT, said = BUF_INIT, form = BUF_INIT;
		read_whole(name, &text);
		damage(&text, &seed);
		assert_int_equal(chdir(scratch), 0);
		write_whole("damaged.yml", buf_span(&text));
		bool ok = load("damaged.yml", &said, &form);
		assert_true(ok == (form.n > 0));
		assert_true(ok || said.n > 0);
		buf_fini(&text);
		buf_fini(&said);
		buf_fini(&form);
		go("tests/golden/config");
	}
}

static void
t03_damaged_files_are_refused_or_read_but_never_crash(void **state)
{
	(void)state;
	each_case(check_damaged);
}

static int
prepare(void **state)
{
	(void)state;
	setenv("TEST_WORD", "word", 1);
	setenv("TEST_EMPTY", "", 1);
	setenv("TEST_DURATION", "90s", 1);
	setenv("TEST_TOKEN", "not to be shown", 1);
	setenv("TEST_TWO_LINES", "one\ntwo", 1);
	setenv("TEST_INVALID", "\xff", 1);
	unsetenv("TEST_UNSET");
	unsetenv("CREDENTIALS_DIRECTORY");
	return getcwd(top, sizeof top) && mkdtemp(scratch) ? 0 : -1;
}

static int
clean(void **state)
{
	(void)state;
	char *command = mem_format("rm -rf %s", scratch);
	int failed = system(command);
	free(command);
	return failed;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_each_golden_file_gives_what_is_expected),
		cmocka_unit_test(t02_the_normal_form_read_again_says_the_same),
		cmocka_unit_test(t03_damaged_files_are_refused_or_read_but_never_crash),
	};
	return cmocka_run_group_tests_name("config_golden", tests, prepare, clean);
}
