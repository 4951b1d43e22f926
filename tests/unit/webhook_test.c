#include "tests/unit/sink_world.h"
#include "tests/unit/test_server.h"

#include "daemon/sink/http.h"
#include "daemon/sink/signature.h"

#include <inttypes.h>
#include <jansson.h>
#include <time.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const char *const ALWAYS_OK[] = {OK, NULL};

struct setting {
	sd_event *loop;
	struct server *server;
	struct sink *sink;
	struct alert alert;
	char *url;
};

/* A server with a script and a sink that posts to it; `config` says all but the URL's start. */
static struct setting
begin(const char *const *replies, struct config_sink config)
{
	struct setting s = {.loop = world_loop(), .alert = world_alert()};
	s.server = server_start(SERVER_HTTP, replies, NULL);
	s.url = mem_format(
		"http://127.0.0.1:%d%s", s.server->port, config.url ? config.url : "/hook");
	config.type = CONFIG_SINK_WEBHOOK;
	config.url = s.url;
	s.sink = world_sink(s.loop, config);
	return s;
}

static void
end(struct setting *s)
{
	sink_free(s->sink);
	server_stop(s->server);
	free(s->url);
	sd_event_unref(s->loop);
}

static struct sink_answer
answer_to(const char *reply)
{
	const char *const REPLIES[] = {reply, NULL};
	struct setting s = begin(REPLIES, (struct config_sink){.timeout = SECOND / 2});
	struct sink_answer answer = world_send(s.loop, s.sink, &s.alert);
	end(&s);
	return answer;
}

static void
t01_the_published_vector_is_signed_right(void **unused)
{
	(void)unused;
	struct signature_keys keys;
	struct err err = ERR_INIT;
	assert_true(signature_keys_parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &keys, &err));
	char *signature = signature_make(
		&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, SPAN("{\"test\": 2432232314}"));
	assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	free(signature);
	signature_keys_fini(&keys);
}

static void
t02_two_secrets_make_two_signatures(void **unused)
{
	(void)unused;
	struct signature_keys keys;
	struct err err = ERR_INIT;
	assert_true(signature_keys_parse(
		" plain\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", &keys, &err));
	char *signature = signature_make(
		&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, SPAN("{\"test\": 2432232314}"));
	assert_memory_equal(signature, "v1,", 3);
	assert_string_equal(
		strchr(signature, ' '), " v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	free(signature);
	signature_keys_fini(&keys);
}

/* As others read it: padded or not, and whatever a last letter says beyond the last byte. */
static void
t02a_a_secret_may_be_sloppy(void **unused)
{
	(void)unused;
	static const char *const SECRET[] = {"whsec_QUI=", "whsec_QUI", "whsec_QUJ"};
	for (size_t i = 0; i < COUNT(SECRET); i++) {
		struct signature_keys keys;
		struct err err = ERR_INIT;
		assert_true(signature_keys_parse(SECRET[i], &keys, &err));
		assert_int_equal(keys.key[0].n, 2);
		assert_memory_equal(keys.key[0].p, "AB", 2);
		signature_keys_fini(&keys);
	}
}

static void
t03_a_secret_that_is_none_is_refused_and_not_repeated(void **unused)
{
	(void)unused;
	static const struct {
		const char *secret, *sentence;
	} CASE[] = {
		{"", "secret: empty"},
		{" \n", "secret: empty"},
		{"whsec_", "secret: what follows whsec_ is not base64"},
		{"whsec_A", "secret: what follows whsec_ is not base64"},
		{"whsec_a$bc", "secret: what follows whsec_ is not base64"},
		{"a b c", "secret: more than two"},
	};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct signature_keys keys;
		struct err err = ERR_INIT;
		assert_false(signature_keys_parse(CASE[i].secret, &keys, &err));
		assert_string_equal(err.text, CASE[i].sentence);
	}
}

