#include "daemon/base/mem.h"
#include "daemon/sink/webhook_parts.h"

#include <stdlib.h>
#include <strings.h>

enum { HIDDEN_MIN = 4 }; /* shorter secrets would paint over every text */

const char WEBHOOK_MASK[] = "***";

static void
hide_span(struct webhook_sink *webhook, struct span secret)
{
	if (secret.n < HIDDEN_MIN)
		return;
	webhook->hidden =
		mem_grow(webhook->hidden, webhook->hidden_count + 1, sizeof *webhook->hidden);
	webhook->hidden[webhook->hidden_count++] = mem_copy(secret.p, secret.n);
}

static void
hide(struct webhook_sink *webhook, const char *secret)
{
	hide_span(webhook, span_of(secret));
}

char *
webhook_paint_over(const struct webhook_sink *webhook, struct span text)
{
	struct buf out = BUF_INIT;
	while (text.n > 0) {
		size_t skip = 0;
		for (size_t i = 0; i < webhook->hidden_count; i++) {
			struct span secret = span_of(webhook->hidden[i]);
			if (secret.n > skip && span_has_prefix(text, secret))
				skip = secret.n;
		}
		if (skip)
			buf_add_text(&out, WEBHOOK_MASK);
		else
			buf_add_byte(&out, text.p[0]);
		text = span_from(text, skip ? skip : 1);
	}
	return buf_take(&out);
}

bool
webhook_is_telling(const char *header)
{
	static const char *const WORD[] = {
		"auth", "cookie", "key", "pass", "secret", "signature", "token"};
	for (size_t i = 0; i < COUNT(WORD); i++) {
		if (strcasestr(header, WORD[i]))
			return true;
	}
	return false;
}

/* A header must stay one header: RFC 9110, sections 5.1 and 5.5. */
static bool
check_header(const struct config_pair *header, struct err *err)
{
	static const char TOKEN[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	if (!*header->name || header->name[strspn(header->name, TOKEN)])
		return err_set(err, "headers: %s is no name of a header", header->name);
	for (const char *p = header->value; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, "headers: %s holds a control character", header->name);
	}
	return true;
}

static bool
take_headers(struct webhook_sink *webhook, const struct config_pairs *headers, struct err *err)
{
	webhook->headers = mem_array(headers->count + 1, sizeof *webhook->headers);
	for (size_t i = 0; i < headers->count; i++) {
		const struct config_pair *header = &headers->item[i];
		if (!header->value)
			return err_set(err, "headers: %s could not be read", header->name);
		if (!check_header(header, err))
			return false;
		webhook->headers[webhook->header_count++] =
			(struct config_pair){.name = mem_text(header->name),
				.value = mem_text(header->value),
				.from = mem_text(header->from)};
		if (header->from || webhook_is_telling(header->name))
			hide(webhook, header->value);
	}
	return true;
}

static bool
take_bearer(struct webhook_sink *webhook, const char *bearer, struct err *err)
{
	if (!bearer)
		return true;
	struct span token = span_trim(span_of(bearer));
	while (token.n > 0 && strchr("\r\n", token.p[token.n - 1]))
		token.n--;
	for (size_t i = 0; i < token.n; i++) {
		if (token.p[i] <= ' ' || token.p[i] >= 0x7f)
			return err_set(err, "bearer: holds a blank or a control character");
	}
	if (token.n == 0)
		return err_set(err, "bearer: empty");
	webhook->bearer = mem_copy(token.p, token.n);
	hide(webhook, webhook->bearer);
	return true;
}

static bool
take_basic(struct webhook_sink *webhook, const struct config_pairs *basic, struct err *err)
{
	for (size_t i = 0; i < basic->count; i++) {
		bool is_user = strcmp(basic->item[i].name, "user") == 0;
		char **to = is_user ? &webhook->user : &webhook->password;
		free(*to);
		*to = mem_text(basic->item[i].value);
	}
	if (basic->count > 0 && (!webhook->user || !webhook->password))
		return err_set(err, "basic: both user and password are wanted");
	if (webhook->user && strchr(webhook->user, ':'))
		return err_set(err, "basic: a user cannot have a colon");
	hide(webhook, webhook->password);
	return true;
}

static bool
take_secret(struct webhook_sink *webhook, const char *secret, struct err *err)
{
	if (!secret)
		return true;
	hide(webhook, secret);
	return signature_keys_parse(secret, &webhook->keys, err);
}

