#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/engine/alert.h"
#include "daemon/engine/alert_json.h"
#include "daemon/engine/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct evidence
line(enum event_kind event, uint64_t offset, const char *text)
{
	return (struct evidence){
		.event = event,
		.time = 1434682801 * SECOND,
		.read_at = 1434682802 * SECOND,
		.file = mem_text("/var/log/remote/CM01/AIUpdateSvc.log"),
		.offset = offset,
		.text = mem_text(text),
		.digest = {(uint8_t)offset, 2, 3},
	};
}

/* A firing alert with two lines of evidence; to be ended with alert_fini. */
static struct alert
expired(void)
{
	struct alert alert = {
		.kind = ALERT_CERTIFICATE_EXPIRED,
		.firing = true,
		.severity = ALERT_CRITICAL,
		.site = mem_text("CM01"),
		.state = SITE_EXPIRED,
		.previous_state = SITE_ENROLL_REJECTED,
		.started_at = 1434682801 * SECOND,
		.updated_at = 1434682801 * SECOND + 500,
		.resolved_at = TIME_NONE,
		.occurrences = 1,
		.evidence = {line(EVENT_ENROLL_REJECTED, 1234, "first \"line\""),
			line(EVENT_SYNC_FORBIDDEN, 1334, "second \xe2\x80\x93 line")},
		.evidence_count = 2,
	};
	alert_id_of_firing(alert.id, alert.site, alert.kind, alert.evidence, 2, NULL);
	alert_write_texts(&alert, NULL);
	return alert;
}

static void
t01_names_go_there_and_back(void **unused)
{
	(void)unused;
	for (int i = 0; i < SITE_STATES; i++) {
		enum site_state state;
		assert_true(site_state_from_name(site_state_name((enum site_state)i), &state));
		assert_int_equal(state, i);
	}
	for (int i = 0; i < ALERT_KINDS; i++) {
		enum alert_kind kind;
		assert_true(alert_kind_from_name(alert_kind_name((enum alert_kind)i), &kind));
		assert_int_equal(kind, i);
	}
	for (int i = 0; i < ALERT_SEVERITIES; i++) {
		enum alert_severity severity;
		assert_true(alert_severity_from_name(
			alert_severity_name((enum alert_severity)i), &severity));
		assert_int_equal(severity, i);
	}
	for (int i = 1; i < RESOLUTIONS; i++) {
		enum resolution resolution;
		assert_true(resolution_from_name(resolution_name((enum resolution)i), &resolution));
		assert_int_equal(resolution, i);
	}
	assert_null(resolution_name(RESOLUTION_NONE));
	enum site_state state;
	assert_false(site_state_from_name("Expired", &state));
}

static void
t02_document_has_every_field_in_its_order(void **unused)
{
	(void)unused;
	static const char *const FIELD[] = {"version", "id", "key", "kind", "status", "severity",
		"site", "state", "previous_state", "summary", "advice", "links", "cause",
		"started_at", "updated_at", "resolved_at", "resolution", "occurrences", "evidence",
		"labels", "collector", "test"};
	struct alert alert = expired();
	struct label label = {(char *)"team", (char *)"cm"};
	char *document = alert_to_json(&alert, "loghost", &label, 1);
	const char *p = document;
	for (size_t i = 0; i < COUNT(FIELD); i++) {
		char *name = mem_format("\"%s\": ", FIELD[i]);
		p = strstr(p, name);
		assert_non_null(p);
		free(name);
	}
	assert_non_null(strstr(document, "\"key\": \"certificate_expired/CM01\""));
	assert_non_null(strstr(document, "\"cause\": null"));
	assert_non_null(strstr(document, "\"started_at\": \"2015-06-19T03:00:01Z\""));
	assert_non_null(strstr(document, "\"resolved_at\": null, \"resolution\": null"));
	assert_non_null(strstr(document, "\"labels\": {\"team\": \"cm\"}"));
	assert_non_null(strstr(document, "CM01: certificate expired, re-provision needed"));
	assert_null(strstr(document, "reminder"));
	assert_null(strchr(document, '\n'));
	free(document);
	alert.reminder = true;
	document = alert_to_json(&alert, "loghost", NULL, 0);
	assert_non_null(strstr(document, "\"status\": \"firing\", \"reminder\": true"));
	free(document);
	alert_fini(&alert);
}

