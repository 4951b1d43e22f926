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
 * of the three: where three neighbours share a group, its literals are compared. The vector forms
 * may name a group too often, never too seldom. AVX2 looks each byte up by its two halves (16
 * entries each; the method is known from Hyperscan as "Teddy"), AVX-512 VBMI by its lower seven
 * bits in one instruction, which is three times as fast.
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
	enum scan_means means;
	uint8_t mask[PRINT][256];
	uint8_t low[PRINT][16], high[PRINT][16];
	uint8_t ascii[PRINT][128];
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
			scan->ascii[j][byte & 127] |= group;
		}
	}
}

static enum scan_means
best_means(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi"))
		return SCAN_VBMI;
	if (__builtin_cpu_supports("avx2"))
		return SCAN_AVX2;
#endif
	return SCAN_BYTES;
}

struct scan *
scan_new(const struct span *literals, size_t count)
{
	struct scan *scan = mem_new(sizeof *scan);
	scan->means = best_means();
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

void
scan_limit(struct scan *scan, enum scan_means most)
{
	if (scan->means > most)
		scan->means = most;
}

/* Its last bytes first: many lines begin like one with an event. */
static bool
stands_at(const struct needle *needle, struct span block, size_t start)
{
	uint64_t last, wanted;
	if (block.n - start < needle->n)
		return false;
	if (needle->n >= sizeof last) {
		memcpy(&last, block.p + start + needle->n - sizeof last, sizeof last);
		memcpy(&wanted, needle->p + needle->n - sizeof wanted, sizeof wanted);
		if (last != wanted)
			return false;
	}
	return memcmp(block.p + start, needle->p, needle->n) == 0;
}

/* The groups whose three bytes may stand at i, or reach beyond the block's end. */
static uint8_t
groups_at(const struct scan *scan, struct span block, size_t i)
{
	uint8_t groups = 0xff;
	for (size_t j = 0; j < PRINT && i + j < block.n; j++)
		groups &= scan->mask[j][(unsigned char)block.p[i + j]];
	return groups;
}

/* The start of a literal of `groups` whose three bytes stand at i; SIZE_MAX where none does. */
static size_t
verify(const struct scan *scan, struct span block, size_t from, size_t i, uint8_t groups)
{
	for (unsigned left = groups; left; left &= left - 1) {
		for (size_t k = (size_t)__builtin_ctz(left); k < scan->count; k += GROUPS) {
			const struct needle *needle = &scan->needles[k];
			size_t start = i - needle->print;
			if (i >= from + needle->print && stands_at(needle, block, start))
				return start;
		}
	}
	return SIZE_MAX;
}

/* Byte by byte from i on: also the end of a block, where three bytes may reach beyond it. */
static size_t
next_scalar(const struct scan *scan, struct span block, size_t from, size_t i)
{
	for (; i < block.n; i++) {
		size_t start = verify(scan, block, from, i, groups_at(scan, block, i));
		if (start != SIZE_MAX)
			return start;
	}
	return block.n;
}

/* The first of the places in `hits`, counted from i, at which a literal stands. Not inline, so that
 * the loops that call it keep their tables in registers. */
__attribute__((noinline)) static size_t
first_of(const struct scan *scan, struct span block, size_t from, size_t i, uint64_t hits)
{
	for (; hits; hits &= hits - 1) {
		size_t at = i + (size_t)__builtin_ctzll(hits);
		size_t start = verify(scan, block, from, at, groups_at(scan, block, at));
		if (start != SIZE_MAX)
			return start;
	}
	return SIZE_MAX;
}

#ifdef __x86_64__

#define AVX2 __attribute__((target("avx2")))
#define VBMI __attribute__((target("avx512bw,avx512vbmi,popcnt")))

/* The groups that may stand at each of 32 places. */
AVX2 static inline __m256i
groups_avx2(const struct scan *scan, const char *p)
{
	const __m256i half = _mm256_set1_epi8(15);
	__m256i found = _mm256_set1_epi8(-1);
#pragma GCC unroll 3
	for (int j = 0; j < PRINT; j++) {
		__m128i low = _mm_loadu_si128((const void *)scan->low[j]);
		__m128i high = _mm_loadu_si128((const void *)scan->high[j]);
		__m256i bytes = _mm256_loadu_si256((const void *)(p + j));
		__m256i by_low = _mm256_shuffle_epi8(
			_mm256_broadcastsi128_si256(low), _mm256_and_si256(bytes, half));
		__m256i shifted = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
		__m256i by_high = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(high), shifted);
		found = _mm256_and_si256(found, _mm256_and_si256(by_low, by_high));
	}
	return found;
}

AVX2 static inline uint32_t
places_avx2(__m256i groups)
{
	__m256i none = _mm256_cmpeq_epi8(groups, _mm256_setzero_si256());
	return ~(uint32_t)_mm256_movemask_epi8(none);
}

