#include "tests/unit/sink_world.h"
#include "tests/unit/test_server.h"

#include <jansson.h>

enum { LONG = 20000 };

/* An alert whose texts a hostile line made, or are far too long. */
static struct alert
dressed_alert(char *text)
{
	struct alert alert = world_alert();
	alert.site = alert.summary = alert.advice = alert.cause = text;
	alert.evidence_count = EVIDENCE_MAX;
	for (size_t i = 0; i < EVIDENCE_MAX; i++)
		alert.evidence[i] = (struct evidence){.event = EVENT_SYNC_FORBIDDEN,
			.time = TIME_NONE,
			.file = (char *)"/var/log/remote/CM01/AIUpdateSvc.log",
			.text = text};
	return alert;
}

struct posted {
	char *preview;
	const char *body; /* in preview */
	json_t *document; /* NULL where it is none */
};

/* What a sink of this format would send, without sending it. */
static struct posted
preview(struct config_sink config, const struct alert *alert)
{
	sd_event *loop = world_loop();
	config.type = CONFIG_SINK_WEBHOOK;
	if (!config.url)
		config.url = (char *)"http://127.0.0.1:1/services/T000/B000/XXXX";
	struct sink *sink = world_sink(loop, config);
	struct posted posted = {.preview = sink_preview(sink, alert)};
	posted.body = strstr(posted.preview, "\n\n") + 2;
	posted.preview[strlen(posted.preview) - 1] = '\0';
	posted.document = json_loads(posted.body, JSON_REJECT_DUPLICATES, NULL);
	sink_free(sink);
	sd_event_unref(loop);
	return posted;
}

static void
posted_fini(struct posted *posted)
{
	json_decref(posted->document);
	free(posted->preview);
}

/* "a.b.0.c": the value at a path, borrowed; fails where there is none. */
static json_t *
at(json_t *value, const char *path)
{
	char *copy = mem_text(path), *rest = copy;
	for (char *step; (step = strsep(&rest, "."));)
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(step))
					     : json_object_get(value, step);
	free(copy);
	if (!value)
		fail_msg("nothing at %s", path);
	return value;
}

static const char *
text_at(json_t *value, const char *path)
{
	return json_string_value(at(value, path));
}

static void
each_text(json_t *value, void (*check)(const char *text))
{
	const char *key;
	size_t i;
	json_t *member;
	if (json_is_string(value))
		check(json_string_value(value));
	json_object_foreach(value, key, member) each_text(member, check);
	json_array_foreach(value, i, member) each_text(member, check);
}

static void
assert_no_control(const char *text)
{
	for (; *text; text++)
		assert_true((unsigned char)*text >= ' ' || *text == '\n');
}

static void
assert_no_markup(const char *text)
{
	assert_no_control(text);
	assert_null(strchr(text, '<'));
	assert_null(strstr(text, "& "));
}