static void
t03_document_comes_back_as_it_went(void **unused)
{
	(void)unused;
	struct alert alert = expired(), back;
	struct err err = ERR_INIT;
	alert.firing = false;
	alert.resolution = RESOLUTION_SUPERSEDED;
	alert.resolved_at = alert.updated_at;
	alert.cause = mem_text("bad certificate");
	alert.test = true;
	char *document = alert_to_json(&alert, "loghost", NULL, 0);
	assert_true(alert_from_json(document, &back, &err));
	assert_int_equal(back.evidence_count, 2);
	assert_int_equal(back.evidence[1].offset, 1334);
	assert_string_equal(back.evidence[1].text, "second \xe2\x80\x93 line");
	char *again = alert_to_json(&back, "loghost", NULL, 0);
	assert_string_equal(document, again);
	free(again);
	free(document);
	alert_fini(&back);
	alert_fini(&alert);
}

static void
t04_other_documents_are_refused_with_a_sentence(void **unused)
{
	(void)unused;
	struct alert alert = expired(), back;
	char *document = alert_to_json(&alert, "loghost", NULL, 0);
	static const struct wrong {
		const char *what, *with, *sentence;
	} WRONG[] = {
		{"\"version\": 1", "\"version\": 2", "alert: version 2 of an alert is not known"},
		{"\"critical\"", "\"crit\"", "alert: \"severity\" is no severity"},
		{"\"state\": \"expired\"", "\"state\": 3",
			"alert: \"state\" is no state of a site"},
		{"\"firing\"", "\"fired\"", "alert: \"status\" is neither firing nor resolved"},
		{"\"offset\": 1334", "\"offset\": -1", "alert: evidence: \"offset\" is no count"},
		{"\"evidence\": [", "\"evidence\": 1, \"x\": [",
			"alert: \"evidence\" is no list of at most 4"},
	};
	for (size_t i = 0; i < COUNT(WRONG); i++) {
		struct err err = ERR_INIT;
		char *at = strstr(document, WRONG[i].what);
		assert_non_null(at);
		char *wrong = mem_format("%.*s%s%s", (int)(at - document), document, WRONG[i].with,
			at + strlen(WRONG[i].what));
		assert_false(alert_from_json(wrong, &back, &err));
		assert_string_equal(err.text, WRONG[i].sentence);
		free(wrong);
	}
	struct err err = ERR_INIT;
	assert_false(alert_from_json("{", &back, &err));
	free(document);
	alert_fini(&alert);
}

static void
t05_ids_are_content(void **unused)
{
	(void)unused;
	struct alert a = expired(), b = expired();
	assert_string_equal(a.id, b.id);
	/* what is no content: file, times, texts */
	free(b.evidence[0].file);
	b.evidence[0].file = mem_text("/elsewhere");
	b.evidence[0].time = TIME_NONE;
	b.evidence[0].read_at = 7;
	alert_id_of_firing(b.id, b.site, b.kind, b.evidence, 2, NULL);
	assert_string_equal(a.id, b.id);
	b.evidence[1].offset++;
	alert_id_of_firing(b.id, b.site, b.kind, b.evidence, 2, NULL);
	assert_string_not_equal(a.id, b.id);
	char first[ALERT_ID_TEXT], second[ALERT_ID_TEXT], resolved[ALERT_ID_TEXT];
	alert_id_of_follower(first, "CM01", a.kind, "reminder 1", a.id);
	alert_id_of_follower(second, "CM01", a.kind, "reminder 2", a.id);
	alert_id_of_follower(resolved, "CM01", a.kind, "resolved", a.id);
	assert_string_not_equal(first, second);
	assert_string_not_equal(first, resolved);
	assert_string_not_equal(a.id, resolved);
	/* the recipe itself: a change of it would name old alerts anew */
	assert_string_equal(a.id, "394a6fcea4b16a9203e920555480cccd");
	alert_fini(&a);
	alert_fini(&b);
}

static void
t06_texts_that_are_no_utf8_still_give_a_document(void **unused)
{
	(void)unused;
	struct alert alert = expired();
	free(alert.evidence[0].file);
	alert.evidence[0].file = mem_text("/var/log/\xff/a\x01.log");
	char *document = alert_to_json(&alert, "loghost", NULL, 0);
	assert_non_null(strstr(document, "/var/log/?/a\\u0001.log"));
	free(document);
	alert_fini(&alert);
}

