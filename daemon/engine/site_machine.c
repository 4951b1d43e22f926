#include "daemon/engine/site_parts.h"

#include "daemon/base/log.h"
#include "daemon/engine/outcome.h"

#include <assert.h>

/*
 * The machine of one site.
 *
 *                     success, from every state
 *   unknown ─────────────────────────────────────────► healthy
 *      ▲ │                                                │
 *      │ │ L1                      403                    │ as from unknown
 *      │ ├────► enroll_rejected ─────────► expired ◄──────┘
 *      │ │          │    ▲     within window  ▲ ▲
 *      │ │ 403      │403 │ L1   L1 within     │ │
 *      │ ├────► sync_forbidden ───────────────┘ │ reported as expired,
 *      │ │          │    ▲        window        │ from every state
 *      │ │ other    ▼    │ 403                  │
 *      │ └────► failing ─┴──────────────────────┘
 *      │
 *      └───────── resolved by the operator, or quiet for resolve_after
 *
 * What is true between any two calls (site_check asserts it):
 *
 *  1. attempts are kept in the four states of trouble, and in no other.
 *  2. At most one of the troubles that follow from lines is open.
 *  3. expired: certificate_expired is open, with at least one line of evidence.
 *  4. sync_forbidden: certificate_suspect is open.
 *  5. enroll_rejected: the L1 is kept.
 *  6. What is open counts at least one attempt; what is not open was never said.
 *  7. Resolutions wait only while the site is held, at most one a kind.
 *  8. evidence, held files and kept resolutions are bounded: so is the memory of a site.
 */

static const struct input_row {
	const char *name;
	const char *why; /* as a transition says it */
} INPUT[SITE_INPUTS] = {
	[INPUT_ENROLL_REJECTED] = {"enroll_rejected", "enroll_rejected"},
	[INPUT_ENROLL_REJECTED_LATE] = {"enroll_rejected, sync failed", "enroll_rejected"},
	[INPUT_ENROLL_REJECTED_PAIR] = {"enroll_rejected, pair", "enroll_rejected"},
	[INPUT_SYNC_FORBIDDEN] = {"sync_forbidden", "sync_forbidden"},
	[INPUT_SYNC_FORBIDDEN_PAIR] = {"sync_forbidden, pair", "sync_forbidden"},
	[INPUT_REPORTED_EXPIRED] = {"reported: expired", "certificate_reported"},
	[INPUT_REPORTED_BAD] = {"reported: bad", "certificate_reported"},
	[INPUT_REPORTED_BAD_PAIR] = {"reported: bad, pair", "certificate_reported"},
	[INPUT_ENROLL_FAILED] = {"enroll_failed", "enroll_failed"},
	[INPUT_SYNC_FAILED] = {"sync_failed", "sync_failed"},
	[INPUT_SYNC_SUCCEEDED] = {"sync_succeeded", "sync_succeeded"},
	[INPUT_ENROLL_SUCCEEDED] = {"enroll_succeeded", "enroll_succeeded"},
	[INPUT_WINDOW] = {"window passed", "window"},
	[INPUT_OPERATOR] = {"operator", "operator"},
	[INPUT_QUIET] = {"quiet", "quiet"},
};

/* A cell of the matrix: the next state and 1, so that an empty cell (0) is illegal. */
enum cell {
	ILLEGAL,
	UNKNOWN = SITE_UNKNOWN + 1,
	HEALTHY = SITE_HEALTHY + 1,
	REJECTED = SITE_ENROLL_REJECTED + 1,
	FORBIDDEN = SITE_SYNC_FORBIDDEN + 1,
	EXPIRED = SITE_EXPIRED + 1,
	FAILING = SITE_FAILING + 1,
};

