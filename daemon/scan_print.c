#include "daemon/scan.h"

#include "daemon/base/mem.h"
#include "daemon/base/term.h"
#include "daemon/engine/alert_json.h"
#include "parsers/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The sites by name. The array is to be freed, the sites are the scan's. */
static const struct scan_site **
sorted_sites(const struct scan *scan, int (*order)(const void *, const void *), size_t *count)
{
	*count = HASH_COUNT(scan->sites);
	const struct scan_site **sorted = mem_array(*count, sizeof *sorted);
	size_t i = 0;
	for (const struct scan_site *site = scan->sites; site; site = site->hh.next)
		sorted[i++] = site;
	qsort(sorted, *count, sizeof *sorted, order);
	return sorted;
}

static int
by_name(const void *a, const void *b)
{
	const struct scan_site *const *left = a, *const *right = b;
	return strcmp((*left)->name, (*right)->name);
}

static int
by_gravity(const void *a, const void *b)
{
	const struct scan_site *const *left = a, *const *right = b;
	int order = (int)scan_verdict_of(*right) - (int)scan_verdict_of(*left);
	return order ? order : by_name(a, b);
}

const struct scan_site **
scan_sites_by_gravity(const struct scan *scan, size_t *count)
{
	return sorted_sites(scan, by_gravity, count);
}

static json_t *
file_to_json(const struct scan_file *file, const struct scan_result *result)
{
	json_t *object = json_object();
	json_put(object, "path", json_of_text(file->path));
	json_put(object, "bytes", json_integer((json_int_t)result->bytes));
	json_put(object, "lines", json_integer((json_int_t)result->lines));
	json_put(object, "records", json_integer((json_int_t)result->records));
	json_put(object, "encoding", json_string(result->encoding));
	json_put(object, "format", json_string(result->format));
	json_put(object, "error", json_of_text(file->error));
	return object;
}

static json_t *
incident_to_json(const struct incident *incident)
{
	json_t *object = json_object();
	json_put(object, "kind", json_string(alert_kind_name(incident->kind)));
	json_put(object, "started_at", json_of_time(incident->started_at));
	json_put(object, "ended_at", json_of_time(incident->ended_at));
	json_put(object, "resolution", json_of_text(resolution_name(incident->resolution)));
	json_put(object, "cause", json_of_text(incident->cause));
	json_put(object, "occurrences", json_integer((json_int_t)incident->occurrences));
	json_put(object, "evidence",
		evidence_list_to_json(incident->evidence, incident->evidence_count));
	return object;
}

static json_t *
site_to_json(const struct scan_site *site)
{
	json_t *object = json_object(), *incidents = json_array();
	for (size_t i = 0; i < site->incident_count; i++)
		json_array_append_new(incidents, incident_to_json(&site->incident[i]));
	json_put(object, "site", json_of_text(site->name));
	json_put(object, "state", json_string(site_state_name(site->state)));
	json_put(object, "since", json_of_time(site->since));
	json_put(object, "occurrences", json_integer((json_int_t)site->occurrences));
	json_put(object, "incidents", incidents);
	if (site->left_out)
		json_put(object, "incidents_left_out", json_integer((json_int_t)site->left_out));
	return object;
}

void
scan_print_json(const struct scan *scan, struct buf *out)
{
	json_t *object = json_object(), *files = json_array(), *sites = json_array();
	size_t count;
	const struct scan_site **sorted = sorted_sites(scan, by_name, &count);
	for (size_t i = 0; i < scan->files.count; i++)
		json_array_append_new(files, file_to_json(&scan->files.file[i], &scan->result[i]));
	for (size_t i = 0; i < count; i++)
		json_array_append_new(sites, site_to_json(sorted[i]));
	json_put(object, "version", json_integer(1));
	json_put(object, "verdict", json_string(scan_verdict_name(scan_verdict(scan))));
	json_put(object, "files", files);
	json_put(object, "sites", sites);
	char *text = json_dumps(object, JSON_INDENT(2));
	if (!text)
		abort();
	buf_add_text(out, text);
	buf_add_text(out, "\n");
	free(text);
	json_decref(object);
	free(sorted);
}

