/*
 * generate: the logs of the benchmark. All text is synthetic but for the two published lines.
 *
 *   generate file PATH BYTES EVERY SITES   one log; each EVERYth line is an event line, by turns
 * the two halves of a pair, of SITES sites in turn generate tree DIRECTORY COUNT BYTES    COUNT
 * folders of one log each, whose last lines are a pair
 *
 * Lines are as rsyslog writes them for many hosts: a time, a host, the record.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SOURCE "Asset Intelligence Catalog Sync Service "

static const char *const HOST[] = {"WIEN", "EMDEN", "WEIMAR", "ESSEN", "WERDER", "ERFURT",
	"EISENACH", "WETZLAR", "BREMEN", "DRESDEN"};

struct record {
	const char *severity, *text;
};

/* What is published of the service are warnings and errors. */
static const struct record ORDINARY[] = {
	{"Warning", "Web service is polled for work, synthetic"},
	{"Information", "Catalog version 1027 stands, synthetic"},
	{"Warning", "Waiting for the Web service, synthetic"},
	{"Error", "Exception while the work queue was read, synthetic"},
	{"Warning", "Enrolment is not due, synthetic"},
	{"Information", "End of cycle, next poll in 900 seconds, synthetic"},
	{"Warning", "Proxy settings are read anew, synthetic"},
	{"Error", "Empty answer of the Web service, synthetic"},
};

static const struct record EVENT[] = {
	{"Warning", "WebException trying to enroll: Status = ProtocolError"},
	{"Error", "Exception attempting sync - The request failed with HTTP status 403: "
		  "Forbidden."},
};

/* The `i`th line, four a second from the first of June 2015 on. */
static int
write_line(FILE *out, uint64_t i, const char *site, const struct record *record)
{
	unsigned s = (unsigned)(i / 4), day = 1 + s / 86400 % 28, hour = s / 3600 % 24;
	unsigned minute = s / 60 % 60, second = s % 60;
	char date[64];
	snprintf(date, sizeof date, "6/%u/2015 %u:%02u:%02u %cM", day, (hour + 11) % 12 + 1, minute,
		second, hour < 12 ? 'A' : 'P');
	return fprintf(out, "2015-06-%02uT%02u:%02u:%02u.%06u+00:00 %s " SOURCE "%s: 0 : %s: %s\n",
		day, hour, minute, second, (unsigned)(i % 4 * 250000), site, record->severity, date,
		record->text);
}

static void
name_site(char *site, size_t n, uint64_t number)
{
	const size_t hosts = sizeof HOST / sizeof HOST[0];
	snprintf(site, n, "%s-CM%05u", HOST[number % hosts], (unsigned)number);
}

static FILE *
create(const char *path)
{
	FILE *out = fopen(path, "w");
	if (!out) {
		perror(path);
		exit(1);
	}
	return out;
}

static void
finish(FILE *out, const char *path)
{
	if (fclose(out) != 0) {
		perror(path);
		exit(1);
	}
}

static void
write_file(const char *path, uint64_t bytes, uint64_t every, uint64_t sites)
{
	const size_t ordinary = sizeof ORDINARY / sizeof ORDINARY[0];
	FILE *out = create(path);
	uint64_t done = 0, events = 0;
	char site[32];
	for (uint64_t i = 0; done < bytes || events % 2; i++) {
		bool is_event = i % every == every - 1;
		name_site(site, sizeof site, is_event ? events / 2 % sites : i % sites);
		const struct record *record =
			is_event ? &EVENT[events++ % 2] : &ORDINARY[i % ordinary];
		done += (uint64_t)write_line(out, i, site, record);
	}
	finish(out, path);
}

static void
write_tree(const char *directory, uint64_t count, uint64_t bytes)
{
	const size_t ordinary = sizeof ORDINARY / sizeof ORDINARY[0];
	char site[32], path[4096];
	for (uint64_t number = 0; number < count; number++) {
		name_site(site, sizeof site, number);
		snprintf(path, sizeof path, "%s/%s", directory, site);
		mkdir(path, 0755);
		snprintf(path, sizeof path, "%s/%s/AIUpdateSvc.log", directory, site);
		FILE *out = create(path);
		uint64_t done = 0, i = 0;
		for (; done < bytes; i++)
			done += (uint64_t)write_line(out, i, site, &ORDINARY[i % ordinary]);
		if (bytes) {
			write_line(out, i, site, &EVENT[0]);
			write_line(out, i + 1, site, &EVENT[1]);
		}
		finish(out, path);
	}
}

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "file") == 0)
		write_file(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
			strtoull(argv[5], NULL, 10));
	else if (argc == 5 && strcmp(argv[1], "tree") == 0)
		write_tree(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	else
		return 64;
	return 0;
}
