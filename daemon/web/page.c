#include "daemon/web/page.h"

#include "daemon/base/hash.h"

#include <nettle/base64.h>

/* The path is relative to where the compiler runs: the top of the source tree. */
__asm__(".pushsection .rodata\n"
	".global page_html, page_html_end\n"
	"page_html:\n"
	".incbin \"daemon/web/page.html\"\n"
	"page_html_end:\n"
	".byte 0\n"
	".popsection\n");

extern const char page_html[], page_html_end[];

struct span
page_text(void)
{
	return (struct span){page_html, (size_t)(page_html_end - page_html)};
}

/* What stands between two tags; both are in the page once. */
static struct span
between(struct span open, struct span close)
{
	struct span page = page_text();
	const char *start = span_find(page, open) + open.n;
	struct span rest = span_from(page, (size_t)(start - page.p));
	return span_first(rest, (size_t)(span_find(rest, close) - start));
}

static void
add_digest(struct buf *out, struct span source)
{
	struct sha256 digest = sha256(source.p, source.n);
	char text[BASE64_ENCODE_RAW_LENGTH(sizeof digest.byte)];
	base64_encode_raw(text, sizeof digest.byte, digest.byte);
	buf_format(out, "'sha256-%.*s'", (int)sizeof text, text);
}

void
page_policy(struct buf *out)
{
	buf_add_text(out, "default-src 'none'; script-src ");
	add_digest(out, between(SPAN("<script>"), SPAN("</script>")));
	buf_add_text(out, "; style-src ");
	add_digest(out, between(SPAN("<style>"), SPAN("</style>")));
	buf_add_text(out,
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
		"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'");
}
