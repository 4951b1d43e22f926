#include "daemon/base/mem.h"
#include "daemon/input/archive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* TEXT as gzip, xz, bzip2 and zstd write it. */
#define TEXT "first line\r\nsecond line\n"
static const uint8_t GZIP[] = {31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 75, 203, 44, 42, 46, 81, 200, 201,
	204, 75, 229, 229, 42, 78, 77, 206, 207, 75, 1, 115, 184, 0, 225, 45, 48, 188, 24, 0, 0, 0};
static const uint8_t XZ[] = {253, 55, 122, 88, 90, 0, 0, 4, 230, 214, 180, 70, 2, 0, 33, 1, 22, 0,
	0, 0, 116, 47, 229, 163, 1, 0, 23, 102, 105, 114, 115, 116, 32, 108, 105, 110, 101, 13, 10,
	115, 101, 99, 111, 110, 100, 32, 108, 105, 110, 101, 10, 0, 215, 174, 121, 160, 57, 121, 72,
	209, 0, 1, 48, 24, 142, 27, 172, 236, 31, 182, 243, 125, 1, 0, 0, 0, 0, 4, 89, 90};
static const uint8_t BZIP2[] = {66, 90, 104, 57, 49, 65, 89, 38, 83, 89, 49, 87, 40, 47, 0, 0, 5,
	81, 128, 0, 18, 64, 0, 15, 37, 156, 0, 32, 0, 33, 169, 145, 147, 19, 202, 16, 0, 2, 29, 161,
	62, 105, 79, 134, 88, 36, 22, 149, 95, 23, 114, 69, 56, 80, 144, 49, 87, 40, 47};
static const uint8_t ZSTD[] = {40, 181, 47, 253, 4, 88, 193, 0, 0, 102, 105, 114, 115, 116, 32, 108,
	105, 110, 101, 13, 10, 115, 101, 99, 111, 110, 100, 32, 108, 105, 110, 101, 10, 55, 239, 89,
	231};

static const struct packed {
	const uint8_t *bytes;
	size_t n;
} PACKED[] = {
	{GZIP, sizeof GZIP},
	{XZ, sizeof XZ},
	{BZIP2, sizeof BZIP2},
	{ZSTD, sizeof ZSTD},
};

/* A descriptor of a file in memory that holds the bytes. */
static int
file_of(const void *bytes, size_t n)
{
	int fd = memfd_create("packed", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void
t01_compressed_files_are_known_by_their_first_bytes(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(PACKED); i++)
		assert_true(archive_is_compressed(
			(struct span){(const char *)PACKED[i].bytes, ARCHIVE_MAGIC}));
	assert_false(archive_is_compressed(SPAN(TEXT)));
	assert_false(archive_is_compressed(SPAN("\x1f")));
	assert_false(archive_is_compressed(SPAN("")));
}

static void
t02_every_kind_gives_what_was_packed(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(PACKED); i++) {
		struct err err = ERR_INIT;
		char text[100];
		size_t n = 0;
		ssize_t got;
		int fd = file_of(PACKED[i].bytes, PACKED[i].n);
		struct archive_file *file = archive_file_open(fd, &err);
		assert_non_null(file);
		while ((got = archive_file_read(file, text + n, 5, &err)) > 0)
			n += (size_t)got;
		assert_int_equal(got, 0);
		assert_int_equal(n, strlen(TEXT));
		assert_memory_equal(text, TEXT, n);
		assert_int_equal(archive_file_position(file), PACKED[i].n);
		archive_file_close(file);
		close(fd);
	}
}

static void
t03_a_damaged_file_is_an_error_with_a_sentence(void **unused)
{
	(void)unused;
	struct err err = ERR_INIT;
	char text[100];
	ssize_t got;
	int fd = file_of(GZIP, sizeof GZIP - 12);
	struct archive_file *file = archive_file_open(fd, &err);
	for (got = file ? 1 : -1; got > 0;)
		got = archive_file_read(file, text, sizeof text, &err);
	assert_int_equal(got, -1);
	assert_non_null(strstr(err.text, "cannot decompress: "));
	archive_file_close(file);
	close(fd);
}

static void
t04_an_empty_file_holds_nothing(void **unused)
{
	(void)unused;
	struct err err = ERR_INIT;
	char text[10];
	int fd = file_of("", 0);
	struct archive_file *file = archive_file_open(fd, &err);
	assert_non_null(file);
	assert_int_equal(archive_file_read(file, text, sizeof text, &err), 0);
	archive_file_close(file);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_compressed_files_are_known_by_their_first_bytes),
		cmocka_unit_test(t02_every_kind_gives_what_was_packed),
		cmocka_unit_test(t03_a_damaged_file_is_an_error_with_a_sentence),
		cmocka_unit_test(t04_an_empty_file_holds_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
