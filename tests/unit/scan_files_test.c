#include "daemon/base/mem.h"
#include "daemon/scan_files.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const PATTERN[] = {
	"*AIUpdateSvc.log", "*AIUpdateSvc.log.*", "*AIUpdateSvc-*.log", "*AIUpdateSvc.lo_"};

/* An empty file of that modification time, in the folder of the test. */
static void
make(const char *name, time_t changed)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	const struct timespec times[2] = {{.tv_sec = changed}, {.tv_sec = changed}};
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static int
enter_folder(void **state)
{
	char *folder = mem_text("/tmp/aiwatch-scan-XXXXXX");
	*state = folder;
	return !mkdtemp(folder) || chdir(folder) != 0;
}

static int
leave_folder(void **state)
{
	char *command = mem_format("rm -r %s", (char *)*state);
	int failed = chdir("/") != 0 || system(command) != 0;
	free(command);
	free(*state);
	return failed;
}

static void
t01_names_tell_the_log_and_the_age(void **unused)
{
	(void)unused;
	static const struct name {
		const char *name, *log;
		enum scan_age age;
		const char *rank;
	} NAME[] = {
		{"AIUpdateSvc.log", "aiupdatesvc.log", SCAN_CURRENT, ""},
		{"Aiupdatesvc.LOG", "aiupdatesvc.log", SCAN_CURRENT, ""},
		{"AIUpdateSvc.lo_", "aiupdatesvc.log", SCAN_PREVIOUS, ""},
		{"AIUpdateSvc.log~", "aiupdatesvc.log", SCAN_PREVIOUS, ""},
		{"AIUpdateSvc.log.1", "aiupdatesvc.log", SCAN_NUMBERED, "999998"},
		{"AIUpdateSvc.log.12.gz", "aiupdatesvc.log", SCAN_NUMBERED, "999987"},
		{"AIUpdateSvc.log-20260131.xz", "aiupdatesvc.log", SCAN_DATED, "20260131"},
		{"AIUpdateSvc.log.2026-01-31", "aiupdatesvc.log", SCAN_DATED, "2026-01-31"},
		{"AIUpdateSvc-20260131.log", "aiupdatesvc.log", SCAN_DATED, "20260131"},
		{"{GUID}AIUpdateSvc.log", "{guid}aiupdatesvc.log", SCAN_CURRENT, ""},
		{"CM01.log", "cm01.log", SCAN_CURRENT, ""},
		{"1", "1", SCAN_CURRENT, ""},
		{".log", ".log", SCAN_CURRENT, ""},
	};
	for (size_t i = 0; i < COUNT(NAME); i++) {
		char *log, *rank;
		enum scan_age age;
		scan_name_parse(NAME[i].name, &log, &age, &rank);
		assert_string_equal(log, NAME[i].log);
		assert_int_equal(age, NAME[i].age);
		assert_string_equal(rank, NAME[i].rank);
		free(rank);
		free(log);
	}
}

static void
expect(const struct scan_files *files, const char *const *path, size_t count)
{
	assert_int_equal(files->count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(files->file[i].path, path[i]);
}

static void
t02_generations_come_oldest_first(void **unused)
{
	(void)unused;
	static const char *const NAMED[] = {"AIUpdateSvc.log", "AIUpdateSvc.log.2",
		"AIUpdateSvc.lo_", "AIUpdateSvc.log.10.gz", "AIUpdateSvc.log-20150101"};
	static const char *const ORDER[] = {"AIUpdateSvc.log-20150101", "AIUpdateSvc.log.10.gz",
		"AIUpdateSvc.log.2", "AIUpdateSvc.lo_", "AIUpdateSvc.log"};
	struct scan_files files = {0};
	for (size_t i = 0; i < COUNT(NAMED); i++) {
		make(NAMED[i], 1000);
		scan_files_add(&files, NAMED[i], PATTERN, COUNT(PATTERN));
	}
	scan_files_order(&files);
	expect(&files, ORDER, COUNT(ORDER));
	scan_files_fini(&files);
}

static void
t03_folders_are_searched_for_the_names(void **unused)
{
	(void)unused;
	static const char *const ORDER[] = {"d/CM01/{G}AIUpdateSvc.log",
		"d/CM01/AIUpdateSvc-20261123.log.gz", "d/CM01/aiupdatesvc.LO_",
		"d/CM01/AIUpdateSvc.log", "d/CM02/AIUpdateSvc.log"};
	struct scan_files files = {0};
	assert_int_equal(mkdir("d", 0700) + mkdir("d/CM01", 0700) + mkdir("d/CM02", 0700), 0);
	assert_int_equal(mkdir("d/.hidden", 0700) + symlink("CM01", "d/link"), 0);
	make("d/.hidden/AIUpdateSvc.log", 1000);
	make("d/CM01/AIUpdateSvc.log", 3000);
	make("d/CM01/aiupdatesvc.LO_", 1000);
	make("d/CM01/{G}AIUpdateSvc.log", 2000);
	make("d/CM01/AIUpdateSvc-20261123.log.gz", 900);
	make("d/CM01/amtopmgr.log.gz", 900);
	make("d/CM01/amtopmgr.log", 2000);
	make("d/CM02/AIUpdateSvc.log", 1000);
	scan_files_add(&files, "d", PATTERN, COUNT(PATTERN));
	scan_files_order(&files);
	expect(&files, ORDER, COUNT(ORDER));
	assert_non_null(strstr(files.file[0].absolute, "/d/CM01/{G}AIUpdateSvc.log"));
	assert_int_equal(files.file[0].absolute[0], '/');
	scan_files_fini(&files);
}

static void
t04_one_file_by_two_names_is_read_once(void **unused)
{
	(void)unused;
	static const char *const ORDER[] = {"./d/CM02/AIUpdateSvc.log"};
	struct scan_files files = {0};
	scan_files_add(&files, "./d/CM02/AIUpdateSvc.log", PATTERN, COUNT(PATTERN));
	scan_files_add(&files, "d/CM02/AIUpdateSvc.log", PATTERN, COUNT(PATTERN));
	scan_files_order(&files);
	expect(&files, ORDER, COUNT(ORDER));
	scan_files_fini(&files);
}

static void
t05_what_cannot_be_read_is_kept_with_its_error(void **unused)
{
	(void)unused;
	struct scan_files files = {0};
	assert_int_equal(mkfifo("fifo", 0600), 0);
	scan_files_add(&files, "none/AIUpdateSvc.log", PATTERN, COUNT(PATTERN));
	scan_files_add(&files, "fifo", PATTERN, COUNT(PATTERN));
	scan_files_order(&files);
	assert_int_equal(files.count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(files.file[i].error, strcmp(files.file[i].path, "fifo") == 0
								 ? "is no regular file"
								 : "No such file or directory");
	scan_files_fini(&files);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_names_tell_the_log_and_the_age),
		cmocka_unit_test(t02_generations_come_oldest_first),
		cmocka_unit_test(t03_folders_are_searched_for_the_names),
		cmocka_unit_test(t04_one_file_by_two_names_is_read_once),
		cmocka_unit_test(t05_what_cannot_be_read_is_kept_with_its_error),
	};
	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