static void
t04_a_wrong_row_is_refused(void **unused)
{
	(void)unused;
	struct config_pair newline = {.name = (char *)"x", .value = (char *)"a\nb"},
			   name = {.name = (char *)"a b", .value = (char *)""};
	static const struct {
		const char *url, *sentence;
	} URL[] = {
		{NULL, "sink test: url: missing"},
		{"", "sink test: url: wanted http://HOST\xe2\x80\xa6 or https://HOST\xe2\x80\xa6"},
		{"ftp://a/", "sink test: url: wanted http://HOST\xe2\x80\xa6 or "
			     "https://HOST\xe2\x80\xa6"},
		{"file:///etc/passwd", "sink test: url: wanted http://HOST\xe2\x80\xa6 or "
				       "https://HOST\xe2\x80\xa6"},
		{"http://", "sink test: url: wanted http://HOST\xe2\x80\xa6 or "
			    "https://HOST\xe2\x80\xa6"},
		{"http://a/\r\nx: y",
			"sink test: url: blanks and control characters must be escaped"},
	};
	for (size_t i = 0; i < COUNT(URL); i++)
		assert_refused((struct config_sink){.type = CONFIG_SINK_WEBHOOK,
				       .url = (char *)URL[i].url},
			URL[i].sentence);
	struct config_sink row = {.type = CONFIG_SINK_WEBHOOK, .url = (char *)"http://a/"};
	row.format = (char *)"morse";
	assert_refused(row, "sink test: format morse is not known");
	row.format = NULL;
	row.headers = (struct config_pairs){&newline, 1};
	assert_refused(row, "sink test: headers: x holds a control character");
	row.headers = (struct config_pairs){&name, 1};
	assert_refused(row, "sink test: headers: a b is no name of a header");
	row.headers.count = 0;
	row.bearer.value = (char *)"a\r\nb";
	assert_refused(row, "sink test: bearer: holds a blank or a control character");
}

static void
t05_the_document_is_posted(void **unused)
{
	(void)unused;
	struct config_pair headers[] = {{.name = (char *)"X-Team", .value = (char *)"cm"},
		{.name = (char *)"X-Empty", .value = (char *)""}};
	struct setting s = begin(ALWAYS_OK,
		(struct config_sink){.headers = {headers, 2}, .bearer.value = (char *)"t0ken\n"});
	struct sink_answer answer = world_send(s.loop, s.sink, &s.alert);
	assert_int_equal(answer.outcome, SINK_DELIVERED);
	assert_string_equal(answer.text, "HTTP 200: ok");
	const char *request = server_request(s.server, 0);
	assert_memory_equal(request, "POST /hook HTTP/1.1\r\n", 21);
	assert_non_null(strstr(request, "\r\nUser-Agent: aiwatch/" AIWATCH_VERSION "\r\n"));
	assert_non_null(strstr(request, "\r\ncontent-type: application/json\r\n"));
	assert_non_null(strstr(request, "\r\nauthorization: Bearer t0ken\r\n"));
	assert_non_null(strstr(request, "\r\nX-Team: cm\r\n"));
	assert_non_null(strstr(request, "\r\nX-Empty:\r\n"));
	assert_null(strstr(request, "webhook-id"));
	assert_null(strstr(request, "Expect:"));
	char *document = alert_to_json(&s.alert, "loghost", NULL, 0);
	assert_string_equal(strstr(request, "\r\n\r\n") + 4, document);
	free(document);
	end(&s);
}

static void
t06_a_secret_signs_what_is_sent(void **unused)
{
	(void)unused;
	struct setting s = begin(ALWAYS_OK, (struct config_sink){.secret.value = (char *)"s3cret"});
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	const char *request = server_request(s.server, 0);
	assert_non_null(strstr(request, "\r\nwebhook-id: 0123456789abcdef0123456789abcdef\r\n"));
	const char *stamp = strstr(request, "\r\nwebhook-timestamp: ");
	assert_non_null(stamp);
	int64_t timestamp = atoll(stamp + 21);
	assert_true(llabs(timestamp - clock_wall() / SECOND) < 60);
	struct signature_keys keys;
	struct err err = ERR_INIT;
	assert_true(signature_keys_parse("s3cret", &keys, &err));
	char *signature = signature_make(
		&keys, s.alert.id, timestamp, span_of(strstr(request, "\r\n\r\n") + 4));
	char *line = mem_format("\r\nwebhook-signature: %s\r\n", signature);
	assert_non_null(strstr(request, line));
	free(line);
	free(signature);
	signature_keys_fini(&keys);
	end(&s);
}

static void
t07_hostile_texts_arrive_as_json(void **unused)
{
	(void)unused;
	struct setting s = begin(ALWAYS_OK, (struct config_sink){0});
	s.alert.summary = (char *)"a\nb\x1b[31m\"q\" ] \\ <!channel> end";
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	const char *body = strstr(server_request(s.server, 0), "\r\n\r\n") + 4;
	json_t *document = json_loads(body, 0, NULL);
	assert_non_null(document);
	for (const char *p = body; *p; p++)
		assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
	json_decref(document);
	end(&s);
}

