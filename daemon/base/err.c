#include "daemon/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void
write_text(struct err *err, const char *format, va_list args)
{
	int n = vsnprintf(err->text, sizeof err->text, format, args);
	if (n < 0 || (size_t)n >= sizeof err->text)
		memcpy(err->text + sizeof err->text - 4, "...", 4);
}

bool
err_set(struct err *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	write_text(err, format, args);
	va_end(args);
	err->code = 0;
	return false;
}

bool
err_system(struct err *err, int code, const char *format, ...)
{
	char words[128];
	const char *reason = strerror_r(code, words, sizeof words);
	va_list args;
	va_start(args, format);
	write_text(err, format, args);
	va_end(args);
	size_t used = strlen(err->text);
	snprintf(err->text + used, sizeof err->text - used, ": %s", reason);
	err->code = code;
	return false;
}

bool
err_context(struct err *err, const char *format, ...)
{
	struct err inner = *err;
	va_list args;
	va_start(args, format);
	write_text(err, format, args);
	va_end(args);
	size_t used = strlen(err->text);
	int n = snprintf(err->text + used, sizeof err->text - used, ": %s", inner.text);
	if (n >= 0 && used + (size_t)n >= sizeof err->text)
		memcpy(err->text + sizeof err->text - 4, "...", 4);
	err->code = inner.code;
	return false;
}