static size_t
characters(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void
t01_cloudevents_wrap_the_document(void **unused)
{
	(void)unused;
	struct alert alert = world_alert();
	struct posted posted =
		preview((struct config_sink){.format = (char *)"cloudevents"}, &alert);
	assert_non_null(strstr(
		posted.preview, "\ncontent-type: application/cloudevents+json; charset=utf-8\n"));
	assert_string_equal(text_at(posted.document, "specversion"), "1.0");
	assert_string_equal(text_at(posted.document, "id"), alert.id);
	assert_string_equal(text_at(posted.document, "source"), "urn:aiwatch:loghost");
	assert_string_equal(text_at(posted.document, "type"), "aiwatch.certificate_expired.firing");
	assert_string_equal(text_at(posted.document, "subject"), "CM01");
	assert_string_equal(text_at(posted.document, "time"), "2015-06-19T03:00:01Z");
	assert_string_equal(text_at(posted.document, "data.site"), "CM01");
	posted_fini(&posted);
}

static void
t02_pagerduty_triggers_and_resolves_one_alert(void **unused)
{
	(void)unused;
	struct config_sink config = {
		.format = (char *)"pagerduty", .routing_key.value = (char *)"r0uting-key"};
	struct alert alert = world_alert();
	alert.evidence_count = 1;
	alert.evidence[0].text = (char *)"the line";
	struct posted posted = preview(config, &alert);
	assert_null(strstr(posted.preview, "r0uting-key"));
	assert_string_equal(text_at(posted.document, "event_action"), "trigger");
	assert_string_equal(text_at(posted.document, "dedup_key"), "certificate_expired/CM01");
	assert_string_equal(text_at(posted.document, "payload.severity"), "critical");
	assert_string_equal(text_at(posted.document, "payload.source"), "CM01");
	assert_string_equal(text_at(posted.document, "payload.summary"), alert.summary);
	assert_string_equal(
		text_at(posted.document, "payload.custom_details.Evidence.0"), "the line");
	posted_fini(&posted);
	alert.firing = false;
	alert.test = true;
	posted = preview(config, &alert);
	assert_string_equal(text_at(posted.document, "event_action"), "resolve");
	assert_string_equal(text_at(posted.document, "dedup_key"), "certificate_expired/CM01");
	assert_string_equal(text_at(posted.document, "payload.summary"), alert.summary);
	posted_fini(&posted);
	config.routing_key.value = NULL;
	config.type = CONFIG_SINK_WEBHOOK;
	assert_refused(config, "sink test: routing_key: missing");
}

static void
t03_pagerduty_has_an_address_of_its_own(void **unused)
{
	(void)unused;
	sd_event *loop = world_loop();
	struct alert alert = world_alert();
	struct sink *sink = world_sink(loop, (struct config_sink){.type = CONFIG_SINK_WEBHOOK,
						     .format = (char *)"pagerduty",
						     .routing_key.value = (char *)"r0uting-key"});
	char *shown = sink_preview(sink, &alert);
	assert_memory_equal(shown, "POST https://events.pagerduty.com/v2/enqueue\n", 45);
	free(shown);
	sink_free(sink);
	sd_event_unref(loop);
}

static void
t04_pagerduty_limits_are_kept(void **unused)
{
	(void)unused;
	struct config_sink config = {
		.format = (char *)"pagerduty", .routing_key.value = (char *)"r0uting-key"};
	char *text = mem_new(LONG + 1);
	memset(text, '"', LONG);
	struct alert alert = dressed_alert(text);
	struct posted posted = preview(config, &alert);
	assert_int_equal(json_string_length(at(posted.document, "payload.summary")), 1024);
	assert_true(json_string_length(at(posted.document, "dedup_key")) <= 255);
	assert_true(strlen(posted.body) < 512 * 1000);
	char *key = mem_text(text_at(posted.document, "dedup_key"));
	posted_fini(&posted);
	text[LONG - 1] = 'x';
	posted = preview(config, &alert);
	assert_string_not_equal(text_at(posted.document, "dedup_key"), key);
	posted_fini(&posted);
	free(key);
	free(text);
}

static void
t05_slack_gets_blocks_within_its_limits(void **unused)
{
	(void)unused;
	struct config_sink config = {.format = (char *)"slack"};
	struct alert alert = world_alert();
	struct posted posted = preview(config, &alert);
	assert_memory_equal(posted.preview, "POST http://127.0.0.1:1/\xe2\x80\xa6\n", 28);
	assert_string_equal(text_at(posted.document, "text"), alert.summary);
	assert_string_equal(text_at(posted.document, "attachments.0.color"), "#c00000");
	assert_string_equal(text_at(posted.document, "attachments.0.blocks.0.text.text"),
		"*critical, firing:* CM01: certificate expired, re-provision needed");
	assert_string_equal(
		text_at(posted.document, "attachments.0.blocks.1.fields.0.text"), "*Site*\nCM01");
	posted_fini(&posted);
	char *text = mem_new(LONG + 1);
	memset(text, '<', LONG);
	alert = dressed_alert(text);
	posted = preview(config, &alert);
	json_t *block;
	size_t i;
	assert_int_equal(json_array_size(at(posted.document, "attachments.0.blocks")), 4);
	json_array_foreach(at(posted.document, "attachments.0.blocks"), i, block)
	{
		json_t *field, *fields = json_object_get(block, "fields");
		size_t k;
		if (!fields)
			assert_true(characters(text_at(block, "text.text")) <= 3000);
		assert_true(json_array_size(fields) <= 10);
		json_array_foreach(fields, k, field)
			assert_true(characters(text_at(field, "text")) <= 2000);
	}
	posted_fini(&posted);
	free(text);
}

static void
t06_teams_gets_a_card_below_its_limit(void **unused)
{
	(void)unused;
	struct config_sink config = {.format = (char *)"teams"};
	struct alert alert = world_alert();
	struct posted posted = preview(config, &alert);
	assert_memory_equal(posted.preview, "POST http://127.0.0.1:1/\xe2\x80\xa6\n", 28);
	assert_string_equal(text_at(posted.document, "type"), "message");
	assert_string_equal(text_at(posted.document, "attachments.0.contentType"),
		"application/vnd.microsoft.card.adaptive");
	assert_string_equal(text_at(posted.document, "attachments.0.content.type"), "AdaptiveCard");
	assert_string_equal(text_at(posted.document, "attachments.0.content.body.0.inlines.0.text"),
		"critical, firing: CM01: certificate expired, re-provision needed");
	assert_string_equal(
		text_at(posted.document, "attachments.0.content.body.0.inlines.0.color"),
		"Attention");
	posted_fini(&posted);
	char *text = mem_new(LONG + 1);
	memset(text, '"', LONG);
	alert = dressed_alert(text);
	posted = preview(config, &alert);
	assert_true(strlen(posted.body) < 20000);
	posted_fini(&posted);
	free(text);
}

static void
t07_teams_reports_errors_in_its_answer(void **unused)
{
	(void)unused;
	static const struct {
		const char *body;
		enum sink_outcome outcome;
	} CASE[] = {
		{"1", SINK_DELIVERED},
		{"Webhook message delivery failed with error: Microsoft Teams endpoint returned "
		 "HTTP error 429 with ContextId x",
			SINK_RETRY},
		{"Webhook message delivery failed with error: Microsoft Teams endpoint returned "
		 "HTTP error 413 with ContextId x",
			SINK_REFUSED},
	};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char *reply = mem_format("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			strlen(CASE[i].body), CASE[i].body);
		const char *const REPLIES[] = {reply, NULL};
		sd_event *loop = world_loop();
		struct alert alert = world_alert();
		struct server *server = server_start(SERVER_HTTP, REPLIES, NULL);
		char *url = mem_format("http://127.0.0.1:%d/webhook", server->port);
		struct sink *sink = world_sink(loop, (struct config_sink){
							     .type = CONFIG_SINK_WEBHOOK,
							     .format = (char *)"teams",
							     .url = url,
						     });
		assert_int_equal(world_send(loop, sink, &alert).outcome, CASE[i].outcome);
		sink_free(sink);
		server_stop(server);
		sd_event_unref(loop);
		free(url);
		free(reply);
	}
}

static void
t08_hostile_texts_are_harmless_in_every_format(void **unused)
{
	(void)unused;
	static const struct {
		const char *format;
		void (*check)(const char *text);
	} CASE[] = {
		{"alertmanager", assert_no_control},
		{"icinga2", assert_no_control},
		{"ntfy", assert_no_control},
		{"pagerduty", assert_no_control},
		{"slack", assert_no_markup},
		{"teams", assert_no_control},
	};
	struct alert alert = dressed_alert((char *)HOSTILE);
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct posted posted =
			preview((struct config_sink){.format = (char *)CASE[i].format,
					.routing_key.value = (char *)"r0uting-key"},
				&alert);
		assert_non_null(posted.document);
		assert_non_null(strstr(posted.body, "a b [31m"));
		each_text(posted.document, CASE[i].check);
		posted_fini(&posted);
	}
}