AVX2 static size_t
next_avx2(const struct scan *scan, struct span block, size_t from)
{
	enum { STEP = 64 };
	size_t i = from;
	for (; block.n - i >= STEP + PRINT - 1; i += STEP) {
		__m256i first = groups_avx2(scan, block.p + i);
		__m256i second = groups_avx2(scan, block.p + i + 32);
		__m256i any = _mm256_or_si256(first, second);
		if (_mm256_testz_si256(any, any))
			continue;
		uint64_t hits = (uint64_t)places_avx2(second) << 32 | places_avx2(first);
		size_t start = first_of(scan, block, from, i, hits);
		if (start != SIZE_MAX)
			return start;
	}
	return next_scalar(scan, block, from, i);
}

static inline uint64_t
first_bits(size_t n)
{
	return n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
}

/* The groups that may stand at each of 64 places; of the bytes from p on there are n, the others
 * count as zeros. */
VBMI static inline __attribute__((always_inline)) __m512i
groups_vbmi(const struct scan *scan, const char *p, size_t n)
{
	__m512i found = _mm512_set1_epi8(-1);
#pragma GCC unroll 3
	for (size_t j = 0; j < PRINT; j++) {
		__m512i lower = _mm512_loadu_si512(scan->ascii[j]);
		__m512i upper = _mm512_loadu_si512(scan->ascii[j] + 64);
		__mmask64 there = first_bits(n > j ? n - j : 0);
		__m512i bytes = _mm512_maskz_loadu_epi8(there, p + j);
		__m512i by_byte = _mm512_permutex2var_epi8(lower, bytes, upper);
		found = _mm512_and_si512(found, by_byte);
	}
	return found;
}

VBMI static inline uint64_t
places_vbmi(__m512i groups)
{
	return _mm512_test_epi8_mask(groups, groups);
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

/* The line feeds among 64 bytes. */
VBMI static inline size_t
count_64(__m512i bytes)
{
	__mmask64 found = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n'));
	return (size_t)__builtin_popcountll(found);
}

VBMI static size_t
count_vbmi(struct span block)
{
	size_t lines = 0, i = 0;
	for (; block.n - i >= 64; i += 64)
		lines += count_64(_mm512_loadu_si512(block.p + i));
	return lines + count_64(_mm512_maskz_loadu_epi8(first_bits(block.n - i), block.p + i));
}

/* Counts while the bytes are at hand: a pass of its own costs half of the search. */
VBMI static size_t
next_vbmi(const struct scan *scan, struct span block, size_t from, size_t *lines)
{
	enum { STEP = 128 };
	size_t i = from, start = SIZE_MAX, count = 0;
	for (; block.n - i >= STEP + PRINT - 1; i += STEP) {
		__m512i first = groups_vbmi(scan, block.p + i, SIZE_MAX);
		__m512i second = groups_vbmi(scan, block.p + i + 64, SIZE_MAX);
		if (places_vbmi(_mm512_or_si512(first, second))) {
			start = first_of(scan, block, from, i, places_vbmi(first));
			if (start == SIZE_MAX)
				start = first_of(scan, block, from, i + 64, places_vbmi(second));
			if (start != SIZE_MAX)
				break;
		}
		count += count_64(_mm512_loadu_si512(block.p + i));
		count += count_64(_mm512_loadu_si512(block.p + i + 64));
	}
	for (size_t k = i; start == SIZE_MAX && k < block.n; k += 64) {
		__m512i groups = groups_vbmi(scan, block.p + k, block.n - k);
		uint64_t places = places_vbmi(groups) & first_bits(block.n - k);
		start = first_of(scan, block, from, k, places);
	}
	start = start < block.n ? start : block.n;
	/* A literal holds no line feed: where it begins before i, none stands between. */
	if (start > i)
		count += count_vbmi((struct span){block.p + i, start - i});
	*lines = count;
	return start;
}

#endif

size_t
scan_count_lines(struct span block)
{
#ifdef __x86_64__
	enum scan_means means = best_means();
	if (means == SCAN_VBMI)
		return count_vbmi(block);
	if (means == SCAN_AVX2)
		return count_avx2(block);
#endif
	size_t lines = 0;
	for (size_t i = 0; i < block.n; i++)
		lines += block.p[i] == '\n';
	return lines;
}

static size_t
next(const struct scan *scan, struct span block, size_t from)
{
#ifdef __x86_64__
	if (scan->means == SCAN_AVX2)
		return next_avx2(scan, block, from);
#endif
	return next_scalar(scan, block, from, from);
}

size_t
scan_next(const struct scan *scan, struct span block, size_t from, size_t *lines)
{
	bool may_stand = scan->count > 0 && from < block.n;
#ifdef __x86_64__
	if (may_stand && scan->means == SCAN_VBMI)
		return next_vbmi(scan, block, from, lines);
#endif
	size_t start = may_stand ? next(scan, block, from) : block.n;
	*lines = start > from ? scan_count_lines((struct span){block.p + from, start - from}) : 0;
	return start;
}
