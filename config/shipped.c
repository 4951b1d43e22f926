#include "config/shipped.h"

/* The path is relative to where the compiler runs: the top of the source tree. */
__asm__(".pushsection .rodata\n"
	".global shipped_rules_text, shipped_rules_end\n"
	"shipped_rules_text:\n"
	".incbin \"packaging/etc/rules.yml\"\n"
	"shipped_rules_end:\n"
	".byte 0\n"
	".popsection\n");

extern const char shipped_rules_text[], shipped_rules_end[];

struct span
shipped_rules(void)
{
	return (struct span){shipped_rules_text, (size_t)(shipped_rules_end - shipped_rules_text)};
}
