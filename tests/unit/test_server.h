#ifndef TESTS_UNIT_TEST_SERVER_H
#define TESTS_UNIT_TEST_SERVER_H

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A server on loopback in a thread of its own: one connection at a time, plain or TLS, a script of
 * replies, the last of which is repeated. It keeps what it was told.
 */
enum server_speaks { SERVER_HTTP, SERVER_SYSLOG };

/* Replies that are none. */
#define REPLY_CLOSE "close" /* hangs up instead */
#define REPLY_NEVER "never" /* says nothing and waits for the other side to hang up */

enum { SERVER_KEPT = 64 };

struct server {
	enum server_speaks speaks;
	const char *const *replies; /* NULL-terminated */
	int fd;
	int port;
	int stop[2];
	SSL_CTX *tls;
	char *certificate; /* PEM file, to trust; NULL for plain */
	char *key;
	pthread_t thread;
	pthread_mutex_t lock;
	struct buf request[SERVER_KEPT];
	size_t request_count;
	size_t connection_count;
};

struct server_peer {
	int fd;
	SSL *ssl;
};

static inline bool
server_wait(struct server *server, int fd)
{
	struct pollfd ready[] = {
		{.fd = fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
	return poll(ready, 2, -1) > 0 && !ready[1].revents;
}

static inline ssize_t
server_read(struct server *server, struct server_peer *peer, char *bytes, size_t n)
{
	if (!(peer->ssl && SSL_pending(peer->ssl) > 0) && !server_wait(server, peer->fd))
		return -1;
	return peer->ssl ? SSL_read(peer->ssl, bytes, (int)n) : read(peer->fd, bytes, n);
}

/* Bytes that are still to come, or SIZE_MAX where that is not yet known. */
static inline size_t
server_missing(const struct server *server, const struct buf *got)
{
	if (server->speaks == SERVER_SYSLOG) {
		const char *blank = got->n ? memchr(got->p, ' ', got->n) : NULL;
		size_t whole = blank ? (size_t)(blank + 1 - got->p) + (size_t)atoi(got->p) : 0;
		return blank ? whole - got->n : SIZE_MAX;
	}
	const char *end = got->n ? strstr(got->p, "\r\n\r\n") : NULL;
	const char *length = end ? strcasestr(got->p, "content-length:") : NULL;
	size_t body = length ? (size_t)atoi(length + 15) : 0;
	return end ? (size_t)(end + 4 - got->p) + body - got->n : SIZE_MAX;
}

static inline bool
server_read_request(struct server *server, struct server_peer *peer, struct buf *got)
{
	char bytes[16384];
	for (size_t missing; (missing = server_missing(server, got)) > 0;) {
		/* Byte by byte until the length is known, so that no other request is read. */
		size_t n = missing == SIZE_MAX	    ? 1
			   : missing < sizeof bytes ? missing
						    : sizeof bytes;
		ssize_t r = server_read(server, peer, bytes, n);
		if (r <= 0)
			return false;
		buf_add(got, bytes, (size_t)r);
	}
	return true;
}

static inline const char *
server_keep(struct server *server, struct buf *got)
{
	pthread_mutex_lock(&server->lock);
	size_t last = 0;
	while (server->replies && server->replies[last] && server->replies[last + 1])
		last++;
	size_t at = server->request_count;
	if (at < SERVER_KEPT)
		server->request[server->request_count++] = *got;
	else
		buf_fini(got);
	*got = BUF_INIT;
	pthread_mutex_unlock(&server->lock);
	return server->replies ? server->replies[at < last ? at : last] : "";
}

static inline void
server_serve(struct server *server, struct server_peer *peer)
{
	struct buf got = BUF_INIT;
	while (server_read_request(server, peer, &got)) {
		const char *reply = server_keep(server, &got);
		char dropped[64];
		if (strcmp(reply, REPLY_CLOSE) == 0)
			break;
		if (strcmp(reply, REPLY_NEVER) == 0) {
			while (server_read(server, peer, dropped, sizeof dropped) > 0)
				;
			break;
		}
		size_t n = strlen(reply);
		if (n && peer->ssl)
			SSL_write(peer->ssl, reply, (int)n);
		else if (n && write(peer->fd, reply, n) < 0)
			break;
		if (n && !strcasestr(reply, "content-length:"))
			break;
	}
	buf_fini(&got);
}

static inline void *
server_run(void *arg)
{
	struct server *server = arg;
	while (server_wait(server, server->fd)) {
		struct server_peer peer = {.fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC)};
		if (peer.fd < 0)
			break;
		pthread_mutex_lock(&server->lock);
		server->connection_count++;
		pthread_mutex_unlock(&server->lock);
		peer.ssl = server->tls ? SSL_new(server->tls) : NULL;
		if (peer.ssl)
			SSL_set_fd(peer.ssl, peer.fd);
		if (!peer.ssl || SSL_accept(peer.ssl) == 1)
			server_serve(server, &peer);
		if (peer.ssl)
			SSL_shutdown(peer.ssl);
		SSL_free(peer.ssl);
		close(peer.fd);
	}
	return NULL;
}

static inline char *
server_write_pem(int (*write_pem)(FILE *file, void *object), void *object)
{
	char *path = mem_text("/tmp/aiwatch-test-XXXXXX");
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	write_pem(file, object);
	fclose(file);
	return path;
}

static inline int
server_write_certificate(FILE *file, void *certificate)
{
	return PEM_write_X509(file, certificate);
}

static inline int
server_write_key(FILE *file, void *key)
{
	return PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
}

/* A certificate of its own authority for `host` (a name or an address). */
static inline void
server_use_tls(struct server *server, const char *host)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	char *alt = mem_format(
		"%s:%s", strspn(host, "0123456789.") == strlen(host) ? "IP" : "DNS", host);
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt);
	X509_EXTENSION *authority =
		X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	X509_add_ext(certificate, names, -1);
	X509_add_ext(certificate, authority, -1);
	X509_EXTENSION_free(names);
	X509_EXTENSION_free(authority);
	X509_sign(certificate, key, EVP_sha256());
	server->tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(server->tls, certificate);
	SSL_CTX_use_PrivateKey(server->tls, key);
	server->certificate = server_write_pem(server_write_certificate, certificate);
	server->key = server_write_pem(server_write_key, key);
	X509_free(certificate);
	EVP_PKEY_free(key);
	free(alt);
}

