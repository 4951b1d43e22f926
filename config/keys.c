#include "config/keys.h"

#include "config/checks.h"
#include "config/template.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <string.h>

static const char *const START[] = {"beginning", "end", NULL};
static const char *const WATCH[] = {"auto", "inotify", "poll", NULL};
static const char *const LOST[] = {"begin", "end", "fail", NULL};
static const char *const FORMAT[] = {"auto", "plain", "syslog", "json", NULL};
static const char *const AGAINST[] = {"message", "record", NULL};

enum { LISTEN_MAX = 256 };

static const struct config_key JSON_KEY[] = {
	{.name = "message",
		.type = KEY_TEXTS,
		AT(config_input, json.message),
		.check = check_line,
		.least = 1,
		.most = 16,
		.takes_one = true,
		.help = "keys of the service's line, the first that is there; a.b is b within a"},
	{.name = "host",
		.type = KEY_TEXTS,
		AT(config_input, json.host),
		.check = check_line,
		.least = 1,
		.most = 16,
		.takes_one = true,
		.help = "keys of the host that the line comes from, the {host} of site"},
	{.name = "time",
		.type = KEY_TEXTS,
		AT(config_input, json.time),
		.check = check_line,
		.least = 1,
		.most = 16,
		.takes_one = true,
		.help = "keys of the time of the envelope: seconds since 1970, or a date"},
};

static const struct config_section JSON = {
	.key = JSON_KEY, .count = COUNT(JSON_KEY), .selector = -1};

static const struct config_key INPUT_KEY[] = {
	{.name = "name",
		.type = KEY_TEXT,
		AT(config_input, name),
		.check = check_name,
		.most = KEY_NAME_MAX,
		.is_required = true,
		.help = "what the input is called in status, metrics and messages; unique"},
	{.name = "paths",
		.type = KEY_TEXTS,
		AT(config_input, paths),
		.check = path_glob_check,
		.least = 1,
		.most = 1000,
		.is_required = true,
		.takes_one = true,
		.help = "absolute globs of the files to follow; names are compared without case, "
			"** crosses "
			"directories"},
	{.name = "site",
		.type = KEY_TEXT,
		AT(config_input, site),
		.place_at = offsetof(struct config_input, site_place),
		.check = template_check_site,
		.standard = "\"{host|1|dir}\"",
		.help = "template of the site's name: {host} of the envelope, {1} {2} what the "
			"wildcards matched, {dir}, {file}; a|b is the first that is not empty"},
	{.name = "start",
		.type = KEY_CHOICE,
		AT(config_input, start),
		.words = START,
		.standard = "beginning",
		.help = "where a file that was never seen before is begun"},
	{.name = "watch",
		.type = KEY_CHOICE,
		AT(config_input, watch),
		.words = WATCH,
		.standard = "auto",
		.help = "how changes are noticed; auto polls where inotify is blind"},
	{.name = "poll_interval",
		.type = KEY_DURATION,
		AT(config_input, poll_interval),
		.least = SECOND,
		.most = HOUR,
		.standard = "5s",
		.help = "how often every file is looked at, whatever inotify says"},
	{.name = "encoding",
		.type = KEY_TEXT,
		AT(config_input, encoding),
		.check = check_encoding,
		.most = KEY_NAME_MAX,
		.standard = "auto",
		.help = "auto, utf-8, utf-16le, utf-16be, windows-1252 or any that iconv knows"},
	{.name = "format",
		.type = KEY_TEXT,
		AT(config_input, format),
		.words = FORMAT,
		.standard = "auto",
		.help = "what a collecting host put round the line"},
	{.name = "json",
		.type = KEY_SECTION,
		.section = &JSON,
		.help = "keys of JSON lines that no known shipper writes; those of NXLog, Filebeat "
			"and Fluent Bit are known"},
	{.name = "timezone",
		.type = KEY_TEXT,
		AT(config_input, timezone),
		.check = check_timezone,
		.most = KEY_NAME_MAX,
		.standard = "local",
		.help = "zone of dates that name none: local, UTC or a name of the tz database"},
	{.name = "rotated",
		.type = KEY_TEXTS,
		AT(config_input, rotated),
		.check = template_check_rotated,
		.most = 100,
		.takes_one = true,
		.standard = "[\"{name}.*\", \"{name}-*\", \"{stem}-*{ext}\", \"{stem}.lo_\", "
			    "\"{name}~\"]",
		.help = "where a rotated file is looked for, beside the log, compressed or not"},
	{.name = "on_lost_state",
		.type = KEY_CHOICE,
		AT(config_input, on_lost_state),
		.words = LOST,
		.standard = "begin",
		.help = "how to go on when the store was lost"},
	{.name = "flush_partial_after",
		.type = KEY_DURATION,
		AT(config_input, flush_partial_after),
		.least = SECOND,
		.most = DAY,
		.takes_zero = true,
		.standard = "0",
		.help = "a last line without newline is taken after so long; 0 for never"},
	{.name = "max_line",
		.type = KEY_SIZE,
		AT(config_input, max_line),
		.least = 1024,
		.most = 16 * 1024 * 1024,
		.standard = "64KiB",
		.help = "what is kept of a line; the rest is skipped and counted"},
};

