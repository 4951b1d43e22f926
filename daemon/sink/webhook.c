#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/sink/excerpt.h"
#include "daemon/sink/format.h"
#include "daemon/sink/signature.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <utlist.h>

/*
 * An alert POSTed to a URL. What must not be shown (secrets, bearer, telling headers, a secret
 * URL's path) is collected in `hidden` when the sink is made, and painted over in every text that
 * leaves this file: a receiver may well repeat our request in its answer.
 */
struct webhook_sink {
	struct sink sink;
	const struct format *format;
	struct format_settings settings;
	struct http *http;
	char *url;
	char *shown_url;
	struct config_pair *headers;
	size_t header_count;
	char *bearer;
	char *user;
	char *password;
	struct signature_keys keys;
	char **hidden;
	size_t hidden_count;
	struct post *posts; /* under way */
};

/* One alert under way. */
struct post {
	struct post *prev, *next;
	struct webhook_sink *webhook;
	sink_on_done *done;
	void *owner;
};

enum { HIDDEN_MIN = 4 }; /* shorter secrets would paint over every text */

static const char MASK[] = "***";

static void
hide_span(struct webhook_sink *webhook, struct span secret)
{
	if (secret.n < HIDDEN_MIN)
		return;
	webhook->hidden =
		mem_grow(webhook->hidden, webhook->hidden_count + 1, sizeof *webhook->hidden);
	webhook->hidden[webhook->hidden_count++] = mem_copy(secret.p, secret.n);
}

static void
hide(struct webhook_sink *webhook, const char *secret)
{
	hide_span(webhook, span_of(secret));
}

/* The text with what is hidden painted over, to be freed. */
static char *
paint_over(const struct webhook_sink *webhook, struct span text)
{
	struct buf out = BUF_INIT;
	while (text.n > 0) {
		size_t skip = 0;
		for (size_t i = 0; i < webhook->hidden_count; i++) {
			struct span secret = span_of(webhook->hidden[i]);
			if (secret.n > skip && span_has_prefix(text, secret))
				skip = secret.n;
		}
		if (skip)
			buf_add_text(&out, MASK);
		else
			buf_add_byte(&out, text.p[0]);
		text = span_from(text, skip ? skip : 1);
	}
	return buf_take(&out);
}

static bool
is_telling(const char *header)
{
	static const char *const WORD[] = {
		"auth", "cookie", "key", "pass", "secret", "signature", "token"};
	for (size_t i = 0; i < COUNT(WORD); i++) {
		if (strcasestr(header, WORD[i]))
			return true;
	}
	return false;
}

/* A header must stay one header: RFC 9110, sections 5.1 and 5.5. */
static bool
check_header(const struct config_pair *header, struct err *err)
{
	static const char TOKEN[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	if (!*header->name || header->name[strspn(header->name, TOKEN)])
		return err_set(err, "headers: %s is no name of a header", header->name);
	for (const char *p = header->value; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, "headers: %s holds a control character", header->name);
	}
	return true;
}

static bool
take_headers(struct webhook_sink *webhook, const struct config_pairs *headers, struct err *err)
{
	webhook->headers = mem_array(headers->count + 1, sizeof *webhook->headers);
	for (size_t i = 0; i < headers->count; i++) {
		const struct config_pair *header = &headers->item[i];
		if (!header->value)
			return err_set(err, "headers: %s could not be read", header->name);
		if (!check_header(header, err))
			return false;
		webhook->headers[webhook->header_count++] =
			(struct config_pair){.name = mem_text(header->name),
				.value = mem_text(header->value),
				.from = mem_text(header->from)};
		if (header->from || is_telling(header->name))
			hide(webhook, header->value);
	}
	return true;
}

