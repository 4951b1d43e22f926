#include "daemon/web/web.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine/alert_json.h"
#include "daemon/web/guest.h"
#include "daemon/web/metrics.h"
#include "daemon/web/page.h"
#include "daemon/web/server.h"

#include <stdlib.h>
#include <string.h>

enum {
	INCIDENTS_STANDARD = 1000, /* in one answer, where none is asked for */
	INCIDENTS_MAX = 10000,
};

enum { OK = 200, BAD_REQUEST = 400, UNAVAILABLE = 503 };

struct web {
	char *address;
	char *page_policy;
	struct server *server;
	web_get_report *get_report;
	void *owner;
};

/* What is asked for: the names and the depth of the arguments. */
struct question {
	const struct web *web;
	const struct report *report;
	const struct web_request *request;
	const char *site[WEB_ARGUMENTS_MAX];
	size_t site_count;
	enum report_depth depth;
};

static void
answer_json(struct web_answer *answer, json_t *document)
{
	char *text = json_dumps(document, JSON_COMPACT);
	answer->content_type = "application/json";
	if (text)
		buf_add_text(&answer->body, text);
	buf_add_byte(&answer->body, '\n');
	free(text);
	json_decref(document);
}

static void
answer_sentence(struct web_answer *answer, unsigned status, const char *sentence)
{
	answer->status = status;
	buf_format(&answer->body, "%s\n", sentence);
}

static void
answer_list(struct web_answer *answer, const char *name, json_t *list)
{
	answer_json(answer, json_pack("{s:i, s:o}", "version", 1, name, list));
}

/* ---- the paths ---- */

static void
metrics(const struct question *question, struct web_answer *answer)
{
	answer->content_type = METRICS_CONTENT_TYPE;
	metrics_write(question->report, &answer->body);
}

static void
healthy(const struct question *question, struct web_answer *answer)
{
	(void)question;
	answer_sentence(answer, OK, "healthy");
}

static void
name_if_it_hangs(void *owner, const struct input_status *status)
{
	struct buf *names = owner;
	if (status->stalled_since != TIME_NONE)
		buf_format(names, "%s%s", names->n ? ", " : "", status->name);
}

static void
ready(const struct question *question, struct web_answer *answer)
{
	const struct report *report = question->report;
	struct buf hanging = BUF_INIT;
	inputs_each(report->inputs, name_if_it_hangs, &hanging);
	if (report->store_trouble && report->store_trouble[0]) {
		answer_sentence(answer, UNAVAILABLE, report->store_trouble);
	} else if (hanging.n) {
		answer->status = UNAVAILABLE;
		buf_format(&answer->body, "hangs in a read: %s\n", hanging.p);
	} else {
		answer_sentence(answer, OK, "ready");
	}
	buf_fini(&hanging);
}

static uint64_t
changes_of(const struct counters *counters)
{
	uint64_t changes = 0;
	for (int from = 0; from < SITE_STATES; from++) {
		for (int to = 0; to < SITE_STATES; to++)
			changes += counters->transitions[from][to];
	}
	for (int kind = 0; kind < ALERT_KINDS; kind++)
		changes += counters->alerts[kind][0] + counters->alerts[kind][1];
	return changes;
}

/* What the status page lives on. It holds no clock, so that it changes only where a thing does. */
static json_t *
brief_status(const struct question *question)
{
	const struct report *report = question->report;
	const char *trouble = report->store_trouble;
	return json_pack("{s:i, s:s, s:o, s:{s:o, s:o, s:b}, s:b, s:o, s:I, s:o, s:o, s:o}",
		"version", 1, "aiwatch", AIWATCH_VERSION, "collector",
		json_of_text(report->collector), "config", "path",
		json_of_text(report->config_path), "loaded_at",
		json_of_time(report->config_loaded_at), "last_reload_ok", report->last_reload_ok,
		"jit", report->jit, "store", json_of_text(trouble && trouble[0] ? trouble : NULL),
		"changes", (json_int_t)changes_of(report->counters), "sites",
		report_sites(report, question->site, question->site_count, REPORT_BRIEF), "inputs",
		report_inputs(report), "sinks", report_sinks(report));
}

static void
status(const struct question *question, struct web_answer *answer)
{
	answer_json(answer,
		question->depth == REPORT_BRIEF
			? brief_status(question)
			: report_status(question->report, question->site, question->site_count));
}

static void
sites(const struct question *question, struct web_answer *answer)
{
	answer_list(answer, "sites",
		report_sites(
			question->report, question->site, question->site_count, question->depth));
}

