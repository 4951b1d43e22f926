#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/sink/dial.h"
#include "daemon/sink/excerpt.h"
#include "daemon/sink/format_json.h"
#include "daemon/sink/lookup.h"
#include "daemon/sink/type.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

/*
 * Zabbix' trapper protocol ("Zabbix sender protocol" of its manual): a connection for each alert,
 * on which one request goes and one answer comes, each behind a header of "ZBXD", a byte 1 and the
 * length, 8 bytes little endian. The answer counts what was processed and what failed: a host or an
 * item that the server does not know is a failure, and final.
 *
 *          addresses         writable         all sent          answer whole
 *   LOOK_UP ──────► CONNECTING ─────► SENDING ─────► RECEIVING ─────────────► answered, freed
 *      └──────────────── failed, deadline: answered, freed ──────────────────────┘
 */
enum { HEADER = 13, ANSWER_MAX = 16384, UNDER_WAY_MAX = 256, VALUE_MAX = 65535 };

enum delivery_step { LOOK_UP, CONNECTING, SENDING, RECEIVING };

struct zabbix_sink {
	struct sink sink;
	char *host; /* of the server */
	char *port;
	char *owner_host; /* {site} is the site's name */
	char *item;
	struct packet *packets;
	size_t count;
};

/* One alert on its way. */
struct packet {
	struct packet *prev, *next;
	struct zabbix_sink *zabbix;
	enum delivery_step step;
	struct lookup *lookup;
	struct addrinfo *addresses, *next_address;
	int fd;
	sd_event_source *io, *timer;
	struct buf request, answer;
	size_t sent;
	sink_on_done *done;
	void *owner;
};

static void
packet_free(struct packet *packet)
{
	struct zabbix_sink *zabbix = packet->zabbix;
	DL_DELETE(zabbix->packets, packet);
	zabbix->count--;
	lookup_cancel(packet->lookup);
	if (packet->addresses)
		freeaddrinfo(packet->addresses);
	sd_event_source_disable_unref(packet->io);
	sd_event_source_disable_unref(packet->timer);
	if (packet->fd >= 0)
		close(packet->fd);
	buf_fini(&packet->request);
	buf_fini(&packet->answer);
	free(packet);
}

static void
finish(struct packet *packet, enum sink_outcome outcome, const char *text)
{
	sink_on_done *done = packet->done;
	void *owner = packet->owner;
	char *said = mem_format("%s:%s: %s", packet->zabbix->host, packet->zabbix->port, text);
	packet_free(packet);
	sink_answer(done, owner, outcome, 0, "%s", said);
	free(said);
}

static void
fail(struct packet *packet, const struct err *err)
{
	finish(packet, packet->sent > 0 ? SINK_RETRY : SINK_MISSED, err->text);
}

/* "processed: 1; failed: 0; total: 1; …": the number behind a word, -1 where it is not there. */
static long
count_of(const char *info, const char *word)
{
	const char *at = info ? strstr(info, word) : NULL;
	return at ? strtol(at + strlen(word), NULL, 10) : -1;
}

static void
judge(struct packet *packet)
{
	json_t *body = json_loadb(packet->answer.p + HEADER, packet->answer.n - HEADER, 0, NULL);
	const char *response = json_string_value(json_object_get(body, "response"));
	const char *info = json_string_value(json_object_get(body, "info"));
	bool success = response && strcmp(response, "success") == 0;
	char *text = mem_format("%s%s%s", response ? response : "an answer without a response",
		info ? ": " : "", info ? info : "");
	enum sink_outcome outcome = !success			       ? SINK_REFUSED
				    : count_of(info, "failed:") > 0    ? SINK_REFUSED
				    : count_of(info, "processed:") < 1 ? SINK_RETRY
								       : SINK_DELIVERED;
	json_decref(body);
	finish(packet, outcome, text);
	free(text);
}

/* True once the answer is whole; false with an empty err where more is to come. */
static bool
is_whole(const struct packet *packet, struct err *err)
{
	uint64_t length;
	const struct buf *answer = &packet->answer;
	size_t known = answer->n < 5 ? answer->n : 5;
	if (memcmp(answer->p, "ZBXD\x01", known) != 0)
		return err_set(err, "the answer is not Zabbix'");
	if (answer->n < HEADER)
		return false;
	memcpy(&length, answer->p + 5, sizeof length);
	length = le64toh(length);
	if (length > ANSWER_MAX - HEADER)
		return err_set(err, "the answer is longer than %d bytes", ANSWER_MAX);
	return answer->n >= HEADER + length;
}

