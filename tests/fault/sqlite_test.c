#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/engine/store.h"
#include "tests/fault/disk.h"
#include "tests/unit/store_directory.h"

#include <sys/stat.h>

static char after[PATH_MAX + 8];

static int
set_up(void **state)
{
	if (make_directory(state) != 0)
		return -1;
	snprintf(after, sizeof after, "%s/after", directory);
	disk_install();
	return mkdir(after, 0700);
}

static int
tear_down(void **state)
{
	disk_fail(0, DISK_EIO, false);
	disk_on_change(NULL, NULL);
	disk_remove();
	disk_forget();
	return remove_directory(state);
}

/*
 * The work: commit number n writes n to two sites, posts alert n and takes alert n - 1 away. So at
 * any time both sites say the same number, and the alert of that number alone waits.
 */
static bool
commit(struct store *store, long long n, bool durable)
{
	char saved[1200], id[ALERT_ID_TEXT];
	struct err err = ERR_INIT;
	snprintf(saved, sizeof saved, "%lld ", n);
	size_t end = strlen(saved);
	memset(saved + end, 'x', (size_t)(n * 37 % 1000));
	saved[end + (size_t)(n * 37 % 1000)] = '\0';
	snprintf(id, sizeof id, "%032lld", n);
	struct alert alert = {.kind = ALERT_TEST,
		.firing = true,
		.site = (char *)"CM01",
		.summary = (char *)"made up",
		.started_at = SECOND,
		.updated_at = SECOND,
		.resolved_at = TIME_NONE};
	memcpy(alert.id, id, sizeof id);
	static const char *const sinks[] = {"local"};
	struct posting posting = {(uint64_t)n, &alert, sinks, 1, n};
	struct delivery done = {.serial = (uint64_t)n - 1, .sink = "local"};
	struct saved_site all[] = {{"a", saved}, {"b", saved}};
	struct changes changes = {.sites = all,
		.site_count = 2,
		.postings = &posting,
		.posting_count = 1,
		.done = &done,
		.done_count = 1};
	return store_commit(store, &changes, durable, &err);
}

static void
add_site(void *owner, const char *saved)
{
	long long *numbers = owner;
	numbers[++numbers[0]] = atoll(saved);
}

static void
check_delivery(void *owner, const struct delivery *delivery)
{
	long long *numbers = owner;
	assert_int_equal(delivery->serial, numbers[1]);
	numbers[3]++;
}

/* The number of the last commit that is there, whole; 0 where none is. */
static long long
number_in(struct store *store)
{
	long long numbers[4] = {0};
	struct err err = ERR_INIT;
	struct alert alert;
	assert_true(store_each_site(store, add_site, numbers, &err));
	assert_true(numbers[0] == 0 || numbers[0] == 2);
	assert_int_equal(numbers[1], numbers[2]);
	assert_true(store_each_delivery(store, check_delivery, numbers, &err));
	assert_int_equal(numbers[3], numbers[1] ? 1 : 0);
	if (numbers[1] == 0)
		return 0;
	assert_true(store_read_alert(store, (uint64_t)numbers[1], &alert, &err));
	assert_int_equal(atoll(alert.id), numbers[1]);
	alert_fini(&alert);
	return numbers[1];
}

static struct store *
open_at(const char *path, enum store_opened *how)
{
	struct store *store;
	struct err err = ERR_INIT;
	*how = store_open(path, &store, &err);
	if (*how == STORE_REFUSED || *how == STORE_SET_ASIDE)
		fail_msg("%s", err.text);
	return store;
}

