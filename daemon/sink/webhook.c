#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/sink/webhook_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <utlist.h>

enum {
	BATCH_MAX = 64,	   /* alerts that are repeated in one request, where it takes a list */
	REPEATS_MAX = 512, /* requests that repeat, under way or in line */
};

/*
 * A body under way to all targets. It is delivered once any of them has taken it: those that serve
 * several URLs are repeated to, so that one that was away learns what stands.
 */
struct post {
	struct post *prev, *next;
	struct webhook_sink *webhook;
	sink_on_done *done; /* NULL: it repeats, nobody asks */
	void *owner;
	struct leg {
		struct post *post;
		const struct target *target;
		struct http_transfer *transfer; /* NULL once answered */
	} leg[WEBHOOK_TARGETS];
	size_t left; /* legs without an answer */
	enum sink_outcome outcome;
	int64_t retry_after;
	bool has_outcome;
	struct buf said;
};

static bool
webhook_start(struct sink *sink, const struct config_sink *config, struct err *err)
{
	struct webhook_sink *webhook = (struct webhook_sink *)sink;
	struct http_options options = {
		.ca = config->ca,
		.cert = config->cert,
		.key = config->key,
		.proxy = config->proxy,
		.insecure = config->insecure,
		.timeout = sink->timeout,
	};
	if (!webhook_take(webhook, config, err))
		return false;
	webhook->http = http_new(&options, sink->loop, err);
	return webhook->http != NULL;
}

static void
post_free(struct post *post)
{
	struct webhook_sink *webhook = post->webhook;
	for (size_t i = 0; i < webhook->target_count; i++) {
		if (post->leg[i].transfer)
			http_cancel(post->leg[i].transfer);
	}
	DL_DELETE(webhook->posts, post);
	webhook->repeats -= !post->done;
	buf_fini(&post->said);
	free(post);
}

