#include "daemon/base/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static bool
find_symbols(const struct library *library, void *handle, struct err *err)
{
	for (size_t i = 0; i < library->count; i++) {
		void *found = dlsym(handle, library->symbols[i].name);
		if (!found)
			return err_set(err, "cannot use %s: it has no %s", library->file,
				library->symbols[i].name);
		memcpy(library->symbols[i].pointer, &found, sizeof found);
	}
	return true;
}

static bool
load(struct library *library, struct err *err)
{
	void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
	library->loaded = handle ? find_symbols(library, handle, err)
				 : err_set(err, "cannot load a library: %s", dlerror());
	return library->loaded;
}

/* Once loaded the pointers stay as they are: others call through them without the lock. */
bool
library_load(struct library *library, struct err *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	if (library->loaded)
		return true;
	pthread_mutex_lock(&lock);
	bool ok = library->loaded || load(library, err);
	pthread_mutex_unlock(&lock);
	return ok;
}