static void
t07_evidence_keeps_the_beginning_and_the_latest(void **unused)
{
	(void)unused;
	struct evidence list[EVIDENCE_MAX];
	size_t count = 0;
	for (uint64_t i = 0; i < 9; i++) {
		struct evidence next = line(EVENT_SYNC_FAILED, i, "x");
		evidence_add(list, &count, &next);
		assert_null(next.text);
	}
	assert_int_equal(count, EVIDENCE_MAX);
	static const uint64_t KEPT[] = {0, 1, 7, 8};
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(list[i].offset, KEPT[i]);
		evidence_fini(&list[i]);
	}
}

static const char *
advice_of(enum alert_kind kind, enum site_state state, const char *cause, struct alert *alert)
{
	*alert = (struct alert){.kind = kind, .firing = true, .state = state};
	alert->site = mem_text("CM01");
	alert->cause = mem_text(cause);
	alert_write_texts(alert, NULL);
	return alert->advice;
}

static void
t08_advice_names_the_remedy_and_what_it_may_also_be(void **unused)
{
	(void)unused;
	static const struct expected {
		enum alert_kind kind;
		enum site_state state;
		const char *cause, *words;
	} EXPECTED[] = {
		{ALERT_CERTIFICATE_EXPIRED, SITE_EXPIRED, NULL, "KB 3207852"},
		{ALERT_CERTIFICATE_EXPIRED, SITE_EXPIRED, NULL, "KB 4054234"},
		{ALERT_CERTIFICATE_EXPIRED, SITE_EXPIRED, NULL, "1710 or later"},
		{ALERT_CERTIFICATE_EXPIRED, SITE_EXPIRED, NULL,
			"Set-CMAssetIntelligenceSynchronizationPoint"},
		{ALERT_CERTIFICATE_EXPIRED, SITE_EXPIRED, NULL, "Sync-CMAssetIntelligenceCatalog"},
		{ALERT_CERTIFICATE_EXPIRED, SITE_EXPIRED, NULL, "MMC"},
		{ALERT_CERTIFICATE_EXPIRED, SITE_EXPIRED, NULL, "since November 2022"},
		{ALERT_CERTIFICATE_SUSPECT, SITE_SYNC_FORBIDDEN, NULL, "may also be"},
		{ALERT_CERTIFICATE_SUSPECT, SITE_ENROLL_REJECTED, NULL, "Where it is 403"},
		{ALERT_SYNC_FAILING, SITE_FAILING, "HTTP 407", "proxy account"},
		{ALERT_SYNC_FAILING, SITE_FAILING, "NameResolutionFailure", "DNS"},
		{ALERT_SYNC_FAILING, SITE_FAILING, "TrustFailure", "root certificates"},
		{ALERT_SYNC_FAILING, SITE_FAILING, "never heard of", "proxy, firewall"},
		{ALERT_SITE_SILENT, SITE_HEALTHY, NULL, "still collected"},
	};
	for (size_t i = 0; i < COUNT(EXPECTED); i++) {
		struct alert alert;
		const char *advice =
			advice_of(EXPECTED[i].kind, EXPECTED[i].state, EXPECTED[i].cause, &alert);
		assert_non_null(strstr(advice, EXPECTED[i].words));
		alert_fini(&alert);
	}
	struct alert alert = expired();
	alert_write_texts(&alert, "the rule's own");
	assert_string_equal(alert.advice, "the rule's own");
	assert_string_equal(
		alert_links(alert.kind)[0], "https://support.microsoft.com/en-us/help/3207852");
	assert_null(alert_links(ALERT_SYNC_FAILING)[0]);
	alert_fini(&alert);
}

static void
t09_numbers_are_written_whole(void **state)
{
	(void)state;
	static const int64_t NUMBER[] = {0, 7, -10, INT64_MAX, INT64_MIN};
	struct json_text json = {0};
	json_text_open(&json, NULL, '[');
	for (size_t i = 0; i < COUNT(NUMBER); i++)
		json_text_number(&json, NULL, NUMBER[i]);
	json_text_close(&json, ']');
	char *text = json_text_take(&json);
	assert_string_equal(text, "[0,7,-10,9223372036854775807,-9223372036854775808]");
	free(text);
}