static const uint8_t MACHINE[SITE_STATES][SITE_INPUTS] = {
	[SITE_UNKNOWN] =
		{
			[INPUT_ENROLL_REJECTED] = REJECTED,
			[INPUT_SYNC_FORBIDDEN] = FORBIDDEN,
			[INPUT_REPORTED_EXPIRED] = EXPIRED,
			[INPUT_REPORTED_BAD] = FORBIDDEN,
			[INPUT_ENROLL_FAILED] = FAILING,
			[INPUT_SYNC_FAILED] = FAILING,
			[INPUT_SYNC_SUCCEEDED] = HEALTHY,
			[INPUT_ENROLL_SUCCEEDED] = HEALTHY,
		},
	[SITE_HEALTHY] =
		{
			[INPUT_ENROLL_REJECTED] = REJECTED,
			[INPUT_SYNC_FORBIDDEN] = FORBIDDEN,
			[INPUT_REPORTED_EXPIRED] = EXPIRED,
			[INPUT_REPORTED_BAD] = FORBIDDEN,
			[INPUT_ENROLL_FAILED] = FAILING,
			[INPUT_SYNC_FAILED] = FAILING,
			[INPUT_SYNC_SUCCEEDED] = HEALTHY,
			[INPUT_ENROLL_SUCCEEDED] = HEALTHY,
		},
	[SITE_ENROLL_REJECTED] =
		{
			[INPUT_ENROLL_REJECTED] = REJECTED,
			[INPUT_ENROLL_REJECTED_LATE] = REJECTED,
			[INPUT_ENROLL_REJECTED_PAIR] = EXPIRED,
			[INPUT_SYNC_FORBIDDEN] = FORBIDDEN,
			[INPUT_SYNC_FORBIDDEN_PAIR] = EXPIRED,
			[INPUT_REPORTED_EXPIRED] = EXPIRED,
			[INPUT_REPORTED_BAD] = FORBIDDEN,
			[INPUT_REPORTED_BAD_PAIR] = EXPIRED,
			[INPUT_ENROLL_FAILED] = REJECTED,
			[INPUT_SYNC_FAILED] = FAILING,
			[INPUT_SYNC_SUCCEEDED] = HEALTHY,
			[INPUT_ENROLL_SUCCEEDED] = HEALTHY,
			[INPUT_WINDOW] = REJECTED,
			[INPUT_OPERATOR] = UNKNOWN,
			[INPUT_QUIET] = UNKNOWN,
		},
	[SITE_SYNC_FORBIDDEN] =
		{
			[INPUT_ENROLL_REJECTED] = FORBIDDEN,
			[INPUT_ENROLL_REJECTED_LATE] = FORBIDDEN,
			[INPUT_ENROLL_REJECTED_PAIR] = EXPIRED,
			[INPUT_SYNC_FORBIDDEN] = FORBIDDEN,
			[INPUT_SYNC_FORBIDDEN_PAIR] = EXPIRED,
			[INPUT_REPORTED_EXPIRED] = EXPIRED,
			[INPUT_REPORTED_BAD] = FORBIDDEN,
			[INPUT_REPORTED_BAD_PAIR] = EXPIRED,
			[INPUT_ENROLL_FAILED] = FORBIDDEN,
			[INPUT_SYNC_FAILED] = FAILING,
			[INPUT_SYNC_SUCCEEDED] = HEALTHY,
			[INPUT_ENROLL_SUCCEEDED] = HEALTHY,
			[INPUT_OPERATOR] = UNKNOWN,
			[INPUT_QUIET] = UNKNOWN,
		},
	[SITE_EXPIRED] =
		{
			[INPUT_ENROLL_REJECTED] = EXPIRED,
			[INPUT_ENROLL_REJECTED_LATE] = EXPIRED,
			[INPUT_ENROLL_REJECTED_PAIR] = EXPIRED,
			[INPUT_SYNC_FORBIDDEN] = EXPIRED,
			[INPUT_SYNC_FORBIDDEN_PAIR] = EXPIRED,
			[INPUT_REPORTED_EXPIRED] = EXPIRED,
			[INPUT_REPORTED_BAD] = EXPIRED,
			[INPUT_REPORTED_BAD_PAIR] = EXPIRED,
			[INPUT_ENROLL_FAILED] = EXPIRED,
			[INPUT_SYNC_FAILED] = EXPIRED,
			[INPUT_SYNC_SUCCEEDED] = HEALTHY,
			[INPUT_ENROLL_SUCCEEDED] = HEALTHY,
			[INPUT_OPERATOR] = UNKNOWN,
			[INPUT_QUIET] = UNKNOWN,
		},
	[SITE_FAILING] =
		{
			[INPUT_ENROLL_REJECTED] = REJECTED,
			[INPUT_ENROLL_REJECTED_LATE] = FAILING,
			[INPUT_ENROLL_REJECTED_PAIR] = EXPIRED,
			[INPUT_SYNC_FORBIDDEN] = FORBIDDEN,
			[INPUT_SYNC_FORBIDDEN_PAIR] = EXPIRED,
			[INPUT_REPORTED_EXPIRED] = EXPIRED,
			[INPUT_REPORTED_BAD] = FORBIDDEN,
			[INPUT_REPORTED_BAD_PAIR] = EXPIRED,
			[INPUT_ENROLL_FAILED] = FAILING,
			[INPUT_SYNC_FAILED] = FAILING,
			[INPUT_SYNC_SUCCEEDED] = HEALTHY,
			[INPUT_ENROLL_SUCCEEDED] = HEALTHY,
			[INPUT_OPERATOR] = UNKNOWN,
			[INPUT_QUIET] = UNKNOWN,
		},
};