/* Whoever knows the rest of such a URL may post; users, passwords and queries are nobody's. */
static void
hide_url(struct webhook_sink *webhook, const char *url)
{
	const char *rest = strstr(url, "://") + 3;
	const char *path = rest + strcspn(rest, "/?#");
	const char *query = path + strcspn(path, "?#");
	const char *at = memchr(rest, '@', (size_t)(path - rest));
	if (webhook->format->url_is_secret && path[0] && path[1])
		hide(webhook, path);
	hide(webhook, query[0] ? query + 1 : NULL);
	if (at)
		hide_span(webhook, (struct span){rest, (size_t)(at - rest)});
}

static bool
take_url(struct webhook_sink *webhook, const char *url, struct err *err)
{
	const struct format *format = webhook->format;
	if (!http_url_check(url, err))
		return false;
	hide_url(webhook, url);
	char *aim = format->aim ? format->aim(url, &webhook->settings, err)
		    : format->path && !http_url_has_path(url) ? http_url_join(url, format->path)
							      : mem_text(url);
	if (!aim)
		return false;
	webhook->target[webhook->target_count++] =
		(struct target){aim, http_url_shown(aim, format->url_is_secret)};
	return true;
}

static bool
take_urls(struct webhook_sink *webhook, const struct config_sink *config, struct err *err)
{
	const char *url = config->url ? config->url : webhook->format->url;
	if (config->urls.count > WEBHOOK_TARGETS)
		return err_set(err, "urls: at most %d are taken", WEBHOOK_TARGETS);
	for (size_t i = 0; i < config->urls.count; i++) {
		if (!take_url(webhook, config->urls.item[i], err))
			return false;
	}
	if (config->urls.count > 0)
		return true;
	return url ? take_url(webhook, url, err) : err_set(err, "url: missing");
}

/* A proxy's user and password stand in its URL. */
static void
hide_proxy(struct webhook_sink *webhook, const char *proxy)
{
	const char *at = proxy ? strrchr(proxy, '@') : NULL;
	if (!at)
		return;
	const char *scheme = strstr(proxy, "://");
	const char *user = scheme ? scheme + 3 : proxy;
	if (user < at)
		hide_span(webhook, (struct span){user, (size_t)(at - user)});
}

static bool
take_settings(struct webhook_sink *webhook, const struct config_sink *config, struct err *err)
{
	webhook->settings.routing_key = mem_text(config->routing_key.value);
	webhook->settings.body = mem_text(config->body);
	webhook->settings.content_type = mem_text(config->content_type);
	webhook->settings.host = mem_text(config->host ? config->host : "{site}");
	webhook->settings.service =
		mem_text(config->service ? config->service : "ai-sync-certificate");
	hide(webhook, webhook->settings.routing_key);
	return !webhook->format->check || webhook->format->check(&webhook->settings, err);
}

bool
webhook_take(struct webhook_sink *webhook, const struct config_sink *config, struct err *err)
{
	const char *format = config->format ? config->format : "generic";
	webhook->format = format_find(format);
	if (!webhook->format)
		return err_set(err, "format %s is not known", format);
	webhook->sink.sites_only = webhook->format->sites_only;
	hide_proxy(webhook, config->proxy);
	return take_urls(webhook, config, err) && take_headers(webhook, &config->headers, err) &&
	       take_bearer(webhook, config->bearer.value, err) &&
	       take_basic(webhook, &config->basic, err) &&
	       take_secret(webhook, config->secret.value, err) &&
	       take_settings(webhook, config, err);
}

void
webhook_forget(struct webhook_sink *webhook)
{
	signature_keys_fini(&webhook->keys);
	for (size_t i = 0; i < webhook->header_count; i++) {
		free(webhook->headers[i].name);
		free(webhook->headers[i].value);
		free(webhook->headers[i].from);
	}
	for (size_t i = 0; i < webhook->hidden_count; i++)
		free(webhook->hidden[i]);
	for (size_t i = 0; i < webhook->target_count; i++) {
		free(webhook->target[i].url);
		free(webhook->target[i].shown);
	}
	free(webhook->headers);
	free(webhook->hidden);
	free(webhook->bearer);
	free(webhook->user);
	free(webhook->password);
	free(webhook->settings.routing_key);
	free(webhook->settings.body);
	free(webhook->settings.content_type);
	free(webhook->settings.host);
	free(webhook->settings.service);
	free(webhook->settings.topic);
	buf_fini(&webhook->batch);
}
