#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/sink/type.h"
#include "parsers/text.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct sink_type *const TYPE[] = {
	&SYSLOG_SINK, &WEBHOOK_SINK, &STDOUT_SINK, &ZABBIX_SINK};

static const int64_t TIMEOUT_DEFAULT = 10 * SECOND;

static const struct sink_type *
find_type(enum config_sink_type is)
{
	for (size_t i = 0; i < COUNT(TYPE); i++) {
		if (TYPE[i]->is == is)
			return TYPE[i];
	}
	return NULL;
}

static void
copy_labels(struct sink *sink, const struct config_pairs *labels)
{
	sink->labels = mem_array(labels->count + 1, sizeof *sink->labels);
	sink->label_count = labels->count;
	for (size_t i = 0; i < labels->count; i++) {
		sink->labels[i].name = mem_text(labels->item[i].name);
		sink->labels[i].value = mem_text(labels->item[i].value);
	}
}

/* Bits of the names listed; all where none is. */
static uint32_t
bits_of(const struct config_list *list, const char *(*name_of)(unsigned value), unsigned count)
{
	uint32_t bits = 0;
	for (size_t i = 0; i < list->count; i++) {
		for (unsigned value = 0; value < count; value++) {
			if (strcmp(list->item[i], name_of(value)) == 0)
				bits |= UINT32_C(1) << value;
		}
	}
	return list->count > 0 ? bits : UINT32_MAX;
}

static const char *
kind_name(unsigned value)
{
	return alert_kind_name((enum alert_kind)value);
}

static const char *
severity_name(unsigned value)
{
	return alert_severity_name((enum alert_severity)value);
}

static void
copy_only(struct sink *sink, const struct config_only *only)
{
	sink->kinds = bits_of(&only->kinds, kind_name, ALERT_KINDS);
	sink->severities = bits_of(&only->severities, severity_name, ALERT_SEVERITIES);
	sink->sites = mem_array(only->sites.count + 1, sizeof *sink->sites);
	sink->site_count = only->sites.count;
	for (size_t i = 0; i < only->sites.count; i++)
		sink->sites[i] = mem_text(only->sites.item[i]);
}

struct sink *
sink_new(const struct config_sink *config, const char *collector, sd_event *loop, struct err *err)
{
	const struct sink_type *type = find_type(config->type);
	if (!type) {
		err_set(err, "sink %s: type %d is not known", config->name, (int)config->type);
		return NULL;
	}
	struct sink *sink = mem_new(type->size);
	sink->type = type;
	sink->name = mem_text(config->name ? config->name : type->name);
	sink->collector = mem_text(collector ? collector : "");
	sink->timeout = config->timeout > 0 ? config->timeout : TIMEOUT_DEFAULT;
	sink->loop = sd_event_ref(loop);
	sink->collapse = config->collapse;
	sink->heartbeat = config->heartbeat;
	copy_labels(sink, &config->labels);
	copy_only(sink, &config->only);
	if (type->start(sink, config, err))
		return sink;
	err_context(err, "sink %s", sink->name);
	sink_free(sink);
	return NULL;
}

static bool
is_unread(const struct config_sink *config)
{
	bool unread = (config->secret.from && !config->secret.value) ||
		      (config->bearer.from && !config->bearer.value) ||
		      (config->routing_key.from && !config->routing_key.value);
	for (size_t i = 0; i < config->headers.count; i++)
		unread = unread || !config->headers.item[i].value;
	for (size_t i = 0; i < config->basic.count; i++)
		unread = unread || !config->basic.item[i].value;
	return unread;
}

void
sinks_check(const struct config *config, struct config_problems *problems)
{
	sd_event *loop = NULL;
	if (sd_event_new(&loop) < 0)
		return;
	for (size_t i = 0; i < config->sink_count; i++) {
		const struct config_sink *row = &config->sinks[i];
		struct err err = ERR_INIT;
		if (is_unread(row))
			continue;
		struct sink *sink = sink_new(row, "", loop, &err);
		if (!sink)
			config_problems_add(problems, row->place, false, "%s", err.text);
		sink_free(sink);
	}
	sd_event_unref(loop);
}

void
sink_free(struct sink *sink)
{
	if (!sink)
		return;
	sink->type->stop(sink);
	for (size_t i = 0; i < sink->label_count; i++) {
		free(sink->labels[i].name);
		free(sink->labels[i].value);
	}
	for (size_t i = 0; i < sink->site_count; i++)
		free(sink->sites[i]);
	free(sink->sites);
	free(sink->labels);
	free(sink->name);
	free(sink->collector);
	sd_event_unref(sink->loop);
	free(sink);
}

const char *
sink_name(const struct sink *sink)
{
	return sink->name;
}

const char *
sink_type(const struct sink *sink)
{
	return sink->type->name;
}

bool
sink_wants(const struct sink *sink, const struct alert *alert)
{
	bool wanted = (sink->kinds >> alert->kind & 1) && (sink->severities >> alert->severity & 1);
	if (alert->kind == ALERT_AIWATCH)
		return wanted && !sink->sites_only;
	if (!wanted || sink->site_count == 0)
		return wanted;
	for (size_t i = 0; i < sink->site_count; i++) {
		if (fnmatch(sink->sites[i], alert->site ? alert->site : "", FNM_CASEFOLD) == 0)
			return true;
	}
	return false;
}

bool
sink_collapses(const struct sink *sink)
{
	return sink->collapse;
}

int64_t
sink_heartbeat(const struct sink *sink)
{
	return sink->heartbeat;
}

bool
sink_repeats(const struct sink *sink)
{
	return sink->type->repeats && sink->type->repeats(sink);
}

void
sink_repeat(struct sink *sink, const struct alert *alert)
{
	sink->type->repeat(sink, alert);
}

void
sink_send(struct sink *sink, const struct alert *alert, sink_on_done *done, void *owner)
{
	sink->type->send(sink, alert, done, owner);
}

char *
sink_preview(struct sink *sink, const struct alert *alert)
{
	return sink->type->preview(sink, alert);
}

void
sink_answer(sink_on_done *done, void *owner, enum sink_outcome outcome, int64_t retry_after,
	const char *format, ...)
{
	if (!done)
		return;
	struct sink_answer answer = {.outcome = outcome, .retry_after = retry_after};
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	struct buf safe = BUF_INIT;
	text_sanitize(&safe, span_of(text), sizeof answer.text - 1);
	if (safe.n > 0)
		memcpy(answer.text, safe.p, safe.n);
	buf_fini(&safe);
	done(owner, &answer);
}

char *
sink_document(const struct sink *sink, const struct alert *alert)
{
	return alert_to_json(alert, sink->collector, sink->labels, sink->label_count);
}

int64_t
sink_now(const struct sink *sink)
{
	uint64_t now;
	return sd_event_now(sink->loop, CLOCK_BOOTTIME, &now) >= 0 ? (int64_t)now
								   : clock_monotonic();
}

int64_t
sink_wall(const struct sink *sink)
{
	uint64_t now;
	return sd_event_now(sink->loop, CLOCK_REALTIME, &now) >= 0 ? (int64_t)now : clock_wall();
}
