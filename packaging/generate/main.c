#include "packaging/generate/generate.h"

#include <stdio.h>
#include <string.h>

/* generate manual TEMPLATE | completion | schema: see generate.h. */
int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	const char *what = argc > 1 ? argv[1] : "";
	bool ok = true;
	if (strcmp(what, "manual") == 0 && argc == 3)
		ok = generate_manual(argv[2], &err);
	else if (strcmp(what, "completion") == 0 && argc == 2)
		generate_completion();
	else if (strcmp(what, "schema") == 0 && argc == 2)
		generate_schema();
	else
		ok = err_set(&err, "usage: generate manual TEMPLATE | completion | schema");
	if (ok && fflush(stdout) == 0)
		return 0;
	fprintf(stderr, "generate: %s\n", ok ? "cannot write" : err.text);
	return 1;
}
