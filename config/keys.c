#include "config/keys.h"

#include "config/checks.h"
#include "config/template.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <string.h>

#define AT(type, member) .offset = offsetof(struct type, member)

static const char *const START[] = {"beginning", "end", NULL};
static const char *const WATCH[] = {"auto", "inotify", "poll", NULL};
static const char *const LOST[] = {"begin", "end", "fail", NULL};
static const char *const FORMAT[] = {"auto", "plain", "syslog", "json", NULL};
static const char *const AGAINST[] = {"message", "record", NULL};
static const char *const SINK_TYPE[] = {"syslog", "webhook", "stdout", "zabbix", NULL};
static const char *const WEBHOOK_FORMAT[] = {"generic", "cloudevents", "alertmanager", "pagerduty",
	"slack", "teams", "icinga2", "ntfy", "template", NULL};
static const char *const FACILITY[] = {"kern", "user", "mail", "daemon", "auth", "syslog", "lpr",
	"news", "uucp", "cron", "authpriv", "ftp", "local0", "local1", "local2", "local3", "local4",
	"local5", "local6", "local7", NULL};

enum {
	SYSLOG = 1 << CONFIG_SINK_SYSLOG,
	WEBHOOK = 1 << CONFIG_SINK_WEBHOOK,
	STDOUT = 1 << CONFIG_SINK_STDOUT,
	ZABBIX = 1 << CONFIG_SINK_ZABBIX,
	NAME_MAX_BYTES = 63,
	LISTEN_MAX = 256,
};

