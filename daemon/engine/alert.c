#include "daemon/engine/alert.h"

#include "daemon/base/buf.h"
#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const STATE_NAME[SITE_STATES] = {
	[SITE_UNKNOWN] = "unknown",
	[SITE_HEALTHY] = "healthy",
	[SITE_ENROLL_REJECTED] = "enroll_rejected",
	[SITE_SYNC_FORBIDDEN] = "sync_forbidden",
	[SITE_EXPIRED] = "expired",
	[SITE_FAILING] = "failing",
};

static const struct kind {
	const char *name;
	enum alert_severity severity;
} KIND[ALERT_KINDS] = {
	[ALERT_CERTIFICATE_EXPIRED] = {"certificate_expired", ALERT_CRITICAL},
	[ALERT_CERTIFICATE_SUSPECT] = {"certificate_suspect", ALERT_WARNING},
	[ALERT_SYNC_FAILING] = {"sync_failing", ALERT_WARNING},
	[ALERT_SITE_SILENT] = {"site_silent", ALERT_WARNING},
	[ALERT_AIWATCH] = {"aiwatch", ALERT_WARNING},
	[ALERT_TEST] = {"test", ALERT_INFO},
	[ALERT_HEARTBEAT] = {"heartbeat", ALERT_INFO},
};

static const char *const SEVERITY_NAME[ALERT_SEVERITIES] = {
	[ALERT_INFO] = "info",
	[ALERT_WARNING] = "warning",
	[ALERT_CRITICAL] = "critical",
};

static const char *const RESOLUTION_NAME[RESOLUTIONS] = {
	[RESOLUTION_RECOVERED] = "recovered",
	[RESOLUTION_OPERATOR] = "operator",
	[RESOLUTION_QUIET] = "quiet",
	[RESOLUTION_SUPERSEDED] = "superseded",
};

const char *
site_state_name(enum site_state state)
{
	return STATE_NAME[state];
}

const char *
alert_kind_name(enum alert_kind kind)
{
	return KIND[kind].name;
}

enum alert_severity
alert_kind_severity(enum alert_kind kind)
{
	return KIND[kind].severity;
}

const char *
alert_severity_name(enum alert_severity severity)
{
	return SEVERITY_NAME[severity];
}

const char *
resolution_name(enum resolution resolution)
{
	return RESOLUTION_NAME[resolution];
}

