/* `scan --html`: a report that one can mail. One file, nothing to fetch, no script. */
#include "daemon/base/mem.h"
#include "daemon/scan.h"
#include "daemon/sink/excerpt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The path is relative to where the compiler runs: the top of the source tree. */
__asm__(".pushsection .rodata\n"
	".global scan_html_css\n"
	"scan_html_css:\n"
	".incbin \"daemon/scan_html.css\"\n"
	".byte 0\n"
	".popsection\n");

extern const char scan_html_css[];

enum {
	TEXT_SHOWN = 8192, /* of a text, after escaping */
	TICKS = 6,
	WIDTH = 1000, /* of a time line, in units of the drawing */
	INCIDENTS_SHOWN = 200,
	FILES_SHOWN = 1000,
};

/* The time that all time lines show. */
struct range {
	int64_t from, to;
};

static const char *const STATE_WORDS[SITE_STATES] = {
	[SITE_UNKNOWN] = "nothing recognised",
	[SITE_HEALTHY] = "healthy",
	[SITE_ENROLL_REJECTED] = "suspect: enrolment refused",
	[SITE_SYNC_FORBIDDEN] = "suspect: sync refused with 403",
	[SITE_EXPIRED] = "certificate expired",
	[SITE_FAILING] = "failing for another cause",
};

static const char *const KIND_WORDS[ALERT_KINDS] = {
	[ALERT_CERTIFICATE_EXPIRED] = "Certificate expired",
	[ALERT_CERTIFICATE_SUSPECT] = "Certificate suspect",
	[ALERT_SYNC_FAILING] = "Sync failing",
	[ALERT_SITE_SILENT] = "Silent",
	[ALERT_AIWATCH] = "The watcher itself",
	[ALERT_TEST] = "Test",
};

static const char *const VERDICT_WORDS[] = {
	[SCAN_WELL] = "All is well",
	[SCAN_FAILING] = "Syncs fail, for another cause than the certificate",
	[SCAN_SUSPECT] = "The certificate may have expired",
	[SCAN_EXPIRED] = "The certificate has expired and must be re-provisioned",
	[SCAN_UNKNOWN] = "It cannot be told",
};

static void
add_escaped(struct buf *out, const char *text)
{
	static const struct escape ESCAPE[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"},
		{'"', "&quot;"}, {'\'', "&#39;"}, {0}};
	excerpt_add(out, text, TEXT_SHOWN, ESCAPE);
}