static void
t01_only_a_durable_commit_syncs_and_once(void **state)
{
	(void)state;
	enum store_opened how;
	struct err err = ERR_INIT;
	disk_set_plenty(true);
	struct store *store = open_at(directory, &how);
	assert_true(commit(store, 1, true));
	assert_true(store_maintain(store, &err)); /* syncs the log's room */
	unsigned long before = disk_syncs();
	for (long long n = 2; n < 20; n++)
		assert_true(commit(store, n, false));
	assert_int_equal(disk_syncs() - before, 0);
	for (long long n = 20; n < 40; n++) {
		before = disk_syncs();
		assert_true(commit(store, n, true));
		assert_int_equal(disk_syncs() - before, 1);
	}
	for (long long n = 40; n < 400; n++)
		assert_true(commit(store, n, false));
	assert_true(store_maintain(store, &err));
	before = disk_syncs();
	assert_true(commit(store, 400, true)); /* the new log's header is synced already */
	assert_int_equal(disk_syncs() - before, 1);
	assert_true(store_commit(store, &(struct changes){0}, true, &err));
	assert_int_equal(disk_syncs() - before, 2); /* what was before it is synced */
	store_close(store);
}

/* Goes on until what was begun is stored, as the engine does; returns the number. */
static long long
work_through(struct store *store, long long from, long long to)
{
	struct err err = ERR_INIT;
	for (long long n = from; n <= to; n++) {
		for (int tries = 0; !commit(store, n, n % 2); tries++) {
			if (tries > 20)
				fail_msg("commit %lld cannot be done", n);
			if (tries == 10)
				disk_fail(0, DISK_EIO, false);
		}
		if (n % 4 == 0)
			store_maintain(store, &err);
	}
	return to;
}

/* False once the fault lies behind the end of the work. */
static bool
survives(unsigned long at, enum disk_fault fault, bool for_ever)
{
	enum store_opened how;
	struct err err = ERR_INIT;
	shell("rm -rf %s/*", after);
	disk_forget();
	disk_fail(0, fault, false);
	struct store *store = open_at(after, &how);
	work_through(store, 1, 3);
	store_close(store);

	disk_fail(at, fault, for_ever);
	store = open_at(after, &how);
	assert_true(how == STORE_MEMORY || how == STORE_EXISTING);
	work_through(store, 4, 12);
	bool hit = disk_has_failed();
	disk_fail(0, fault, false);
	assert_true(store_maintain(store, &err));
	if (store_is_memory(store))
		fail_msg("still in memory after call %lu", at);
	store_close(store);
	store = open_at(after, &how);
	assert_int_equal(how, STORE_EXISTING);
	assert_int_equal(number_in(store), 12);
	store_close(store);
	return hit;
}

static void
fail_at_each(unsigned long step, enum disk_fault fault, bool for_ever)
{
	unsigned long at = 1;
	while (survives(at, fault, for_ever))
		at += step;
	print_message("%lu calls\n", at);
	assert_true(at > step);
}

/* With a log that has room there are more calls, and each round takes longer. */
static void
fail_everywhere(unsigned long step, enum disk_fault fault, bool for_ever)
{
	const char *asked = getenv("AIWATCH_POINTS");
	if (asked && atol(asked) >= 5000)
		step = 1;
	disk_set_plenty(false);
	fail_at_each(step, fault, for_ever);
	disk_set_plenty(true);
	fail_at_each(step * 8 - 1, fault, for_ever);
}

static void
t02_each_call_failing_once_is_survived(void **state)
{
	(void)state;
	fail_everywhere(1, DISK_EIO, false);
}

static void
t03_a_disk_that_fails_for_a_while_is_survived(void **state)
{
	(void)state;
	fail_everywhere(3, DISK_EIO, true);
}

static void
t04_a_full_disk_at_each_write_is_survived(void **state)
{
	(void)state;
	fail_everywhere(3, DISK_FULL, false);
	fail_everywhere(3, DISK_FULL, true);
}

static void
t05_half_a_write_at_each_write_is_survived(void **state)
{
	(void)state;
	fail_everywhere(3, DISK_SHORT, false);
	fail_everywhere(3, DISK_SHORT, true);
}

