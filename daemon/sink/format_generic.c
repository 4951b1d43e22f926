#include "daemon/sink/format.h"

#include <stdlib.h>

static void
write_generic(const struct format_job *job, struct buf *out)
{
	char *document = sink_document(job->sink, job->alert);
	buf_add_text(out, document);
	free(document);
}

const struct format FORMAT_GENERIC = {
	.name = "generic",
	.content_type = "application/json",
	.write = write_generic,
};