static void
webhook_stop(struct sink *sink)
{
	struct webhook_sink *webhook = (struct webhook_sink *)sink;
	while (webhook->posts)
		post_free(webhook->posts);
	http_free(webhook->http);
	webhook_forget(webhook);
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
add_signature(
	const struct webhook_sink *webhook, const char *id, struct span body, struct head *head)
{
	int64_t timestamp = sink_wall(&webhook->sink) / SECOND;
	char *signature = signature_make(&webhook->keys, id, timestamp, body);
	add_line(head, mem_format("webhook-id: %s", id));
	add_line(head, mem_format("webhook-timestamp: %" PRId64, timestamp));
	add_line(head, mem_format("webhook-signature: %s", signature));
	free(signature);
}

/* `masked`: as people may see it, else as it goes out. */
static void
make_head(const struct webhook_sink *webhook, const char *id, struct span body, bool masked,
	struct head *head)
{
	const char *content_type = webhook->settings.content_type ? webhook->settings.content_type
								  : webhook->format->content_type;
	if (!has_header(webhook, "content-type"))
		add_line(head, mem_format("content-type: %s", content_type));
	if (webhook->format->accept && !has_header(webhook, "accept"))
		add_line(head, mem_format("accept: %s", webhook->format->accept));
	if (webhook->keys.count > 0)
		add_signature(webhook, id, body, head);
	if (webhook->bearer)
		add_line(head, mem_format("authorization: Bearer %s",
				       masked ? WEBHOOK_MASK : webhook->bearer));
	/* libcurl writes this one itself. */
	if (webhook->user && masked)
		add_line(head, mem_format("authorization: Basic %s", WEBHOOK_MASK));
	for (size_t i = 0; i < webhook->header_count; i++) {
		const struct config_pair *header = &webhook->headers[i];
		const char *value =
			masked && webhook_is_telling(header->name) ? WEBHOOK_MASK : header->value;
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

/* "HTTP 503: what the body says". */
static void
describe(const struct webhook_sink *webhook, const struct target *target,
	const struct http_answer *answer, const struct err *judged, struct buf *out)
{
	if (answer->error || webhook->target_count > 1)
		buf_format(out, "%s: ", target->shown);
	if (answer->error) {
		char *error = webhook_paint_over(webhook, span_of(answer->error));
		buf_add_text(out, error);
		free(error);
		return;
	}
	buf_format(out, "HTTP %ld", answer->status);
	if (answer->status >= 300 && answer->status <= 399)
		buf_add_text(out, " (redirects are not followed)");
	char *said = webhook_paint_over(
		webhook, judged->text[0] ? span_of(judged->text) : span_trim(answer->body));
	if (*said)
		buf_format(out, ": %s", said);
	free(said);
}

/* Of several answers the first of these counts: one that took it is enough, one that may still
 * take it is worth another try. */
static bool
outweighs(enum sink_outcome a, enum sink_outcome b)
{
	static const int WEIGHT[] = {
		[SINK_DELIVERED] = 3, [SINK_RETRY] = 2, [SINK_MISSED] = 1, [SINK_REFUSED] = 0};
	return WEIGHT[a] > WEIGHT[b];
}

static void
finish(struct post *post)
{
	sink_on_done *done = post->done;
	void *asker = post->owner;
	enum sink_outcome outcome = post->outcome;
	int64_t retry_after = outcome == SINK_DELIVERED ? 0 : post->retry_after;
	char *text = buf_take(&post->said);
	post_free(post);
	sink_answer(done, asker, outcome, retry_after, "%s", text);
	free(text);
}

static void
on_answer(void *owner, const struct http_answer *answer)
{
	struct leg *leg = owner;
	struct post *post = leg->post;
	struct webhook_sink *webhook = post->webhook;
	struct err judged = ERR_INIT;
	enum sink_outcome outcome = answer->error ? (answer->unsent ? SINK_MISSED : SINK_RETRY)
						  : outcome_of_status(answer->status);
	leg->transfer = NULL;
	if (outcome == SINK_DELIVERED && webhook->format->judge)
		outcome = webhook->format->judge(answer, &judged);
	buf_add_text(&post->said, post->said.n ? "; " : "");
	describe(webhook, leg->target, answer, &judged, &post->said);
	if (!post->has_outcome || outweighs(outcome, post->outcome))
		post->outcome = outcome;
	post->has_outcome = true;
	if (answer->retry_after > post->retry_after)
		post->retry_after = answer->retry_after;
	if (--post->left == 0)
		finish(post);
}

/* Posts the body to all targets; `done` is NULL for what repeats. */
static void
post_body(struct webhook_sink *webhook, const char *id, struct span body, sink_on_done *done,
	void *owner)
{
	struct head head = {0};
	struct post *post = mem_new(sizeof *post);
	*post = (struct post){.webhook = webhook, .done = done, .owner = owner};
	DL_APPEND(webhook->posts, post);
	webhook->repeats += !done;
	make_head(webhook, id, body, false, &head);
	struct http_request request = {
		.headers = (const char *const *)head.line,
		.body = body,
		.user = webhook->user,
		.password = webhook->password,
	};
	for (size_t i = 0; i < webhook->target_count; i++) {
		struct leg *leg = &post->leg[i];
		*leg = (struct leg){.post = post, .target = &webhook->target[i]};
		request.url = leg->target->url;
		leg->transfer = http_send(webhook->http, &request, on_answer, leg);
		post->left += leg->transfer != NULL;
	}
	if (post->left == 0) {
		post_free(post);
		sink_answer(done, owner, SINK_MISSED, 0, "%d requests already wait for %s",
			HTTP_WAITING, webhook->target[0].shown);
	}
	head_fini(&head);
}

/* What repeats and is under way may arrive behind what is sent now, and say again what is over: it
 * is given up, the next round tells the rest. */
static void
give_up_repeats(struct webhook_sink *webhook)
{
	struct post *post, *after;
	buf_clear(&webhook->batch);
	webhook->batch_count = 0;
	DL_FOREACH_SAFE (webhook->posts, post, after) {
		if (!post->done)
			post_free(post);
	}
}

static void
write_body(const struct webhook_sink *webhook, const struct alert *alert, struct buf *body)
{
	const struct format *format = webhook->format;
	struct format_job job = {
		&webhook->sink, &webhook->settings, alert, sink_wall(&webhook->sink)};
	buf_add_text(body, format->is_list ? "[" : "");
	format->write(&job, body);
	buf_add_text(body, format->is_list ? "]" : "");
}

static void
webhook_send(struct sink *sink, const struct alert *alert, sink_on_done *done, void *owner)
{
	struct webhook_sink *webhook = (struct webhook_sink *)sink;
	struct buf body = BUF_INIT;
	if (!alert->firing)
		give_up_repeats(webhook);
	write_body(webhook, alert, &body);
	post_body(webhook, alert->id, buf_span(&body), done, owner);
	buf_fini(&body);
}

static bool
webhook_repeats(const struct sink *sink)
{
	return ((const struct webhook_sink *)sink)->format->repeats;
}

static void
send_batch(struct webhook_sink *webhook)
{
	if (webhook->batch_count == 0)
		return;
	buf_add_text(&webhook->batch, webhook->format->is_list ? "]" : "");
	if (webhook->repeats < REPEATS_MAX)
		post_body(webhook, webhook->batch_id, buf_span(&webhook->batch), NULL, NULL);
	buf_clear(&webhook->batch);
	webhook->batch_count = 0;
}

static void
webhook_repeat(struct sink *sink, const struct alert *alert)
{
	struct webhook_sink *webhook = (struct webhook_sink *)sink;
	const struct format *format = webhook->format;
	if (!alert) {
		send_batch(webhook);
		return;
	}
	struct format_job job = {sink, &webhook->settings, alert, sink_wall(sink)};
	if (format->is_list)
		buf_add_byte(&webhook->batch, webhook->batch_count ? ',' : '[');
	if (webhook->batch_count++ == 0)
		memcpy(webhook->batch_id, alert->id, sizeof webhook->batch_id);
	format->write(&job, &webhook->batch);
	if (!format->is_list || webhook->batch_count == BATCH_MAX)
		send_batch(webhook);
}

static char *
webhook_preview(struct sink *sink, const struct alert *alert)
{
	struct webhook_sink *webhook = (struct webhook_sink *)sink;
	struct buf body = BUF_INIT, out = BUF_INIT;
	struct head head = {0};
	write_body(webhook, alert, &body);
	make_head(webhook, alert->id, buf_span(&body), true, &head);
	for (size_t i = 0; i < webhook->target_count; i++)
		buf_format(&out, "POST %s\n", webhook->target[i].shown);
	for (size_t i = 0; i < head.count; i++)
		buf_format(&out, "%s\n", head.line[i]);
	buf_add_byte(&out, '\n');
	buf_add_span(&out, buf_span(&body));
	buf_add_byte(&out, '\n');
	char *shown = webhook_paint_over(webhook, buf_span(&out));
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
	.repeats = webhook_repeats,
	.repeat = webhook_repeat,
};