static void
t09_a_template_is_filled_in(void **unused)
{
	(void)unused;
	struct config_pair label = {.name = (char *)"team", .value = (char *)"cm & co"};
	static const struct {
		const char *body, *out;
	} CASE[] = {
		{"plain", "plain"},
		{"{{site}} is {{ status | upper }}", "CM01 is FIRING"},
		{"{\"s\": \"{{summary|json}}\", \"n\": {{occurrences}}}",
			"{\"s\": \"a \\\"b\\\" \\\\ <c> d\", \"n\": 1}"},
		{"<s>{{summary|xml}}</s>", "<s>a &quot;b&quot; \\ &lt;c&gt; d</s>"},
		{"?s={{summary|url}}", "?s=a%20%22b%22%20%5C%20%3Cc%3E%20d"},
		{"{{label.team}}{{label.other}}", "cm & co"},
		{"{{resolved_at}}{{resolution}}{{cause}}.", "."},
		{"{{key}} {{kind|lower}} {{started_at}} {{collector}} {{test}}{{reminder}}",
			"certificate_expired/CM01 certificate_expired 2015-06-19T03:00:01Z loghost "
			"falsefalse"},
		{"{{evidence}}", "one / two"},
		{"a } } { b", "a } } { b"},
	};
	struct alert alert = world_alert();
	alert.summary = (char *)"a \"b\" \\ <c>\nd";
	alert.evidence_count = 2;
	alert.evidence[0].text = (char *)"one";
	alert.evidence[1].text = (char *)"two";
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct posted posted = preview((struct config_sink){.format = (char *)"template",
						       .body = (char *)CASE[i].body,
						       .labels = {&label, 1}},
			&alert);
		assert_string_equal(posted.body, CASE[i].out);
		posted_fini(&posted);
	}
}

