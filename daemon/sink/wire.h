#ifndef AIWATCH_SINK_WIRE_H
#define AIWATCH_SINK_WIRE_H

#include "daemon/sink/frames.h"
#include "daemon/sink/tls.h"

/*
 * A wire carries frames to one address and never blocks: it looks up, connects, greets, writes and
 * connects again by itself.
 *
 *   unix  a socket in the file system: datagram, or stream where the receiver has that
 *   udp   a frame is a datagram
 *   tcp   frames one behind another, as they are
 *   tls   the same inside TLS
 *
 * Delivered means: handed to the receiver's socket (unix), to the network (udp: nobody can know
 * more), acknowledged by the receiver's kernel and not taken back by a reset within a moment (tcp,
 * tls). What a receiver has read and then lost no protocol here tells. All failures are SINK_RETRY.
 */
enum wire_kind { WIRE_UNIX, WIRE_UDP, WIRE_TCP, WIRE_TLS, WIRE_KINDS };

struct wire_address {
	enum wire_kind kind;
	char *text; /* as it stood in the configuration */
	char *host; /* or the socket's path */
	char *port;
};

/* "/dev/log", "udp://HOST:PORT", "tcp://…", "tls://…"; HOST may be [IPv6]. False with a sentence,
 * and then nothing is to be freed. */
bool
wire_address_parse(const char *text, struct wire_address *address, struct err *err);
void
wire_address_fini(struct wire_address *address);

struct wire;

/* Takes the contents of `address` and `tls`. `timeout` bounds each send and each connecting. */
struct wire *
wire_new(struct wire_address address, struct tls_options tls, int64_t timeout, sd_event *loop);
void
wire_free(struct wire *wire); /* takes NULL; frames under way are given up without an answer */

enum wire_kind
wire_kind(const struct wire *wire);

/* Takes the bytes; a NUL stands behind the n, which ends the frame on a unix stream. */
void
wire_send(struct wire *wire, char *bytes, size_t n, sink_on_done *done, void *owner);

#endif
