#include "config/checks.h"
#include "config/keys.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <string.h>

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
		.help = "globs of the sites whose alerts go there, compared without case: * ?"
			" [abc]; alerts about aiwatch itself have none and go there all the same"},
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
		.most = KEY_NAME_MAX,
		.is_required = true,
		.help = "what the sink is called in status, metrics and messages; unique"},
	{.name = "address",
		.type = KEY_TEXT,
		AT(config_sink, address),
		.for_type = SYSLOG,
		.check = check_address,
		.standard = "/dev/log",
		.help = "a socket's path, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT;"
			" journald's gets fields of its own as AIWATCH_SITE; over udp and a"
			" socket nobody can know more than that it was handed over"},
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
		.help = "where to POST, needed but for pagerduty; redirects are not followed;"
			" alertmanager and icinga2 add the path of their API where there is"
			" none, the last part of ntfy's is the topic"},
	{.name = "urls",
		.type = KEY_TEXTS,
		AT(config_sink, urls),
		.for_type = WEBHOOK,
		.check = check_url,
		.least = 1,
		.most = 16,
		.hides_user = true,
		.help = "of alertmanager: all its instances, each of which is told; delivered"
			" once one has taken it, and those that were away learn what stands"
			" within a minute"},
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
		.help = "of template: text with {{field}} and {{field|filter}}; filters: text"
			" json xml url upper lower"},
	{.name = "content_type",
		.type = KEY_TEXT,
		AT(config_sink, content_type),
		.for_type = WEBHOOK,
		.check = check_line,
		.most = 255,
		.help = "of template: what the body is, text/plain; charset=utf-8 where nothing is "
			"said"},
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
		.help = "of icinga2: the host's service, ai-sync-certificate where nothing is"
			" said; with -silent behind it for site_silent; heartbeats go to the"
			" service aiwatch-heartbeat of the host that is called as this one"},
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
		.help = "signs each request after Standard Webhooks: whsec_ and base64, or the key "
			"itself; two with a blank between them make two signatures, while one "
			"replaces the other"},
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
		.help = "sends an alert of kind heartbeat, firing, as often as this while the"
			" daemon lives, for a dead man's switch; it is not kept, not tried again"
			" and never resolved; 0 for none"},
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
		{"content_type", false, IS_TEMPLATE},
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

const struct config_section CONFIG_SINK = {
	.item = "sink",
	.key = SINK_KEY,
	.count = COUNT(SINK_KEY),
	.size = sizeof(struct config_sink),
	.name_at = offsetof(struct config_sink, name),
	.selector = 0,
	.check_item = check_sink,
};
