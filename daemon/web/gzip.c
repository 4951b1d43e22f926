#include "daemon/web/gzip.h"

#include "daemon/base/log.h"

#include <zlib.h>

enum {
	LEVEL = 5,
	GZIP_WINDOW = 15 + 16, /* zlib.h: 16 more writes a gzip header */
	MEMORY = 8,
};

void
gzip_add(struct buf *out, struct span bytes)
{
	z_stream stream = {0};
	if (deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) !=
		Z_OK)
		log_fatal("out of memory");
	size_t room = deflateBound(&stream, bytes.n);
	buf_reserve(out, room);
	stream.next_in = (Bytef *)bytes.p;
	stream.avail_in = (uInt)bytes.n;
	stream.next_out = (Bytef *)out->p + out->n;
	stream.avail_out = (uInt)room;
	if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
		log_fatal("zlib: a bound that it gave does not hold");
	out->n += stream.total_out;
	out->p[out->n] = '\0';
	deflateEnd(&stream);
}

/* "q=0", "q=0.000": what the client does not want. */
static bool
is_unwanted(struct span parameters)
{
	struct span q = span_trim(parameters);
	if (!span_has_prefix_nocase(q, SPAN("q=")))
		return false;
	q = span_from(q, 2);
	size_t zeros = 0;
	while (zeros < q.n && (q.p[zeros] == '0' || q.p[zeros] == '.'))
		zeros++;
	return zeros > 0 && zeros == q.n;
}

bool
gzip_is_accepted(const char *header)
{
	struct span rest = span_of(header);
	while (rest.n > 0) {
		const char *comma = memchr(rest.p, ',', rest.n);
		struct span item = span_first(rest, comma ? (size_t)(comma - rest.p) : rest.n);
		rest = span_from(rest, item.n + 1);
		const char *semicolon = memchr(item.p, ';', item.n);
		size_t n = semicolon ? (size_t)(semicolon - item.p) : item.n;
		if (span_equal_nocase(span_trim(span_first(item, n)), SPAN("gzip")))
			return !is_unwanted(span_from(item, n + 1));
	}
	return false;
}
