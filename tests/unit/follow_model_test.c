#include "tests/unit/follow_world.h"

/*
 * Random operations on files against a model that knows every line: whatever happens, each arrives
 * once. AIWATCH_MODEL_RUNS sets how many runs, AIWATCH_MODEL_SEED with which one to
 * begin, AIWATCH_MODEL_ONLY local or copied, AIWATCH_MODEL_VERBOSE says what happens.
 */
struct model {
	struct world *w;
	uint64_t random;
	unsigned next;	 /* the next line's number */
	unsigned shown;	 /* of the source: its lines that the copy has had */
	unsigned from;	 /* of the source: its first line */
	unsigned rolled; /* of the source's .lo_: its first line; from is behind its last */
	bool is_short;	 /* the copy in place is shorter than an earlier one: it settles as new */
	bool half;	 /* half of the next line is written */
	bool verbose;
};

static unsigned
draw(struct model *m, unsigned n)
{
	m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)((m->random >> 33) % n);
}

static void __attribute__((format(printf, 2, 3)))
say(const struct model *m, const char *format, ...)
{
	va_list args;
	if (!m->verbose)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static unsigned
some_lines(struct model *m)
{
	static const unsigned MANY[] = {1, 2, 5, 60};
	unsigned n = 1 + draw(m, MANY[draw(m, 4)]);
	return m->next + n < COUNT(m->w->seen) ? n : 0;
}

/* The second half of a line that was begun, then whole ones, perhaps a half at the end. */
static void
write_some(struct model *m, bool may_be_half)
{
	unsigned n = some_lines(m);
	if (!n)
		return;
	char *text = lines(m->next, m->next + n);
	size_t skip = m->half ? 40 : 0, length = strlen(text);
	m->half = may_be_half && draw(m, 3) == 0;
	if (m->half) {
		char *last = lines(m->next + n - 1, m->next + n);
		length -= strlen(last) - 40;
		free(last);
		n--;
	}
	say(m, "append %u..%u%s", m->next, m->next + n, m->half ? " and a half" : "");
	if (length > skip)
		put_bytes(m->w, "a.log", O_APPEND, text + skip, length - skip);
	m->next += n;
	free(text);
}

static void
rotate(struct model *m)
{
	say(m, "rotate");
	if (m->half) {
		/* Nobody completes it after the rotation: it ends here. */
		char *text = lines(m->next, m->next + 1);
		append_text(m->w, "a.log", text + 40);
		m->next++;
		m->half = false;
		free(text);
	}
	shell(m->w, "for i in 8 7 6 5 4 3 2 1; do [ ! -e a.log.$i ] || "
		    "mv a.log.$i a.log.$((i+1)); done; [ ! -e a.log ] || mv a.log a.log.1");
}

static void
copy_truncate(struct model *m)
{
	rotate(m);
	say(m, "by copying");
	shell(m->w, "[ ! -e a.log.1 ] || { mv a.log.1 a.log && cp a.log a.log.1 && : > a.log; }");
}

static void
restart(struct model *m)
{
	struct world *w = m->w;
	unsigned how = draw(m, 3);
	say(m, how == 0 ? "kill" : "restart");
	if (how == 0) {
		w->uncommitted = true;
		world_look(w);
		w->uncommitted = false;
	}
	world_stop(w);
	if (how == 2) {
		write_some(m, false);
		say(m, "start");
	}
	world_start(w);
}

static void
pass_time(struct model *m)
{
	bool settles = draw(m, 8) == 0 && !m->is_short;
	int seconds = settles ? 45 : 1 + (int)draw(m, 3);
	say(m, "%d s", seconds);
	world_pass(m->w, seconds);
}

static void
step_local(struct model *m)
{
	switch (draw(m, 12)) {
	case 0:
		rotate(m);
		break;
	case 1:
		copy_truncate(m);
		break;
	case 2:
	case 3:
		restart(m);
		break;
	case 4:
	case 5:
		pass_time(m);
		break;
	case 6:
	case 7:
		say(m, "look");
		world_look(m->w);
		break;
	default:
		write_some(m, true);
	}
}

static void
look_perhaps(struct model *m)
{
	if (draw(m, 2) == 0 || !m->w->follow)
		return;
	say(m, "look");
	world_look(m->w);
	if (draw(m, 3) == 0)
		world_pass(m->w, 1 + (int)draw(m, 3));
}

/* Puts lines from..until there as a copy tool would, `cut` bytes short of the end. */
static void
put_copy(struct model *m, const char *name, unsigned from, unsigned until, bool may_be_cut)
{
	char *text = lines(from, until);
	size_t n = strlen(text), cut = 0;
	if (may_be_cut && draw(m, 3) == 0 && n)
		cut = draw(m, n < 300 ? (unsigned)n : 300);
	unsigned how = draw(m, 3);
	m->is_short = how != 2 && (cut || until < m->next);
	say(m, "%s is %u..%u less %zu bytes, %s", name, from, until, cut,
		how == 0   ? "in place"
		: how == 1 ? "in place, slowly"
			   : "replaced");
	if (how == 2) {
		put_bytes(m->w, ".copy.tmp", O_TRUNC, text, n - cut);
		rename(path_in(m->w, ".copy.tmp"), path_in(m->w, name));
	} else {
		size_t half = how == 1 && n - cut ? draw(m, (unsigned)(n - cut)) : 0;
		put_bytes(m->w, name, O_TRUNC, text, half);
		if (half)
			look_perhaps(m);
		put_bytes(m->w, name, O_APPEND, text + half, n - cut - half);
	}
	free(text);
}

/* The source rolls; its older roll has been copied whole before, as X.lo_ is overwritten. */
static void
roll(struct model *m)
{
	say(m, "the source rolls at %u", m->next);
	bool roll_first = draw(m, 2);
	m->rolled = m->from;
	m->from = m->next;
	m->next += some_lines(m);
	if (roll_first)
		put_copy(m, "a.lo_", m->rolled, m->from, false);
	look_perhaps(m);
	put_copy(m, "a.log", m->from, m->next, false);
	look_perhaps(m);
	if (!roll_first)
		put_copy(m, "a.lo_", m->rolled, m->from, false);
	world_pass(m->w, 3);
}

static void
step_copied(struct model *m)
{
	unsigned older;
	switch (draw(m, 10)) {
	case 0:
		roll(m);
		break;
	case 1:
		world_stop(m->w);
		say(m, "stop");
		m->next += some_lines(m);
		put_copy(m, "a.log", m->from, m->next, false);
		world_start(m->w);
		say(m, "start");
		break;
	case 2:
		older = m->from + draw(m, m->next - m->from + 1);
		put_copy(m, "a.log", m->from, older, true);
		break;
	case 3:
		pass_time(m);
		break;
	case 4:
		say(m, "look");
		world_look(m->w);
		break;
	case 5:
		say(m, "restart");
		world_restart(m->w);
		break;
	default:
		m->next += some_lines(m);
		put_copy(m, "a.log", m->from, m->next, true);
	}
}

static void
run(uint64_t seed, bool copied, size_t max_open)
{
	const char *only = getenv("AIWATCH_MODEL_ONLY");
	if (only && copied != (strcmp(only, "copied") == 0))
		return;
	struct model m = {.w = world_new("a.log"), .random = seed * 77 + copied};
	m.w->max_open = max_open;
	m.verbose = getenv("AIWATCH_MODEL_VERBOSE");
	append(m.w, "a.log", 0, m.next = 1);
	world_start(m.w);
	world_look(m.w);
	for (unsigned i = 0; i < 12 + seed % 30; i++) {
		if (copied)
			step_copied(&m);
		else
			step_local(&m);
	}
	if (copied)
		put_copy(&m, "a.log", m.from, ++m.next, false);
	else
		rotate(&m);
	world_pass(m.w, 80);
	world_restart(m.w);
	for (unsigned i = 0; i < COUNT(m.w->seen); i++) {
		if (m.w->seen[i] != (i < m.next))
			fail_msg("seed %" PRIu64 ", %s: line %u of %u came %u times", seed,
				copied ? "copied" : "local", i, m.next, m.w->seen[i]);
	}
	world_free(m.w);
}

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void
t01_local_log_is_read_once(void **state)
{
	(void)state;
	uint64_t seed = number("AIWATCH_MODEL_SEED", 1), runs = number("AIWATCH_MODEL_RUNS", 40);
	for (uint64_t i = 0; i < runs; i++)
		run(seed + i, false, 0);
}

static void
t02_copied_log_is_read_once(void **state)
{
	(void)state;
	uint64_t seed = number("AIWATCH_MODEL_SEED", 1), runs = number("AIWATCH_MODEL_RUNS", 40);
	for (uint64_t i = 0; i < runs; i++)
		run(seed + i, true, 0);
}

/* What stands somewhere under a name is closed, and opened again where it changed. */
static void
t03_one_descriptor_is_enough(void **state)
{
	(void)state;
	uint64_t seed = number("AIWATCH_MODEL_SEED", 1), runs = number("AIWATCH_MODEL_RUNS", 40);
	for (uint64_t i = 0; i < runs; i++) {
		run(seed + i, false, 1);
		run(seed + i, true, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_local_log_is_read_once),
		cmocka_unit_test(t02_copied_log_is_read_once),
		cmocka_unit_test(t03_one_descriptor_is_enough),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
