#include "tests/unit/follow_world.h"

#include <errno.h>
#include <sys/syscall.h>

/* What proves a file's beginning is let go once the store has it, and asked of the store then. */

enum { MANY = 200 }; /* lines, which are more than PROOF_STEPS bytes */

/* So many reads of an anchor succeed, and of the beginning that an edited log skips; then they
 * fail, until it is negative. */
static int reads_left = -1;

/* The file of which nothing can be read; 0 for none. */
static ino_t damaged;

/* What is appended to a.log when its first lines have been read to their end; NULL for nothing. */
static const struct world *growing;
static unsigned grows_by;

static void
grow(void)
{
	const struct world *w = growing;
	growing = NULL;
	append(w, "a.log", grows_by, grows_by + 1);
}

ssize_t
pread64(int fd, void *bytes, size_t n, off64_t at)
{
	bool is_anchor = n == LEDGER_CHUNK && at % LEDGER_CHUNK != 0;
	bool is_proof = n == PROOF_STEPS && at == 0;
	struct stat status;
	bool is_damaged = damaged && fstat(fd, &status) == 0 && status.st_ino == damaged;
	if (is_damaged || (reads_left == 0 && (is_anchor || is_proof))) {
		errno = EIO;
		return -1;
	}
	reads_left -= reads_left > 0 && (is_anchor || is_proof);
	ssize_t got = syscall(SYS_pread64, fd, bytes, n, at);
	if (growing && n > PROOF_STEPS && at == 0 && got > 0 && got < 1000)
		grow();
	return got;
}

/* When this comes to 0 again, it cannot be told once which object stands at the log's path. */
static unsigned unknown;

int
name_to_handle_at(int folder, const char *path, struct file_handle *handle, int *mount, int flags)
{
	bool is_log = strstr(path, "/a.log") && !strstr(path, "/a.log.");
	if (is_log && unknown && --unknown == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_name_to_handle_at, folder, path, handle, mount, flags);
}

static struct world *
begun(const char *glob)
{
	struct world *w = world_new(glob);
	append(w, "a.log", 0, MANY);
	world_start(w);
	world_look(w);
	expect_once(w, MANY, true);
	assert_int_equal(w->proofs_read, 0);
	return w;
}

/* The log becomes its first lines, with one bit of the last but one changed: 64 bytes at least
 * stand behind it, mostly too few for the ledger. */
static void
rewrite_by_edited(const struct world *w, unsigned until)
{
	static const char TIME[] = "03:00:01";
	char *text = lines(0, until), *last = NULL, *before = NULL;
	for (char *at = text; (at = strstr(at, TIME)); at++) {
		before = last;
		last = at;
	}
	if (before)
		before[strlen(TIME) - 1] ^= 1;
	put_bytes(w, "a.log", O_TRUNC, text, strlen(text));
	free(text);
}

static void
t01_shorter_file_is_compared_with_what_the_store_has(void **state)
{
	(void)state;
	for (unsigned until = 1; until <= MANY; until += 11) {
		struct world *w = begun("a.log");
		rewrite(w, "a.log", 0, until);
		world_pass(w, 5);
		assert_true(w->proofs_read > 0);
		append(w, "a.log", until, MANY + 10);
		world_pass(w, 5);
		expect_once(w, MANY + 10, true);
		assert_int_equal(w->gaps, 0);
		world_free(w);
	}
}

static void
t02_file_that_differs_behind_its_first_lines_is_another(void **state)
{
	(void)state;
	for (unsigned until = 12; until < 84; until += 7) {
		struct world *w = begun("a.log");
		rewrite_by_edited(w, until);
		world_pass(w, 3);
		assert_int_equal(w->seen[0], 2);
		assert_int_equal(w->seen[until - 1], 2);
		assert_int_equal(w->seen[until], 1);
		world_free(w);
	}
}

static void
t03_other_content_is_known_without_the_store(void **state)
{
	(void)state;
	struct world *w = begun("a.log");
	w->proofs_fail = true;
	rewrite(w, "a.log", MANY, MANY + 3);
	world_pass(w, 2);
	expect_once(w, MANY + 3, true);
	world_free(w);
}

