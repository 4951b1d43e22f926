#include "daemon/base/clock.h"
#include "daemon/engine/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define PATIENCE (30 * SECOND)
#define NOW	 (1000 * SECOND)

static void
t01_progress_feeds(void **state)
{
	(void)state;
	struct vitals vitals = {.inputs = 2, .due = TIME_NONE};
	assert_null(vitals_trouble(&vitals, NOW, PATIENCE));
	vitals.due = NOW + SECOND;
	assert_null(vitals_trouble(&vitals, NOW, PATIENCE));
}

static void
t02_without_inputs_there_is_nothing_to_spin(void **state)
{
	(void)state;
	struct vitals vitals = {.due = TIME_NONE};
	assert_null(vitals_trouble(&vitals, NOW, PATIENCE));
}

static void
t03_one_of_two_inputs_spins_and_it_is_fed(void **state)
{
	(void)state;
	struct vitals vitals = {.inputs = 2, .spinning = 1, .due = TIME_NONE};
	assert_null(vitals_trouble(&vitals, NOW, PATIENCE));
}

static void
t04_all_inputs_spin_and_it_is_not(void **state)
{
	(void)state;
	struct vitals vitals = {.inputs = 2, .spinning = 2, .due = TIME_NONE};
	assert_non_null(vitals_trouble(&vitals, NOW, PATIENCE));
}

static void
t05_what_is_long_due_and_not_done_starves_it(void **state)
{
	(void)state;
	struct vitals vitals = {.inputs = 1, .due = NOW - PATIENCE, .seen_at = NOW - SECOND};
	assert_null(vitals_trouble(&vitals, NOW, PATIENCE));
	vitals.due--;
	assert_non_null(vitals_trouble(&vitals, NOW, PATIENCE));
}

static void
t06_what_became_due_while_the_host_slept_may_be_done_next(void **state)
{
	(void)state;
	struct vitals vitals = {.inputs = 1, .due = NOW - HOUR, .seen_at = NOW - HOUR};
	assert_null(vitals_trouble(&vitals, NOW, PATIENCE));
	vitals.seen_at = NOW;
	assert_non_null(vitals_trouble(&vitals, NOW + 5 * SECOND, PATIENCE));
}

static void
t07_at_rest_it_looks_no_more_than_systemd_asks_for(void **state)
{
	(void)state;
	assert_int_equal(vitals_next_look(NOW, 0, false), NOW + 5 * SECOND);
	assert_int_equal(vitals_next_look(NOW, MINUTE, false), NOW + 5 * SECOND);
	assert_int_equal(vitals_next_look(NOW, 8 * SECOND, false), NOW + 2 * SECOND);
	assert_int_equal(vitals_next_look(NOW, 0, true), TIME_NONE);
	assert_int_equal(vitals_next_look(NOW, MINUTE, true), NOW + 30 * SECOND);
	assert_int_equal(vitals_next_look(NOW, 8 * SECOND, true), NOW + 4 * SECOND);
}

int
main(void)
{
	const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(t01_progress_feeds),
		cmocka_unit_test(t02_without_inputs_there_is_nothing_to_spin),
		cmocka_unit_test(t03_one_of_two_inputs_spins_and_it_is_fed),
		cmocka_unit_test(t04_all_inputs_spin_and_it_is_not),
		cmocka_unit_test(t05_what_is_long_due_and_not_done_starves_it),
		cmocka_unit_test(t06_what_became_due_while_the_host_slept_may_be_done_next),
		cmocka_unit_test(t07_at_rest_it_looks_no_more_than_systemd_asks_for),
	};
	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
