#include "tests/unit/sink_world.h"

#include "daemon/sink/syslog_format.h"
#include "daemon/sink/wire.h"

#include <time.h>

static const int64_t NOW = 1434682805 * SECOND + 123456;

static char *
format_local(const struct alert *alert)
{
	struct buf out = BUF_INIT;
	syslog_format_local(&out, alert, syslog_facility("daemon"), NOW, 42);
	assert_true(out.n <= SYSLOG_MAX);
	return buf_take(&out);
}

static char *
format_network(const struct alert *alert, const char *collector)
{
	struct buf out = BUF_INIT;
	syslog_format_network(&out, alert, syslog_facility("local3"), collector, NOW, 42);
	assert_true(out.n <= SYSLOG_MAX);
	return buf_take(&out);
}

static void
use_utc(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
}

static void
t01_facilities_have_their_numbers(void **unused)
{
	(void)unused;
	assert_int_equal(syslog_facility("kern"), 0);
	assert_int_equal(syslog_facility("daemon"), 3);
	assert_int_equal(syslog_facility("authpriv"), 10);
	assert_int_equal(syslog_facility("local0"), 16);
	assert_int_equal(syslog_facility("local7"), 23);
	assert_int_equal(syslog_facility("local8"), -1);
}

static void
t02_the_local_form_has_no_host(void **unused)
{
	(void)unused;
	use_utc();
	struct alert alert = world_alert();
	char *text = format_local(&alert);
	assert_string_equal(text,
		"<26>Jun 19 03:00:05 aiwatch[42]: CM01: certificate expired, re-provision needed "
		"site=\"CM01\" kind=\"certificate_expired\" status=\"firing\" "
		"severity=\"critical\" "
		"id=\"0123456789abcdef0123456789abcdef\" started=\"2015-06-19T03:00:01Z\"");
	free(text);
}

static void
t03_the_network_form_is_rfc_5424(void **unused)
{
	(void)unused;
	struct alert alert = world_alert();
	char *text = format_network(&alert, "log host.example");
	assert_string_equal(text,
		"<154>1 2015-06-19T03:00:05.123456Z loghost.example aiwatch 42 certificate_expired "
		"[aiwatch@32473 site=\"CM01\" kind=\"certificate_expired\" status=\"firing\" "
		"severity=\"critical\" id=\"0123456789abcdef0123456789abcdef\" "
		"started=\"2015-06-19T03:00:01Z\"] "
		"CM01: certificate expired, re-provision needed "
		"site=\"CM01\" kind=\"certificate_expired\" status=\"firing\" "
		"severity=\"critical\" "
		"id=\"0123456789abcdef0123456789abcdef\" started=\"2015-06-19T03:00:01Z\"");
	free(text);
	text = format_network(&alert, "");
	assert_non_null(strstr(text, "Z - aiwatch 42 "));
	free(text);
}

static void
t04_severity_follows_the_alert(void **unused)
{
	(void)unused;
	static const struct {
		bool firing;
		enum alert_severity severity;
		const char *start;
	} CASE[] = {
		{true, ALERT_CRITICAL, "<26>"},
		{true, ALERT_WARNING, "<28>"},
		{true, ALERT_INFO, "<30>"},
		{false, ALERT_CRITICAL, "<29>"},
	};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct alert alert = world_alert();
		alert.firing = CASE[i].firing;
		alert.severity = CASE[i].severity;
		char *text = format_local(&alert);
		assert_memory_equal(text, CASE[i].start, 4);
		assert_non_null(
			strstr(text, alert.firing ? "status=\"firing\"" : "status=\"resolved\""));
		free(text);
	}
}

static void
t05_hostile_texts_are_escaped_and_stay_one_line(void **unused)
{
	(void)unused;
	struct alert alert = world_alert();
	alert.site = (char *)HOSTILE;
	alert.summary = (char *)HOSTILE;
	char *text = format_network(&alert, "loghost");
	for (const char *p = text; *p; p++)
		assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
	assert_non_null(strstr(
		text, "site=\"a b [31m\\\"q\\\" \\] \\\\ <!channel> \xef\xbf\xbd end\" kind="));
	assert_non_null(strstr(text, "] \xef\xbb\xbf"
				     "a b [31m\"q\" ] \\ <!channel> \xef\xbf\xbd end site="));
	free(text);
}