static void
t04_what_a_restart_restores_is_compared_too(void **state)
{
	(void)state;
	struct world *w = begun("a.log");
	world_stop(w);
	rewrite(w, "a.log", 0, 20);
	world_start(w);
	world_pass(w, 5);
	assert_true(w->proofs_read > 0);
	append(w, "a.log", 20, MANY + 1);
	world_restart(w);
	world_pass(w, 5);
	append(w, "a.log", MANY + 1, MANY + 10);
	world_restart(w);
	expect_once(w, MANY + 10, true);
	/* The store has kept it through all of that. */
	rewrite_by_edited(w, 20);
	world_pass(w, 3);
	assert_int_equal(w->seen[19], 2);
	world_free(w);
}

static void
t05_what_is_not_committed_is_proven_without_the_store(void **state)
{
	(void)state;
	struct world *w = world_new("a.log");
	append(w, "a.log", 0, MANY);
	world_start(w);
	w->uncommitted = true;
	world_look(w);
	rewrite(w, "a.log", 0, 20);
	world_pass(w, 5);
	append(w, "a.log", 20, MANY);
	world_pass(w, 5);
	w->uncommitted = false;
	append(w, "a.log", MANY, MANY + 10);
	world_pass(w, 5);
	assert_int_equal(w->proofs_read, 0);
	assert_int_equal(w->sightings, 10);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

static void
t06_store_that_cannot_be_read_is_waited_for(void **state)
{
	(void)state;
	struct world *w = begun("a.log");
	w->proofs_fail = true;
	rewrite(w, "a.log", 0, 20);
	world_pass(w, 20);
	expect_once(w, MANY, true);
	w->proofs_fail = false;
	world_pass(w, 5);
	append(w, "a.log", 20, MANY + 10);
	world_pass(w, 20);
	expect_once(w, MANY + 10, true);
	world_free(w);

	w = begun("a.log");
	w->proofs_fail = true;
	rewrite_by_edited(w, 20);
	world_pass(w, 20);
	expect_once(w, MANY, true);
	w->proofs_fail = false;
	world_pass(w, 20);
	assert_int_equal(w->seen[0], 2);
	assert_int_equal(w->seen[19], 2);
	world_free(w);
}

static void
t07_but_not_without_end(void **state)
{
	(void)state;
	struct world *w = begun("a.log");
	w->proofs_fail = true;
	rewrite_by_edited(w, 20);
	world_pass(w, 200);
	assert_int_equal(w->seen[0], 2);
	assert_int_equal(w->seen[19], 2);
	append(w, "a.log", MANY, MANY + 5);
	world_pass(w, 2);
	assert_int_equal(w->seen[MANY + 4], 1);
	world_free(w);

	/* Whether those of another file can be read or not. */
	w = begun("*.log");
	append(w, "b.log", MANY, 2 * MANY);
	world_pass(w, 5);
	w->proofs_fail = true;
	rewrite_by_edited(w, 20);
	for (unsigned i = 0; i < 10; i++) {
		rewrite(w, "b.log", MANY, MANY + 20 + i);
		world_pass(w, 20);
	}
	assert_true(w->proofs_read >= 5);
	assert_int_equal(w->seen[0], 2);
	assert_int_equal(w->seen[19], 2);
	world_free(w);
}

static void
t08_copy_beside_the_log_is_known(void **state)
{
	(void)state;
	struct world *w = begun("*.log");
	shell(w, "cp a.log b.log");
	world_pass(w, 5);
	append(w, "b.log", MANY, MANY + 1);
	world_pass(w, 5);
	expect_once(w, MANY + 1, true);
	world_free(w);

	/* Where the log is gone the store tells; while it cannot, nothing is decided. */
	for (unsigned edited = 0; edited < 2; edited++) {
		w = begun("*.log");
		world_stop(w);
		if (edited)
			rewrite_by_edited(w, 26);
		shell(w, "head -c 2700 a.log >b.log; rm a.log; touch -d '1 hour ago' b.log");
		w->proofs_fail = true;
		world_start(w);
		world_pass(w, 10);
		expect_once(w, MANY, true);
		w->proofs_fail = false;
		world_pass(w, 10);
		assert_int_equal(w->seen[0], edited ? 2 : 1);
		assert_true(w->proofs_read > 0);
		world_free(w);
	}
}

static void
t09_hole_leaves_the_proof_as_it_is(void **state)
{
	(void)state;
	struct world *w = begun("a.log");
	shell(w, "truncate -s 1M a.log");
	append(w, "a.log", MANY, MANY + 5);
	world_pass(w, 3);
	expect_once(w, MANY + 5, true);
	rewrite(w, "a.log", 0, 20);
	world_pass(w, 3);
	expect_once(w, MANY + 5, true);
	rewrite_by_edited(w, 30);
	world_pass(w, 3);
	assert_int_equal(w->seen[29], 2);
	world_free(w);
}

/* Of so few bytes as a copy that is being made may have, no log can be told from those that let go
 * their proofs, and the original is not among the first that are compared. */
static void
t12_copy_beside_many_logs_is_known_once_it_has_more_bytes(void **state)
{
	(void)state;
	enum { LOGS = 260, STEP = 14, EACH = 100, HEADER = 11 };
	static const unsigned ORIGINAL[] = {0, LOGS / 2, LOGS - 1};
	for (size_t k = 0; k < COUNT(ORIGINAL); k++) {
		struct world *w = world_new("*.log");
		char name[16], text[12000];
		for (unsigned i = 0; i < LOGS; i++) {
			snprintf(name, sizeof name, "%03u.log", i);
			char header[HEADER + 1];
			snprintf(header, sizeof header, "%03u begins\n", i);
			append_text(w, name, header);
			append(w, name, i * STEP, i * STEP + EACH);
		}
		world_start(w);
		world_look(w);
		size_t sightings = w->sightings;
		snprintf(name, sizeof name, "%03u.log", ORIGINAL[k]);
		int from = open(path_in(w, name), O_RDONLY);
		ssize_t n = read(from, text, sizeof text);
		close(from);
		assert_true(n > (ssize_t)PROOF_STEPS);
		int fd = open(path_in(w, "copy.log"), O_WRONLY | O_CREAT, 0644);
		struct timespec now = {.tv_sec = w->wall / SECOND};
		assert_int_equal(write(fd, text, HEADER), HEADER);
		assert_int_equal(futimens(fd, (struct timespec[]){now, now}), 0);
		world_look(w);
		assert_int_equal(write(fd, text + HEADER, (size_t)n - HEADER), n - HEADER);
		assert_int_equal(futimens(fd, (struct timespec[]){now, now}), 0);
		world_look(w);
		close(fd);
		world_pass(w, 3);
		assert_int_equal(w->sightings, sightings);
		world_free(w);
	}
}

/* It is no trouble of the file, and waited for as long as it lasts. */
static void
t11_want_of_descriptors_is_waited_for_without_end(void **state)
{
	(void)state;
	struct world *w = begun("a.log");
	struct input_status status;
	w->proofs_fail = true;
	w->proofs_code = EMFILE;
	rewrite_by_edited(w, 20);
	world_pass(w, 200);
	expect_once(w, MANY, true);
	follow_get_status(w->follow, &status);
	assert_int_equal(status.errors, 0);
	w->proofs_fail = false;
	world_pass(w, 3);
	assert_int_equal(w->seen[0], 2);
	assert_int_equal(w->seen[19], 2);
	assert_int_equal(w->gaps, 0);
	world_free(w);

	/* Behind a rotation too. */
	w = begun("a.log");
	w->proofs_fail = true;
	w->proofs_code = EMFILE;
	world_stop(w);
	shell(w, "head -c 2700 a.log >b; mv b a.log");
	world_start(w);
	world_pass(w, 100);
	shell(w, "mv a.log a.log.1");
	append(w, "a.log", MANY, MANY + 5);
	world_pass(w, 20);
	w->proofs_fail = false;
	world_pass(w, 60);
	expect_once(w, MANY + 5, true);
	world_free(w);
}

/* A copy whose original cannot be read for a while: what was read of it tells, but not where the
 * copy has more. */
static void
t15_original_that_cannot_be_read_is_waited_for(void **state)
{
	(void)state;
	static const struct {
		unsigned more;
		int seconds;
		unsigned times;
	} CASE[] = {{0, 40, 1}, {1, 20, 1}, {1, 40, 2}};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct world *w = begun("*.log");
		unsigned until = MANY + CASE[i].more;
		struct stat status;
		assert_int_equal(stat(path_in(w, "a.log"), &status), 0);
		damaged = status.st_ino;
		append(w, "a.log", MANY, until);
		shell(w, "cp a.log b.log");
		world_pass(w, CASE[i].seconds);
		damaged = 0;
		world_pass(w, 60);
		append(w, "b.log", until, until + 1);
		world_pass(w, 5);
		assert_int_equal(w->seen[0], CASE[i].times);
		assert_int_equal(w->seen[until - 1], CASE[i].times);
		assert_int_equal(w->seen[until], 1);
		world_free(w);
	}
}

