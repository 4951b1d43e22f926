#include "daemon/base/mem.h"
#include "daemon/sink/wire.h"

#include <stdlib.h>
#include <sys/un.h>

static const struct {
	struct span scheme;
	enum wire_kind kind;
} SCHEME[] = {
	{{"udp://", 6}, WIRE_UDP},
	{{"tcp://", 6}, WIRE_TCP},
	{{"tls://", 6}, WIRE_TLS},
};

static const char *const WANTED = "a path, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT";

static bool
is_port(struct span s)
{
	unsigned long port = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || i == 5)
			return false;
		port = port * 10 + (unsigned long)(s.p[i] - '0');
	}
	return port > 0 && port < 65536;
}

/* HOST:PORT or [IPv6]:PORT. */
static bool
parse_host(struct span s, struct span *host, struct span *port)
{
	const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
	if (!colon)
		return false;
	*host = span_first(s, (size_t)(colon - s.p));
	*port = span_from(s, host->n + 1);
	if (host->n > 2 && host->p[0] == '[' && host->p[host->n - 1] == ']')
		*host = (struct span){host->p + 1, host->n - 2};
	else if (span_find(*host, SPAN(":")) || span_find(*host, SPAN("[")))
		return false;
	return host->n > 0 && host->n < 256 && !span_find(*host, SPAN(" ")) &&
	       !span_find(*host, SPAN("/")) && is_port(*port);
}

static bool
parse_path(const char *text, struct wire_address *address, struct err *err)
{
	size_t room = sizeof((struct sockaddr_un *)NULL)->sun_path;
	if (strlen(text) >= room)
		return err_set(err, "address %s: the path of a socket has at most %zu bytes", text,
			room - 1);
	address->kind = WIRE_UNIX;
	address->text = mem_text(text);
	address->host = mem_text(text);
	address->port = NULL;
	return true;
}

bool
wire_address_parse(const char *text, struct wire_address *address, struct err *err)
{
	if (text[0] == '/')
		return parse_path(text, address, err);
	struct span whole = span_of(text), host, port;
	for (size_t i = 0; i < COUNT(SCHEME); i++) {
		if (!span_has_prefix_nocase(whole, SCHEME[i].scheme))
			continue;
		if (!parse_host(span_from(whole, SCHEME[i].scheme.n), &host, &port))
			break;
		address->kind = SCHEME[i].kind;
		address->text = mem_text(text);
		address->host = mem_copy(host.p, host.n);
		address->port = mem_copy(port.p, port.n);
		return true;
	}
	return err_set(err, "address %s is none: wanted %s", text, WANTED);
}

void
wire_address_fini(struct wire_address *address)
{
	free(address->text);
	free(address->host);
	free(address->port);
	*address = (struct wire_address){0};
}
