#include "daemon/base/mem.h"
#include "daemon/sink/format.h"
#include "daemon/sink/format_json.h"

#include <stdlib.h>

/*
 * ntfy, published as JSON: the topic is the last part of the URL, and the message goes to the
 * server's root. A message has at most 4,096 bytes, else it becomes an attachment, and the body
 * twice as many, of which escapes may take half; a title is kept to one line of a telephone.
 * Whoever knows the topic may read and post.
 */
enum { TITLE_MAX = 250, MESSAGE_MAX = 3600, LINE_MAX_BYTES = 600, TOPIC_MAX = 64 };

static char *
aim_ntfy(const char *url, struct format_settings *settings, struct err *err)
{
	static const char TOPIC[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-";
	char *path = http_url_path(url), *root = NULL;
	char *topic = strrchr(path, '/');
	size_t n = topic ? strlen(topic + 1) : 0;
	if (n == 0 || n > TOPIC_MAX || topic[1 + strspn(topic + 1, TOPIC)]) {
		err_set(err,
			"url: its last part must be the topic: 1 to 64 letters, digits, _ and -");
	} else {
		settings->topic = mem_text(topic + 1);
		topic[1] = '\0';
		root = http_url_join(url, path);
	}
	free(path);
	return root;
}

/* ntfy's names of pictures, shown in front of the title. */
static const char *
tag(const struct alert *alert)
{
	static const char *const TAG[ALERT_SEVERITIES] = {[ALERT_INFO] = "information_source",
		[ALERT_WARNING] = "warning",
		[ALERT_CRITICAL] = "rotating_light"};
	return alert->firing ? TAG[alert->severity] : "white_check_mark";
}

/* 1 to 5; 4 and 5 make a telephone insist. */
static int
priority(const struct alert *alert)
{
	static const int PRIORITY[ALERT_SEVERITIES] = {
		[ALERT_INFO] = 2, [ALERT_WARNING] = 4, [ALERT_CRITICAL] = 5};
	return alert->firing ? PRIORITY[alert->severity] : 3;
}

static json_t *
message(const struct format_job *job)
{
	const struct alert *alert = job->alert;
	struct format_fact facts[FORMAT_FACTS];
	struct buf text = BUF_INIT;
	size_t count = format_facts(alert, job->sink->collector, NULL, facts);
	for (size_t i = 0; i < count; i++)
		buf_format(&text, "%s: %s\n", facts[i].name, facts[i].value);
	format_facts_fini(facts, count);
	size_t lines = alert->firing && alert->evidence_count > 0 ? 1 : 0;
	size_t room = MESSAGE_MAX - text.n - lines * (LINE_MAX_BYTES + 1);
	if (alert->firing)
		excerpt_add(&text, alert->advice, room, NULL);
	for (size_t i = 0; i < lines; i++) {
		buf_add_byte(&text, '\n');
		excerpt_add(&text, alert->evidence[alert->evidence_count - 1].text, LINE_MAX_BYTES,
			NULL);
	}
	json_t *value = json_stringn(text.p ? text.p : "", text.n);
	buf_fini(&text);
	return value;
}

static void
write_ntfy(const struct format_job *job, struct buf *out)
{
	const struct alert *alert = job->alert;
	const char *title = alert->summary ? alert->summary : alert_kind_name(alert->kind);
	json_t *body = json_pack("{s:s, s:o, s:o, s:i, s:[s]}", "topic", job->settings->topic,
		"title", format_json_text(title, TITLE_MAX, NULL), "message", message(job),
		"priority", priority(alert), "tags", tag(alert));
	if (alert_links(alert->kind)[0])
		json_object_set_new(body, "click", json_string(alert_links(alert->kind)[0]));
	format_json_write(body, out);
}

const struct format FORMAT_NTFY = {
	.name = "ntfy",
	.content_type = "application/json",
	.url_is_secret = true,
	.aim = aim_ntfy,
	.write = write_ntfy,
};
