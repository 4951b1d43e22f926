#ifndef AIWATCH_SINK_TLS_H
#define AIWATCH_SINK_TLS_H

#include "daemon/base/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * TLS 1.2 and later on a connected socket that does not block. The peer's certificate is verified
 * against `ca` (NULL: the system's) and the host's name or address, unless `insecure`.
 */
struct tls_options {
	char *ca;   /* PEM file; NULL for the system's */
	char *cert; /* PEM chain to show; NULL for none */
	char *key;  /* PEM; NULL: it stands in `cert` */
	bool insecure;
};

struct tls;

enum tls_step {
	TLS_DONE,
	TLS_WANT_READ,	/* again when the socket can be read */
	TLS_WANT_WRITE, /* again when it can be written */
	TLS_FAILED,	/* closed or broken: err says why; only tls_free is left */
};

/*
 * Loads OpenSSL, and lets it abort where there is no memory, as mem.h does: it would go on with
 * what it could not make. Before anything else uses it; tls_new does so. False with a sentence.
 */
bool
tls_load(struct err *err);

/* Reads the files named by the options. NULL with a sentence. The socket stays the caller's. */
struct tls *
tls_new(const struct tls_options *options, const char *host, int fd, struct err *err);
void
tls_free(struct tls *tls); /* takes NULL; says goodbye where that does not block */

enum tls_step
tls_greet(struct tls *tls, struct err *err);

/* On TLS_DONE *written is at least 1. */
enum tls_step
tls_write(struct tls *tls, const void *bytes, size_t n, size_t *written, struct err *err);

/* Reads and drops what the peer said: TLS_WANT_READ while the connection stands. */
enum tls_step
tls_drain(struct tls *tls, struct err *err);

/* Bytes handed to the socket so far, handshake included. */
uint64_t
tls_raw_written(const struct tls *tls);

#endif