static void
inputs(const struct question *question, struct web_answer *answer)
{
	answer_list(answer, "inputs", report_inputs(question->report));
}

static void
sinks(const struct question *question, struct web_answer *answer)
{
	answer_list(answer, "sinks", report_sinks(question->report));
}

static bool
read_limit(const struct web_request *request, size_t *limit)
{
	const char *text = web_request_argument(request, "limit");
	*limit = INCIDENTS_STANDARD;
	if (!text)
		return true;
	size_t n = strspn(text, "0123456789");
	*limit = strtoul(text, NULL, 10);
	return n > 0 && n <= 5 && text[n] == '\0' && *limit >= 1 && *limit <= INCIDENTS_MAX;
}

static void
incidents(const struct question *question, struct web_answer *answer)
{
	size_t limit;
	struct err err = ERR_INIT;
	if (!read_limit(question->request, &limit)) {
		answer_sentence(answer, BAD_REQUEST, "limit: 1 to 10000 is wanted");
		return;
	}
	json_t *list = report_incidents(question->report, question->site, question->site_count,
		limit, question->depth, &err);
	if (list)
		answer_list(answer, "incidents", list);
	else
		answer_sentence(answer, UNAVAILABLE, err.text);
}

static void
page(const struct question *question, struct web_answer *answer)
{
	answer->content_type = "text/html; charset=utf-8";
	answer->policy = question->web->page_policy;
	buf_add_span(&answer->body, page_text());
}

static void
config(const struct question *question, struct web_answer *answer)
{
	guest_config_print(question->report->config, &answer->body);
}

static const struct route {
	const char *path;
	void (*answer)(const struct question *question, struct web_answer *answer);
	enum report_depth depth; /* unless `view` asks for another */
} ROUTE[] = {
	{"/", page, REPORT_WHOLE},
	{"/metrics", metrics, REPORT_WHOLE},
	{"/-/healthy", healthy, REPORT_WHOLE},
	{"/-/ready", ready, REPORT_WHOLE},
	{"/api/v1/status", status, REPORT_WHOLE},
	{"/api/v1/sites", sites, REPORT_ADVICE},
	{"/api/v1/incidents", incidents, REPORT_WHOLE},
	{"/api/v1/inputs", inputs, REPORT_WHOLE},
	{"/api/v1/sinks", sinks, REPORT_WHOLE},
	{"/api/v1/config", config, REPORT_WHOLE},
};

static bool
read_arguments(struct question *question)
{
	const struct web_request *request = question->request;
	for (size_t i = 0; i < request->argument_count; i++) {
		const struct web_argument *argument = &request->argument[i];
		if (strcmp(argument->name, "site") == 0)
			question->site[question->site_count++] = argument->value;
		else if (strcmp(argument->name, "view") == 0 &&
			 strcmp(argument->value, "brief") == 0)
			question->depth = REPORT_BRIEF;
		else if (strcmp(argument->name, "limit") != 0)
			return false;
	}
	return true;
}

static bool
on_request(void *owner, const struct web_request *request, struct web_answer *answer)
{
	struct web *web = owner;
	for (size_t i = 0; i < COUNT(ROUTE); i++) {
		const struct route *route = &ROUTE[i];
		if (strcmp(route->path, request->path) != 0)
			continue;
		struct report report = {0};
		struct question question = {web, &report, request, .depth = route->depth};
		web->get_report(web->owner, &report);
		if (read_arguments(&question))
			route->answer(&question, answer);
		else
			answer_sentence(answer, BAD_REQUEST,
				"site=NAME, view=brief and limit=COUNT are known behind the "
				"question mark");
		return true;
	}
	return false;
}

static bool
is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0 ||
	       strncmp(address, "localhost:", 10) == 0;
}

struct web *
web_open(const char *address, sd_event *loop, web_get_report *get_report, void *owner,
	struct err *err)
{
	struct web *web = mem_new(sizeof *web);
	web->address = mem_text(address);
	web->get_report = get_report;
	web->owner = owner;
	struct buf policy = BUF_INIT;
	page_policy(&policy);
	web->page_policy = buf_take(&policy);
	web->server = server_open(address, loop, on_request, web, err);
	if (!web->server) {
		web_close(web);
		return NULL;
	}
	if (!is_loopback(address))
		log_warning("http: %s is no loopback address: everyone who reaches it may read "
			    "what stands there, evidence included",
			address);
	return web;
}

void
web_close(struct web *web)
{
	if (!web)
		return;
	server_close(web->server);
	free(web->page_policy);
	free(web->address);
	free(web);
}

const char *
web_address(const struct web *web)
{
	return web ? web->address : NULL;
}