/* The index of `name` in the table, or -1. */
static int
name_index(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++) {
		if (names[i] && strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

bool
site_state_from_name(const char *name, enum site_state *state)
{
	int i = name_index(STATE_NAME, SITE_STATES, name);
	if (i < 0)
		return false;
	*state = (enum site_state)i;
	return true;
}

bool
alert_kind_from_name(const char *name, enum alert_kind *kind)
{
	for (int i = 0; i < ALERT_KINDS; i++) {
		if (strcmp(KIND[i].name, name) == 0) {
			*kind = (enum alert_kind)i;
			return true;
		}
	}
	return false;
}

bool
alert_severity_from_name(const char *name, enum alert_severity *severity)
{
	int i = name_index(SEVERITY_NAME, ALERT_SEVERITIES, name);
	if (i < 0)
		return false;
	*severity = (enum alert_severity)i;
	return true;
}

bool
resolution_from_name(const char *name, enum resolution *resolution)
{
	int i = name_index(RESOLUTION_NAME, RESOLUTIONS, name);
	if (i < 0)
		return false;
	*resolution = (enum resolution)i;
	return true;
}

/* Both texts of an evidence, one behind the other. */
struct shared_texts {
	unsigned references;
	unsigned left_at;
	char bytes[];
};

void
evidence_fini(struct evidence *evidence)
{
	if (!evidence->shared) {
		free(evidence->file);
		free(evidence->text);
	} else if (--evidence->shared->references == 0) {
		free(evidence->shared);
	}
	*evidence = (struct evidence){0};
}

void
evidence_copy(const struct evidence *from, struct evidence *to)
{
	*to = *from;
	if (from->shared) {
		from->shared->references++;
		return;
	}
	to->file = mem_text(from->file);
	to->text = mem_text(from->text);
}

void
evidence_set_texts(struct evidence *evidence, const char *file, const char *text)
{
	size_t file_n = strlen(file) + 1, text_n = strlen(text) + 1;
	struct shared_texts *shared = mem_new(sizeof *shared + file_n + text_n);
	shared->references = 1;
	evidence->shared = shared;
	evidence->file = memcpy(shared->bytes, file, file_n);
	evidence->text = memcpy(shared->bytes + file_n, text, text_n);
}

void
evidence_share(struct evidence *evidence)
{
	char *file = evidence->file, *text = evidence->text;
	if (evidence->shared || !file || !text)
		return;
	evidence_set_texts(evidence, file, text);
	free(file);
	free(text);
}

void
evidence_leave_at(struct evidence *evidence, unsigned place)
{
	evidence->shared->left_at = place;
}

unsigned
evidence_left_at(const struct evidence *evidence)
{
	return evidence->shared ? evidence->shared->left_at : 0;
}

void
evidence_add(struct evidence list[EVIDENCE_MAX], size_t *count, struct evidence *line)
{
	if (*count == EVIDENCE_MAX) {
		size_t oldest = EVIDENCE_MAX / 2;
		evidence_fini(&list[oldest]);
		memmove(&list[oldest], &list[oldest + 1],
			(EVIDENCE_MAX - oldest - 1) * sizeof list[0]);
		(*count)--;
	}
	list[(*count)++] = *line;
	*line = (struct evidence){0};
}

void
alert_fini(struct alert *alert)
{
	free(alert->site);
	free(alert->summary);
	free(alert->advice);
	free(alert->cause);
	for (size_t i = 0; i < alert->evidence_count; i++)
		evidence_fini(&alert->evidence[i]);
	*alert = (struct alert){0};
}

void
alert_copy(const struct alert *from, struct alert *to)
{
	*to = *from;
	to->site = mem_text(from->site);
	to->summary = mem_text(from->summary);
	to->advice = mem_text(from->advice);
	to->cause = mem_text(from->cause);
	for (size_t i = 0; i < from->evidence_count; i++)
		evidence_copy(&from->evidence[i], &to->evidence[i]);
}

char *
alert_key(const struct alert *alert)
{
	return mem_format("%s/%s", alert_kind_name(alert->kind), alert->site);
}

static void
add_with_nul(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text) + 1);
}

static void
write_id(struct buf *content, char out[ALERT_ID_TEXT])
{
	struct sha256 digest = sha256(content->p, content->n);
	hex_encode(digest.byte, (ALERT_ID_TEXT - 1) / 2, out);
	buf_fini(content);
}

static struct buf
begin_id(const char *site, enum alert_kind kind, const char *transition)
{
	struct buf content = BUF_INIT;
	add_with_nul(&content, "aiwatch 1");
	add_with_nul(&content, site);
	add_with_nul(&content, alert_kind_name(kind));
	add_with_nul(&content, transition);
	return content;
}

void
alert_id_of_firing(char out[ALERT_ID_TEXT], const char *site, enum alert_kind kind,
	const struct evidence *evidence, size_t count, const char *more)
{
	struct buf content = begin_id(site, kind, "firing");
	for (size_t i = 0; i < count; i++) {
		for (int shift = 56; shift >= 0; shift -= 8)
			buf_add_byte(&content, (char)(evidence[i].offset >> shift & 0xff));
		buf_add(&content, evidence[i].digest, sizeof evidence[i].digest);
	}
	if (more)
		add_with_nul(&content, more);
	write_id(&content, out);
}

void
alert_id_of_follower(char out[ALERT_ID_TEXT], const char *site, enum alert_kind kind,
	const char *transition, const char *firing_id)
{
	struct buf content = begin_id(site, kind, transition);
	add_with_nul(&content, firing_id);
	write_id(&content, out);
}
