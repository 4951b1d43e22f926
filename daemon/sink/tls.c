#include "daemon/sink/tls.h"

#include "daemon/base/library.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define OPENSSL_CALLS(CALL) \
	CALL(BIO_number_written) CALL(CRYPTO_set_mem_functions) CALL(ERR_clear_error) \
	CALL(ERR_error_string_n) CALL(ERR_get_error) CALL(ERR_peek_error) CALL(SSL_CTX_ctrl) \
	CALL(SSL_CTX_free) CALL(SSL_CTX_load_verify_file) CALL(SSL_CTX_new) \
	CALL(SSL_CTX_set_default_verify_paths) CALL(SSL_CTX_set_verify) \
	CALL(SSL_CTX_use_PrivateKey_file) CALL(SSL_CTX_use_certificate_chain_file) CALL(SSL_ctrl) \
	CALL(SSL_do_handshake) CALL(SSL_free) CALL(SSL_get0_param) CALL(SSL_get_error) \
	CALL(SSL_get_verify_mode) CALL(SSL_get_verify_result) CALL(SSL_get_wbio) CALL(SSL_new) \
	CALL(SSL_read_ex) CALL(SSL_set1_host) CALL(SSL_set_connect_state) CALL(SSL_set_fd) \
	CALL(SSL_shutdown) CALL(SSL_write_ex) CALL(TLS_client_method) \
	CALL(X509_VERIFY_PARAM_set1_ip_asc) CALL(X509_verify_cert_error_string)
/* clang-format on */

#define POINTER(name) __typeof__(name) *(name);
#define SYMBOL(name)  {#name, &openssl.name},

static struct {
	OPENSSL_CALLS(POINTER)
} openssl;
static const struct library_symbol SYMBOLS[] = {OPENSSL_CALLS(SYMBOL)};
static struct library library = {"libssl.so.3", SYMBOLS, COUNT(SYMBOLS), false};

struct tls {
	SSL_CTX *settings;
	SSL *ssl;
	bool ready;
};

static void *
allocate(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_new(n);
}

static void *
allocate_again(void *old, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_grow(old, 1, n ? n : 1);
}

static void
release(void *old, const char *file, int line)
{
	(void)file;
	(void)line;
	free(old);
}

static void
set_memory(void)
{
	openssl.CRYPTO_set_mem_functions(allocate, allocate_again, release);
}

bool
tls_load(struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	if (!library_load(&library, err))
		return false;
	pthread_once(&once, set_memory);
	return true;
}

/* The first thing OpenSSL has to say, and forgets the rest. */
static bool
fail_openssl(struct err *err, const char *what)
{
	char reason[256] = "no reason given";
	unsigned long code = openssl.ERR_get_error();
	if (code)
		openssl.ERR_error_string_n(code, reason, sizeof reason);
	openssl.ERR_clear_error();
	return err_set(err, "%s: %s", what, reason);
}

static bool
load_files(SSL_CTX *settings, const struct tls_options *options, struct err *err)
{
	int r = options->ca ? openssl.SSL_CTX_load_verify_file(settings, options->ca)
			    : openssl.SSL_CTX_set_default_verify_paths(settings);
	if (r != 1) {
		fail_openssl(err, "cannot read the trusted certificates");
		return err_context(err, "%s", options->ca ? options->ca : "system");
	}
	if (!options->cert)
		return true;
	const char *key = options->key ? options->key : options->cert;
	if (openssl.SSL_CTX_use_certificate_chain_file(settings, options->cert) != 1) {
		fail_openssl(err, "cannot read the certificate");
		return err_context(err, "%s", options->cert);
	}
	if (openssl.SSL_CTX_use_PrivateKey_file(settings, key, SSL_FILETYPE_PEM) != 1) {
		fail_openssl(err, "cannot read the private key");
		return err_context(err, "%s", key);
	}
	return true;
}