static void
t06_long_texts_are_cut_and_the_rest_stays_whole(void **unused)
{
	(void)unused;
	enum { LONG = 9000 };
	static char quotes[LONG + 1], umlauts[LONG + 1];
	memset(quotes, '"', LONG);
	for (size_t i = 0; i < LONG; i += 2)
		memcpy(umlauts + i, "\xc3\xa4", 2);
	struct alert alert = world_alert();
	alert.reminder = alert.test = true;
	alert.site = quotes;
	alert.summary = umlauts;
	char *local = format_local(&alert), *network = format_network(&alert, quotes);
	char *const TEXT[] = {local, network};
	for (size_t i = 0; i < COUNT(TEXT); i++) {
		size_t n = strlen(TEXT[i]);
		assert_true(n > SYSLOG_MAX - 8);
		assert_non_null(strstr(TEXT[i], "\xc3\xa4\xe2\x80\xa6 site=\"\\\""));
		assert_non_null(strstr(TEXT[i], "\\\"\xe2\x80\xa6\" kind="));
		assert_string_equal(TEXT[i] + n - 28, " reminder=\"true\" test=\"true\"");
	}
	assert_non_null(strstr(network, "test=\"true\"] \xef\xbb\xbf\xc3\xa4"));
	free(local);
	free(network);
}

static void
t07_addresses_are_read_or_refused(void **unused)
{
	(void)unused;
	static const struct {
		const char *text;
		int kind;
		const char *host, *port;
	} CASE[] = {
		{"/dev/log", WIRE_UNIX, "/dev/log", NULL},
		{"udp://loghost:514", WIRE_UDP, "loghost", "514"},
		{"TCP://192.0.2.1:601", WIRE_TCP, "192.0.2.1", "601"},
		{"tls://[2001:db8::1]:6514", WIRE_TLS, "2001:db8::1", "6514"},
		{"tcp://loghost", -1, NULL, NULL},
		{"tcp://loghost:0", -1, NULL, NULL},
		{"tcp://loghost:65536", -1, NULL, NULL},
		{"tcp://loghost:514x", -1, NULL, NULL},
		{"tcp://:514", -1, NULL, NULL},
		{"tcp://2001:db8::1:514", -1, NULL, NULL},
		{"tcp://a b:514", -1, NULL, NULL},
		{"http://loghost:80", -1, NULL, NULL},
		{"", -1, NULL, NULL},
		{"loghost", -1, NULL, NULL},
	};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct wire_address address;
		struct err err = ERR_INIT;
		bool read = wire_address_parse(CASE[i].text, &address, &err);
		assert_int_equal(read, CASE[i].kind >= 0);
		if (!read) {
			assert_non_null(strstr(err.text, "wanted a path, udp://HOST:PORT"));
			continue;
		}
		assert_int_equal(address.kind, CASE[i].kind);
		assert_string_equal(address.host, CASE[i].host);
		if (CASE[i].port)
			assert_string_equal(address.port, CASE[i].port);
		wire_address_fini(&address);
	}
	char longer[200];
	memset(longer, '/', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	struct wire_address address;
	struct err err = ERR_INIT;
	assert_false(wire_address_parse(longer, &address, &err));
}

int
main(void)
{
	const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(t01_facilities_have_their_numbers),
		cmocka_unit_test(t02_the_local_form_has_no_host),
		cmocka_unit_test(t03_the_network_form_is_rfc_5424),
		cmocka_unit_test(t04_severity_follows_the_alert),
		cmocka_unit_test(t05_hostile_texts_are_escaped_and_stay_one_line),
		cmocka_unit_test(t06_long_texts_are_cut_and_the_rest_stays_whole),
		cmocka_unit_test(t07_addresses_are_read_or_refused),
	};
	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
