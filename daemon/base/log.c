#include "daemon/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic int limit = LOG_LEVEL_INFO;

static const struct {
	const char *name;
	int priority; /* of syslog(3) */
} LEVEL[] = {
	[LOG_LEVEL_ERROR] = {"error", 3},
	[LOG_LEVEL_WARNING] = {"warning", 4},
	[LOG_LEVEL_NOTICE] = {"notice", 5},
	[LOG_LEVEL_INFO] = {"info", 6},
	[LOG_LEVEL_DEBUG] = {"debug", 7},
};

void
log_set_level(enum log_level level)
{
	limit = (int)level;
}

static void
write_line(enum log_level level, const char *format, va_list args)
{
	if ((int)level > limit)
		return;
	char line[2048];
	int head = getenv("JOURNAL_STREAM")
			   ? snprintf(line, sizeof line, "<%d>", LEVEL[level].priority)
			   : snprintf(line, sizeof line, "aiwatch: %s: ", LEVEL[level].name);
	size_t room = sizeof line - (size_t)head - 1;
	int n = vsnprintf(line + head, room, format, args);
	size_t body = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	size_t end = (size_t)head + body;
	for (size_t i = (size_t)head; i < end; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[end++] = '\n';
	/* Where standard error is gone nobody is left to tell. */
	(void)!write(STDERR_FILENO, line, end);
}

void
log_fatal(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	write_line(LOG_LEVEL_ERROR, format, args);
	va_end(args);
	abort();
}

#define LOG_VERB(name, level)                    \
	void log_##name(const char *format, ...) \
	{                                        \
		va_list args;                    \
		va_start(args, format);          \
		write_line(level, format, args); \
		va_end(args);                    \
	}

LOG_VERB(error, LOG_LEVEL_ERROR)
LOG_VERB(warning, LOG_LEVEL_WARNING)
LOG_VERB(notice, LOG_LEVEL_NOTICE)
LOG_VERB(info, LOG_LEVEL_INFO)
LOG_VERB(debug, LOG_LEVEL_DEBUG)
