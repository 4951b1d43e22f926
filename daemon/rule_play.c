#include "daemon/base/clock.h"
#include "daemon/base/hash.h"
#include "daemon/base/mem.h"
#include "daemon/engine/correlate.h"
#include "daemon/input/input_reader.h"
#include "daemon/rule_case.h"
#include "parsers/reader.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_START (INT64_C(1434682800) * SECOND) /* 2015-06-19T03:00:00Z */

enum { DIFFERENCES_MAX = 1000 };

struct player {
	const struct rule_case *item;
	struct reader *reader;
	struct reader_state state;
	struct correlate *correlate;
	struct rules *rules;
	struct outcome outcome;
	int64_t now;
	struct buf unread; /* what the reader left: a record that may still go on */
	uint64_t offset;   /* where that stands */
	struct config_list found[RULE_LISTS];
};

static void
found(struct player *player, enum rule_list list, const char *site, const char *text,
	const char *more)
{
	bool own = strcmp(site, player->item->site) == 0;
	rule_texts_add(
		&player->found[list], mem_format("%s%s%s%s%s", own ? "" : site, own ? "" : "/",
					      text, more ? " " : "", more ? more : ""));
}

static void
take_outcome(struct player *player)
{
	struct outcome *outcome = &player->outcome;
	for (size_t i = 0; i < outcome->transition_count; i++) {
		const struct transition *transition = &outcome->transitions[i];
		if (transition->from != transition->to)
			found(player, RULE_STATES, transition->site,
				site_state_name(transition->to), NULL);
	}
	for (size_t i = 0; i < outcome->alert_count; i++) {
		const struct alert *alert = &outcome->alerts[i];
		const char *status = !alert->firing    ? "resolved"
				     : alert->reminder ? "reminder"
						       : "firing";
		found(player, RULE_ALERTS, alert->site, alert_kind_name(alert->kind), status);
	}
	outcome_fini(outcome);
	*outcome = OUTCOME_INIT;
}

static void
on_record(void *owner, const struct record *record)
{
	struct player *player = owner;
	if (record->event == EVENT_NONE)
		return;
	char *host = record->envelope.host.n
			     ? mem_copy(record->envelope.host.p, record->envelope.host.n)
			     : mem_text(player->item->site);
	char *text = mem_copy(record->text.p, record->text.n);
	char *cause = record->cause.n ? mem_copy(record->cause.p, record->cause.n) : NULL;
	struct sighting sighting = {
		.site = host,
		.event = record->event,
		.time = record->time,
		.read_at = player->now,
		.file = "case",
		.offset = record->offset,
		.text = text,
		.cause = cause,
		.advice = rules_definition(player->rules, record->rule)->advice,
	};
	struct hash128 digest = hash128(record->raw.p, record->raw.n);
	memcpy(sighting.digest, digest.byte, sizeof sighting.digest);
	found(player, RULE_EVENTS, host, event_name(record->event), NULL);
	correlate_sighting(player->correlate, &sighting, &player->outcome);
	take_outcome(player);
	free(host);
	free(text);
	free(cause);
}

/* Lets time pass until `until`, doing what falls due on the way at its own time. */
static void
pass_time(struct player *player, int64_t until)
{
	int64_t due;
	while ((due = correlate_next_due(player->correlate)) != TIME_NONE && due <= until) {
		player->now = due > player->now ? due : player->now;
		correlate_tick(player->correlate, player->now, &player->outcome);
		take_outcome(player);
		if (correlate_next_due(player->correlate) == due)
			break;
	}
	if (until > player->now)
		player->now = until;
}

static void
feed(struct player *player, bool last)
{
	struct reader_counts counts = {0};
	size_t n = reader_feed(player->reader, &player->state, buf_span(&player->unread),
		player->offset, last, player->now, on_record, player, &counts);
	player->offset += n;
	player->unread.n -= n;
	if (player->unread.n)
		memmove(player->unread.p, player->unread.p + n, player->unread.n);
}

