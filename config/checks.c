#include "config/checks.h"

#include "config/cron.h"
#include "daemon/base/mem.h"
#include "daemon/base/span.h"

#include <iconv.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

static const char LETTERS_AND_DIGITS[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static bool
is_letter_or_digit(char c)
{
	return c && strchr(LETTERS_AND_DIGITS, c);
}

bool
check_name(const char *text, struct err *err)
{
	bool ok = is_letter_or_digit(*text);
	for (const char *p = text; *p; p++)
		ok = ok && (is_letter_or_digit(*p) || strchr("._-", *p));
	return ok || err_set(err,
			     "\"%s\" is no name: letters, digits and \"._-\" are wanted, a "
			     "letter or digit first",
			     text);
}

bool
check_socket(const char *text, struct err *err)
{
	enum { ROOM = sizeof((struct sockaddr_un *)NULL)->sun_path - 1 };
	if (*text != '/')
		return err_set(err, "\"%s\": the path of a socket must be absolute", text);
	return strlen(text) <= ROOM ||
	       err_set(err, "the path of a socket has room for %d bytes", ROOM);
}

/* PORT, 1 to 65535, behind the last colon. */
static bool
is_port(const char *text)
{
	size_t n = strspn(text, "0123456789");
	long port = strtol(text, NULL, 10);
	return n > 0 && n <= 5 && text[n] == '\0' && port >= 1 && port <= 65535;
}

/* The length of a host at the start of text: "[…]", or what has no ":", "/", "?", "#" or "@". */
static size_t
host_length(const char *text)
{
	if (*text == '[') {
		size_t n = strspn(text + 1, "0123456789abcdefABCDEF:.%");
		return n > 1 && text[n + 1] == ']' ? n + 2 : 0;
	}
	return strcspn(text, ":/?#@[] \\\"<>");
}

bool
check_address(const char *text, struct err *err)
{
	static const char *const SCHEME[] = {"udp://", "tcp://", "tls://"};
	if (*text == '/')
		return check_socket(text, err);
	for (size_t i = 0; i < COUNT(SCHEME); i++) {
		size_t n = strlen(SCHEME[i]);
		if (strncmp(text, SCHEME[i], n) != 0)
			continue;
		size_t host = host_length(text + n);
		if (host > 0 && text[n + host] == ':' && is_port(text + n + host + 1))
			return true;
	}
	return err_set(err,
		"\"%s\" is no address: a socket's path as /dev/log, or udp://HOST:PORT, "
		"tcp://HOST:PORT, tls://HOST:PORT is wanted",
		text);
}

static bool
has_plain_characters(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f || strchr("\\\"<>^`{|}", *p))
			return false;
	}
	return true;
}

static bool
check_http(const char *text, const char *wanted, struct err *err)
{
	size_t scheme = strncasecmp(text, "https://", 8) == 0  ? 8
			: strncasecmp(text, "http://", 7) == 0 ? 7
							       : 0;
	if (scheme == 0)
		return err_set(err, "%s is wanted", wanted);
	if (!has_plain_characters(text))
		return err_set(err,
			"a URL takes no blank and no character beyond ASCII; write it as "
			"%%XX");
	const char *host = text + scheme;
	size_t authority = strcspn(host, "/?#");
	const char *at = memchr(host, '@', authority);
	host = at ? at + 1 : host;
	size_t n = host_length(host);
	const char *behind = host + n;
	char port[8] = "";
	size_t digits = *behind == ':' ? strcspn(behind + 1, "/?#") : 0;
	if (digits > 0 && digits < sizeof port)
		memcpy(port, behind + 1, digits);
	bool ends = *behind == '\0' || strchr("/?#", *behind) || is_port(port);
	return (n > 0 && ends) ||
	       err_set(err, "names no host and port that can be: %s is wanted", wanted);
}

bool
check_url(const char *text, struct err *err)
{
	return check_http(text, "http://HOST/… or https://HOST/…", err);
}

bool
check_proxy(const char *text, struct err *err)
{
	return check_http(text, "http://HOST:PORT or https://HOST:PORT", err);
}

bool
check_encoding(const char *text, struct err *err)
{
	if (strcmp(text, "auto") == 0)
		return true;
	/* A suffix as //IGNORE would change what iconv does with what it cannot convert. */
	iconv_t known =
		strchr(text, '/') || *text == '\0' ? (iconv_t)-1 : iconv_open("UTF-8", text);
	if (known == (iconv_t)-1)
		return err_set(err,
			"\"%s\" is no encoding that is known: auto, utf-8, utf-16le, "
			"utf-16be, windows-1252 or another that iconv --list names",
			text);
	iconv_close(known);
	return true;
}

bool
check_timezone(const char *text, struct err *err)
{
	static const char *const FOLDER = "/usr/share/zoneinfo";
	if (strcmp(text, "local") == 0 || strcmp(text, "UTC") == 0)
		return true;
	struct stat st;
	bool is_plain = is_letter_or_digit(*text) && !strstr(text, "..") && !strchr(text, '.');
	char *path = mem_format("%s/%s", FOLDER, text);
	bool ok = is_plain && stat(path, &st) == 0 && S_ISREG(st.st_mode);
	free(path);
	return ok || err_set(err,
			     "\"%s\" is no time zone that is known: local, UTC or a name of "
			     "the tz database as Europe/Berlin is wanted",
			     text);
}

bool
check_header(const char *name, struct err *err)
{
	bool ok = *name != '\0';
	for (const char *p = name; *p; p++)
		ok = ok && (is_letter_or_digit(*p) || strchr("!#$%&'*+-.^_`|~", *p));
	return ok || err_set(err, "\"%s\" is no name of a header", name);
}

bool
check_line(const char *text, struct err *err)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if ((*p < ' ' && *p != '\t') || *p == 0x7f)
			return err_set(err, "must be one line without control characters");
	}
	return true;
}

bool
check_basic(const char *name, struct err *err)
{
	return strcmp(name, "user") == 0 || strcmp(name, "password") == 0 ||
	       err_set(err, "\"%s\" is none of user or password", name);
}

bool
check_listen(const char *text, struct err *err)
{
	size_t host = host_length(text);
	if (host > 0 && text[host] == ':' && is_port(text + host + 1))
		return true;
	return err_set(err,
		"\"%s\" is no address to listen on: HOST:PORT as 127.0.0.1:9469 or [::1]:9469 is "
		"wanted",
		text);
}

bool
check_server(const char *text, struct err *err)
{
	size_t host = host_length(text);
	if (host > 0 && text[host] == ':' && is_port(text + host + 1))
		return true;
	return err_set(err, "\"%s\" is no server: HOST:PORT is wanted", text);
}

bool
check_cron(const char *text, struct err *err)
{
	struct cron cron;
	return cron_parse(text, &cron, err);
}
