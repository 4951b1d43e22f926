#ifndef AIWATCH_WEB_METRICS_H
#define AIWATCH_WEB_METRICS_H

#include "daemon/base/buf.h"
#include "daemon/engine/report.h"

/*
 * Writes everything that the daemon counts in the Prometheus text format, version 0.0.4
 * (prometheus.io, "Exposition formats"). Label values are escaped; sites are bounded by what is
 * followed.
 */
void
metrics_write(const struct report *report, struct buf *out);

/* Visits each metric: its name, its type as Prometheus calls it, what it means in a sentence. */
void
metrics_each(void (*visit)(const char *name, const char *type, const char *help));

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
