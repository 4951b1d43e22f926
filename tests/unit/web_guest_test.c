/* What a guest of the HTTP server may read of the configuration. */
#include "daemon/base/mem.h"
#include "daemon/web/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char CONFIG[] =
	"sinks:\n"
	"  - {name: a, type: webhook, url: \"https://guest:PRIVATE@a.example/PRIVATE?x=PRIVATE\",\n"
	"     headers: {X-Key: PRIVATE, X-Env: {env: WEB_GUEST_TEST}}, secret: {env: "
	"WEB_GUEST_TEST},\n"
	"     proxy: \"http://user:PRIVATE@proxy.example:3128\"}\n"
	"  - {name: c, type: webhook, format: alertmanager, urls: "
	"[\"https://u:PRIVATE@c.example/PRIVATE\"],\n"
	"     basic: {user: PRIVATE, password: {env: WEB_GUEST_TEST}}}\n"
	"  - {name: d, type: webhook, format: template, url: \"https://d.example/PRIVATE\",\n"
	"     body: '{\"token\": \"PRIVATE\"}'}\n"
	"  - {name: b, type: webhook, url: \"https://b.example/\", bearer: {env: "
	"WEB_GUEST_TEST}}\n";

static void
t01_no_secret_is_shown_and_the_rest_is(void **state)
{
	(void)state;
	char path[] = "/tmp/web_guest_test.XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(write(fd, CONFIG, sizeof CONFIG - 1), sizeof CONFIG - 1);
	close(fd);
	setenv("WEB_GUEST_TEST", "PRIVATE", 1);
	struct config_problems problems = {0};
	struct config *config = config_load(path, &problems);
	unlink(path);
	assert_non_null(config);
	struct buf text = BUF_INIT;
	guest_config_print(config, &text);
	assert_null(strstr(text.p, "PRIVATE"));
	assert_non_null(strstr(text.p, "X-Key: \"***\""));
	assert_non_null(strstr(text.p, "X-Env: {env: WEB_GUEST_TEST}"));
	assert_non_null(strstr(text.p, "https://a.example"));
	assert_non_null(strstr(text.p, "proxy.example:3128"));
	assert_non_null(strstr(text.p, "https://c.example"));
	buf_clear(&text);
	config_print(config, &text);
	assert_non_null(strstr(text.p, "X-Key: PRIVATE"));
	buf_fini(&text);
	config_free(config);
	config_problems_fini(&problems);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_no_secret_is_shown_and_the_rest_is),
	};
	return cmocka_run_group_tests_name("web_guest", tests, NULL, NULL);
}
