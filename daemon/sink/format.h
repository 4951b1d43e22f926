#ifndef AIWATCH_SINK_FORMAT_H
#define AIWATCH_SINK_FORMAT_H

#include "daemon/base/buf.h"
#include "daemon/sink/http.h"
#include "daemon/sink/type.h"

/* A format of webhook: what a receiver wants to read. One row and one file each. */
struct format {
	const char *name;
	const char *content_type;
	bool url_is_secret; /* who knows the path may post: it is never shown */
	/* Appends the body. */
	void (*write)(const struct sink *sink, const struct alert *alert, struct buf *out);
	/* NULL, or a look at the body of a 2xx answer, where the receiver may report errors: err
	 * holds the sentence where the outcome is another than SINK_DELIVERED. */
	enum sink_outcome (*judge)(const struct http_answer *answer, struct err *err);
};

extern const struct format FORMAT_GENERIC;

/* NULL where there is none of that name. */
const struct format *
format_find(const char *name);

#endif
