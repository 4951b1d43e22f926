#ifndef AIWATCH_SINK_SYSLOG_FORMAT_H
#define AIWATCH_SINK_SYSLOG_FORMAT_H

#include "daemon/base/buf.h"
#include "daemon/engine/alert.h"

/*
 * An alert as a syslog message; never more than SYSLOG_MAX bytes, on one line, valid UTF-8.
 *
 * Local: `<PRI>Mmm dd hh:mm:ss aiwatch[PID]: MESSAGE`, what syslog(3) writes to the local socket.
 * Network: RFC 5424 with MSGID = kind and one element of structured data. The BOM that RFC 5424,
 * section 6.4, asks for in front of UTF-8 is written only where the message is not ASCII: rsyslog
 * takes it for a part of the text.
 */
enum { SYSLOG_MAX = 2048 };

/* The number (0 to 23, not shifted) of a facility's name; -1 where there is none. */
int
syslog_facility(const char *name);

/* `now` is the time of sending, wall clock; the local form shows it in the process's zone. */
void
syslog_format_local(struct buf *out, const struct alert *alert, int facility, int64_t now, int pid);
/* journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): MESSAGE as in the local form,
 * what syslog knows, and AIWATCH_SITE, _KIND, _STATUS, _SEVERITY, _ID, _STARTED and the rest, as
 * fields. */
void
syslog_format_journal(struct buf *out, const struct alert *alert, int facility, int pid);
void
syslog_format_network(struct buf *out, const struct alert *alert, int facility,
	const char *collector, int64_t now, int pid);

#endif