/* "<TAG>TEXT</NAME>", where TAG may hold attributes; nothing where there is no text. */
static void
add_element(struct buf *out, const char *tag, const char *text)
{
	if (!text || !text[0])
		return;
	buf_format(out, "<%s>", tag);
	add_escaped(out, text);
	buf_format(out, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

/* "2015-06-19 03:00" for people; seconds and zone stand in the element's datetime. */
static void
add_time(struct buf *out, int64_t time)
{
	char text[TIME_TEXT];
	if (time == TIME_NONE) {
		buf_add_text(out, "no readable time");
		return;
	}
	time_format(time, text);
	buf_format(out, "<time datetime=\"%s\">%.10s %.5s</time>", text, text, text + 11);
}

/* ---- the time line ---- */

static void
widen(struct range *range, int64_t time)
{
	if (time == TIME_NONE)
		return;
	if (range->from == TIME_NONE || time < range->from)
		range->from = time;
	if (range->to == TIME_NONE || time > range->to)
		range->to = time;
}

static void
widen_by(struct range *range, const struct incident *incident)
{
	widen(range, incident->started_at);
	widen(range, incident->ended_at);
	for (size_t i = 0; i < incident->evidence_count; i++)
		widen(range, incident->evidence[i].time);
}

static struct range
range_of(const struct scan *scan)
{
	struct range range = {TIME_NONE, TIME_NONE};
	for (const struct scan_site *site = scan->sites; site; site = site->hh.next) {
		widen(&range, site->since);
		if (site->trouble.evidence_count > 0)
			widen_by(&range, &site->trouble);
		for (size_t i = 0; i < site->incident_count; i++)
			widen_by(&range, &site->incident[i]);
	}
	if (range.from == TIME_NONE)
		range = (struct range){scan->now - DAY, scan->now};
	int64_t margin = (range.to - range.from) / 50;
	range.from -= margin > HOUR ? margin : HOUR;
	range.to += margin > HOUR ? margin : HOUR;
	return range;
}

static double
place(const struct range *range, int64_t time)
{
	if (time == TIME_NONE)
		return 0;
	double share = (double)(time - range->from) / (double)(range->to - range->from);
	return share < 0 ? 0 : share > 1 ? WIDTH : share * WIDTH;
}

static int64_t
tick_step(const struct range *range)
{
	static const int64_t STEP[] = {HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
		14 * DAY, 30 * DAY, 60 * DAY, 90 * DAY, 180 * DAY, 365 * DAY, 730 * DAY,
		1826 * DAY};
	for (size_t i = 0; i < COUNT(STEP); i++) {
		if ((range->to - range->from) / STEP[i] < TICKS)
			return STEP[i];
	}
	return 3652 * DAY;
}

static void
add_tick(struct buf *out, const struct range *range, int64_t at, int64_t step)
{
	char text[TIME_TEXT];
	double x = place(range, at);
	time_format(at, text);
	buf_format(out, "<line class=\"grid\" x1=\"%.1f%%\" x2=\"%.1f%%\" y1=\"8\" y2=\"16\"/>",
		x * 100 / WIDTH, x * 100 / WIDTH);
	if (x < 60 || x > WIDTH - 60)
		return;
	bool is_clock = step < DAY, is_day = step < 60 * DAY;
	const char *words = is_clock ? text + 11 : is_day ? text + 5 : text;
	buf_format(out, "<text x=\"%.1f%%\" y=\"42\" text-anchor=\"middle\">%.*s</text>",
		x * 100 / WIDTH, is_clock || is_day ? 5 : 7, words);
}

/* The bars scale with the width, the words do not: a drawing within the drawing. */
static void
add_timeline(struct buf *out, const struct scan_site *site, const struct range *range)
{
	int64_t step = tick_step(range);
	struct buf words = BUF_INIT;
	buf_format(out,
		"<svg role=\"img\" aria-label=\"%zu incidents\"><svg viewBox=\"0 0 %d 24\""
		" height=\"24\" preserveAspectRatio=\"none\"><rect class=\"track\" y=\"8\""
		" width=\"%d\" height=\"8\"/>",
		site->incident_count, WIDTH, WIDTH);
	for (size_t i = 0; i < site->incident_count; i++) {
		const struct incident *incident = &site->incident[i];
		bool stands = incident->ended_at == TIME_NONE;
		double x = place(range, incident->started_at);
		double end = place(range, stands ? range->to : incident->ended_at);
		buf_format(out,
			"<rect class=\"%s\" x=\"%.1f\" y=\"2\" width=\"%.1f\" height=\"20\"/>",
			alert_kind_name(incident->kind), x > WIDTH - 5 ? WIDTH - 5 : x,
			end - x > 5 ? end - x : 5);
	}
	buf_add_text(out, "</svg>");
	for (int64_t at = range->from - range->from % step + step; at < range->to; at += step)
		add_tick(&words, range, at, step);
	buf_add_span(out, buf_span(&words));
	buf_add_text(out, "</svg>\n");
	buf_fini(&words);
}

/* ---- a site ---- */

static void
add_evidence(struct buf *out, const struct evidence *evidence)
{
	buf_add_text(out, "<div class=\"quote\">");
	add_element(out, "code", evidence->text);
	buf_format(out, "<small>%s · ", event_name(evidence->event));
	add_time(out, evidence->time);
	buf_add_text(out, " · ");
	add_escaped(out, evidence->file);
	buf_format(out, ", offset %" PRIu64 "</small></div>\n", evidence->offset);
}

static void
add_incident(struct buf *out, const struct incident *incident)
{
	bool stands = incident->ended_at == TIME_NONE;
	const char *resolution = resolution_name(incident->resolution);
	buf_format(out, "<tr><td>%s", KIND_WORDS[incident->kind]);
	if (incident->cause) {
		buf_add_text(out, "<br><small>");
		add_escaped(out, incident->cause);
		buf_add_text(out, "</small>");
	}
	buf_add_text(out, "</td><td>");
	add_time(out, incident->started_at);
	buf_add_text(out, "</td><td>");
	if (stands)
		buf_add_text(out, "still stands");
	else
		add_time(out, incident->ended_at);
	buf_format(out, "</td><td>%s</td><td>%" PRIu64 "</td></tr>\n", resolution ? resolution : "",
		incident->occurrences);
}

/* The newest first. */
static void
add_history(struct buf *out, const struct scan_site *site)
{
	uint64_t left_out = site->left_out;
	if (site->incident_count == 0)
		return;
	buf_add_text(out, "<h3>History</h3>\n<table><thead><tr><th>What</th><th>From</th>"
			  "<th>To</th><th>Ended by</th><th>Attempts</th></tr></thead><tbody>\n");
	for (size_t i = site->incident_count; i > 0; i--) {
		if (site->incident_count - i < INCIDENTS_SHOWN)
			add_incident(out, &site->incident[i - 1]);
		else
			left_out++;
	}
	buf_add_text(out, "</tbody></table>\n");
	if (left_out)
		buf_format(out, "<p class=\"soft\">%" PRIu64 " older ones are left out.</p>\n",
			left_out);
}

static void
add_site(struct buf *out, const struct scan_site *site, const struct range *range)
{
	buf_format(out, "<section class=\"card %s\">", scan_verdict_name(scan_verdict_of(site)));
	add_element(out, "h2", site->name);
	buf_format(out, "<p><span class=\"state\">%s</span> <span class=\"soft\">",
		STATE_WORDS[site->state]);
	if (site->since != TIME_NONE) {
		buf_add_text(out, "since ");
		add_time(out, site->since);
	}
	if (site->occurrences > 1)
		buf_format(out, " · %" PRIu64 " attempts", site->occurrences);
	if (site->cause) {
		buf_add_text(out, " · ");
		add_escaped(out, site->cause);
	}
	buf_add_text(out, "</span></p>\n");
	add_timeline(out, site, range);
	if (site->advice) {
		buf_add_text(out, "<h3>What to do</h3>");
		add_element(out, "p class=\"advice\"", site->advice);
	}
	if (site->trouble.evidence_count > 0)
		buf_add_text(out, "<h3>Evidence</h3>\n");
	for (size_t i = 0; i < site->trouble.evidence_count; i++)
		add_evidence(out, &site->trouble.evidence[i]);
	add_history(out, site);
	buf_add_text(out, "</section>\n");
}

/* ---- the whole ---- */

static void
add_files(struct buf *out, const struct scan *scan)
{
	buf_add_text(out, "<section class=\"card unknown\"><h2>Files</h2>\n<table><thead><tr>"
			  "<th>File</th><th>Lines</th><th>Encoding</th><th>Format</th></tr></thead>"
			  "<tbody>\n");
	for (size_t i = 0; i < scan->files.count && i < FILES_SHOWN; i++) {
		const struct scan_file *file = &scan->files.file[i];
		const struct scan_result *result = &scan->result[i];
		buf_add_text(out, "<tr><td>");
		add_escaped(out, file->path);
		if (file->error)
			add_element(out, "div class=\"bad\"", file->error);
		buf_format(out, "</td><td>%" PRIu64 "</td><td>", result->lines);
		add_escaped(out, result->encoding);
		buf_add_text(out, "</td><td>");
		add_escaped(out, result->format);
		buf_add_text(out, "</td></tr>\n");
	}
	buf_add_text(out, "</tbody></table>\n");
	if (scan->files.count > FILES_SHOWN)
		buf_format(out, "<p class=\"soft\">and %zu more</p>\n",
			scan->files.count - FILES_SHOWN);
	buf_add_text(out, "</section>\n");
}

void
scan_print_html(const struct scan *scan, struct buf *out)
{
	struct range range = range_of(scan);
	size_t count;
	const struct scan_site **sites = scan_sites_by_gravity(scan, &count);
	enum scan_verdict found = scan_verdict(scan);
	const char *verdict = found == SCAN_WELL && scan_unknown_sites(scan) == count
				      ? "Nothing was recognised"
				      : VERDICT_WORDS[found];
	buf_format(out,
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'unsafe-inline'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<title>aiwatch: %s</title>\n<style>\n%s</style></head>\n<body><main>\n"
		"<h1>%s</h1>\n<p class=\"soft\">%zu site%s in %zu file%s, read ",
		verdict, scan_html_css, verdict, count, count == 1 ? "" : "s", scan->files.count,
		scan->files.count == 1 ? "" : "s");
	add_time(out, scan->now);
	buf_add_text(out, " by aiwatch " AIWATCH_VERSION ". Times are UTC.</p>\n");
	for (size_t i = 0; i < count; i++)
		add_site(out, sites[i], &range);
	add_files(out, scan);
	buf_add_text(out, "</main></body></html>\n");
	free(sites);
}

bool
scan_write_html(const struct scan *scan, const char *path, struct err *err)
{
	struct buf text = BUF_INIT;
	bool is_standard = strcmp(path, "-") == 0;
	FILE *file = is_standard ? stdout : fopen(path, "we");
	if (!file)
		return err_system(err, errno, "cannot write %s", path);
	scan_print_html(scan, &text);
	bool ok = fwrite(text.p, 1, text.n, file) == text.n && fflush(file) == 0;
	int code = errno;
	if (!is_standard && fclose(file) != 0 && ok) {
		ok = false;
		code = errno;
	}
	buf_fini(&text);
	return ok || err_system(err, code, "cannot write %s", path);
}