/* A report in the making: where it goes, and how it may look. */
struct page {
	struct buf *out;
	bool colour;
	size_t columns;
};

enum { PATH_SHOWN = 4096, TEXT_SHOWN = 1024, INDENT = 4 };

static void
style(struct page *page, enum term_style how)
{
	buf_add_text(page->out, term_style(how, page->colour));
}

/* Text from outside, made safe for a terminal. */
static void
add_safe(struct page *page, const char *text, size_t limit)
{
	text_sanitize(page->out, span_of(text), limit);
}

static void
add_time(struct page *page, int64_t time)
{
	char text[TIME_TEXT];
	buf_format(
		page->out, "%-20s", time == TIME_NONE ? "(no date read)" : time_format(time, text));
}

static enum term_style
style_of(enum scan_verdict verdict)
{
	return verdict == SCAN_EXPIRED ? TERM_RED : verdict == SCAN_WELL ? TERM_GREEN : TERM_YELLOW;
}

static void
add_evidence(struct page *page, const struct evidence *evidence)
{
	buf_format(page->out, "%*s", 2 * INDENT, "");
	add_time(page, evidence->time);
	buf_format(page->out, "  %-20s  ", event_name(evidence->event));
	style(page, TERM_DIM);
	add_safe(page, evidence->file, PATH_SHOWN);
	buf_format(page->out, ", byte %" PRIu64 "\n%*s", evidence->offset, 3 * INDENT, "");
	add_safe(page, evidence->text, TEXT_SHOWN);
	style(page, TERM_PLAIN);
	buf_add_text(page->out, "\n");
}

static void
add_evidence_list(struct page *page, const struct incident *incident)
{
	for (size_t i = 0; i < incident->evidence_count; i++)
		add_evidence(page, &incident->evidence[i]);
}

static void
add_incident(struct page *page, const struct incident *incident)
{
	bool stands = incident->ended_at == TIME_NONE;
	buf_format(page->out, "%*s", INDENT, "");
	add_time(page, incident->started_at);
	buf_add_text(page->out, " to ");
	if (stands)
		buf_format(page->out, "%-20s", "now");
	else
		add_time(page, incident->ended_at);
	style(page, TERM_BOLD);
	buf_format(page->out, "  %s", alert_kind_name(incident->kind));
	style(page, TERM_PLAIN);
	buf_format(page->out, ", %" PRIu64 " attempt%s", incident->occurrences,
		incident->occurrences == 1 ? "" : "s");
	if (!stands)
		buf_format(page->out, ", %s", resolution_name(incident->resolution));
	if (incident->cause) {
		buf_add_text(page->out, ": ");
		add_safe(page, incident->cause, TEXT_SHOWN);
	}
	buf_add_text(page->out, "\n");
	add_evidence_list(page, incident);
}

/* What the state rests on, where that has made no incident yet. */
static void
add_beginnings(struct page *page, const struct scan_site *site)
{
	if (site->trouble.id[0] || !site->trouble.evidence_count)
		return;
	buf_format(page->out, "%*snot yet an alert, %" PRIu64 " attempt%s", INDENT, "",
		site->occurrences, site->occurrences == 1 ? "" : "s");
	if (site->cause) {
		buf_add_text(page->out, ": ");
		add_safe(page, site->cause, TEXT_SHOWN);
	}
	buf_add_text(page->out, "\n");
	add_evidence_list(page, &site->trouble);
}

