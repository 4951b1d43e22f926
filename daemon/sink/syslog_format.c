#include "daemon/sink/syslog_format.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/sink/excerpt.h"

#include <time.h>

/* What is kept of a value in the pairs, and of the host's name (RFC 5424: 255). */
enum { VALUE_MAX = 200, HOST_MAX = 255 };

static const char *const FACILITY[] = {"kern", "user", "mail", "daemon", "auth", "syslog", "lpr",
	"news", "uucp", "cron", "authpriv", "ftp", "ntp", "security", "console", "solaris-cron",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"};

static const struct escape QUOTED[] = {{'"', "\\\""}, {'\\', "\\\\"}, {0}};
static const struct escape QUOTED_SD[] = {{'"', "\\\""}, {'\\', "\\\\"}, {']', "\\]"}, {0}};

int
syslog_facility(const char *name)
{
	for (size_t i = 0; i < COUNT(FACILITY); i++) {
		if (strcmp(FACILITY[i], name) == 0)
			return (int)i;
	}
	return -1;
}

static int
priority(const struct alert *alert, int facility)
{
	static const int SEVERITY[ALERT_SEVERITIES] = {
		[ALERT_INFO] = 6, [ALERT_WARNING] = 4, [ALERT_CRITICAL] = 2};
	const int NOTICE = 5;
	return facility * 8 + (alert->firing ? SEVERITY[alert->severity] : NOTICE);
}

/* The pairs that an alert has, in this order; `add` gets each. */
static void
each_pair(const struct alert *alert,
	void (*add)(struct buf *out, const char *name, const char *value, const void *owner),
	struct buf *out, const void *owner)
{
	char started[TIME_TEXT];
	add(out, "site", alert->site, owner);
	add(out, "kind", alert_kind_name(alert->kind), owner);
	add(out, "status", alert->firing ? "firing" : "resolved", owner);
	add(out, "severity", alert_severity_name(alert->severity), owner);
	add(out, "id", alert->id, owner);
	add(out, "started", time_format(alert->started_at, started), owner);
	if (alert->reminder)
		add(out, "reminder", "true", owner);
	if (alert->test)
		add(out, "test", "true", owner);
}

static void
add_quoted(struct buf *out, const char *name, const char *value, const void *escapes)
{
	buf_add_byte(out, ' ');
	buf_add_text(out, name);
	buf_add_text(out, "=\"");
	excerpt_add(out, value, VALUE_MAX, escapes);
	buf_add_byte(out, '"');
}

/* The pairs, each with a blank in front: the same in the text and in the structured data. */
static void
add_pairs(struct buf *out, const struct alert *alert, const struct escape *escapes)
{
	each_pair(alert, add_quoted, out, escapes);
}

/* Summary and pairs in `room` bytes: the summary gives way, the pairs are bounded by VALUE_MAX. */
static void
add_message(struct buf *out, const struct alert *alert, size_t room)
{
	struct buf pairs = BUF_INIT;
	add_pairs(&pairs, alert, QUOTED);
	excerpt_add(out, alert->summary, room - pairs.n, NULL);
	buf_add_span(out, buf_span(&pairs));
	buf_fini(&pairs);
}

void
syslog_format_local(struct buf *out, const struct alert *alert, int facility, int64_t now, int pid)
{
	static const char MONTH[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(now / SECOND);
	struct tm tm;
	localtime_r(&seconds, &tm);
	size_t start = out->n;
	buf_format(out, "<%d>%s %2d %02d:%02d:%02d aiwatch[%d]: ", priority(alert, facility),
		MONTH[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, pid);
	add_message(out, alert, SYSLOG_MAX - (out->n - start));
}

/* PRINTUSASCII without blanks, "-" for nothing. */
static void
add_host(struct buf *out, const char *collector)
{
	size_t n = 0;
	for (const char *p = collector; *p && n < HOST_MAX; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			continue;
		buf_add_byte(out, *p);
		n++;
	}
	if (n == 0)
		buf_add_byte(out, '-');
}

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	}
	return true;
}

void
syslog_format_network(struct buf *out, const struct alert *alert, int facility,
	const char *collector, int64_t now, int pid)
{
	static const struct span BOM = {"\xef\xbb\xbf", 3};
	char time[TIME_TEXT];
	size_t start = out->n;
	buf_format(out, "<%d>1 %s ", priority(alert, facility), time_format(now, time));
	add_host(out, collector);
	buf_format(out, " aiwatch %d %s [aiwatch@32473", pid, alert_kind_name(alert->kind));
	add_pairs(out, alert, QUOTED_SD);
	buf_add_text(out, "] ");
	struct buf message = BUF_INIT;
	add_message(&message, alert, SYSLOG_MAX - BOM.n - (out->n - start));
	if (!is_ascii(buf_span(&message)))
		buf_add_span(out, BOM);
	buf_add_span(out, buf_span(&message));
	buf_fini(&message);
}

/* AIWATCH_NAME=value: a value is one line, so that the short form serves. */
static void
add_field(struct buf *out, const char *name, const char *value, const void *owner)
{
	(void)owner;
	buf_add_text(out, "AIWATCH_");
	for (; *name; name++)
		buf_add_byte(out, (char)(*name - 'a' + 'A'));
	buf_add_byte(out, '=');
	excerpt_add(out, value, VALUE_MAX, NULL);
	buf_add_byte(out, '\n');
}

void
syslog_format_journal(struct buf *out, const struct alert *alert, int facility, int pid)
{
	buf_format(out,
		"PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=aiwatch\nSYSLOG_PID=%"
		"d\nMESSAGE=",
		priority(alert, 0), facility, pid);
	add_message(out, alert, SYSLOG_MAX);
	buf_add_byte(out, '\n');
	each_pair(alert, add_field, out, NULL);
	if (alert->cause)
		add_field(out, "cause", alert->cause, NULL);
}
