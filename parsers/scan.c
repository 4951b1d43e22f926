#include "parsers/scan.h"

#include "daemon/base/mem.h"

#include <stdint.h>
#include <stdlib.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

/*
 * Each literal is known by three of its bytes that stand side by side, the rarest ones, and belongs
 * to one of eight groups. mask[j][byte] holds the groups whose literals may have `byte` as the j-th
 * of the three: where three neighbours share a group, its literals are compared. The vector form
 * looks each byte up by its two halves (16 entries each), 32 bytes at a time; it may name a group
 * too often, never too seldom. (The method is known from Hyperscan as "Teddy".)
 */
enum { PRINT = 3, GROUPS = 8 };

struct needle {
	char *p;
	size_t n;
	size_t print; /* where in it the three bytes stand */
};

struct scan {
	struct needle *needles;
	size_t count;
	uint8_t mask[PRINT][256];
	uint8_t low[PRINT][16], high[PRINT][16];
};

/* How common a byte is in English log text, 0 for rare. */
static unsigned
commonness(unsigned char c)
{
	static const char ORDER[] = "zqjxkvbywgpfmucdlhrsnioate ";
	const char *p = c ? strchr(ORDER, c) : NULL;
	if (p)
		return 20 + (unsigned)(p - ORDER);
	return c >= '0' && c <= ':' ? 18 : 4;
}

static size_t
rarest_print(const char *p, size_t n)
{
	size_t best = 0;
	unsigned lowest = 1000;
	for (size_t i = 0; i + PRINT <= n; i++) {
		unsigned sum = 0;
		for (size_t j = 0; j < PRINT; j++)
			sum += commonness((unsigned char)p[i + j]);
		if (sum < lowest) {
			lowest = sum;
			best = i;
		}
	}
	return best;
}

static bool
holds_another(const struct span *literals, size_t count, size_t i)
{
	for (size_t j = 0; j < count; j++) {
		bool is_same = span_equal(literals[i], literals[j]);
		if (j != i && (is_same ? j < i : span_find(literals[i], literals[j]) != NULL))
			return true;
	}
	return false;
}

static void
add_to_masks(struct scan *scan, const struct needle *needle, uint8_t group)
{
	for (size_t j = 0; j < PRINT; j++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			bool any = needle->print + j >= needle->n;
			if (!any && (unsigned char)needle->p[needle->print + j] != byte)
				continue;
			scan->mask[j][byte] |= group;
			scan->low[j][byte & 15] |= group;
			scan->high[j][byte >> 4] |= group;
		}
	}
}

struct scan *
scan_new(const struct span *literals, size_t count)
{
	struct scan *scan = mem_new(sizeof *scan);
	scan->needles = mem_array(count, sizeof *scan->needles);
	for (size_t i = 0; i < count; i++) {
		if (holds_another(literals, count, i))
			continue;
		struct needle *needle = &scan->needles[scan->count];
		needle->n = literals[i].n;
		needle->p = mem_copy(literals[i].p, literals[i].n);
		needle->print = rarest_print(needle->p, needle->n);
		add_to_masks(scan, needle, (uint8_t)(1u << (scan->count % GROUPS)));
		scan->count++;
	}
	return scan;
}

void
scan_free(struct scan *scan)
{
	if (!scan)
		return;
	for (size_t i = 0; i < scan->count; i++)
		free(scan->needles[i].p);
	free(scan->needles);
	free(scan);
}

/* The start of a literal of `groups` whose three bytes stand at i; SIZE_MAX where none does. */
static size_t
verify(const struct scan *scan, struct span block, size_t from, size_t i, uint8_t groups)
{
	for (size_t k = 0; k < scan->count; k++) {
		const struct needle *needle = &scan->needles[k];
		if (!(groups & 1u << (k % GROUPS)) || i < from + needle->print)
			continue;
		size_t start = i - needle->print;
		if (block.n - start >= needle->n &&
			memcmp(block.p + start, needle->p, needle->n) == 0)
			return start;
	}
	return SIZE_MAX;
}

/* Byte by byte from i on: also the end of a block, where three bytes may reach beyond it. */
static size_t
next_scalar(const struct scan *scan, struct span block, size_t from, size_t i)
{
	for (; i < block.n; i++) {
		uint8_t groups = 0xff;
		for (size_t j = 0; j < PRINT && i + j < block.n; j++)
			groups &= scan->mask[j][(unsigned char)block.p[i + j]];
		if (!groups)
			continue;
		size_t start = verify(scan, block, from, i, groups);
		if (start != SIZE_MAX)
			return start;
	}
	return block.n;
}

#ifdef __x86_64__

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i
groups_of(const struct scan *scan, int j, __m256i bytes)
{
	__m256i half = _mm256_set1_epi8(15);
	__m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)scan->low[j]));
	__m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)scan->high[j]));
	__m256i by_low = _mm256_shuffle_epi8(low, _mm256_and_si256(bytes, half));
	__m256i shifted = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
	return _mm256_and_si256(by_low, _mm256_shuffle_epi8(high, shifted));
}

AVX2 static size_t
next_avx2(const struct scan *scan, struct span block, size_t from)
{
	size_t i = from;
	for (; block.n >= 32 + PRINT - 1 && i <= block.n - (32 + PRINT - 1); i += 32) {
		__m256i found = _mm256_set1_epi8(-1);
		for (int j = 0; j < PRINT; j++) {
			__m256i bytes = _mm256_loadu_si256((const void *)(block.p + i + j));
			found = _mm256_and_si256(found, groups_of(scan, j, bytes));
		}
		__m256i none = _mm256_cmpeq_epi8(found, _mm256_setzero_si256());
		uint32_t hits = ~(uint32_t)_mm256_movemask_epi8(none);
		if (!hits)
			continue;
		uint8_t groups[32];
		_mm256_storeu_si256((void *)groups, found);
		for (; hits; hits &= hits - 1) {
			unsigned bit = (unsigned)__builtin_ctz(hits);
			size_t start = verify(scan, block, from, i + bit, groups[bit]);
			if (start != SIZE_MAX)
				return start;
		}
	}
	return next_scalar(scan, block, from, i);
}

AVX2 static size_t
count_avx2(struct span block)
{
	const __m256i newline = _mm256_set1_epi8('\n');
	size_t lines = 0, i = 0;
	while (block.n - i >= 32) {
		size_t stop = block.n - i < (size_t)255 * 32 ? i + (block.n - i) / 32 * 32
							     : i + (size_t)255 * 32;
		__m256i sums = _mm256_setzero_si256();
		for (; i < stop; i += 32) {
			__m256i bytes = _mm256_loadu_si256((const void *)(block.p + i));
			sums = _mm256_sub_epi8(sums, _mm256_cmpeq_epi8(bytes, newline));
		}
		__m256i wide = _mm256_sad_epu8(sums, _mm256_setzero_si256());
		uint64_t part[4];
		_mm256_storeu_si256((void *)part, wide);
		lines += part[0] + part[1] + part[2] + part[3];
	}
	for (; i < block.n; i++)
		lines += block.p[i] == '\n';
	return lines;
}

#endif

size_t
scan_next(const struct scan *scan, struct span block, size_t from)
{
	if (scan->count == 0 || from >= block.n)
		return block.n;
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return next_avx2(scan, block, from);
#endif
	return next_scalar(scan, block, from, from);
}

size_t
scan_count_lines(struct span block)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return count_avx2(block);
#endif
	size_t lines = 0;
	for (size_t i = 0; i < block.n; i++)
		lines += block.p[i] == '\n';
	return lines;
}
