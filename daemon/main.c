#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("aiwatch %s\n", AIWATCH_VERSION);
		return 0;
	}
	fprintf(stderr, "usage: aiwatch --version\n");
	return 64;
}
