#include "daemon/sink/tls.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct tls {
	SSL_CTX *settings;
	SSL *ssl;
	bool ready;
};

/* The first thing OpenSSL has to say, and forgets the rest. */
static bool
fail_openssl(struct err *err, const char *what)
{
	char reason[256] = "no reason given";
	unsigned long code = ERR_get_error();
	if (code)
		ERR_error_string_n(code, reason, sizeof reason);
	ERR_clear_error();
	return err_set(err, "%s: %s", what, reason);
}

static bool
load_files(SSL_CTX *settings, const struct tls_options *options, struct err *err)
{
	int r = options->ca ? SSL_CTX_load_verify_file(settings, options->ca)
			    : SSL_CTX_set_default_verify_paths(settings);
	if (r != 1) {
		fail_openssl(err, "cannot read the trusted certificates");
		return err_context(err, "%s", options->ca ? options->ca : "system");
	}
	if (!options->cert)
		return true;
	const char *key = options->key ? options->key : options->cert;
	if (SSL_CTX_use_certificate_chain_file(settings, options->cert) != 1) {
		fail_openssl(err, "cannot read the certificate");
		return err_context(err, "%s", options->cert);
	}
	if (SSL_CTX_use_PrivateKey_file(settings, key, SSL_FILETYPE_PEM) != 1) {
		fail_openssl(err, "cannot read the private key");
		return err_context(err, "%s", key);
	}
	return true;
}

static bool
set_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *verify = SSL_get0_param(ssl);
	if (X509_VERIFY_PARAM_set1_ip_asc(verify, host) == 1)
		return true;
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct tls *
tls_new(const struct tls_options *options, const char *host, int fd, struct err *err)
{
	struct tls *tls = mem_new(sizeof *tls);
	ERR_clear_error();
	tls->settings = SSL_CTX_new(TLS_client_method());
	if (!tls->settings)
		goto fail;
	SSL_CTX_set_min_proto_version(tls->settings, TLS1_2_VERSION);
	SSL_CTX_set_verify(
		tls->settings, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(
		tls->settings, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (!load_files(tls->settings, options, err)) {
		tls_free(tls);
		return NULL;
	}
	tls->ssl = SSL_new(tls->settings);
	if (!tls->ssl || !set_host(tls->ssl, host) || SSL_set_fd(tls->ssl, fd) != 1)
		goto fail;
	SSL_set_connect_state(tls->ssl);
	return tls;
fail:
	fail_openssl(err, "cannot set up TLS");
	tls_free(tls);
	return NULL;
}

void
tls_free(struct tls *tls)
{
	if (!tls)
		return;
	if (tls->ready)
		SSL_shutdown(tls->ssl);
	SSL_free(tls->ssl);
	SSL_CTX_free(tls->settings);
	ERR_clear_error();
	free(tls);
}

static enum tls_step
fail_step(struct tls *tls, int why, struct err *err)
{
	tls->ready = false;
	int code = errno;
	long verified = SSL_get_verify_result(tls->ssl);
	if (why == SSL_ERROR_ZERO_RETURN)
		err_set(err, "the receiver closed the connection");
	else if (why == SSL_ERROR_SYSCALL && ERR_peek_error() == 0 && code)
		err_system(err, code, "TLS");
	else if (verified != X509_V_OK && SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE)
		err_set(err, "the receiver's certificate is not accepted: %s",
			X509_verify_cert_error_string(verified));
	else
		fail_openssl(err, "TLS");
	ERR_clear_error();
	return TLS_FAILED;
}

static enum tls_step
step_of(struct tls *tls, int result, struct err *err)
{
	if (result > 0)
		return TLS_DONE;
	int why = SSL_get_error(tls->ssl, result);
	if (why == SSL_ERROR_WANT_READ)
		return TLS_WANT_READ;
	if (why == SSL_ERROR_WANT_WRITE)
		return TLS_WANT_WRITE;
	return fail_step(tls, why, err);
}

enum tls_step
tls_greet(struct tls *tls, struct err *err)
{
	ERR_clear_error();
	errno = 0;
	enum tls_step step = step_of(tls, SSL_do_handshake(tls->ssl), err);
	tls->ready = step == TLS_DONE;
	return step;
}

enum tls_step
tls_write(struct tls *tls, const void *bytes, size_t n, size_t *written, struct err *err)
{
	ERR_clear_error();
	errno = 0;
	return step_of(tls, SSL_write_ex(tls->ssl, bytes, n, written), err);
}

enum tls_step
tls_drain(struct tls *tls, struct err *err)
{
	char dropped[1024];
	enum tls_step step = TLS_DONE;
	for (int turns = 0; step == TLS_DONE && turns < 16; turns++) {
		size_t n;
		ERR_clear_error();
		errno = 0;
		step = step_of(tls, SSL_read_ex(tls->ssl, dropped, sizeof dropped, &n), err);
	}
	return step == TLS_DONE ? TLS_WANT_READ : step;
}

uint64_t
tls_raw_written(const struct tls *tls)
{
	return BIO_number_written(SSL_get_wbio(tls->ssl));
}