static bool
set_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *verify = openssl.SSL_get0_param(ssl);
	if (openssl.X509_VERIFY_PARAM_set1_ip_asc(verify, host) == 1)
		return true;
	/* What SSL_set_tlsext_host_name stands for. */
	return openssl.SSL_set1_host(ssl, host) == 1 &&
	       openssl.SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
		       (void *)host) == 1;
}

struct tls *
tls_new(const struct tls_options *options, const char *host, int fd, struct err *err)
{
	if (!tls_load(err))
		return NULL;
	struct tls *tls = mem_new(sizeof *tls);
	openssl.ERR_clear_error();
	tls->settings = openssl.SSL_CTX_new(openssl.TLS_client_method());
	if (!tls->settings)
		goto fail;
	openssl.SSL_CTX_ctrl(tls->settings, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
	openssl.SSL_CTX_set_verify(
		tls->settings, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	openssl.SSL_CTX_ctrl(tls->settings, SSL_CTRL_MODE,
		SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, NULL);
	if (!load_files(tls->settings, options, err)) {
		tls_free(tls);
		return NULL;
	}
	tls->ssl = openssl.SSL_new(tls->settings);
	if (!tls->ssl || !set_host(tls->ssl, host) || openssl.SSL_set_fd(tls->ssl, fd) != 1)
		goto fail;
	openssl.SSL_set_connect_state(tls->ssl);
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
		openssl.SSL_shutdown(tls->ssl);
	openssl.SSL_free(tls->ssl);
	openssl.SSL_CTX_free(tls->settings);
	openssl.ERR_clear_error();
	free(tls);
}

static enum tls_step
fail_step(struct tls *tls, int why, struct err *err)
{
	tls->ready = false;
	int code = errno;
	long verified = openssl.SSL_get_verify_result(tls->ssl);
	if (why == SSL_ERROR_ZERO_RETURN)
		err_set(err, "the receiver closed the connection");
	else if (why == SSL_ERROR_SYSCALL && openssl.ERR_peek_error() == 0 && code)
		err_system(err, code, "TLS");
	else if (verified != X509_V_OK && openssl.SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE)
		err_set(err, "the receiver's certificate is not accepted: %s",
			openssl.X509_verify_cert_error_string(verified));
	else
		fail_openssl(err, "TLS");
	openssl.ERR_clear_error();
	return TLS_FAILED;
}

static enum tls_step
step_of(struct tls *tls, int result, struct err *err)
{
	if (result > 0)
		return TLS_DONE;
	int why = openssl.SSL_get_error(tls->ssl, result);
	if (why == SSL_ERROR_WANT_READ)
		return TLS_WANT_READ;
	if (why == SSL_ERROR_WANT_WRITE)
		return TLS_WANT_WRITE;
	return fail_step(tls, why, err);
}

enum tls_step
tls_greet(struct tls *tls, struct err *err)
{
	openssl.ERR_clear_error();
	errno = 0;
	enum tls_step step = step_of(tls, openssl.SSL_do_handshake(tls->ssl), err);
	tls->ready = step == TLS_DONE;
	return step;
}

enum tls_step
tls_write(struct tls *tls, const void *bytes, size_t n, size_t *written, struct err *err)
{
	openssl.ERR_clear_error();
	errno = 0;
	return step_of(tls, openssl.SSL_write_ex(tls->ssl, bytes, n, written), err);
}

enum tls_step
tls_drain(struct tls *tls, struct err *err)
{
	char dropped[1024];
	enum tls_step step = TLS_DONE;
	for (int turns = 0; step == TLS_DONE && turns < 16; turns++) {
		size_t n;
		openssl.ERR_clear_error();
		errno = 0;
		step = step_of(
			tls, openssl.SSL_read_ex(tls->ssl, dropped, sizeof dropped, &n), err);
	}
	return step == TLS_DONE ? TLS_WANT_READ : step;
}

uint64_t
tls_raw_written(const struct tls *tls)
{
	return openssl.BIO_number_written(openssl.SSL_get_wbio(tls->ssl));
}