static const struct config_section INPUT = {
	.item = "input",
	.key = INPUT_KEY,
	.count = COUNT(INPUT_KEY),
	.size = sizeof(struct config_input),
	.name_at = offsetof(struct config_input, name),
	.selector = -1,
};

static const struct config_key CORRELATION_KEY[] = {
	{.name = "window",
		.type = KEY_DURATION,
		AT(config, correlation.window),
		.least = SECOND,
		.most = 31 * DAY,
		.standard = "10m",
		.help = "how far apart the two lines of one attempt may lie"},
	{.name = "failing_after",
		.type = KEY_COUNT,
		AT(config, correlation.failing_after),
		.least = 1,
		.most = 1000000,
		.standard = "3",
		.help = "attempts that failed for another cause before sync_failing"},
	{.name = "repeat_every",
		.type = KEY_DURATION,
		AT(config, correlation.repeat_every),
		.least = SECOND,
		.most = 3650 * DAY,
		.takes_zero = true,
		.standard = "24h",
		.help = "reminder while firing; 0 for none"},
	{.name = "resolve_after",
		.type = KEY_DURATION,
		AT(config, correlation.resolve_after),
		.least = SECOND,
		.most = 3650 * DAY,
		.standard = "35d",
		.help = "a silence this long resolves, and says so"},
	{.name = "silent_after",
		.type = KEY_DURATION,
		AT(config, correlation.silent_after),
		.least = SECOND,
		.most = 3650 * DAY,
		.takes_zero = true,
		.standard = "0",
		.help = "a site that writes nothing for so long is site_silent; 0 for off"},
};

static const struct config_section CORRELATION = {
	.key = CORRELATION_KEY, .count = COUNT(CORRELATION_KEY), .selector = -1};

static const struct config_key RULE_KEY[] = {
	{.name = "name",
		.type = KEY_TEXT,
		AT(config_rule, name),
		.check = check_name,
		.most = KEY_NAME_MAX,
		.is_required = true,
		.help = "unique; that of a shipped rule replaces it"},
	{.name = "event",
		.type = KEY_TEXT,
		AT(config_rule, event),
		.place_at = offsetof(struct config_rule, event_place),
		.most = KEY_NAME_MAX,
		.is_required = true,
		.is_verbatim = true,
		.help = "what a record means in which the pattern is found"},
	{.name = "pattern",
		.type = KEY_TEXT,
		AT(config_rule, pattern),
		.place_at = offsetof(struct config_rule, pattern_place),
		.most = 16384,
		.is_required = true,
		.is_verbatim = true,
		.help = "PCRE2; no ${VAR} in it"},
	{.name = "against",
		.type = KEY_CHOICE,
		AT(config_rule, against),
		.words = AGAINST,
		.standard = "message",
		.help = "what the pattern is matched against: the message of the first line, or "
			"the "
			"whole record"},
	{.name = "contains",
		.type = KEY_TEXT,
		AT(config_rule, contains),
		.place_at = offsetof(struct config_rule, contains_place),
		.most = 1024,
		.is_verbatim = true,
		.help = "a literal that every match holds; found out where it can be"},
	{.name = "severity",
		.type = KEY_TEXTS,
		AT(config_rule, severity),
		.place_at = offsetof(struct config_rule, severity_place),
		.most = 10,
		.is_verbatim = true,
		.takes_one = true,
		.help = "the severities that the record may have, as Error or Warning; any where "
			"none "
			"is named"},
	{.name = "cause",
		.type = KEY_TEXT,
		AT(config_rule, cause),
		.place_at = offsetof(struct config_rule, cause_place),
		.most = 1024,
		.is_verbatim = true,
		.check = check_line,
		.help = "what is given as the cause; $name is what the pattern's group (?<name>…) "
			"matched"},
	{.name = "advice",
		.type = KEY_TEXT,
		AT(config_rule, advice),
		.most = 4096,
		.help = "what to do about it; that of the event where none is given"},
	{.name = "provisional",
		.type = KEY_BOOL,
		AT(config_rule, provisional),
		.standard = "false",
		.help = "the pattern is a guess, to be confirmed by a real file"},
};

static const struct config_section RULE = {
	.item = "rule",
	.key = RULE_KEY,
	.count = COUNT(RULE_KEY),
	.size = sizeof(struct config_rule),
	.name_at = offsetof(struct config_rule, name),
	.selector = -1,
};

