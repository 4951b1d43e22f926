#include "daemon/base/mem.h"
#include "daemon/sink/syslog_format.h"
#include "daemon/sink/wire.h"

#include <stdlib.h>
#include <unistd.h>

struct syslog_sink {
	struct sink sink;
	struct wire *wire;
	int facility;
	bool is_journal; /* the socket takes journald's native protocol */
};

/*
 * Where the socket is journald's own, its native one stands beside it: /dev/log points to
 * DIRECTORY/dev-log, the other is DIRECTORY/socket, DIRECTORY being /run/systemd/journal, or
 * journal.NAME for a namespace. To be freed; NULL where it is not.
 */
static char *
native_socket(const char *path)
{
	char *real = realpath(path, NULL);
	char *name = real ? strrchr(real, '/') : NULL;
	char *native = NULL;
	if (name && (strcmp(name, "/dev-log") == 0 || strcmp(name, "/socket") == 0)) {
		*name = '\0';
		const char *folder = strrchr(real, '/');
		if (folder && strncmp(folder, "/journal", 8) == 0 &&
			(folder[8] == '\0' || folder[8] == '.'))
			native = mem_format("%s/socket", real);
	}
	free(real);
	if (native && access(native, F_OK) == 0)
		return native;
	free(native);
	return NULL;
}

static bool
syslog_start(struct sink *sink, const struct config_sink *config, struct err *err)
{
	struct syslog_sink *syslog = (struct syslog_sink *)sink;
	const char *facility = config->facility ? config->facility : "daemon";
	syslog->facility = syslog_facility(facility);
	if (syslog->facility < 0)
		return err_set(err, "facility %s is not known", facility);
	struct wire_address address;
	if (!wire_address_parse(config->address ? config->address : "/dev/log", &address, err))
		return false;
	char *native = address.kind == WIRE_UNIX ? native_socket(address.host) : NULL;
	if (native) {
		free(address.host);
		address.host = native;
		syslog->is_journal = true;
	}
	struct tls_options tls = {
		.ca = mem_text(config->ca),
		.cert = mem_text(config->cert),
		.key = mem_text(config->key),
		.insecure = config->insecure,
	};
	syslog->wire = wire_new(address, tls, sink->timeout, sink->loop);
	return true;
}

static void
syslog_stop(struct sink *sink)
{
	wire_free(((struct syslog_sink *)sink)->wire);
}

/* The bytes as they go out; over tcp and tls with their count in front (RFC 6587, RFC 5425). */
static void
make_frame(const struct syslog_sink *syslog, const struct alert *alert, struct buf *out)
{
	const struct sink *sink = &syslog->sink;
	enum wire_kind kind = wire_kind(syslog->wire);
	if (syslog->is_journal) {
		syslog_format_journal(out, alert, syslog->facility, (int)getpid());
		return;
	}
	if (kind == WIRE_UNIX) {
		syslog_format_local(out, alert, syslog->facility, sink_wall(sink), (int)getpid());
		return;
	}
	struct buf message = BUF_INIT;
	syslog_format_network(
		&message, alert, syslog->facility, sink->collector, sink_wall(sink), (int)getpid());
	if (kind != WIRE_UDP)
		buf_format(out, "%zu ", message.n);
	buf_add_span(out, buf_span(&message));
	buf_fini(&message);
}

static void
syslog_send(struct sink *sink, const struct alert *alert, sink_on_done *done, void *owner)
{
	struct syslog_sink *syslog = (struct syslog_sink *)sink;
	struct buf frame = BUF_INIT;
	make_frame(syslog, alert, &frame);
	size_t n = frame.n;
	wire_send(syslog->wire, buf_take(&frame), n, done, owner);
}

static char *
syslog_preview(struct sink *sink, const struct alert *alert)
{
	struct buf frame = BUF_INIT;
	make_frame((struct syslog_sink *)sink, alert, &frame);
	buf_add_byte(&frame, '\n');
	return buf_take(&frame);
}

const struct sink_type SYSLOG_SINK = {
	.is = CONFIG_SINK_SYSLOG,
	.name = "syslog",
	.size = sizeof(struct syslog_sink),
	.start = syslog_start,
	.stop = syslog_stop,
	.send = syslog_send,
	.preview = syslog_preview,
};
