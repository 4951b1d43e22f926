#ifndef CONFIG_CHECKS_H
#define CONFIG_CHECKS_H

#include "daemon/base/err.h"

/* What a text must be, beyond its length. Each returns false with a sentence that says what was
 * wanted. */
bool
check_name(const char *text, struct err *err); /* of an input, a rule, a sink */
bool
check_socket(const char *text, struct err *err); /* an absolute path that fits sockaddr_un */
bool
check_address(const char *text, struct err *err); /* a socket's path, udp://…, tcp://…, tls://… */
bool
check_url(const char *text, struct err *err); /* http:// or https:// with a host */
bool
check_proxy(const char *text, struct err *err);
bool
check_encoding(const char *text, struct err *err); /* "auto" or one that iconv knows */
bool
check_timezone(const char *text, struct err *err); /* local, UTC, or of the tz database */
bool
check_header(const char *name, struct err *err); /* RFC 9110, field name */
bool
check_basic(const char *name, struct err *err); /* user or password */
bool
check_line(const char *text, struct err *err); /* no control characters, no line ends */
bool
check_server(const char *text, struct err *err); /* HOST:PORT */
bool
check_cron(const char *text, struct err *err); /* as cron_parse takes it */
bool
check_listen(const char *text, struct err *err); /* HOST:PORT */

#endif
