#include "daemon/base/mem.h"
#include "packaging/generate/generate.h"

#include <stdio.h>
#include <string.h>

/* The words that a verb's lists begin with: options and, where it has them, orders. */
static void
put_words(const struct verb *verb)
{
	struct span help = span_of(verb->help), block;
	struct help_row row;
	while (help_next_block(&help, &block)) {
		while (help_next_row(&block, &row)) {
			size_t n = 0;
			while (n < row.label.n && row.label.p[n] != ' ')
				n++;
			bool is_word =
				*row.label.p == '-' || (*row.label.p >= 'a' && *row.label.p <= 'z');
			if (is_word)
				printf("%.*s ", (int)n, row.label.p);
		}
	}
	printf("--help");
}

static bool
takes_files(const struct verb *verb)
{
	return strstr(verb->arguments, "FILE") || strstr(verb->arguments, "PATH");
}

void
generate_completion(void)
{
	puts("# bash completion for aiwatch(8), made from the table of its verbs.\n"
	     "_aiwatch()\n{\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	     "\tlocal verb= words= files= i\n"
	     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	     "\t\tcase ${COMP_WORDS[i]} in\n"
	     "\t\t-c) i=$((i + 1)) ;;\n"
	     "\t\t-*) ;;\n"
	     "\t\t*) verb=${COMP_WORDS[i]}; break ;;\n"
	     "\t\tesac\n"
	     "\tdone\n"
	     "\tif [[ $prev == -c ]]; then\n"
	     "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	     "\t\treturn\n"
	     "\tfi\n"
	     "\tcase $verb in");
	printf("\t'') words='");
	for (size_t i = 0; verb_at(i); i++)
		printf("%s ", verb_at(i)->name);
	puts("-c --help --version' ;;");
	for (size_t i = 0; verb_at(i); i++) {
		printf("\t%s) words='", verb_at(i)->name);
		put_words(verb_at(i));
		printf("'%s ;;\n", takes_files(verb_at(i)) ? " files=yes" : "");
	}
	puts("\tesac\n"
	     "\tmapfile -t COMPREPLY < <(\n"
	     "\t\tcompgen -W \"$words\" -- \"$cur\"\n"
	     "\t\t[[ -z $files || $cur == -* ]] || compgen -f -- \"$cur\"\n"
	     "\t)\n"
	     "}\n"
	     "complete -o filenames -F _aiwatch aiwatch");
}