static void
play(struct player *player)
{
	for (size_t i = 0; i < player->item->step_count; i++) {
		const struct rule_step *step = &player->item->steps[i];
		if (!step->line) {
			pass_time(player, player->now + step->wait);
			continue;
		}
		if (step->at != TIME_NONE && i == 0)
			player->now = step->at;
		else if (step->at != TIME_NONE)
			pass_time(player, step->at);
		buf_format(&player->unread, "%s\n", step->line);
		feed(player, false);
	}
	feed(player, true);
}

static void
difference_add(struct rule_verdict *verdict, enum rule_list list, enum difference_side side,
	const char *text)
{
	if (verdict->count == DIFFERENCES_MAX)
		return;
	verdict->difference =
		mem_grow(verdict->difference, verdict->count + 1, sizeof *verdict->difference);
	verdict->difference[verdict->count++] = (struct difference){list, side, mem_text(text)};
}

/* The usual table of longest common subsequences; lists are short. */
static void
compare(struct rule_verdict *verdict, enum rule_list list, const struct config_list *expected,
	const struct config_list *got)
{
	size_t rows = expected->count + 1, columns = got->count + 1;
	size_t *common = mem_array(rows * columns, sizeof *common);
	for (size_t i = expected->count; i-- > 0;) {
		for (size_t j = got->count; j-- > 0;) {
			size_t down = common[(i + 1) * columns + j];
			size_t right = common[i * columns + j + 1];
			bool same = strcmp(expected->item[i], got->item[j]) == 0;
			common[i * columns + j] = same ? common[(i + 1) * columns + j + 1] + 1
						  : down > right ? down
								 : right;
		}
	}
	size_t i = 0, j = 0;
	while (i < expected->count || j < got->count) {
		if (i < expected->count && j < got->count &&
			strcmp(expected->item[i], got->item[j]) == 0) {
			difference_add(verdict, list, DIFFERENCE_BOTH, got->item[j]);
			i++;
			j++;
		} else if (j == got->count ||
			   (i < expected->count &&
				   common[(i + 1) * columns + j] >= common[i * columns + j + 1])) {
			difference_add(verdict, list, DIFFERENCE_MISSING, expected->item[i++]);
		} else {
			difference_add(verdict, list, DIFFERENCE_EXTRA, got->item[j++]);
		}
	}
	free(common);
}

static bool
is_equal(const struct config_list *a, const struct config_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->item[i], b->item[i]) != 0)
			return false;
	}
	return true;
}

static void
judge(const struct player *player, struct rule_verdict *verdict)
{
	verdict->passed = true;
	for (size_t list = 0; list < RULE_LISTS; list++) {
		const struct config_list *expected = &player->item->expected[list];
		if (!player->item->has_expected[list] || is_equal(expected, &player->found[list]))
			continue;
		verdict->passed = false;
		compare(verdict, (enum rule_list)list, expected, &player->found[list]);
	}
}

bool
rule_case_run(const struct rule_case *item, const struct config *config, struct rules *rules,
	struct rule_verdict *verdict, struct err *err)
{
	if (config->input_count == 0)
		return err_set(err, "the configuration has no input, as which to read them");
	char utf8[] = "utf-8";
	struct config_input input = config->inputs[0];
	input.encoding = utf8;
	struct player player = {
		.item = item,
		.rules = rules,
		.now = DEFAULT_START,
		.reader = input_reader_new(&input, rules, READER_HITS, err),
	};
	if (!player.reader)
		return false;
	player.correlate = correlate_new(&(struct correlate_options){
		.window = config->correlation.window,
		.failing_after = config->correlation.failing_after,
		.repeat_every = config->correlation.repeat_every,
		.resolve_after = config->correlation.resolve_after,
		.silent_after = config->correlation.silent_after,
	});
	play(&player);
	judge(&player, verdict);
	for (size_t list = 0; list < RULE_LISTS; list++)
		rule_texts_clear(&player.found[list]);
	correlate_free(player.correlate);
	reader_free(player.reader);
	buf_fini(&player.unread);
	return true;
}

void
rule_verdict_fini(struct rule_verdict *verdict)
{
	for (size_t i = 0; i < verdict->count; i++)
		free(verdict->difference[i].text);
	free(verdict->difference);
	*verdict = (struct rule_verdict){0};
}
