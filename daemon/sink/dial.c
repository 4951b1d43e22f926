#include "daemon/sink/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static int
give_up(int fd, struct err *err)
{
	err_system(err, errno, "cannot connect");
	close(fd);
	return -1;
}

int
dial_unix(const char *path, int type, struct err *err)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	strncpy(name.sun_path, path, sizeof name.sun_path - 1);
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		err_system(err, errno, "cannot make a socket");
		return -1;
	}
	if (connect(fd, (struct sockaddr *)&name, sizeof name) < 0)
		return give_up(fd, err);
	return fd;
}

static void
set_options(int fd, int64_t timeout)
{
	int on = 1;
	unsigned limit = (unsigned)(timeout / 1000);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
}

int
dial_inet(const struct addrinfo *address, int64_t timeout, bool *pending, struct err *err)
{
	int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
		address->ai_protocol);
	if (fd < 0) {
		err_system(err, errno, "cannot make a socket");
		return -1;
	}
	if (address->ai_socktype == SOCK_STREAM)
		set_options(fd, timeout);
	*pending = false;
	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return fd;
	if (errno != EINPROGRESS)
		return give_up(fd, err);
	*pending = true;
	return fd;
}

bool
dial_result(int fd, struct err *err)
{
	int code = 0;
	socklen_t n = sizeof code;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) < 0)
		code = errno;
	return code == 0 || err_system(err, code, "cannot connect");
}