static const struct config_key MAINTENANCE_KEY[] = {
	{.name = "name",
		.type = KEY_TEXT,
		AT(config_maintenance, name),
		.check = check_name,
		.most = KEY_NAME_MAX,
		.is_required = true,
		.help = "what the window is called in messages and as the reason of the silence; "
			"unique"},
	{.name = "sites",
		.type = KEY_TEXTS,
		AT(config_maintenance, sites),
		.least = 1,
		.most = 1000,
		.takes_one = true,
		.is_required = true,
		.help = "globs of the sites that are silent, compared without case: * ? [abc]"},
	{.name = "at",
		.type = KEY_TEXT,
		AT(config_maintenance, at),
		.check = check_cron,
		.most = 255,
		.is_required = true,
		.help = "when it begins, in local time, as crontab writes it: minute, hour, day of "
			"the month, month, day of the week, as in \"0 22 * * sat\""},
	{.name = "for",
		.type = KEY_DURATION,
		AT(config_maintenance, length),
		.least = MINUTE,
		.most = 7 * DAY,
		.is_required = true,
		.help = "how long it lasts; what still fires then is sent"},
};

static const struct config_section MAINTENANCE = {
	.item = "maintenance",
	.key = MAINTENANCE_KEY,
	.count = COUNT(MAINTENANCE_KEY),
	.size = sizeof(struct config_maintenance),
	.name_at = offsetof(struct config_maintenance, name),
	.selector = -1,
};

static const struct config_key OUTBOX_KEY[] = {
	{.name = "max_alerts",
		.type = KEY_COUNT,
		AT(config, outbox.max_alerts),
		.least = 1,
		.most = 10000000,
		.standard = "100000",
		.help = "alerts that may wait; where it is full, reading pauses"},
	{.name = "max_age",
		.type = KEY_DURATION,
		AT(config, outbox.max_age),
		.least = SECOND,
		.most = 3650 * DAY,
		.standard = "72h",
		.help = "an alert that waits longer is a dead letter"},
};

static const struct config_section OUTBOX = {
	.key = OUTBOX_KEY, .count = COUNT(OUTBOX_KEY), .selector = -1};

static const struct config_key TOP_KEY[] = {
	{.name = "include",
		.type = KEY_INCLUDE,
		.takes_one = true,
		.help = "files to read at this place, globs among them, relative to this file"},
	{.name = "state",
		.type = KEY_PATH,
		AT(config, state),
		.standard = "/var/lib/aiwatch",
		.help = "directory of the store"},
	{.name = "inputs",
		.type = KEY_ITEMS,
		AT(config, inputs),
		.count_at = offsetof(struct config, input_count),
		.section = &INPUT,
		.most = 64,
		.standard = "[{name: collected, paths: [\"/var/log/remote/**/*AIUpdateSvc.log\"]}]",
		.help = "what is read; each input is a thread"},
	{.name = "correlation",
		.type = KEY_SECTION,
		.section = &CORRELATION,
		.help = "how records become states of a site"},
	{.name = "rules",
		.type = KEY_ITEMS,
		AT(config, rules),
		.count_at = offsetof(struct config, rule_count),
		.section = &RULE,
		.most = 1000,
		.help = "added to, or by name replacing, the shipped ones"},
	{.name = "sinks",
		.type = KEY_ITEMS,
		AT(config, sinks),
		.count_at = offsetof(struct config, sink_count),
		.section = &CONFIG_SINK,
		.most = 64,
		.standard = "[{name: local, type: syslog}]",
		.help = "where alerts go"},
	{.name = "maintenance",
		.type = KEY_ITEMS,
		AT(config, maintenance),
		.count_at = offsetof(struct config, maintenance_count),
		.section = &MAINTENANCE,
		.most = 100,
		.help = "windows in which sites are silent, as by the verb silence: nothing of "
			"them is "
			"delivered, history and metrics go on"},
	{.name = "http",
		.type = KEY_TEXT,
		AT(config, http),
		.place_at = offsetof(struct config, http_place),
		.check = check_listen,
		.most = LISTEN_MAX,
		.standard = "null",
		.help = "HOST:PORT to serve metrics, an API and the status page on, without a "
			"password; "
			"null for none"},
	{.name = "outbox",
		.type = KEY_SECTION,
		.section = &OUTBOX,
		.help = "what waits for delivery"},
	{.name = "control",
		.type = KEY_TEXT,
		AT(config, control),
		.check = check_socket,
		.standard = "/run/aiwatch/control.sock",
		.help = "socket by which the verbs talk to the daemon"},
};

const struct config_section CONFIG_TOP = {.key = TOP_KEY, .count = COUNT(TOP_KEY), .selector = -1};

const struct config_key *
config_key_find(const struct config_section *section, const char *name, unsigned type)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct config_key *key = &section->key[i];
		bool is_known = !key->for_type || !type || (key->for_type & type);
		if (is_known && strcmp(key->name, name) == 0)
			return key;
	}
	return NULL;
}