/* Which trouble a state means, and when it opens. */
static const struct meaning {
	enum alert_kind kind; /* ALERT_KINDS for none */
	enum opens { OPENS_NEVER, OPENS_AT_ONCE, OPENS_AFTER_WINDOW, OPENS_AFTER_ATTEMPTS } opens;
	const char *words;
} MEANING[SITE_STATES] = {
	[SITE_UNKNOWN] = {ALERT_KINDS, OPENS_NEVER, "ends what is open"},
	[SITE_HEALTHY] = {ALERT_KINDS, OPENS_NEVER, "ends what is open"},
	[SITE_ENROLL_REJECTED] = {ALERT_CERTIFICATE_SUSPECT, OPENS_AFTER_WINDOW, "after window"},
	[SITE_SYNC_FORBIDDEN] = {ALERT_CERTIFICATE_SUSPECT, OPENS_AT_ONCE, "at once"},
	[SITE_EXPIRED] = {ALERT_CERTIFICATE_EXPIRED, OPENS_AT_ONCE, "at once"},
	[SITE_FAILING] = {ALERT_SYNC_FAILING, OPENS_AFTER_ATTEMPTS, "after failing_after attempts"},
};

enum alert_kind
site_kind_of(enum site_state state)
{
	return MEANING[state].kind;
}

void
site_forget(struct site *site, enum alert_kind kind)
{
	if (!trouble_is_open(site->attempts->trouble[kind]))
		attempts_forget(site->attempts, kind);
}

/* A suspicion starts the count of other failures anew; other failures end one in the making. */
static void
forget_what_is_ruled_out(struct site *site, enum site_input input)
{
	if (site->state == SITE_SYNC_FORBIDDEN || site->state == SITE_EXPIRED ||
		input == INPUT_WINDOW)
		site_forget(site, ALERT_SYNC_FAILING);
	if (site->state == SITE_FAILING || site->state == SITE_EXPIRED)
		site_forget(site, ALERT_CERTIFICATE_SUSPECT);
}

static enum resolution
resolution_of(enum site_input input)
{
	return input == INPUT_OPERATOR ? RESOLUTION_OPERATOR
	       : input == INPUT_QUIET  ? RESOLUTION_QUIET
				       : RESOLUTION_RECOVERED;
}

static bool
is_due_to_open(const struct turn *turn, enum site_input input)
{
	const struct site *site = turn->site;
	const struct meaning *meaning = &MEANING[site->state];
	const struct trouble *trouble = NULL;
	switch (meaning->opens) {
	case OPENS_AT_ONCE:
		return true;
	case OPENS_AFTER_WINDOW:
		return input == INPUT_WINDOW;
	case OPENS_AFTER_ATTEMPTS:
		trouble = site->attempts->trouble[meaning->kind];
		return (trouble ? trouble->incident.occurrences : 0) >=
		       turn->options->failing_after;
	default:
		return false;
	}
}

/* Opens or ends incidents as the state that was just entered asks for. */
static void
settle(const struct turn *turn, enum site_input input)
{
	struct site *site = turn->site;
	struct trouble *open = site_open_trouble(site);
	if (site_kind_of(site->state) == ALERT_KINDS) {
		if (open)
			site_end(site, open, resolution_of(input), turn->at, turn->outcome);
		attempts_free(site->attempts);
		site->attempts = NULL;
		return;
	}
	if (is_due_to_open(turn, input))
		site_open(site, site_kind_of(site->state), turn->at, turn->now, turn->outcome);
	forget_what_is_ruled_out(site, input);
}