/* In place, as another object, and beside the log. */
static void
t10_what_cannot_be_read_is_not_taken_for_other_content(void **state)
{
	(void)state;
	static const char *const EDIT[] = {
		"dd if=/dev/zero of=a.log bs=1 count=3 conv=notrunc status=none",
		"sed -i 1s/Asset/ASSET/ a.log",
		"sed 1s/Asset/ASSET/ a.log >a.log.new",
	};
	for (size_t i = 0; i < COUNT(EDIT); i++) {
		for (int left = 0; left < 3; left++) {
			struct world *w = begun("a.log");
			reads_left = left;
			shell(w, EDIT[i]);
			world_pass(w, 5);
			reads_left = -1;
			expect_once(w, MANY, true);
			world_pass(w, 60);
			append(w, "a.log", MANY, MANY + 5);
			world_pass(w, 5);
			expect_once(w, MANY + 5, true);
			assert_int_equal(w->gaps, 0);
			world_free(w);
		}
	}
}

static void
t13_what_grows_while_older_siblings_are_asked_for_is_read(void **state)
{
	(void)state;
	struct world *w = begun("a.log");
	shell(w, "cp a.log a.log.1; truncate -s 0 a.log");
	append(w, "a.log", MANY, MANY + 1);
	growing = w;
	grows_by = MANY + 1;
	world_look(w);
	assert_null(growing);
	world_pass(w, 3);
	expect_once(w, MANY + 2, true);
	world_free(w);
}