static void
t10_a_wrong_template_is_refused(void **unused)
{
	(void)unused;
	static const struct {
		const char *body, *sentence;
	} CASE[] = {
		{NULL, "sink test: body: missing"},
		{"a {{site", "sink test: body: {{ without }}"},
		{"a {{sight}}", "sink test: body: no field is called sight"},
		{"a {{site|loud}}", "sink test: body: no filter is called loud"},
		{"a {{}}", "sink test: body: no field is called "},
	};
	for (size_t i = 0; i < COUNT(CASE); i++)
		assert_refused((struct config_sink){.type = CONFIG_SINK_WEBHOOK,
				       .url = (char *)"http://127.0.0.1/",
				       .format = (char *)"template",
				       .body = (char *)CASE[i].body},
			CASE[i].sentence);
}

static void
t11_alertmanager_knows_an_alert_by_what_any_daemon_would_say(void **unused)
{
	(void)unused;
	struct config_pair labels[] = {{.name = (char *)"team", .value = (char *)"cm"},
		{.name = (char *)"9 to-5", .value = (char *)"yes"}};
	struct config_sink config = {.format = (char *)"alertmanager",
		.url = (char *)"http://127.0.0.1:9093",
		.labels = {labels, 2}};
	struct alert alert = world_alert();
	struct posted posted = preview(config, &alert);
	assert_memory_equal(posted.preview, "POST http://127.0.0.1:9093/api/v2/alerts\n", 41);
	assert_int_equal(json_array_size(posted.document), 1);
	json_t *known = at(posted.document, "0.labels");
	assert_int_equal(json_object_size(known), 5);
	assert_string_equal(text_at(known, "alertname"), "certificate_expired");
	assert_string_equal(text_at(known, "site"), "CM01");
	assert_string_equal(text_at(known, "severity"), "critical");
	assert_string_equal(text_at(known, "team"), "cm");
	assert_string_equal(text_at(known, "_9_to_5"), "yes");
	assert_string_equal(text_at(posted.document, "0.annotations.collector"), "loghost");
	assert_string_equal(text_at(posted.document, "0.startsAt"), "2015-06-19T03:00:01Z");
	int64_t ends;
	assert_true(time_parse(text_at(posted.document, "0.endsAt"), &ends));
	assert_true(ends > clock_wall() + 4 * MINUTE && ends <= clock_wall() + 5 * MINUTE);
	posted_fini(&posted);
}

static void
t12_alertmanager_is_told_an_end_that_has_been_and_is_no_start(void **unused)
{
	(void)unused;
	struct config_sink config = {
		.format = (char *)"alertmanager", .url = (char *)"http://127.0.0.1:9093/am/v2"};
	struct alert alert = world_alert();
	alert.firing = false;
	alert.resolved_at = alert.started_at + HOUR;
	struct posted posted = preview(config, &alert);
	assert_memory_equal(posted.preview, "POST http://127.0.0.1:9093/am/v2\n", 33);
	assert_string_equal(text_at(posted.document, "0.endsAt"), "2015-06-19T04:00:01Z");
	posted_fini(&posted);
	alert.resolved_at = alert.started_at - HOUR;
	posted = preview(config, &alert);
	assert_string_equal(text_at(posted.document, "0.endsAt"), "2015-06-19T03:00:01Z");
	posted_fini(&posted);
	alert.started_at = alert.resolved_at = clock_wall() + DAY;
	posted = preview(config, &alert);
	int64_t ends;
	assert_true(time_parse(text_at(posted.document, "0.endsAt"), &ends));
	assert_true(ends <= clock_wall());
	posted_fini(&posted);
}