static void
add_site(struct page *page, const struct scan_site *site)
{
	style(page, TERM_BOLD);
	add_safe(page, site->name, PATH_SHOWN);
	style(page, TERM_PLAIN);
	buf_add_text(page->out, "  ");
	style(page, style_of(scan_verdict_of(site)));
	buf_add_text(page->out, site_state_name(site->state));
	style(page, TERM_PLAIN);
	if (site->since != TIME_NONE) {
		char text[TIME_TEXT];
		buf_format(page->out, " since %s", time_format(site->since, text));
	} else {
		buf_add_text(page->out, site->state == SITE_UNKNOWN
						? ": no record that a rule knows"
						: " since: not known, for no date in its lines "
						  "can be read one way only");
	}
	buf_add_text(page->out, "\n");
	if (site->left_out)
		buf_format(page->out, "%*s%" PRIu64 " older incidents are left out\n", INDENT, "",
			site->left_out);
	for (size_t i = 0; i < site->incident_count; i++)
		add_incident(page, &site->incident[i]);
	add_beginnings(page, site);
	if (site->advice) {
		buf_format(page->out, "%*s", INDENT, "");
		style(page, TERM_BOLD);
		buf_add_text(page->out, "what to do\n");
		style(page, TERM_PLAIN);
		term_wrap(page->out, site->advice, 2 * INDENT, page->columns);
	}
	buf_add_text(page->out, "\n");
}

static void
add_files(struct page *page, const struct scan *scan)
{
	uint64_t bytes = 0, lines = 0;
	for (size_t i = 0; i < scan->files.count; i++) {
		const struct scan_file *file = &scan->files.file[i];
		bytes += scan->result[i].bytes;
		lines += scan->result[i].lines;
		if (!file->error)
			continue;
		style(page, TERM_RED);
		add_safe(page, file->path, PATH_SHOWN);
		style(page, TERM_PLAIN);
		buf_add_text(page->out, ": ");
		add_safe(page, file->error, TEXT_SHOWN);
		buf_add_text(page->out, "\n");
	}
	buf_format(page->out, "%zu file%s, %" PRIu64 " line%s, %" PRIu64 " bytes\n",
		scan->files.count, scan->files.count == 1 ? "" : "s", lines, lines == 1 ? "" : "s",
		bytes);
}

static const char *
why_unknown(const struct scan *scan)
{
	for (size_t i = 0; i < scan->files.count; i++) {
		if (scan->files.file[i].error)
			return ": not every file could be read";
	}
	return scan->only ? ": no record of that site was found"
			  : ": no record of the service was found";
}

static void
add_verdict(struct page *page, const struct scan *scan)
{
	static const char *const WORDS[] = {
		[SCAN_WELL] = "all well",
		[SCAN_FAILING] = "failing, for another cause than the certificate",
		[SCAN_SUSPECT] = "suspect: a certificate may have expired",
		[SCAN_EXPIRED] = "expired: a certificate must be re-provisioned",
		[SCAN_UNKNOWN] = "cannot tell",
	};
	enum scan_verdict verdict = scan_verdict(scan);
	size_t unknown = scan_unknown_sites(scan);
	bool nothing = verdict == SCAN_WELL && unknown == HASH_COUNT(scan->sites);
	style(page, nothing ? TERM_YELLOW : style_of(verdict));
	buf_add_text(page->out, nothing ? "nothing was recognised" : WORDS[verdict]);
	style(page, TERM_PLAIN);
	if (nothing)
		buf_add_text(page->out, ": there are records of the service, but none that a rule "
					"knows; the state is unknown");
	else if (verdict == SCAN_WELL && unknown > 0)
		buf_format(page->out,
			", but for %zu site%s of which no rule knows a record: the state is "
			"unknown",
			unknown, unknown == 1 ? "" : "s");
	if (verdict == SCAN_UNKNOWN)
		buf_add_text(page->out, why_unknown(scan));
	buf_add_text(page->out, "\n");
}

void
scan_print_report(const struct scan *scan, bool colour, size_t columns, struct buf *out)
{
	struct page page = {out, colour, columns};
	size_t count;
	const struct scan_site **sorted = scan_sites_by_gravity(scan, &count);
	for (size_t i = 0; i < count; i++)
		add_site(&page, sorted[i]);
	add_files(&page, scan);
	add_verdict(&page, scan);
	free(sorted);
}