static bool
take_bearer(struct webhook_sink *webhook, const char *bearer, struct err *err)
{
	if (!bearer)
		return true;
	struct span token = span_trim(span_of(bearer));
	while (token.n > 0 && strchr("\r\n", token.p[token.n - 1]))
		token.n--;
	for (size_t i = 0; i < token.n; i++) {
		if (token.p[i] <= ' ' || token.p[i] >= 0x7f)
			return err_set(err, "bearer: holds a blank or a control character");
	}
	if (token.n == 0)
		return err_set(err, "bearer: empty");
	webhook->bearer = mem_copy(token.p, token.n);
	hide(webhook, webhook->bearer);
	return true;
}

static bool
take_basic(struct webhook_sink *webhook, const struct config_pairs *basic, struct err *err)
{
	for (size_t i = 0; i < basic->count; i++) {
		bool is_user = strcmp(basic->item[i].name, "user") == 0;
		char **to = is_user ? &webhook->user : &webhook->password;
		free(*to);
		*to = mem_text(basic->item[i].value);
	}
	if (basic->count > 0 && (!webhook->user || !webhook->password))
		return err_set(err, "basic: both user and password are wanted");
	if (webhook->user && strchr(webhook->user, ':'))
		return err_set(err, "basic: a user cannot have a colon");
	hide(webhook, webhook->password);
	return true;
}

static bool
take_secret(struct webhook_sink *webhook, const char *secret, struct err *err)
{
	if (!secret)
		return true;
	hide(webhook, secret);
	return signature_keys_parse(secret, &webhook->keys, err);
}

static bool
take_url(struct webhook_sink *webhook, const char *url, struct err *err)
{
	if (!url)
		url = webhook->format->url;
	if (!url)
		return err_set(err, "url: missing");
	if (!http_url_check(url, err))
		return false;
	webhook->url = mem_text(url);
	webhook->shown_url = http_url_shown(url, webhook->format->url_is_secret);
	const char *rest = strstr(url, "://") + 3;
	const char *path = rest + strcspn(rest, "/?#");
	const char *query = path + strcspn(path, "?#");
	const char *at = memchr(rest, '@', (size_t)(path - rest));
	if (webhook->format->url_is_secret && path[0] && path[1])
		hide(webhook, path);
	hide(webhook, query[0] ? query + 1 : NULL);
	if (at)
		hide_span(webhook, (struct span){rest, (size_t)(at - rest)});
	return true;
}

/* A proxy's user and password stand in its URL. */
static void
hide_proxy(struct webhook_sink *webhook, const char *proxy)
{
	const char *at = proxy ? strrchr(proxy, '@') : NULL;
	if (!at)
		return;
	const char *scheme = strstr(proxy, "://");
	const char *user = scheme ? scheme + 3 : proxy;
	if (user < at)
		hide_span(webhook, (struct span){user, (size_t)(at - user)});
}

static bool
take_settings(struct webhook_sink *webhook, const struct config_sink *config, struct err *err)
{
	webhook->settings.routing_key = mem_text(config->routing_key.value);
	webhook->settings.body = mem_text(config->body);
	hide(webhook, webhook->settings.routing_key);
	return !webhook->format->check || webhook->format->check(&webhook->settings, err);
}

static bool
webhook_start(struct sink *sink, const struct config_sink *config, struct err *err)
{
	struct webhook_sink *webhook = (struct webhook_sink *)sink;
	const char *format = config->format ? config->format : "generic";
	webhook->format = format_find(format);
	if (!webhook->format)
		return err_set(err, "format %s is not known", format);
	struct http_options options = {
		.ca = config->ca,
		.cert = config->cert,
		.key = config->key,
		.proxy = config->proxy,
		.insecure = config->insecure,
		.timeout = sink->timeout,
	};
	if (!take_url(webhook, config->url, err) || !take_headers(webhook, &config->headers, err) ||
		!take_bearer(webhook, config->bearer.value, err) ||
		!take_basic(webhook, &config->basic, err) ||
		!take_secret(webhook, config->secret.value, err) ||
		!take_settings(webhook, config, err))
		return false;
	hide_proxy(webhook, config->proxy);
	webhook->http = http_new(&options, sink->loop, err);
	return webhook->http != NULL;
}

