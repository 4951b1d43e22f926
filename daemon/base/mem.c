#include "daemon/base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
must(void *p)
{
	if (!p)
		abort();
	return p;
}

void *
mem_new(size_t size)
{
	return must(calloc(1, size ? size : 1));
}

void *
mem_array(size_t count, size_t size)
{
	return must(calloc(count ? count : 1, size));
}

void *
mem_grow(void *old, size_t count, size_t size)
{
	return must(reallocarray(old, count ? count : 1, size));
}

char *
mem_copy(const void *bytes, size_t n)
{
	char *copy = must(malloc(n + 1));
	if (n)
		memcpy(copy, bytes, n);
	copy[n] = '\0';
	return copy;
}

char *
mem_text(const char *text)
{
	return text ? mem_copy(text, strlen(text)) : NULL;
}

char *
mem_format(const char *format, ...)
{
	char *text;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		abort();
	return text;
}

void
mem_return_large(void)
{
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

void
mem_trim(void)
{
	malloc_trim(0);
}
