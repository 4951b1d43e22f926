/*
 * Preloaded into the daemon: one allocation of a library fails. What the daemon allocates itself is
 * left alone: there out of memory aborts by contract (daemon/base/mem.h).
 *
 *   AIWATCH_FAILS_AT  number of the allocation that fails; 0 for none
 *   AIWATCH_COUNT     file that receives "PID ALLOCATIONS -1" at the end
 */
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The C library's own, under the names that it keeps for those who replace them. */
void *
__libc_malloc(size_t size);
void *
__libc_calloc(size_t count, size_t size);
void *
__libc_realloc(void *old, size_t size);
void *
__libc_memalign(size_t alignment, size_t size);

static _Atomic unsigned long entered;
static unsigned long fails_at;
static uintptr_t program_begin, program_end;

/* The first object is the program. */
static int
note_program(struct dl_phdr_info *object, size_t size, void *owner)
{
	(void)size;
	(void)owner;
	program_begin = program_end = object->dlpi_addr;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];

		if (part->p_type == PT_LOAD &&
			object->dlpi_addr + part->p_vaddr + part->p_memsz > program_end)
			program_end = object->dlpi_addr + part->p_vaddr + part->p_memsz;
	}
	return 1;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *at = getenv("AIWATCH_FAILS_AT");

	dl_iterate_phdr(note_program, NULL);
	entered = 0;
	fails_at = at ? strtoul(at, NULL, 10) : 0;
}

__attribute__((destructor)) static void
end(void)
{
	const char *path = getenv("AIWATCH_COUNT");
	unsigned long count = entered;
	FILE *out = path ? fopen(path, "w") : NULL;

	if (!out)
		return;
	fprintf(out, "%d %lu -1\n", (int)getpid(), count);
	fclose(out);
}

static bool
fails(const void *caller)
{
	const uintptr_t from = (uintptr_t)caller;

	if (from >= program_begin && from < program_end)
		return false;
	if (++entered != fails_at)
		return false;
	errno = ENOMEM;
	return true;
}

#define FAILS() fails(__builtin_return_address(0))

void *
malloc(size_t size)
{
	return FAILS() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return FAILS() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return FAILS() ? NULL : __libc_realloc(old, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return FAILS() ? NULL : __libc_memalign(alignment, size);
}

int
posix_memalign(void **to, size_t alignment, size_t size)
{
	*to = FAILS() ? NULL : __libc_memalign(alignment, size);
	return *to ? 0 : ENOMEM;
}
