#ifndef AIWATCH_BASE_LOG_H
#define AIWATCH_BASE_LOG_H

/*
 * The daemon's own log, on standard error: six verbs and no seventh. One message is one line and
 * one write(2), safe from every thread; control characters in it become '?'. Under systemd
 * (JOURNAL_STREAM is set) a line starts with the sd-daemon(3) priority `<N>`, otherwise with the
 * verb's name.
 */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Messages above `level` are dropped. The start is LOG_LEVEL_INFO. */
void
log_set_level(enum log_level level);

void
log_fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn)); /* aborts */
void
log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void
log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void
log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void
log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void
log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