static void
t08_every_status_has_its_outcome(void **unused)
{
	(void)unused;
	static const struct {
		int status;
		enum sink_outcome outcome;
	} CASE[] = {{200, SINK_DELIVERED}, {202, SINK_DELIVERED}, {204, SINK_DELIVERED},
		{301, SINK_REFUSED}, {400, SINK_REFUSED}, {401, SINK_REFUSED}, {403, SINK_REFUSED},
		{404, SINK_REFUSED}, {408, SINK_RETRY}, {410, SINK_REFUSED}, {413, SINK_REFUSED},
		{425, SINK_MISSED}, {429, SINK_MISSED}, {500, SINK_RETRY}, {501, SINK_REFUSED},
		{502, SINK_RETRY}, {503, SINK_MISSED}, {504, SINK_RETRY}, {507, SINK_MISSED}};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char *reply =
			mem_format("HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", CASE[i].status);
		struct sink_answer answer = answer_to(reply);
		assert_int_equal(answer.outcome, CASE[i].outcome);
		assert_int_equal(answer.retry_after, 0);
		assert_memory_equal(answer.text, "HTTP ", 5);
		assert_int_equal(atoi(answer.text + 5), CASE[i].status);
		free(reply);
	}
}

static void
t09_retry_after_is_read_in_both_forms(void **unused)
{
	(void)unused;
	struct sink_answer answer =
		answer_to("HTTP/1.1 429 X\r\nRetry-After: 17\r\nContent-Length: 4\r\n\r\nslow");
	assert_int_equal(answer.outcome, SINK_MISSED);
	assert_int_equal(answer.retry_after, 17 * SECOND);
	assert_string_equal(answer.text, "HTTP 429: slow");
	char date[64], reply[256];
	time_t later = time(NULL) + 100;
	struct tm tm;
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&later, &tm));
	snprintf(reply, sizeof reply,
		"HTTP/1.1 503 X\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", date);
	answer = answer_to(reply);
	assert_in_range(answer.retry_after, 90 * SECOND, 100 * SECOND);
	answer = answer_to("HTTP/1.1 503 X\r\nRetry-After: Fri, 19 Jun 2015 03:00:01 GMT\r\n"
			   "Content-Length: 0\r\n\r\n");
	assert_int_equal(answer.retry_after, 0);
	answer = answer_to("HTTP/1.1 503 X\r\nRetry-After: 99999999999\r\n"
			   "Content-Length: 0\r\n\r\n");
	assert_int_equal(answer.retry_after, DAY);
}

static void
t10_what_is_no_answer_is_a_retry(void **unused)
{
	(void)unused;
	static const char *const REPLY[] = {REPLY_CLOSE, REPLY_NEVER, "garbage\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"};
	for (size_t i = 0; i < COUNT(REPLY); i++) {
		struct sink_answer answer = answer_to(REPLY[i]);
		assert_int_equal(answer.outcome, SINK_RETRY);
		assert_memory_equal(answer.text, "http://127.0.0.1:", 17);
	}
}

static void
t11_nobody_there_is_a_retry(void **unused)
{
	(void)unused;
	sd_event *loop = world_loop();
	struct alert alert = world_alert();
	struct server *server = server_start(SERVER_HTTP, ALWAYS_OK, NULL);
	char *url = mem_format("http://127.0.0.1:%d/", server->port);
	server_stop(server);
	struct sink *sink =
		world_sink(loop, (struct config_sink){.type = CONFIG_SINK_WEBHOOK, .url = url});
	struct sink_answer answer = world_send(loop, sink, &alert);
	assert_int_equal(answer.outcome, SINK_MISSED);
	assert_non_null(strstr(answer.text, "Failed to connect"));
	sink_free(sink);
	free(url);
	sd_event_unref(loop);
}

static void
t12_redirects_are_not_followed(void **unused)
{
	(void)unused;
	static const char *const REPLIES[] = {
		"HTTP/1.1 302 X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", OK, NULL};
	struct setting s = begin(REPLIES, (struct config_sink){0});
	struct sink_answer answer = world_send(s.loop, s.sink, &s.alert);
	assert_int_equal(answer.outcome, SINK_REFUSED);
	assert_string_equal(answer.text, "HTTP 302 (redirects are not followed)");
	assert_null(server_request(s.server, 1));
	end(&s);
}