static void
receive(struct packet *packet)
{
	char block[4096];
	struct err err = ERR_INIT;
	ssize_t n = recv(packet->fd, block, sizeof block, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (n < 0)
			err_system(&err, errno, "cannot read the answer");
		else
			err_set(&err, "closed without a whole answer");
		fail(packet, &err);
		return;
	}
	buf_add(&packet->answer, block, (size_t)n);
	if (is_whole(packet, &err))
		judge(packet);
	else if (err.text[0])
		fail(packet, &err);
}

static void
transmit(struct packet *packet)
{
	struct err err = ERR_INIT;
	while (packet->sent < packet->request.n) {
		ssize_t n = send(packet->fd, packet->request.p + packet->sent,
			packet->request.n - packet->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			err_system(&err, errno, "cannot send");
			fail(packet, &err);
			return;
		}
		packet->sent += (size_t)n;
	}
	packet->step = RECEIVING;
	sd_event_source_set_io_events(packet->io, EPOLLIN);
}

static void
connect_next(struct packet *packet, struct err *err);

static int
on_io(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)events;
	struct packet *packet = owner;
	struct err err = ERR_INIT;
	if (packet->step == CONNECTING) {
		if (!dial_result(fd, &err)) {
			connect_next(packet, &err);
			return 0;
		}
		packet->step = SENDING;
	}
	if (packet->step == SENDING)
		transmit(packet);
	else
		receive(packet);
	return 0;
}

/* Tries the addresses that are left; `err` holds why the last one failed. */
static void
connect_next(struct packet *packet, struct err *err)
{
	bool pending;
	packet->io = sd_event_source_disable_unref(packet->io);
	if (packet->fd >= 0)
		close(packet->fd);
	packet->fd = -1;
	while (packet->next_address) {
		const struct addrinfo *address = packet->next_address;
		packet->next_address = address->ai_next;
		packet->fd = dial_inet(address, packet->zabbix->sink.timeout, &pending, err);
		if (packet->fd < 0)
			continue;
		packet->step = CONNECTING;
		int r = sd_event_add_io(packet->zabbix->sink.loop, &packet->io, packet->fd,
			EPOLLIN | EPOLLOUT, on_io, packet);
		if (r >= 0)
			return;
		err_system(err, -r, "cannot wait for a socket");
		break;
	}
	fail(packet, err);
}

static void
on_addresses(void *owner, struct addrinfo *addresses, const struct err *err)
{
	struct packet *packet = owner;
	struct err sentence = *err;
	packet->lookup = NULL;
	packet->addresses = packet->next_address = addresses;
	connect_next(packet, &sentence);
}

static int
on_deadline(sd_event_source *source, uint64_t now, void *owner)
{
	(void)source;
	(void)now;
	static const char *const WAITED[] = {[LOOK_UP] = "no address",
		[CONNECTING] = "no connection",
		[SENDING] = "it takes nothing",
		[RECEIVING] = "no answer"};
	struct packet *packet = owner;
	struct err err = ERR_INIT;
	err_set(&err, "%s in time", WAITED[packet->step]);
	fail(packet, &err);
	return 0;
}

static char *
host_of(const struct zabbix_sink *zabbix, const struct alert *alert)
{
	static const char SITE[] = "{site}";
	struct buf out = BUF_INIT;
	const char *rest = zabbix->owner_host;
	const char *site = alert->kind == ALERT_HEARTBEAT ? zabbix->sink.collector : alert->site;
	for (const char *at; (at = strstr(rest, SITE)); rest = at + strlen(SITE)) {
		buf_add(&out, rest, (size_t)(at - rest));
		excerpt_add(&out, site, 255, NULL);
	}
	buf_add_text(&out, rest);
	return buf_take(&out);
}