static void
t13_icinga_gets_a_result_with_a_time_to_live(void **unused)
{
	(void)unused;
	struct config_sink config = {.format = (char *)"icinga2",
		.url = (char *)"https://127.0.0.1:5665",
		.host = (char *)"{site}.example",
		.service = (char *)"ai {site}"};
	struct alert alert = world_alert();
	struct posted posted = preview(config, &alert);
	assert_memory_equal(posted.preview,
		"POST https://127.0.0.1:5665/v1/actions/process-check-result\n", 60);
	assert_non_null(strstr(posted.preview, "\naccept: application/json\n"));
	assert_string_equal(text_at(posted.document, "service"), "CM01.example!ai CM01");
	assert_int_equal(json_integer_value(at(posted.document, "exit_status")), 2);
	assert_int_equal(json_integer_value(at(posted.document, "ttl")), 300);
	posted_fini(&posted);
	alert.firing = false;
	alert.resolution = RESOLUTION_RECOVERED;
	posted = preview(config, &alert);
	assert_int_equal(json_integer_value(at(posted.document, "exit_status")), 0);
	assert_null(json_object_get(posted.document, "ttl"));
	posted_fini(&posted);
	alert.resolution = RESOLUTION_SUPERSEDED; /* what overtook it stands */
	posted = preview(config, &alert);
	assert_int_equal(json_integer_value(at(posted.document, "exit_status")), 2);
	posted_fini(&posted);
	alert.kind = ALERT_SITE_SILENT;
	posted = preview(config, &alert);
	assert_string_equal(text_at(posted.document, "service"), "CM01.example!ai CM01-silent");
	posted_fini(&posted);
}

static void
t14_icinga_reports_errors_in_its_answer(void **unused)
{
	(void)unused;
	static const struct {
		const char *body;
		enum sink_outcome outcome;
	} CASE[] = {
		{"{\"results\":[{\"code\":200.0,\"status\":\"Successfully processed.\"}]}",
			SINK_DELIVERED},
		{"{\"results\":[]}", SINK_REFUSED},
		{"{\"results\":[{\"code\":200},{\"code\":409,\"status\":\"old\"}]}", SINK_REFUSED},
		{"{\"results\":[{\"code\":503,\"status\":\"starting\"}]}", SINK_RETRY},
		{"hello", SINK_REFUSED},
	};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char *reply = mem_format("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			strlen(CASE[i].body), CASE[i].body);
		const char *const REPLIES[] = {reply, NULL};
		sd_event *loop = world_loop();
		struct alert alert = world_alert();
		struct server *server = server_start(SERVER_HTTP, REPLIES, NULL);
		char *url = mem_format("http://127.0.0.1:%d", server->port);
		struct sink *sink =
			world_sink(loop, (struct config_sink){.type = CONFIG_SINK_WEBHOOK,
						 .format = (char *)"icinga2",
						 .url = url});
		assert_int_equal(world_send(loop, sink, &alert).outcome, CASE[i].outcome);
		sink_free(sink);
		server_stop(server);
		sd_event_unref(loop);
		free(url);
		free(reply);
	}
}

static void
t15_ntfy_gets_the_topic_from_the_address(void **unused)
{
	(void)unused;
	struct config_sink config = {
		.format = (char *)"ntfy", .url = (char *)"http://127.0.0.1:1/base/my-topic"};
	struct alert alert = world_alert();
	struct posted posted = preview(config, &alert);
	assert_string_equal(text_at(posted.document, "topic"), "my-topic");
	assert_string_equal(text_at(posted.document, "title"), alert.summary);
	assert_int_equal(json_integer_value(at(posted.document, "priority")), 5);
	posted_fini(&posted);
	char *text = mem_new(LONG + 1);
	memset(text, '"', LONG);
	alert = dressed_alert(text);
	posted = preview(config, &alert);
	assert_true(strlen(text_at(posted.document, "message")) <= 4096);
	assert_true(strlen(posted.body) <= 8192);
	assert_true(strlen(text_at(posted.document, "title")) <= 250);
	posted_fini(&posted);
	free(text);
	config.type = CONFIG_SINK_WEBHOOK;
	config.url = (char *)"http://127.0.0.1:1/";
	assert_refused(config, "sink test: url: its last part must be the topic: 1 to 64 letters, "
			       "digits, _ and -");
}

