#include "daemon/sink/format.h"

#include <stdlib.h>

static void
write_generic(const struct sink *sink, const struct alert *alert, struct buf *out)
{
	char *document = sink_document(sink, alert);
	buf_add_text(out, document);
	free(document);
}

const struct format FORMAT_GENERIC = {
	.name = "generic",
	.content_type = "application/json",
	.write = write_generic,
};
