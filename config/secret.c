#include "config/secret.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_MAX = 4096 };

static bool
read_open(int fd, const char *path, char **value, bool *is_open_to_others, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_system(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, "%s is no regular file", path);
	*is_open_to_others = (st.st_mode & (S_IWGRP | S_IRWXO)) != 0;
	char bytes[SECRET_MAX + 1];
	size_t n = 0;
	ssize_t got;
	while (n < sizeof bytes && (got = read(fd, bytes + n, sizeof bytes - n)) > 0)
		n += (size_t)got;
	bool ok = true;
	if (n < sizeof bytes && got < 0)
		ok = err_system(err, errno, "%s", path);
	else if (n == sizeof bytes)
		ok = err_set(err, "%s is longer than %d bytes", path, SECRET_MAX);
	else if (memchr(bytes, '\0', n))
		ok = err_set(err, "%s holds a NUL", path);
	else
		*value = mem_copy(bytes, n);
	explicit_bzero(bytes, sizeof bytes);
	return ok;
}

static bool
read_file(const char *path, char **value, bool *is_open_to_others, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_system(err, errno, "%s", path);
	bool ok = read_open(fd, path, value, is_open_to_others, err);
	close(fd);
	return ok;
}

static bool
read_credential(const char *name, char **value, struct err *err)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(err, "\"%s\" is no name of a credential", name);
	if (!folder || !*folder)
		return err_set(err,
			"credential %s: no credentials were passed "
			"($CREDENTIALS_DIRECTORY is not set)",
			name);
	char *path = mem_format("%s/%s", folder, name);
	bool is_open_to_others; /* systemd keeps that folder to itself */
	bool ok = read_file(path, value, &is_open_to_others, err);
	free(path);
	return ok;
}

static bool
read_variable(const char *name, char **value, struct err *err)
{
	const char *text = getenv(name);
	if (!text)
		return err_set(err, "environment variable %s is not set", name);
	*value = mem_text(text);
	return true;
}

/* Cuts the line end; what is left must be one line that is not empty. */
static bool
trim(char *value, struct err *err)
{
	size_t n = strlen(value);
	if (n > 0 && value[n - 1] == '\n')
		value[--n] = '\0';
	if (n > 0 && value[n - 1] == '\r')
		value[--n] = '\0';
	if (n == 0)
		return err_set(err, "is empty");
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return err_set(err, "must be one line without control characters");
	}
	return true;
}

/* The map's one key and its text, expanded. False where it is written in another way. */
static bool
read_source(struct reading *reading, const struct config_key *key, const struct node *node,
	const char **source, char **name)
{
	static const char *const SOURCE[] = {"file", "credential", "env"};
	*source = NULL;
	if (node->kind == NODE_MAP && node->count == 2) {
		for (size_t i = 0; i < COUNT(SOURCE); i++) {
			if (strcmp(node->item[0].text, SOURCE[i]) == 0)
				*source = SOURCE[i];
		}
	}
	if (!*source || node->item[1].kind != NODE_SCALAR || node_is_null(&node->item[1])) {
		reading_fail(reading, node, key,
			"a secret is not written here but named: {file: PATH}, {credential: NAME} "
			"or {env: NAME}");
		config_problems_hide_last(reading->problems);
		return false;
	}
	struct err err = ERR_INIT;
	*name = value_expand(node->item[1].text, &err);
	return *name || reading_fail(reading, &node->item[1], key, "%s", err.text);
}

bool
secret_read(struct reading *reading, const struct config_key *key, const struct node *node,
	struct config_secret *secret)
{
	const char *source;
	char *name;
	if (!read_source(reading, key, node, &source, &name))
		return false;
	if (strcmp(source, "file") == 0) {
		char *path = path_join(reading->folder, name);
		free(name);
		name = path;
	}
	struct config_secret new = {.from = mem_format("%s %s", source, name)};
	struct err err = ERR_INIT;
	bool is_open_to_others = false;
	bool ok = *source == 'f'   ? read_file(name, &new.value, &is_open_to_others, &err)
		  : *source == 'c' ? read_credential(name, &new.value, &err)
				   : read_variable(name, &new.value, &err);
	if (ok && !trim(new.value, &err))
		ok = err_context(&err, "%s", new.from);
	const struct config_place *place = &node->item[1].place;
	if (!ok)
		config_problems_add(reading->problems, *place, reading->is_lenient,
			"%s: the secret cannot be read: %s", key->name, err.text);
	else if (is_open_to_others)
		config_problems_add(reading->problems, *place, true,
			"%s: %s can be read or written by others; chmod 600 keeps it a secret",
			key->name, name);
	free(name);
	ok = ok || reading->is_lenient;
	if (ok) {
		secret_fini(secret);
		*secret = new;
	} else {
		secret_fini(&new);
	}
	return ok;
}

void
secret_fini(struct config_secret *secret)
{
	free(secret->from);
	if (secret->value)
		explicit_bzero(secret->value, strlen(secret->value));
	free(secret->value);
	*secret = (struct config_secret){0};
}