/* The one place that writes a state. */
void
site_enter(const struct turn *turn, enum site_input input)
{
	struct site *site = turn->site;
	enum site_state from = site->state;
	uint8_t cell = MACHINE[from][input];
	if (cell == ILLEGAL) {
		log_error("site %s: %s is illegal in the state %s", site->name, INPUT[input].name,
			site_state_name(from));
		assert(cell != ILLEGAL);
		return;
	}
	enum site_state to = (enum site_state)(cell - 1);
	if (from != to) {
		site->previous = from;
		site->since = turn->at;
		site->state = to;
	}
	if (from != to || input == INPUT_WINDOW) {
		log_debug("site %s: %s -> %s: %s", site->name, site_state_name(from),
			site_state_name(to), INPUT[input].why);
		outcome_add_transition(
			turn->outcome, site->name, from, to, INPUT[input].why, turn->at);
	}
	settle(turn, input);
}

void
site_print_machine(struct buf *out)
{
	buf_format(out, "%-30s", "");
	for (int state = 0; state < SITE_STATES; state++)
		buf_format(out, " %-*s", state + 1 < SITE_STATES ? 16 : 0,
			site_state_name((enum site_state)state));
	buf_add_text(out, "\n");
	for (int input = 0; input < SITE_INPUTS; input++) {
		buf_format(out, "%-30s", INPUT[input].name);
		for (int state = 0; state < SITE_STATES; state++) {
			int cell = MACHINE[state][input];
			buf_format(out, " %-*s", state + 1 < SITE_STATES ? 16 : 0,
				cell ? site_state_name((enum site_state)(cell - 1)) : "-");
		}
		buf_add_text(out, "\n");
	}
	buf_add_text(out, "\n");
	for (int state = 0; state < SITE_STATES; state++) {
		const struct meaning *meaning = &MEANING[state];
		buf_format(out, "%-16s %-20s %s\n", site_state_name((enum site_state)state),
			meaning->kind == ALERT_KINDS ? "-" : alert_kind_name(meaning->kind),
			meaning->words);
	}
}

/* The number of the invariant that is broken (see above), 0 where all hold. */
static int
broken_attempts(const struct site *site)
{
	struct trouble *const *trouble = site->attempts->trouble;
	int open = 0;
	for (int i = 0; i < TROUBLES; i++) {
		bool is_open = trouble_is_open(trouble[i]);
		open += is_open;
		if (!trouble[i])
			continue;
		if (is_open ? trouble[i]->incident.occurrences < 1 : trouble[i]->saying.said)
			return 6;
		if (trouble[i]->incident.evidence_count > EVIDENCE_MAX)
			return 8;
	}
	const struct trouble *expired = trouble[ALERT_CERTIFICATE_EXPIRED];
	if (open > 1)
		return 2;
	if (site->state == SITE_EXPIRED &&
		(!trouble_is_open(expired) || expired->incident.evidence_count < 1))
		return 3;
	if (site->state == SITE_SYNC_FORBIDDEN &&
		!trouble_is_open(trouble[ALERT_CERTIFICATE_SUSPECT]))
		return 4;
	if (site->state == SITE_ENROLL_REJECTED && !site->attempts->rejected)
		return 5;
	return 0;
}

static int
broken(const struct site *site)
{
	bool troubled = MEANING[site->state].kind != ALERT_KINDS;
	if ((site->attempts != NULL) != troubled)
		return 1;
	if (site->kept_count > (site_is_held(site) ? KEPT_MAX : 0))
		return 7;
	if (site->holds && (site->holds->count < 1 || site->holds->count > HOLDS_MAX))
		return 8;
	return site->attempts ? broken_attempts(site) : 0;
}

bool
site_is_sound(const struct site *site, struct err *err)
{
	int number = broken(site);
	return !number || err_set(err, "invariant %d of a site is broken", number);
}

void
site_check(const struct site *site)
{
	assert(broken(site) == 0);
}