/* The request without its header. */
static void
write_body(const struct zabbix_sink *zabbix, const struct alert *alert, struct buf *out)
{
	char *document = sink_document(&zabbix->sink, alert), *host = host_of(zabbix, alert);
	json_t *value = strlen(document) <= VALUE_MAX
				? json_string(document)
				: format_json_text(alert->summary, VALUE_MAX, NULL);
	format_json_write(json_pack("{s:s, s:[{s:s, s:s, s:o}]}", "request", "sender data", "data",
				  "host", host, "key", zabbix->item, "value", value),
		out);
	free(host);
	free(document);
}

static void
start_packet(struct packet *packet)
{
	struct zabbix_sink *zabbix = packet->zabbix;
	struct err err = ERR_INIT;
	int r = sd_event_add_time_relative(zabbix->sink.loop, &packet->timer, CLOCK_BOOTTIME,
		(uint64_t)zabbix->sink.timeout, 10000, on_deadline, packet);
	if (r < 0) {
		err_system(&err, -r, "cannot time a connection");
		fail(packet, &err);
		return;
	}
	packet->addresses = lookup_numeric(zabbix->host, zabbix->port, SOCK_STREAM);
	packet->next_address = packet->addresses;
	if (packet->addresses) {
		connect_next(packet, &err);
		return;
	}
	packet->lookup = lookup_start(zabbix->sink.loop, zabbix->host, zabbix->port, SOCK_STREAM,
		on_addresses, packet, &err);
	if (!packet->lookup)
		fail(packet, &err);
}

static void
zabbix_send(struct sink *sink, const struct alert *alert, sink_on_done *done, void *owner)
{
	struct zabbix_sink *zabbix = (struct zabbix_sink *)sink;
	if (zabbix->count >= UNDER_WAY_MAX) {
		sink_answer(done, owner, SINK_MISSED, 0, "%d alerts are already under way",
			UNDER_WAY_MAX);
		return;
	}
	struct buf body = BUF_INIT;
	struct packet *packet = mem_new(sizeof *packet);
	*packet = (struct packet){.zabbix = zabbix, .fd = -1, .done = done, .owner = owner};
	DL_APPEND(zabbix->packets, packet);
	zabbix->count++;
	write_body(zabbix, alert, &body);
	uint64_t length = htole64(body.n);
	buf_add(&packet->request, "ZBXD\x01", 5);
	buf_add(&packet->request, &length, sizeof length);
	buf_add_span(&packet->request, buf_span(&body));
	buf_fini(&body);
	start_packet(packet);
}

static char *
zabbix_preview(struct sink *sink, const struct alert *alert)
{
	struct zabbix_sink *zabbix = (struct zabbix_sink *)sink;
	struct buf out = BUF_INIT;
	buf_format(&out, "to %s:%s, behind a header of %d bytes\n\n", zabbix->host, zabbix->port,
		HEADER);
	write_body(zabbix, alert, &out);
	buf_add_byte(&out, '\n');
	return buf_take(&out);
}

static bool
zabbix_start(struct sink *sink, const struct config_sink *config, struct err *err)
{
	struct zabbix_sink *zabbix = (struct zabbix_sink *)sink;
	const char *server = config->server ? config->server : "";
	const char *colon = strrchr(server, ':');
	size_t n = colon ? (size_t)(colon - server) : 0;
	bool is_bracketed = n > 2 && server[0] == '[' && server[n - 1] == ']';
	if (n == 0 || !colon[1])
		return err_set(err, "server: HOST:PORT is wanted");
	zabbix->host = is_bracketed ? mem_copy(server + 1, n - 2) : mem_copy(server, n);
	zabbix->port = mem_text(colon + 1);
	zabbix->owner_host = mem_text(config->host ? config->host : "{site}");
	zabbix->item = mem_text(config->item ? config->item : "aiwatch.alert");
	sink->sites_only = true;
	return true;
}

static void
zabbix_stop(struct sink *sink)
{
	struct zabbix_sink *zabbix = (struct zabbix_sink *)sink;
	while (zabbix->packets)
		packet_free(zabbix->packets);
	free(zabbix->host);
	free(zabbix->port);
	free(zabbix->owner_host);
	free(zabbix->item);
}

const struct sink_type ZABBIX_SINK = {
	.is = CONFIG_SINK_ZABBIX,
	.name = "zabbix",
	.size = sizeof(struct zabbix_sink),
	.start = zabbix_start,
	.stop = zabbix_stop,
	.send = zabbix_send,
	.preview = zabbix_preview,
};
