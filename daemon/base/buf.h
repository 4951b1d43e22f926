#ifndef AIWATCH_BASE_BUF_H
#define AIWATCH_BASE_BUF_H

#include "daemon/base/span.h"

/*
 * A growing byte buffer. Start with BUF_INIT, end with buf_fini; buf_take hands the bytes over
 * instead. p is NULL until the first byte; from then on a NUL, not counted in n, stands behind the
 * bytes.
 */
struct buf {
	char *p;
	size_t n;
	size_t room;
};

#define BUF_INIT ((struct buf){0})

void
buf_fini(struct buf *buf);
void
buf_clear(struct buf *buf); /* forgets the bytes, keeps the room */
void
buf_reserve(struct buf *buf, size_t more); /* room for `more` bytes and the NUL behind n */
void
buf_add(struct buf *buf, const void *bytes, size_t n);
void
buf_add_byte(struct buf *buf, char byte);
void
buf_add_span(struct buf *buf, struct span s);
void
buf_add_text(struct buf *buf, const char *text);
void
buf_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The bytes, to be freed by the caller, "" where there are none; buf is empty afterwards. */
char *
buf_take(struct buf *buf);

static inline struct span
buf_span(const struct buf *buf)
{
	return (struct span){buf->p, buf->n};
}

#endif