/* As a store of version 2 is taken over: without digests of what was read before. */
static void
t14_digests_that_are_not_known_prove_nothing_else(void **state)
{
	(void)state;
	struct world *w = begun("a.log");
	world_stop(w);
	w->ledgers = 0;
	for (size_t i = 0; i < w->positions; i++)
		memset(w->position[i].proof_tail, 0, sizeof w->position[i].proof_tail);
	world_start(w);
	shell(w, "cp a.log a.log.1");
	rewrite(w, "a.log", MANY, MANY + 3);
	world_look(w);
	world_pass(w, 10);
	expect_once(w, MANY + 3, true);
	world_free(w);
}

/* A log that was empty when it was seen is copied and truncated. The copy cannot be read yet, and
 * what was written since waits for it, when it is rotated itself. */
static void
t16_what_waits_for_older_is_not_lost_by_its_rotation(void **state)
{
	(void)state;
	struct stat status;
	struct world *w = begun("a.log");
	shell(w, "mv a.log a.log.9; touch a.log");
	world_look(w);
	append(w, "a.log", MANY, MANY + 1);
	shell(w, "cp a.log a.log.1; truncate -s 0 a.log");
	append(w, "a.log", MANY + 1, MANY + 30);
	assert_int_equal(stat(path_in(w, "a.log.1"), &status), 0);
	damaged = status.st_ino;
	world_look(w);
	expect_once(w, MANY, true);
	shell(w, "mv a.log.1 a.log.2; mv a.log a.log.1");
	append(w, "a.log", MANY + 30, MANY + 35);
	world_look(w);
	damaged = 0;
	world_pass(w, 60);
	expect_once(w, MANY + 35, false);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

/* Rolled, and the rolled one overwritten with a copy of the new log, which cannot be compared. */
static void
t17_copy_over_a_rolled_file_is_not_read_when_it_cannot_be_told(void **state)
{
	(void)state;
	struct stat status;
	struct world *w = begun("a.log");
	shell(w, "mv a.log a.lo_");
	append(w, "a.log", MANY, MANY + 50);
	shell(w, "cat a.log >a.lo_");
	assert_int_equal(stat(path_in(w, "a.log"), &status), 0);
	damaged = status.st_ino;
	world_look(w);
	damaged = 0;
	world_pass(w, 60);
	expect_once(w, MANY + 50, true);
	assert_int_equal(w->gaps, 0);
	world_free(w);
}

/* Where they hold the same, it goes on at the path. */
static void
t18_what_cannot_be_told_at_the_path_comes_before_its_copies(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 3; i++) {
		struct world *w = begun("a.log");
		append(w, "a.log", MANY, MANY + 5);
		shell(w, "cp a.log new && mv new a.log");
		append(w, "a.log", MANY + 5, MANY + 10);
		shell(w, "cp a.log a.log.1");
		unknown = i;
		world_pass(w, 60);
		assert_int_equal(unknown, 0);
		expect_once(w, MANY + 10, true);
		world_free(w);
	}
}

