#include "daemon/web/metrics.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <inttypes.h>

/*
 * One row a family: the order of the page. A family is written whole, as the format wants it, so
 * each row walks what it counts by itself.
 */
struct family {
	const char *name;
	const char *type;
	const char *help;
	void (*write)(const struct family *family, const struct report *report, struct buf *out);
	int which; /* tells rows apart that share a writer */
};

struct walk {
	const struct family *family;
	struct buf *out;
	int64_t now;
	uint64_t by_state[SITE_STATES];
};

static void
add_label_value(struct buf *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			buf_add_text(out, "\\n");
		else if (*value == '"' || *value == '\\')
			buf_format(out, "\\%c", *value);
		else
			buf_add_byte(out, *value);
	}
}

static void
sample(struct buf *out, const char *name, const char *label, const char *value, uint64_t number)
{
	buf_format(out, "%s{%s=\"", name, label);
	add_label_value(out, value);
	buf_format(out, "\"} %" PRIu64 "\n", number);
}

static void
sample_of_two(struct buf *out, const char *name, const char *const label[2],
	const char *const value[2], uint64_t number)
{
	buf_format(out, "%s{%s=\"", name, label[0]);
	add_label_value(out, value[0]);
	buf_format(out, "\",%s=\"", label[1]);
	add_label_value(out, value[1]);
	buf_format(out, "\"} %" PRIu64 "\n", number);
}

static void
write_build(const struct family *family, const struct report *report, struct buf *out)
{
	(void)report;
	sample(out, family->name, "version", AIWATCH_VERSION, 1);
}

static void
count_site(void *owner, const struct site_view *view)
{
	((struct walk *)owner)->by_state[view->state]++;
}

static void
write_sites(const struct family *family, const struct report *report, struct buf *out)
{
	struct walk walk = {.family = family};
	correlate_each(report->correlate, count_site, &walk);
	for (int state = 0; state < SITE_STATES; state++)
		sample(out, family->name, "state", site_state_name((enum site_state)state),
			walk.by_state[state]);
}

static void
on_site(void *owner, const struct site_view *view)
{
	static const char *const LABEL[2] = {"site", "state"};
	struct walk *walk = owner;
	sample_of_two(walk->out, walk->family->name, LABEL,
		(const char *const[2]){view->name, site_state_name(view->state)}, 1);
}

static void
write_site_states(const struct family *family, const struct report *report, struct buf *out)
{
	struct walk walk = {.family = family, .out = out};
	correlate_each(report->correlate, on_site, &walk);
}

enum { INPUT_FILES, INPUT_BYTES, INPUT_LINES, INPUT_LAG, INPUT_ROTATIONS, INPUT_STALLED };

static void
on_input(void *owner, const struct input_status *status)
{
	struct walk *walk = owner;
	const uint64_t number[] = {
		[INPUT_FILES] = status->files,
		[INPUT_BYTES] = status->bytes_read,
		[INPUT_LINES] = status->lines_read,
		[INPUT_LAG] = status->lag_bytes,
		[INPUT_ROTATIONS] = status->rotations,
		[INPUT_STALLED] = status->stalled_since != TIME_NONE,
	};
	sample(walk->out, walk->family->name, "input", status->name, number[walk->family->which]);
}

static void
write_inputs(const struct family *family, const struct report *report, struct buf *out)
{
	struct walk walk = {.family = family, .out = out};
	inputs_each(report->inputs, on_input, &walk);
}

static void
on_gaps(void *owner, const struct input_status *status)
{
	static const char *const LABEL[2] = {"input", "reason"};
	struct walk *walk = owner;
	for (int reason = 0; reason < GAP_REASONS; reason++) {
		const char *const value[2] = {
			status->name, gap_reason_name((enum gap_reason)reason)};
		sample_of_two(walk->out, walk->family->name, LABEL, value, status->gaps[reason]);
	}
}

static void
write_gaps(const struct family *family, const struct report *report, struct buf *out)
{
	struct walk walk = {.family = family, .out = out};
	inputs_each(report->inputs, on_gaps, &walk);
}

static void
on_watch(void *owner, const struct input_status *status)
{
	static const char *const LABEL[2] = {"input", "by"};
	struct walk *walk = owner;
	sample_of_two(walk->out, walk->family->name, LABEL,
		(const char *const[2]){status->name, status->watch}, 1);
}

static void
write_watch(const struct family *family, const struct report *report, struct buf *out)
{
	struct walk walk = {.family = family, .out = out};
	inputs_each(report->inputs, on_watch, &walk);
}

static void
write_events(const struct family *family, const struct report *report, struct buf *out)
{
	for (int kind = EVENT_NONE + 1; kind < EVENT_KINDS; kind++)
		sample(out, family->name, "event", event_name((enum event_kind)kind),
			report->counters->events[kind]);
}

static void
write_transitions(const struct family *family, const struct report *report, struct buf *out)
{
	static const char *const LABEL[2] = {"from", "to"};
	for (int from = 0; from < SITE_STATES; from++) {
		for (int to = 0; to < SITE_STATES; to++) {
			uint64_t number = report->counters->transitions[from][to];
			const char *const value[2] = {site_state_name((enum site_state)from),
				site_state_name((enum site_state)to)};
			if (number)
				sample_of_two(out, family->name, LABEL, value, number);
		}
	}
}

static void
write_alerts(const struct family *family, const struct report *report, struct buf *out)
{
	static const char *const LABEL[2] = {"kind", "status"};
	static const char *const STATUS[2] = {"resolved", "firing"};
	for (int kind = 0; kind < ALERT_KINDS; kind++) {
		for (int firing = 1; firing >= 0; firing--) {
			const char *const value[2] = {
				alert_kind_name((enum alert_kind)kind), STATUS[firing]};
			sample_of_two(out, family->name, LABEL, value,
				report->counters->alerts[kind][firing]);
		}
	}
}