/* What two targets answer, and what that is together. */
static void
t16_one_of_several_targets_is_enough(void **unused)
{
	(void)unused;
	static const char *const OK[] = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL};
	static const char *const BUSY[] = {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", NULL};
	static const char *const NO[] = {"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", NULL};
	static const struct {
		const char *const *one, *const *other;
		enum sink_outcome outcome;
	} CASE[] = {{OK, OK, SINK_DELIVERED}, {OK, NO, SINK_DELIVERED}, {BUSY, OK, SINK_DELIVERED},
		{BUSY, NO, SINK_MISSED}, {NO, NO, SINK_REFUSED}};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		sd_event *loop = world_loop();
		struct alert alert = world_alert();
		struct server *server[] = {server_start(SERVER_HTTP, CASE[i].one, NULL),
			server_start(SERVER_HTTP, CASE[i].other, NULL)};
		char *url[] = {mem_format("http://127.0.0.1:%d", server[0]->port),
			mem_format("http://127.0.0.1:%d", server[1]->port)};
		struct sink *sink =
			world_sink(loop, (struct config_sink){.type = CONFIG_SINK_WEBHOOK,
						 .format = (char *)"alertmanager",
						 .urls = {url, 2}});
		struct sink_answer answer = world_send(loop, sink, &alert);
		assert_int_equal(answer.outcome, CASE[i].outcome);
		assert_non_null(strstr(answer.text, "; http://127.0.0.1:"));
		sink_free(sink);
		for (int n = 0; n < 2; n++) {
			assert_non_null(server_request(server[n], 0));
			server_stop(server[n]);
			free(url[n]);
		}
		sd_event_unref(loop);
	}
}

static void
t17_what_stands_is_repeated_in_one_request(void **unused)
{
	(void)unused;
	static const char *const OK[] = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL};
	sd_event *loop = world_loop();
	struct alert alert = world_alert();
	struct server *server = server_start(SERVER_HTTP, OK, NULL);
	char *url = mem_format("http://127.0.0.1:%d", server->port);
	struct sink *sink = world_sink(loop,
		(struct config_sink){
			.type = CONFIG_SINK_WEBHOOK, .format = (char *)"alertmanager", .url = url});
	assert_true(sink_repeats(sink));
	sink_repeat(sink, &alert);
	sink_repeat(sink, &alert);
	sink_repeat(sink, NULL);
	int64_t end = clock_monotonic() + DEADLINE;
	while (!server_request(server, 0) && clock_monotonic() < end)
		sd_event_run(loop, (uint64_t)SECOND / 100);
	const char *request = server_request(server, 0);
	json_t *body = json_loads(strstr(request, "\r\n\r\n") + 4, 0, NULL);
	assert_int_equal(json_array_size(body), 2);
	json_decref(body);
	sink_repeat(sink, NULL); /* nothing stands: nothing is sent */
	alert.firing = false;
	assert_int_equal(world_send(loop, sink, &alert).outcome, SINK_DELIVERED);
	assert_non_null(server_request(server, 1));
	assert_null(server_request(server, 2));
	sink_free(sink);
	server_stop(server);
	sd_event_unref(loop);
	free(url);
}

int
main(void)
{
	const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(t01_cloudevents_wrap_the_document),
		cmocka_unit_test(t02_pagerduty_triggers_and_resolves_one_alert),
		cmocka_unit_test(t03_pagerduty_has_an_address_of_its_own),
		cmocka_unit_test(t04_pagerduty_limits_are_kept),
		cmocka_unit_test(t05_slack_gets_blocks_within_its_limits),
		cmocka_unit_test(t06_teams_gets_a_card_below_its_limit),
		cmocka_unit_test(t07_teams_reports_errors_in_its_answer),
		cmocka_unit_test(t08_hostile_texts_are_harmless_in_every_format),
		cmocka_unit_test(t09_a_template_is_filled_in),
		cmocka_unit_test(t10_a_wrong_template_is_refused),
		cmocka_unit_test(t11_alertmanager_knows_an_alert_by_what_any_daemon_would_say),
		cmocka_unit_test(t12_alertmanager_is_told_an_end_that_has_been_and_is_no_start),
		cmocka_unit_test(t13_icinga_gets_a_result_with_a_time_to_live),
		cmocka_unit_test(t14_icinga_reports_errors_in_its_answer),
		cmocka_unit_test(t15_ntfy_gets_the_topic_from_the_address),
		cmocka_unit_test(t16_one_of_several_targets_is_enough),
		cmocka_unit_test(t17_what_stands_is_repeated_in_one_request),
	};
	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