static void
t13_a_connection_is_kept(void **unused)
{
	(void)unused;
	struct setting s = begin(ALWAYS_OK, (struct config_sink){0});
	for (int i = 0; i < 5; i++)
		assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	assert_int_equal(server_connections(s.server), 1);
	end(&s);
}

static void
t14_an_endless_answer_is_cut(void **unused)
{
	(void)unused;
	enum { LONG = 1 << 20 };
	char *reply = mem_new(LONG + 1);
	memset(reply, 'x', LONG);
	static const char HEAD[] = "HTTP/1.1 400 X\r\nContent-Length: 2000000000\r\n\r\n";
	memcpy(reply, HEAD, sizeof HEAD - 1);
	struct sink_answer answer = answer_to(reply);
	assert_int_equal(answer.outcome, SINK_REFUSED);
	assert_memory_equal(answer.text, "HTTP 400: xxx", 13);
	assert_string_equal(answer.text + strlen(answer.text) - 4, "x\xe2\x80\xa6");
	free(reply);
}

static void
t15_an_answer_is_safe_to_pass_on(void **unused)
{
	(void)unused;
	struct sink_answer answer =
		answer_to("HTTP/1.1 400 X\r\nContent-Length: 11\r\n\r\na\n\x1b[31m\xff \x01z");
	assert_string_equal(answer.text, "HTTP 400: a  [31m\xef\xbf\xbd  z");
}

/* Given a receiver that repeats all it is told, then no secret stands in its answer or a preview.
 */
static void
t16_secrets_are_never_shown(void **unused)
{
	(void)unused;
	static const char *const REPLIES[] = {
		"HTTP/1.1 400 X\r\nContent-Length: 60\r\n\r\n"
		"b3arer, k3y-value, s3cret-text, qu3ry=1, us3r:pass; the end.",
		NULL};
	static const char *const SECRETS[] = {
		"b3arer", "k3y-value", "s3cret-text", "qu3ry=1", "us3r:pass"};
	struct config_pair header = {.name = (char *)"X-Api-Key", .value = (char *)"k3y-value"};
	sd_event *loop = world_loop();
	struct alert alert = world_alert();
	struct server *server = server_start(SERVER_HTTP, REPLIES, NULL);
	char *url = mem_format("http://us3r:pass@127.0.0.1:%d/hook?qu3ry=1", server->port);
	struct sink *sink = world_sink(loop, (struct config_sink){.type = CONFIG_SINK_WEBHOOK,
						     .url = url,
						     .headers = {&header, 1},
						     .bearer.value = (char *)"b3arer",
						     .secret.value = (char *)"s3cret-text"});
	struct sink_answer answer = world_send(loop, sink, &alert);
	char *preview = sink_preview(sink, &alert);
	assert_string_equal(answer.text, "HTTP 400: ***, ***, ***, ***, ***; the end.");
	assert_non_null(strstr(server_request(server, 0), "X-Api-Key: k3y-value"));
	for (size_t i = 0; i < COUNT(SECRETS); i++)
		assert_null(strstr(preview, SECRETS[i]));
	assert_non_null(strstr(preview, "/hook\ncontent-type: application/json\nwebhook-id: "));
	assert_non_null(strstr(preview, "\nwebhook-signature: v1,"));
	assert_non_null(strstr(preview, "\nauthorization: Bearer ***\nX-Api-Key: ***\n\n{"));
	free(preview);
	sink_free(sink);
	server_stop(server);
	free(url);
	sd_event_unref(loop);
}

static void
t17_many_wait_in_line_and_all_are_answered(void **unused)
{
	(void)unused;
	enum { MANY = 50 };
	static const char *const REPLIES[] = {"HTTP/1.1 200 OK\r\n\r\nok", NULL};
	struct setting s = begin(REPLIES, (struct config_sink){0});
	struct answers answers = {0};
	for (int i = 0; i < MANY; i++)
		sink_send(s.sink, &s.alert, world_on_done, &answers);
	assert_int_equal(answers.count, 0);
	world_wait(s.loop, &answers, MANY);
	assert_int_equal(answers.delivered, MANY);
	assert_int_equal(server_connections(s.server), MANY);
	end(&s);
}

static void
t18_a_sink_that_goes_gives_up_without_an_answer(void **unused)
{
	(void)unused;
	static const char *const REPLIES[] = {REPLY_NEVER, NULL};
	struct setting s = begin(REPLIES, (struct config_sink){0});
	struct answers answers = {0};
	for (int i = 0; i < 20; i++)
		sink_send(s.sink, &s.alert, world_on_done, &answers);
	world_run(s.loop, SECOND / 20);
	end(&s);
	assert_int_equal(answers.count, 0);
}