enum { SINK_PENDING, SINK_OLDEST, SINK_DEAD };

static void
on_sink(void *owner, const struct outbox_view *view)
{
	struct walk *walk = owner;
	int64_t oldest = view->oldest_at == TIME_NONE || view->oldest_at > walk->now
				 ? 0
				 : (walk->now - view->oldest_at) / SECOND;
	const uint64_t number[] = {
		[SINK_PENDING] = view->pending,
		[SINK_OLDEST] = (uint64_t)oldest,
		[SINK_DEAD] = view->dead,
	};
	sample(walk->out, walk->family->name, "sink", view->sink, number[walk->family->which]);
}

static void
write_sinks(const struct family *family, const struct report *report, struct buf *out)
{
	struct walk walk = {.family = family, .out = out, .now = report->now};
	outbox_each(report->outbox, on_sink, &walk);
}

static void
on_deliveries(void *owner, const struct outbox_view *view)
{
	static const char *const LABEL[2] = {"sink", "outcome"};
	struct walk *walk = owner;
	const char *name = walk->family->name;
	sample_of_two(walk->out, name, LABEL, (const char *const[2]){view->sink, "delivered"},
		view->delivered);
	sample_of_two(walk->out, name, LABEL, (const char *const[2]){view->sink, "retried"},
		view->retried);
	sample_of_two(walk->out, name, LABEL, (const char *const[2]){view->sink, "refused"},
		view->refused);
}

static void
write_deliveries(const struct family *family, const struct report *report, struct buf *out)
{
	struct walk walk = {.family = family, .out = out};
	outbox_each(report->outbox, on_deliveries, &walk);
}

static void
write_reload(const struct family *family, const struct report *report, struct buf *out)
{
	buf_format(out, "%s %d\n", family->name, report->last_reload_ok);
}

static void
write_latency(const struct family *family, const struct report *report, struct buf *out)
{
	const struct counters *counters = report->counters;
	uint64_t total = 0;
	for (int i = 0; i < LATENCY_BUCKETS; i++) {
		total += counters->latency[i];
		buf_format(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", family->name,
			LATENCY_BOUND[i], total);
	}
	total += counters->latency[LATENCY_BUCKETS];
	buf_format(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", family->name, total);
	buf_format(out, "%s_sum %.6f\n", family->name, counters->latency_sum);
	buf_format(out, "%s_count %" PRIu64 "\n", family->name, total);
}

static const struct family FAMILY[] = {
	{"aiwatch_build_info", "gauge", "Constant 1, with the version.", write_build, 0},
	{"aiwatch_config_last_reload_successful", "gauge",
		"Whether the last configuration that was read was taken over.", write_reload, 0},
	{"aiwatch_sites", "gauge", "Sites by their state.", write_sites, 0},
	{"aiwatch_site_state", "gauge", "Constant 1 for the state each site is in.",
		write_site_states, 0},
	{"aiwatch_files", "gauge", "Files that are followed.", write_inputs, INPUT_FILES},
	{"aiwatch_bytes_read_total", "counter", "Bytes read.", write_inputs, INPUT_BYTES},
	{"aiwatch_lines_read_total", "counter", "Complete lines read.", write_inputs, INPUT_LINES},
	{"aiwatch_read_lag_bytes", "gauge", "Bytes known and not read yet.", write_inputs,
		INPUT_LAG},
	{"aiwatch_rotations_total", "counter", "Files that were rotated, replaced or truncated.",
		write_inputs, INPUT_ROTATIONS},
	{"aiwatch_gaps_total", "counter", "Gaps: what could not be read, by reason.", write_gaps,
		0},
	{"aiwatch_input_watch", "gauge",
		"Constant 1 for what tells of changes: inotify, or poll with the reason.",
		write_watch, 0},
	{"aiwatch_input_stalled", "gauge", "Whether a read of the input's files hangs.",
		write_inputs, INPUT_STALLED},
	{"aiwatch_events_total", "counter", "Records in which a rule matched.", write_events, 0},
	{"aiwatch_transitions_total", "counter", "Changes of a site's state.", write_transitions,
		0},
	{"aiwatch_alerts_total", "counter", "Alerts handed to the outbox.", write_alerts, 0},
	{"aiwatch_outbox_pending", "gauge", "Alerts that wait for a sink.", write_sinks,
		SINK_PENDING},
	{"aiwatch_outbox_oldest_seconds", "gauge", "Age of the oldest alert that waits.",
		write_sinks, SINK_OLDEST},
	{"aiwatch_dead_letters", "gauge", "Alerts that were given up, kept as dead letters.",
		write_sinks, SINK_DEAD},
	{"aiwatch_deliveries_total", "counter", "Tries of delivery by their outcome.",
		write_deliveries, 0},
	{"aiwatch_line_to_delivery_seconds", "histogram",
		"From the reading of the line to the sink's acknowledgement.", write_latency, 0},
};

void
metrics_write(const struct report *report, struct buf *out)
{
	for (size_t i = 0; i < COUNT(FAMILY); i++) {
		const struct family *family = &FAMILY[i];
		buf_format(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
			family->name, family->type);
		family->write(family, report, out);
	}
}

void
metrics_each(void (*visit)(const char *name, const char *type, const char *help))
{
	for (size_t i = 0; i < COUNT(FAMILY); i++)
		visit(FAMILY[i].name, FAMILY[i].type, FAMILY[i].help);
}