static void
webhook_stop(struct sink *sink)
{
	struct webhook_sink *webhook = (struct webhook_sink *)sink;
	http_free(webhook->http);
	while (webhook->posts) {
		struct post *post = webhook->posts;
		DL_DELETE(webhook->posts, post);
		free(post);
	}
	signature_keys_fini(&webhook->keys);
	for (size_t i = 0; i < webhook->header_count; i++) {
		free(webhook->headers[i].name);
		free(webhook->headers[i].value);
		free(webhook->headers[i].from);
	}
	for (size_t i = 0; i < webhook->hidden_count; i++)
		free(webhook->hidden[i]);
	free(webhook->headers);
	free(webhook->hidden);
	free(webhook->url);
	free(webhook->shown_url);
	free(webhook->bearer);
	free(webhook->user);
	free(webhook->password);
	free(webhook->settings.routing_key);
	free(webhook->settings.body);
}

/* The lines of a request's head, NULL-terminated. */
struct head {
	char *line[64];
	size_t count;
};

static void
add_line(struct head *head, char *line)
{
	if (head->count + 1 < COUNT(head->line))
		head->line[head->count++] = line;
	else
		free(line);
}

static bool
has_header(const struct webhook_sink *webhook, const char *name)
{
	for (size_t i = 0; i < webhook->header_count; i++) {
		if (strcasecmp(webhook->headers[i].name, name) == 0)
			return true;
	}
	return false;
}

static void
add_signature(const struct webhook_sink *webhook, const struct alert *alert, struct span body,
	struct head *head)
{
	uint64_t now;
	if (sd_event_now(webhook->sink.loop, CLOCK_REALTIME, &now) < 0)
		now = (uint64_t)clock_wall();
	int64_t timestamp = (int64_t)now / SECOND;
	char *signature = signature_make(&webhook->keys, alert->id, timestamp, body);
	add_line(head, mem_format("webhook-id: %s", alert->id));
	add_line(head, mem_format("webhook-timestamp: %" PRId64, timestamp));
	add_line(head, mem_format("webhook-signature: %s", signature));
	free(signature);
}

/* `masked`: as people may see it, else as it goes out. */
static void
make_head(const struct webhook_sink *webhook, const struct alert *alert, struct span body,
	bool masked, struct head *head)
{
	if (!has_header(webhook, "content-type"))
		add_line(head, mem_format("content-type: %s", webhook->format->content_type));
	if (webhook->keys.count > 0)
		add_signature(webhook, alert, body, head);
	if (webhook->bearer)
		add_line(head,
			mem_format("authorization: Bearer %s", masked ? MASK : webhook->bearer));
	/* libcurl writes this one itself. */
	if (webhook->user && masked)
		add_line(head, mem_format("authorization: Basic %s", MASK));
	for (size_t i = 0; i < webhook->header_count; i++) {
		const struct config_pair *header = &webhook->headers[i];
		const char *value = masked && is_telling(header->name) ? MASK : header->value;
		/* libcurl sends a header without a value where it ends in a semicolon. */
		add_line(head, *value ? mem_format("%s: %s", header->name, value)
				      : mem_format("%s;", header->name));
	}
}

static void
head_fini(struct head *head)
{
	for (size_t i = 0; i < head->count; i++)
		free(head->line[i]);
}

static enum sink_outcome
outcome_of_status(long status)
{
	static const struct {
		long status;
		enum sink_outcome outcome;
	} AGAIN[] = {
		{408, SINK_RETRY},
		{425, SINK_MISSED},
		{429, SINK_MISSED},
		{500, SINK_RETRY},
		{502, SINK_RETRY},
		{503, SINK_MISSED},
		{504, SINK_RETRY},
		{507, SINK_MISSED},
	};
	if (status >= 200 && status <= 299)
		return SINK_DELIVERED;
	for (size_t i = 0; i < COUNT(AGAIN); i++) {
		if (AGAIN[i].status == status)
			return AGAIN[i].outcome;
	}
	return SINK_REFUSED;
}