/* The saved form leads to the same document, whatever it leaves out. */
static void
assert_saved_form_keeps(const struct alert *alert)
{
	struct alert back;
	struct err err = ERR_INIT;
	char *saved = alert_save(alert), *before = alert_to_json(alert, "loghost", NULL, 0);
	assert_true(alert_from_json(saved, &back, &err));
	char *after = alert_to_json(&back, "loghost", NULL, 0);
	assert_string_equal(after, before);
	free(after);
	free(before);
	free(saved);
	alert_fini(&back);
}

static void
t10_saved_form_says_no_more_than_is_needed(void **state)
{
	(void)state;
	struct alert alert = expired();
	assert_saved_form_keeps(&alert);
	char *saved = alert_save(&alert);
	assert_null(strstr(saved, "null"));
	assert_null(strstr(saved, "advice"));
	assert_null(strstr(saved, "links"));
	free(saved);
	alert.evidence[0].time = TIME_NONE;
	free(alert.evidence[1].file);
	alert.evidence[1].file = NULL;
	alert.firing = false;
	alert.resolution = RESOLUTION_QUIET;
	alert.resolved_at = alert.updated_at;
	alert.reminder = alert.test = true;
	alert.cause = mem_text("bad certificate");
	alert_write_texts(&alert, "the rule's own");
	assert_saved_form_keeps(&alert);
	free(alert.advice);
	alert.advice = NULL;
	assert_saved_form_keeps(&alert);
	alert_fini(&alert);
}

/* The usual advice is that of kind, state and cause as they come back. */
static void
t11_saved_form_keeps_every_usual_advice(void **state)
{
	(void)state;
	static const char *const CAUSE[] = {NULL, "407", "Timeout", "text/html"};
	for (int kind = 0; kind < ALERT_KINDS; kind++) {
		for (size_t i = 0; i < COUNT(CAUSE); i++) {
			struct alert alert = expired();
			alert.kind = (enum alert_kind)kind;
			alert.state = i % 2 ? SITE_ENROLL_REJECTED : SITE_SYNC_FORBIDDEN;
			alert.cause = mem_text(CAUSE[i]);
			alert_write_texts(&alert, NULL);
			assert_saved_form_keeps(&alert);
			alert_fini(&alert);
		}
	}
}

/* As jansson reads it back; a text that is no UTF-8 with '?'. */
static void
assert_text_comes_back(const char *text)
{
	struct json_text json = {0};
	json_text_open(&json, NULL, '[');
	json_text_put(&json, NULL, text);
	json_text_close(&json, ']');
	char *written = json_text_take(&json);
	json_t *list = json_loads(written, 0, NULL), *wanted = json_of_text(text);
	assert_non_null(list);
	assert_string_equal(json_string_value(json_array_get(list, 0)), json_string_value(wanted));
	json_decref(wanted);
	json_decref(list);
	free(written);
}

static void
t12_texts_are_escaped_wherever_it_is_needed(void **state)
{
	(void)state;
	char text[20] = "";
	for (size_t at = 0; at + 2 < sizeof text; at++) {
		for (int byte = 1; byte < 256; byte++) {
			memset(text, 'a', sizeof text - 1);
			text[at] = (char)byte;
			assert_text_comes_back(text); /* also where nothing is to be escaped */
			text[at + 1] = (char)byte;
			assert_text_comes_back(text);
			memcpy(&text[at], "\xc3\xa4", 2);
			text[at ? at - 1 : sizeof text - 2] = (char)byte;
			assert_text_comes_back(text);
		}
	}
	assert_text_comes_back("");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_names_go_there_and_back),
		cmocka_unit_test(t02_document_has_every_field_in_its_order),
		cmocka_unit_test(t03_document_comes_back_as_it_went),
		cmocka_unit_test(t04_other_documents_are_refused_with_a_sentence),
		cmocka_unit_test(t05_ids_are_content),
		cmocka_unit_test(t06_texts_that_are_no_utf8_still_give_a_document),
		cmocka_unit_test(t07_evidence_keeps_the_beginning_and_the_latest),
		cmocka_unit_test(t08_advice_names_the_remedy_and_what_it_may_also_be),
		cmocka_unit_test(t09_numbers_are_written_whole),
		cmocka_unit_test(t10_saved_form_says_no_more_than_is_needed),
		cmocka_unit_test(t11_saved_form_keeps_every_usual_advice),
		cmocka_unit_test(t12_texts_are_escaped_wherever_it_is_needed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