static const struct config_key INPUT_KEY[] = {
	{.name = "name",
		.type = KEY_TEXT,
		AT(config_input, name),
		.check = check_name,
		.most = NAME_MAX_BYTES,
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
		.most = NAME_MAX_BYTES,
		.standard = "auto",
		.help = "auto, utf-8, utf-16le, utf-16be, windows-1252 or any that iconv knows"},
	{.name = "format",
		.type = KEY_TEXT,
		AT(config_input, format),
		.words = FORMAT,
		.standard = "auto",
		.help = "what a collecting host put round the line"},
	{.name = "timezone",
		.type = KEY_TEXT,
		AT(config_input, timezone),
		.check = check_timezone,
		.most = NAME_MAX_BYTES,
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
		.help = "where a rotated file is looked for, beside the log"},
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
		.most = NAME_MAX_BYTES,
		.is_required = true,
		.help = "unique; that of a shipped rule replaces it"},
	{.name = "event",
		.type = KEY_TEXT,
		AT(config_rule, event),
		.place_at = offsetof(struct config_rule, event_place),
		.most = NAME_MAX_BYTES,
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

/* As alert.h names them, but for "test" and "heartbeat", which no sink leaves out. */
static const char *const KIND[] = {"certificate_expired", "certificate_suspect", "sync_failing",
	"site_silent", "aiwatch", NULL};
static const char *const SEVERITY[] = {"info", "warning", "critical", NULL};

static const struct config_key ONLY_KEY[] = {
	{.name = "kinds",
		.type = KEY_TEXTS,
		AT(config_sink, only.kinds),
		.words = KIND,
		.least = 1,
		.most = 16,
		.takes_one = true,
		.help = "kinds of alerts that go there; \"aiwatch\" are those about aiwatch "
			"itself"},
	{.name = "severities",
		.type = KEY_TEXTS,
		AT(config_sink, only.severities),
		.words = SEVERITY,
		.least = 1,
		.most = 16,
		.takes_one = true,
		.help = "severities that go there, firing and resolved"},
	{.name = "sites",
		.type = KEY_TEXTS,
		AT(config_sink, only.sites),
		.least = 1,
		.most = 1000,
		.takes_one = true,
		.help = "globs of the sites whose alerts go there, compared without case: * ? "
			"[abc]; "
			"alerts about aiwatch itself have none and go there all the same"},
};

static const struct config_section ONLY = {
	.key = ONLY_KEY, .count = COUNT(ONLY_KEY), .selector = -1};

static const struct config_key SINK_KEY[] = {
	{.name = "type",
		.type = KEY_CHOICE,
		AT(config_sink, type),
		.words = SINK_TYPE,
		.is_required = true,
		.help = "how alerts leave"},
	{.name = "name",
		.type = KEY_TEXT,
		AT(config_sink, name),
		.check = check_name,
		.most = NAME_MAX_BYTES,
		.is_required = true,
		.help = "what the sink is called in status, metrics and messages; unique"},
	{.name = "address",
		.type = KEY_TEXT,
		AT(config_sink, address),
		.for_type = SYSLOG,
		.check = check_address,
		.standard = "/dev/log",
		.help = "a socket's path, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT"},
	{.name = "facility",
		.type = KEY_TEXT,
		AT(config_sink, facility),
		.for_type = SYSLOG,
		.words = FACILITY,
		.standard = "daemon",
		.help = "the facility of the messages"},
	{.name = "url",
		.type = KEY_TEXT,
		AT(config_sink, url),
		.for_type = WEBHOOK,
		.check = check_url,
		.hides_user = true,
		.help = "where to POST, needed but for pagerduty; redirects are not followed; "
			"alertmanager "
			"and icinga2 add the path of their API where there is none, the last part "
			"of "
			"ntfy's is the topic"},
	{.name = "urls",
		.type = KEY_TEXTS,
		AT(config_sink, urls),
		.for_type = WEBHOOK,
		.check = check_url,
		.least = 1,
		.most = 16,
		.hides_user = true,
		.help = "of alertmanager: all its instances, each of which is told; delivered once "
			"one "
			"has taken it, and those that were away learn what stands within a minute"},
	{.name = "format",
		.type = KEY_TEXT,
		AT(config_sink, format),
		.for_type = WEBHOOK,
		.words = WEBHOOK_FORMAT,
		.standard = "generic",
		.help = "what the body looks like; alertmanager and icinga2 are told again each "
			"minute what stands, as they forget"},
	{.name = "routing_key",
		.type = KEY_SECRET,
		AT(config_sink, routing_key),
		.for_type = WEBHOOK,
		.help = "of pagerduty: the integration's key"},
	{.name = "body",
		.type = KEY_TEXT,
		AT(config_sink, body),
		.for_type = WEBHOOK,
		.is_verbatim = true,
		.most = 65536,
		.help = "of template: text with {{field}} and {{field|filter}}; filters: text json "
			"xml "
			"url upper lower"},
	{.name = "host",
		.type = KEY_TEXT,
		AT(config_sink, host),
		.for_type = WEBHOOK | ZABBIX,
		.check = check_line,
		.most = 255,
		.help = "of icinga2 and zabbix: the host that an alert belongs to, {site} where "
			"nothing is said; {site} in it is the site's name"},
	{.name = "service",
		.type = KEY_TEXT,
		AT(config_sink, service),
		.for_type = WEBHOOK,
		.check = check_line,
		.most = 255,
		.help = "of icinga2: the host's service, ai-sync-certificate where nothing is "
			"said; "
			"with -silent behind it for site_silent; heartbeats go to the service "
			"aiwatch-heartbeat of the host that is called as this one"},
	{.name = "server",
		.type = KEY_TEXT,
		AT(config_sink, server),
		.for_type = ZABBIX,
		.check = check_server,
		.is_required = true,
		.help = "HOST:PORT of the server's or a proxy's trapper, whose port is mostly "
			"10051"},
	{.name = "item",
		.type = KEY_TEXT,
		AT(config_sink, item),
		.for_type = ZABBIX,
		.check = check_line,
		.most = 255,
		.standard = "aiwatch.alert",
		.help = "key of the host's trapper item, of type text, that gets the generic "
			"document"},
	{.name = "secret",
		.type = KEY_SECRET,
		AT(config_sink, secret),
		.for_type = WEBHOOK,
		.help = "signs each request after Standard Webhooks"},
	{.name = "bearer",
		.type = KEY_SECRET,
		AT(config_sink, bearer),
		.for_type = WEBHOOK,
		.help = "sent as Authorization: Bearer"},
	{.name = "basic",
		.type = KEY_SECRETS,
		AT(config_sink, basic),
		.for_type = WEBHOOK,
		.check = check_basic,
		.most = 2,
		.help = "{user: …, password: …}, sent as Authorization: Basic; each may be a "
			"secret"},
	{.name = "headers",
		.type = KEY_SECRETS,
		AT(config_sink, headers),
		.for_type = WEBHOOK,
		.check = check_header,
		.most = 64,
		.help = "added to each request; a value may be a secret"},
	{.name = "labels",
		.type = KEY_PAIRS,
		AT(config_sink, labels),
		.for_type = WEBHOOK | STDOUT | ZABBIX,
		.most = 64,
		.help = "added to each document"},
	{.name = "timeout",
		.type = KEY_DURATION,
		AT(config_sink, timeout),
		.for_type = WEBHOOK | ZABBIX,
		.least = SECOND,
		.most = 5 * MINUTE,
		.standard = "10s",
		.help = "of one request, from connecting to the answer's end"},
	{.name = "ca",
		.type = KEY_PATH,
		AT(config_sink, ca),
		.for_type = SYSLOG | WEBHOOK,
		.is_own_file = true,
		.help = "file of certificates to trust, instead of the system's"},
	{.name = "cert",
		.type = KEY_PATH,
		AT(config_sink, cert),
		.for_type = SYSLOG | WEBHOOK,
		.is_own_file = true,
		.help = "file of the client's certificate"},
	{.name = "key",
		.type = KEY_PATH,
		AT(config_sink, key),
		.for_type = SYSLOG | WEBHOOK,
		.is_own_file = true,
		.help = "file of the client certificate's private key"},
	{.name = "insecure",
		.type = KEY_BOOL,
		AT(config_sink, insecure),
		.for_type = SYSLOG | WEBHOOK,
		.standard = "false",
		.help = "does not verify the server's certificate"},
	{.name = "proxy",
		.type = KEY_TEXT,
		AT(config_sink, proxy),
		.for_type = WEBHOOK,
		.check = check_proxy,
		.hides_user = true,
		.help = "proxy to go through"},
	{.name = "only",
		.type = KEY_SECTION,
		.section = &ONLY,
		.help = "what goes there; all where nothing is said"},
	{.name = "collapse",
		.type = KEY_BOOL,
		AT(config_sink, collapse),
		.standard = "false",
		.help = "leaves out what began and ended before the sink could be told of it"},
	{.name = "heartbeat",
		.type = KEY_DURATION,
		AT(config_sink, heartbeat),
		.least = SECOND,
		.most = DAY,
		.takes_zero = true,
		.standard = "0",
		.help = "sends an alert of kind heartbeat, firing, as often as this while the "
			"daemon "
			"lives, "
			"for a dead man's switch; it is not kept, not tried again and never "
			"resolved; 0 "
			"for none"},
};

static bool
sink_has(uint64_t given, const char *name)
{
	size_t i = 0;
	while (strcmp(SINK_KEY[i].name, name) != 0)
		i++;
	return given >> i & 1;
}

/* What one format of webhook needs and no other knows. */
static void
check_sink(struct config_problems *problems, const void *item, uint64_t given)
{
	const struct config_sink *sink = item;
	const char *format = sink->format ? sink->format : "generic";
	const bool IS_PAGERDUTY = strcmp(format, "pagerduty") == 0;
	const bool IS_TEMPLATE = strcmp(format, "template") == 0;
	const bool IS_ALERTMANAGER = strcmp(format, "alertmanager") == 0;
	const bool IS_ICINGA = strcmp(format, "icinga2") == 0;
	const bool HAS_URLS = sink_has(given, "urls");
	const struct {
		const char *key;
		bool is_wanted, is_known;
	} NEED[] = {
		{"url", !IS_PAGERDUTY && !HAS_URLS, true},
		{"urls", false, IS_ALERTMANAGER},
		{"routing_key", IS_PAGERDUTY, IS_PAGERDUTY},
		{"body", IS_TEMPLATE, IS_TEMPLATE},
		{"host", false, IS_ICINGA},
		{"service", false, IS_ICINGA},
	};
	if (HAS_URLS && sink_has(given, "url"))
		config_problems_add(problems, sink->place, false,
			"url: there are urls too; one of them is wanted");
	if (sink->basic.count == 1)
		config_problems_add(
			problems, sink->place, false, "basic: both user and password are wanted");
	if (sink->basic.count > 0 && sink_has(given, "bearer"))
		config_problems_add(problems, sink->place, false,
			"basic: there is a bearer too, and one request can carry one of them");
	for (size_t i = 0; sink->type == CONFIG_SINK_WEBHOOK && i < COUNT(NEED); i++) {
		bool is_there = sink_has(given, NEED[i].key);
		if (NEED[i].is_wanted && !is_there)
			config_problems_add(problems, sink->place, false, "this sink has no \"%s\"",
				NEED[i].key);
		if (!NEED[i].is_known && is_there)
			config_problems_add(problems, sink->place, false,
				"%s: has no use in format %s", NEED[i].key, format);
	}
}

static const struct config_section SINK = {
	.item = "sink",
	.key = SINK_KEY,
	.count = COUNT(SINK_KEY),
	.size = sizeof(struct config_sink),
	.name_at = offsetof(struct config_sink, name),
	.selector = 0,
	.check_item = check_sink,
};

static const struct config_key MAINTENANCE_KEY[] = {
	{.name = "name",
		.type = KEY_TEXT,
		AT(config_maintenance, name),
		.check = check_name,
		.most = NAME_MAX_BYTES,
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
		.section = &SINK,
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