/* "HTTP 503: what the body says", to be freed. */
static char *
describe(const struct webhook_sink *webhook, const struct http_answer *answer,
	const struct err *judged)
{
	struct buf out = BUF_INIT;
	buf_format(&out, "HTTP %ld", answer->status);
	if (answer->status >= 300 && answer->status <= 399)
		buf_add_text(&out, " (redirects are not followed)");
	char *said = paint_over(
		webhook, judged->text[0] ? span_of(judged->text) : span_trim(answer->body));
	if (*said)
		buf_format(&out, ": %s", said);
	free(said);
	return buf_take(&out);
}

static void
on_answer(void *owner, const struct http_answer *answer)
{
	struct post *post = owner;
	struct webhook_sink *webhook = post->webhook;
	sink_on_done *done = post->done;
	void *asker = post->owner;
	DL_DELETE(webhook->posts, post);
	free(post);
	if (answer->error) {
		char *error = paint_over(webhook, span_of(answer->error));
		sink_answer(done, asker, answer->unsent ? SINK_MISSED : SINK_RETRY, 0, "%s: %s",
			webhook->shown_url, error);
		free(error);
		return;
	}
	struct err judged = ERR_INIT;
	enum sink_outcome outcome = outcome_of_status(answer->status);
	if (outcome == SINK_DELIVERED && webhook->format->judge)
		outcome = webhook->format->judge(answer, &judged);
	char *text = describe(webhook, answer, &judged);
	sink_answer(done, asker, outcome, answer->retry_after, "%s", text);
	free(text);
}

static void
webhook_send(struct sink *sink, const struct alert *alert, sink_on_done *done, void *owner)
{
	struct webhook_sink *webhook = (struct webhook_sink *)sink;
	struct buf body = BUF_INIT;
	struct head head = {0};
	struct format_job job = {sink, &webhook->settings, alert};
	webhook->format->write(&job, &body);
	make_head(webhook, alert, buf_span(&body), false, &head);
	struct post *post = mem_new(sizeof *post);
	*post = (struct post){.webhook = webhook, .done = done, .owner = owner};
	struct http_request request = {
		.url = webhook->url,
		.headers = (const char *const *)head.line,
		.body = buf_span(&body),
		.user = webhook->user,
		.password = webhook->password,
	};
	if (http_send(webhook->http, &request, on_answer, post)) {
		DL_APPEND(webhook->posts, post);
	} else {
		free(post);
		sink_answer(done, owner, SINK_MISSED, 0, "%d requests already wait for %s",
			HTTP_WAITING, webhook->shown_url);
	}
	head_fini(&head);
	buf_fini(&body);
}

static char *
webhook_preview(struct sink *sink, const struct alert *alert)
{
	struct webhook_sink *webhook = (struct webhook_sink *)sink;
	struct buf body = BUF_INIT, out = BUF_INIT;
	struct head head = {0};
	struct format_job job = {sink, &webhook->settings, alert};
	webhook->format->write(&job, &body);
	make_head(webhook, alert, buf_span(&body), true, &head);
	buf_format(&out, "POST %s\n", webhook->shown_url);
	for (size_t i = 0; i < head.count; i++)
		buf_format(&out, "%s\n", head.line[i]);
	buf_add_byte(&out, '\n');
	buf_add_span(&out, buf_span(&body));
	buf_add_byte(&out, '\n');
	char *shown = paint_over(webhook, buf_span(&out));
	head_fini(&head);
	buf_fini(&body);
	buf_fini(&out);
	return shown;
}

const struct sink_type WEBHOOK_SINK = {
	.is = CONFIG_SINK_WEBHOOK,
	.name = "webhook",
	.size = sizeof(struct webhook_sink),
	.start = webhook_start,
	.stop = webhook_stop,
	.send = webhook_send,
	.preview = webhook_preview,
};
