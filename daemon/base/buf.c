#include "daemon/base/buf.h"

#include "daemon/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FORMAT_ROOM = 32 }; /* mostly enough for what is formatted */

void
buf_fini(struct buf *buf)
{
	free(buf->p);
	*buf = BUF_INIT;
}

void
buf_clear(struct buf *buf)
{
	buf->n = 0;
	if (buf->p)
		buf->p[0] = '\0';
}

void
buf_reserve(struct buf *buf, size_t more)
{
	size_t need = buf->n + more + 1;
	if (need < more)
		abort();
	if (need <= buf->room)
		return;
	size_t room = buf->room < 64 ? 64 : buf->room * 2;
	buf->room = room < need ? need : room;
	buf->p = mem_grow(buf->p, buf->room, 1);
}

void
buf_add(struct buf *buf, const void *bytes, size_t n)
{
	buf_reserve(buf, n);
	if (n)
		memcpy(buf->p + buf->n, bytes, n);
	buf->n += n;
	buf->p[buf->n] = '\0';
}

void
buf_add_byte(struct buf *buf, char byte)
{
	buf_reserve(buf, 1);
	buf->p[buf->n++] = byte;
	buf->p[buf->n] = '\0';
}

void
buf_add_span(struct buf *buf, struct span s)
{
	buf_add(buf, s.p, s.n);
}

void
buf_add_text(struct buf *buf, const char *text)
{
	buf_add_span(buf, span_of(text));
}

void
buf_format(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	buf_reserve(buf, FORMAT_ROOM);
	size_t room = buf->room - buf->n;
	int n = vsnprintf(buf->p + buf->n, room, format, args);
	va_end(args);
	if (n < 0)
		abort();
	if ((size_t)n >= room) {
		buf_reserve(buf, (size_t)n);
		vsnprintf(buf->p + buf->n, (size_t)n + 1, format, again);
	}
	va_end(again);
	buf->n += (size_t)n;
}

char *
buf_take(struct buf *buf)
{
	buf_reserve(buf, 0);
	buf->p[buf->n] = '\0';
	char *bytes = buf->p;
	*buf = BUF_INIT;
	return bytes;
}