struct outage {
	unsigned seed;
	unsigned chance; /* one in so many calls */
	unsigned long points;
	long long begun, durable;
};

/* The plug is pulled here: what comes up again must be whole, and hold what was promised. */
static void
pull_the_plug(void *owner)
{
	struct outage *outage = owner;
	enum store_opened how;
	if ((unsigned)rand_r(&outage->seed) % outage->chance)
		return;
	disk_lose_power(after, &outage->seed);
	disk_remove();
	struct store *store = open_at(after, &how);
	assert_true(how == STORE_EXISTING || how == STORE_CREATED);
	long long n = number_in(store);
	if (n < outage->durable || n > outage->begun)
		fail_msg("commit %lld is there, of %lld begun and %lld promised", n, outage->begun,
			outage->durable);
	store_close(store);
	outage->points++;
	disk_install();
}

/* A clean stop writes all back. One whose syncs fail leaves a log that is not on the disk. */
static struct store *
stop_and_start(struct store *store, struct outage *outage, enum disk_fault fault)
{
	enum store_opened how;
	bool fails = fault == DISK_SYNC_LOST && rand_r(&outage->seed) % 2;
	disk_fail(fails, fault, true);
	store_close(store);
	disk_fail(0, fault, false);
	store = open_at(directory, &how);
	assert_int_equal(how, STORE_EXISTING);
	if (!fails)
		outage->durable = outage->begun;
	return store;
}

static void
work_under(struct outage *outage, enum disk_fault fault)
{
	enum store_opened how;
	struct err err = ERR_INIT;
	shell("rm -f %s/aiwatch.* %s/aiwatch.*", directory, after);
	disk_forget();
	disk_set_plenty(false);
	outage->begun = outage->durable = 0;
	struct store *store = open_at(directory, &how);
	for (long long n = 1; n <= 150; n++) {
		/* First a stretch in which nothing is promised, and a checkpoint in it. */
		bool promised = n > 60 && n % 60 < 10;
		bool durable = (promised || n % 60 > 35) && rand_r(&outage->seed) % 2;
		if (fault == DISK_SYNC_LOST && n % 7 == 0)
			disk_fail(1, fault, false);
		outage->begun = n;
		while (!commit(store, n, durable))
			continue;
		if (durable)
			outage->durable = n;
		disk_set_plenty(n > 80); /* later the log has its room too */
		if (n % 30 == 0)
			store_maintain(store, &err);
		if (n % 60 == 0)
			store = stop_and_start(store, outage, fault);
	}
	disk_on_change(NULL, NULL);
	store_close(store);
}

static unsigned long
points_wanted(void)
{
	const char *asked = getenv("AIWATCH_POINTS");
	return asked ? strtoul(asked, NULL, 10) : 200;
}

static void
lose_power_often(enum disk_fault fault)
{
	struct outage outage = {.seed = 5, .chance = points_wanted() > 1000 ? 2 : 8};
	while (outage.points < points_wanted()) {
		disk_on_change(pull_the_plug, &outage);
		work_under(&outage, fault);
	}
	print_message("%lu losses of power\n", outage.points);
}

static void
t06_a_loss_of_power_takes_no_more_than_was_not_promised(void **state)
{
	(void)state;
	lose_power_often(DISK_EIO);
}

static void
t07_nor_does_it_after_syncs_that_failed(void **state)
{
	(void)state;
	lose_power_often(DISK_SYNC_LOST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t01_only_a_durable_commit_syncs_and_once),
		TEST(t02_each_call_failing_once_is_survived),
		TEST(t03_a_disk_that_fails_for_a_while_is_survived),
		TEST(t04_a_full_disk_at_each_write_is_survived),
		TEST(t05_half_a_write_at_each_write_is_survived),
		TEST(t06_a_loss_of_power_takes_no_more_than_was_not_promised),
		TEST(t07_nor_does_it_after_syncs_that_failed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