static void
t19_rolled_file_that_stays_unreadable_does_not_hold_the_log_up(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct stat status;
		struct world *w = world_new("a.log");
		append(w, "a.log", 0, 5);
		world_start(w);
		world_look(w);
		world_stop(w);
		assert_int_equal(stat(path_in(w, "a.log"), &status), 0);
		if (how == 1)
			append(w, "a.log", 5, 8);
		if (how == 2)
			shell(w, "touch a.log");
		shell(w, "mv a.log a.log.1");
		append(w, "a.log", 8, 208);
		damaged = status.st_ino;
		world_start(w);
		world_pass(w, 300);
		damaged = 0;
		for (size_t i = 8; i < 208; i++)
			assert_int_equal(w->seen[i], 1);
		world_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_shorter_file_is_compared_with_what_the_store_has),
		cmocka_unit_test(t02_file_that_differs_behind_its_first_lines_is_another),
		cmocka_unit_test(t03_other_content_is_known_without_the_store),
		cmocka_unit_test(t04_what_a_restart_restores_is_compared_too),
		cmocka_unit_test(t05_what_is_not_committed_is_proven_without_the_store),
		cmocka_unit_test(t06_store_that_cannot_be_read_is_waited_for),
		cmocka_unit_test(t07_but_not_without_end),
		cmocka_unit_test(t08_copy_beside_the_log_is_known),
		cmocka_unit_test(t09_hole_leaves_the_proof_as_it_is),
		cmocka_unit_test(t10_what_cannot_be_read_is_not_taken_for_other_content),
		cmocka_unit_test(t11_want_of_descriptors_is_waited_for_without_end),
		cmocka_unit_test(t12_copy_beside_many_logs_is_known_once_it_has_more_bytes),
		cmocka_unit_test(t13_what_grows_while_older_siblings_are_asked_for_is_read),
		cmocka_unit_test(t14_digests_that_are_not_known_prove_nothing_else),
		cmocka_unit_test(t15_original_that_cannot_be_read_is_waited_for),
		cmocka_unit_test(t16_what_waits_for_older_is_not_lost_by_its_rotation),
		cmocka_unit_test(t17_copy_over_a_rolled_file_is_not_read_when_it_cannot_be_told),
		cmocka_unit_test(t18_what_cannot_be_told_at_the_path_comes_before_its_copies),
		cmocka_unit_test(t19_rolled_file_that_stays_unreadable_does_not_hold_the_log_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