static struct sink_answer
post_over_tls(const char *host, const char *named, bool trusted, bool insecure, bool shows)
{
	sd_event *loop = world_loop();
	struct alert alert = world_alert();
	struct server *server = server_start(SERVER_HTTP, ALWAYS_OK, host);
	char *url = mem_format("https://%s:%d/", named, server->port);
	struct sink *sink = world_sink(loop, (struct config_sink){.type = CONFIG_SINK_WEBHOOK,
						     .url = url,
						     .ca = trusted ? server->certificate : NULL,
						     .cert = shows ? server->certificate : NULL,
						     .key = shows ? server->key : NULL,
						     .insecure = insecure});
	struct sink_answer answer = world_send(loop, sink, &alert);
	sink_free(sink);
	server_stop(server);
	free(url);
	sd_event_unref(loop);
	return answer;
}

static void
t19_certificates_are_verified(void **unused)
{
	(void)unused;
	assert_int_equal(post_over_tls("127.0.0.1", "127.0.0.1", true, false, false).outcome,
		SINK_DELIVERED);
	assert_int_equal(
		post_over_tls("127.0.0.1", "127.0.0.1", true, false, true).outcome, SINK_DELIVERED);
	assert_int_equal(post_over_tls("other.example", "127.0.0.1", false, true, false).outcome,
		SINK_DELIVERED);
	struct sink_answer answer = post_over_tls("127.0.0.1", "127.0.0.1", false, false, false);
	assert_int_equal(answer.outcome, SINK_MISSED);
	assert_non_null(strstr(answer.text, "certificate"));
	answer = post_over_tls("other.example", "127.0.0.1", true, false, false);
	assert_int_equal(answer.outcome, SINK_MISSED);
	assert_non_null(strstr(answer.text, "certificate"));
}

static void
t20_user_and_password_are_sent_and_not_shown(void **unused)
{
	(void)unused;
	struct config_pair basic[] = {{.name = (char *)"user", .value = (char *)"aladdin"},
		{.name = (char *)"password", .value = (char *)"opensesame"}};
	struct setting s = begin(ALWAYS_OK, (struct config_sink){.basic = {basic, 2}});
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	assert_non_null(strcasestr(server_request(s.server, 0),
		"\r\nAuthorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l\r\n"));
	char *preview = sink_preview(s.sink, &s.alert);
	assert_non_null(strstr(preview, "\nauthorization: Basic ***\n"));
	assert_null(strstr(preview, "opensesame"));
	free(preview);
	end(&s);
	struct config_sink row = {.type = CONFIG_SINK_WEBHOOK, .url = (char *)"http://a/"};
	row.basic = (struct config_pairs){basic, 1};
	assert_refused(row, "sink test: basic: both user and password are wanted");
}

int
main(void)
{
	const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(t01_the_published_vector_is_signed_right),
		cmocka_unit_test(t02_two_secrets_make_two_signatures),
		cmocka_unit_test(t02a_a_secret_may_be_sloppy),
		cmocka_unit_test(t03_a_secret_that_is_none_is_refused_and_not_repeated),
		cmocka_unit_test(t04_a_wrong_row_is_refused),
		cmocka_unit_test(t05_the_document_is_posted),
		cmocka_unit_test(t06_a_secret_signs_what_is_sent),
		cmocka_unit_test(t07_hostile_texts_arrive_as_json),
		cmocka_unit_test(t08_every_status_has_its_outcome),
		cmocka_unit_test(t09_retry_after_is_read_in_both_forms),
		cmocka_unit_test(t10_what_is_no_answer_is_a_retry),
		cmocka_unit_test(t11_nobody_there_is_a_retry),
		cmocka_unit_test(t12_redirects_are_not_followed),
		cmocka_unit_test(t13_a_connection_is_kept),
		cmocka_unit_test(t14_an_endless_answer_is_cut),
		cmocka_unit_test(t15_an_answer_is_safe_to_pass_on),
		cmocka_unit_test(t16_secrets_are_never_shown),
		cmocka_unit_test(t17_many_wait_in_line_and_all_are_answered),
		cmocka_unit_test(t18_a_sink_that_goes_gives_up_without_an_answer),
		cmocka_unit_test(t19_certificates_are_verified),
		cmocka_unit_test(t20_user_and_password_are_sent_and_not_shown),
	};
	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
