#include "daemon/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A bar on standard error, where that is a terminal and the scan takes long enough to wonder. */
#define SHOW_AFTER (500 * 1000)
#define SHOW_EVERY (100 * 1000)
enum { BAR = 30 };

static void
show(struct scan_progress *progress, uint64_t done, uint64_t of, int64_t now)
{
	char bar[BAR + 1];
	uint64_t share = of ? done * 100 / of : 100;
	if (share > 100)
		share = 100;
	size_t full = (size_t)(share * BAR / 100);
	memset(bar, '#', full);
	memset(bar + full, '-', BAR - full);
	bar[BAR] = '\0';
	double seconds = (double)(now - progress->began_at) / (double)SECOND;
	fprintf(stderr, "\r[%s] %3" PRIu64 " %%, %.0f of %.0f MiB, %.0f MiB/s ", bar, share,
		(double)done / 1048576, (double)of / 1048576, (double)done / 1048576 / seconds);
	fflush(stderr);
	progress->shown_at = now;
}

static void
on_progress(void *owner, uint64_t done, uint64_t of)
{
	struct scan_progress *progress = owner;
	int64_t now = clock_monotonic();
	if (now - progress->began_at >= SHOW_AFTER && now - progress->shown_at >= SHOW_EVERY)
		show(progress, done, of, now);
}

void
scan_progress_attach(struct scan_progress *progress, struct scan *scan)
{
	if (!isatty(STDERR_FILENO))
		return;
	progress->began_at = clock_monotonic();
	scan->progress = on_progress;
	scan->progress_owner = progress;
}

void
scan_progress_end(struct scan_progress *progress)
{
	if (progress->shown_at)
		fprintf(stderr, "\r\033[K");
}
