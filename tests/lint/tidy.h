/*
 * What clang-tidy's analyzer cannot see by itself: that err_set and its like return false, and that
 * deletion from uthash's tables and utlist's lists is sound.
 */
#include "daemon/base/err.h"

#include <uthash.h>
#include <utlist.h>

#define err_set(...)	 ((err_set)(__VA_ARGS__), false)
#define err_system(...)	 ((err_system)(__VA_ARGS__), false)
#define err_context(...) ((err_context)(__VA_ARGS__), false)

void
lint_delete(void *head, void *item);
#undef HASH_DELETE_HH
#define HASH_DELETE_HH(hh, head, item) lint_delete(&(head), item)
#undef DL_DELETE2
#define DL_DELETE2(head, item, prev, next) lint_delete(&(head), item)
