#ifndef AIWATCH_SINK_WEBHOOK_PARTS_H
#define AIWATCH_SINK_WEBHOOK_PARTS_H

#include "daemon/sink/format.h"
#include "daemon/sink/signature.h"

/* Shared by webhook.c, which sends, and webhook_setup.c, which reads the configuration. */

enum { WEBHOOK_TARGETS = 16 };

/* Where to post. */
struct target {
	char *url;
	char *shown; /* as people may see it */
};

/*
 * An alert POSTed to each of its URLs. What must not be shown (secrets, bearer, telling headers, a
 * secret URL's path) is collected in `hidden` when the sink is made, and painted over in every text
 * that leaves the sink: a receiver may well repeat our request in its answer.
 */
struct webhook_sink {
	struct sink sink;
	const struct format *format;
	struct format_settings settings;
	struct http *http;
	struct target target[WEBHOOK_TARGETS];
	size_t target_count;
	struct config_pair *headers;
	size_t header_count;
	char *bearer;
	char *user;
	char *password;
	struct signature_keys keys;
	char **hidden;
	size_t hidden_count;
	struct post *posts; /* under way */
	struct buf batch;   /* what is to be repeated, not sent yet */
	size_t batch_count;
	char batch_id[ALERT_ID_TEXT]; /* of the first in it */
	size_t repeats;		      /* among the posts */
};

/* Takes from the configuration all but what HTTP needs. False with a sentence; webhook_forget then
 * too. */
bool
webhook_take(struct webhook_sink *webhook, const struct config_sink *config, struct err *err);
void
webhook_forget(struct webhook_sink *webhook);

/* What stands for a secret where people can see it. */
extern const char WEBHOOK_MASK[];

/* Whether the header's name says that its value is a secret. */
bool
webhook_is_telling(const char *header);

/* The text with what is hidden painted over, to be freed. */
char *
webhook_paint_over(const struct webhook_sink *webhook, struct span text);

#endif