/* `tls_host`: NULL for plain. To be ended with server_stop. */
static inline struct server *
server_start(enum server_speaks speaks, const char *const *replies, const char *tls_host)
{
	struct server *server = mem_new(sizeof *server);
	server->speaks = speaks;
	server->replies = replies;
	pthread_mutex_init(&server->lock, NULL);
	if (tls_host)
		server_use_tls(server, tls_host);
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof name;
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server->fd, (struct sockaddr *)&name, n) < 0 || listen(server->fd, 64) < 0 ||
		getsockname(server->fd, (struct sockaddr *)&name, &n) < 0 || pipe(server->stop) < 0)
		abort();
	server->port = ntohs(name.sin_port);
	pthread_create(&server->thread, NULL, server_run, server);
	return server;
}

static inline void
server_stop(struct server *server)
{
	close(server->stop[1]);
	pthread_join(server->thread, NULL);
	close(server->stop[0]);
	close(server->fd);
	for (size_t i = 0; i < server->request_count; i++)
		buf_fini(&server->request[i]);
	if (server->certificate)
		unlink(server->certificate);
	if (server->key)
		unlink(server->key);
	free(server->certificate);
	free(server->key);
	SSL_CTX_free(server->tls);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

/* What request `i` was, borrowed until server_stop; NULL where there was none. */
static inline const char *
server_request(struct server *server, size_t i)
{
	pthread_mutex_lock(&server->lock);
	const char *text = i < server->request_count ? server->request[i].p : NULL;
	pthread_mutex_unlock(&server->lock);
	return text;
}

static inline size_t
server_connections(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	size_t count = server->connection_count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

#endif
