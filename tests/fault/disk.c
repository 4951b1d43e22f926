#include "tests/fault/disk.h"

#include "daemon/base/mem.h"

#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { SECTOR = 512, IMAGES = 8, ROOM = 1 << 20 };

/* A write, or where `bytes` is NULL a truncation to `at`. */
struct change {
	size_t at, n;
	unsigned char *bytes;
};

struct image {
	char name[128]; /* without the directory */
	bool exists;
	bool is_new; /* not synced since it was made; the first time takes the directory along */
	bool was_deleted; /* and the directory was not synced since */
	unsigned char *synced;
	size_t synced_n;
	struct change *change;
	size_t change_count;
};

struct file {
	sqlite3_file base;
	struct image *image; /* NULL for files that nobody knows */
	sqlite3_file *real;
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	struct image image[IMAGES];
	unsigned long calls, syncs, fail_at;
	enum disk_fault fault;
	bool for_ever, has_failed, has_plenty;
	void (*changed)(void *owner);
	void *changed_owner;
} disk;

static sqlite3_file *
real_of(sqlite3_file *file)
{
	return ((struct file *)file)->real;
}

#define CAN(fault) (1u << (fault))

/* Counts a call, and says whether it fails; `can` are the faults that it may suffer. */
static bool
call_fails(unsigned can)
{
	unsigned long call = ++disk.calls;
	bool due = disk.fail_at && (call == disk.fail_at || (disk.for_ever && call > disk.fail_at));
	bool does = due && (can & CAN(disk.fault));
	/* A call that cannot fail so passes it on to the next. */
	if (due && !does)
		disk.fail_at++;
	disk.has_failed |= does;
	return does;
}

static void
tell(void)
{
	if (disk.changed)
		disk.changed(disk.changed_owner);
}

static void
image_reset(struct image *image)
{
	for (size_t i = 0; i < image->change_count; i++)
		free(image->change[i].bytes);
	free(image->change);
	image->change = NULL;
	image->change_count = 0;
	free(image->synced);
	image->synced = NULL;
	image->synced_n = 0;
}

static void
image_add(struct image *image, size_t at, const void *bytes, size_t n)
{
	if (!image)
		return;
	image->change = mem_grow(image->change, image->change_count + 1, sizeof *image->change);
	image->change[image->change_count++] =
		(struct change){at, n, bytes ? (unsigned char *)mem_copy(bytes, n) : NULL};
}

static void
apply(unsigned char **content, size_t *size, const struct change *change, size_t n)
{
	size_t end = change->bytes ? change->at + n : change->at;
	if (change->bytes ? end > *size : true) {
		if (!*content || end / ROOM > *size / ROOM)
			*content = mem_grow(*content, (end / ROOM + 1) * ROOM, 1);
		if (end > *size)
			memset(*content + *size, 0, end - *size);
		*size = end;
	}
	if (n && change->bytes)
		memcpy(*content + change->at, change->bytes, n);
}

static void
image_sync(struct image *image)
{
	for (size_t i = 0; i < image->change_count; i++) {
		apply(&image->synced, &image->synced_n, &image->change[i], image->change[i].n);
		free(image->change[i].bytes);
	}
	free(image->change);
	image->change = NULL;
	image->change_count = 0;
	for (size_t i = 0; i < IMAGES && image->is_new; i++)
		disk.image[i].was_deleted = false;
	image->is_new = false;
}

static struct image *
find_image(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct image *free_one = NULL;
	for (size_t i = 0; i < IMAGES; i++) {
		if (strcmp(disk.image[i].name, name) == 0)
			return &disk.image[i];
		if (!disk.image[i].name[0])
			free_one = &disk.image[i];
	}
	if (!free_one)
		abort();
	snprintf(free_one->name, sizeof free_one->name, "%s", name);
	return free_one;
}

/* What stood there before it was watched is taken as synced. */
static void
image_load(struct image *image, const char *path)
{
	unsigned char bytes[4096];
	FILE *file = fopen(path, "r");
	size_t n;
	image_reset(image);
	while (file && (n = fread(bytes, 1, sizeof bytes, file)) > 0) {
		struct change change = {image->synced_n, n, bytes};
		apply(&image->synced, &image->synced_n, &change, n);
	}
	if (file)
		fclose(file);
	image->exists = true;
	image->was_deleted = false;
}

static int
on_close(sqlite3_file *file)
{
	int code = real_of(file)->pMethods ? real_of(file)->pMethods->xClose(real_of(file))
					   : SQLITE_OK;
	file->pMethods = NULL;
	return code;
}

static int
on_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 at)
{
	if (call_fails(CAN(DISK_EIO)))
		return SQLITE_IOERR_READ;
	return real_of(file)->pMethods->xRead(real_of(file), bytes, n, at);
}

static int
on_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	struct image *image = ((struct file *)file)->image;
	tell();
	if (call_fails(CAN(DISK_EIO) | CAN(DISK_FULL) | CAN(DISK_SHORT))) {
		if (disk.fault == DISK_EIO)
			return SQLITE_IOERR_WRITE;
		if (disk.fault == DISK_SHORT && n > 1) {
			image_add(image, (size_t)at, bytes, (size_t)n / 2);
			real_of(file)->pMethods->xWrite(real_of(file), bytes, n / 2, at);
		}
		return SQLITE_FULL;
	}
	image_add(image, (size_t)at, bytes, (size_t)n);
	return real_of(file)->pMethods->xWrite(real_of(file), bytes, n, at);
}

static int
on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	tell();
	if (call_fails(CAN(DISK_EIO)))
		return SQLITE_IOERR_TRUNCATE;
	image_add(((struct file *)file)->image, (size_t)size, NULL, 0);
	return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int
on_sync(sqlite3_file *file, int flags)
{
	struct image *image = ((struct file *)file)->image;
	tell();
	disk.syncs++;
	if (call_fails(CAN(DISK_EIO) | CAN(DISK_SYNC_LOST))) {
		for (size_t i = 0; image && disk.fault == DISK_SYNC_LOST && i < image->change_count;
			i++)
			free(image->change[i].bytes);
		if (image && disk.fault == DISK_SYNC_LOST)
			image->change_count = 0;
		return SQLITE_IOERR_FSYNC;
	}
	if (image)
		image_sync(image);
	(void)flags; /* nobody pulls the plug of this machine: nothing is really synced */
	return SQLITE_OK;
}

static int
on_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	if (call_fails(CAN(DISK_EIO)))
		return SQLITE_IOERR_FSTAT;
	return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int
on_lock(sqlite3_file *file, int level)
{
	if (call_fails(CAN(DISK_EIO)))
		return SQLITE_IOERR_LOCK;
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int
on_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int
on_check_lock(sqlite3_file *file, int *held)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}

static int
on_control(sqlite3_file *file, int verb, void *argument)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), verb, argument);
}

static int
on_sector_size(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int
on_characteristics(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int
on_map(sqlite3_file *file, int region, int size, int extend, void volatile **memory)
{
	if (call_fails(CAN(DISK_EIO) | CAN(DISK_FULL)))
		return SQLITE_IOERR_SHMSIZE;
	return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, memory);
}

static int
on_map_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void
on_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int
on_unmap(sqlite3_file *file, int remove)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods METHODS = {
	.iVersion = 2,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_file_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check_lock,
	.xFileControl = on_control,
	.xSectorSize = on_sector_size,
	.xDeviceCharacteristics = on_characteristics,
	.xShmMap = on_map,
	.xShmLock = on_map_lock,
	.xShmBarrier = on_barrier,
	.xShmUnmap = on_unmap,
};

static int
on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *opened, int flags, int *out)
{
	struct file *file = (struct file *)opened;
	(void)vfs;
	memset(file, 0, sizeof *file);
	file->real = (sqlite3_file *)(file + 1);
	memset(file->real, 0, (size_t)disk.real->szOsFile);
	if (call_fails(CAN(DISK_EIO)))
		return SQLITE_CANTOPEN;
	if (name && access(name, F_OK) == 0) {
		file->image = find_image(name);
		if (!file->image->exists)
			image_load(file->image, name);
	}
	int code = disk.real->xOpen(disk.real, name, file->real, flags, out);
	if (code != SQLITE_OK)
		return code;
	file->base.pMethods = &METHODS;
	if (name && !file->image) {
		file->image = find_image(name);
		image_reset(file->image);
		file->image->exists = file->image->is_new = true;
		file->image->was_deleted = false;
	}
	return SQLITE_OK;
}

static int
on_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	tell();
	if (call_fails(CAN(DISK_EIO)))
		return SQLITE_IOERR_DELETE;
	int code = disk.real->xDelete(disk.real, name, sync);
	if (code == SQLITE_OK) {
		struct image *image = find_image(name);
		image->exists = false;
		image->was_deleted = !sync;
	}
	return code;
}

static int
on_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	(void)vfs;
	if (call_fails(CAN(DISK_EIO)))
		return SQLITE_IOERR_ACCESS;
	return disk.real->xAccess(disk.real, name, flags, result);
}

void
disk_install(void)
{
	disk.real = sqlite3_vfs_find("unix");
	disk.vfs = *disk.real;
	disk.vfs.zName = "disk";
	disk.vfs.pNext = NULL;
	disk.vfs.szOsFile = (int)sizeof(struct file) + disk.real->szOsFile;
	disk.vfs.xOpen = on_open;
	disk.vfs.xDelete = on_delete;
	disk.vfs.xAccess = on_access;
	sqlite3_vfs_register(&disk.vfs, 1);
}

void
disk_remove(void)
{
	sqlite3_vfs_register(disk.real, 1);
	sqlite3_vfs_unregister(&disk.vfs);
}

void
disk_forget(void)
{
	for (size_t i = 0; i < IMAGES; i++) {
		image_reset(&disk.image[i]);
		memset(&disk.image[i], 0, sizeof disk.image[i]);
	}
}

void
disk_fail(unsigned long at, enum disk_fault fault, bool for_ever)
{
	disk.fail_at = at ? disk.calls + at : 0;
	disk.fault = fault;
	disk.for_ever = for_ever;
	disk.has_failed &= at == 0;
}

bool
disk_has_failed(void)
{
	return disk.has_failed;
}

unsigned long
disk_calls(void)
{
	return disk.calls;
}

unsigned long
disk_syncs(void)
{
	return disk.syncs;
}

void
disk_set_plenty(bool has_plenty)
{
	disk.has_plenty = has_plenty;
}

/* In place of the library's: only the part that the store asks for. */
int
statvfs(const char *path, struct statvfs *status)
{
	(void)path;
	*status = (struct statvfs){
		.f_bsize = 4096, .f_frsize = 4096, .f_bavail = disk.has_plenty ? 1 << 30 : 0};
	return 0;
}

void
disk_on_change(void (*changed)(void *owner), void *owner)
{
	disk.changed = changed;
	disk.changed_owner = owner;
}

/* How much of the change chance lets through. */
static size_t
survived(const struct change *change, unsigned keep, unsigned *seed)
{
	if ((unsigned)rand_r(seed) % 100 < keep)
		return change->n;
	if (rand_r(seed) % 2 || change->n <= SECTOR)
		return 0;
	return (size_t)rand_r(seed) % (change->n / SECTOR) * SECTOR;
}

static void
write_left(const struct image *image, const char *directory, unsigned *seed)
{
	static const unsigned KEEP[] = {0, 10, 50, 90, 100};
	unsigned keep = KEEP[(unsigned)rand_r(seed) % COUNT(KEEP)];
	unsigned char *content = NULL;
	size_t size = 0;
	struct change all = {0, image->synced_n, image->synced};
	apply(&content, &size, &all, all.n);
	for (size_t i = 0; i < image->change_count; i++) {
		const struct change *change = &image->change[i];
		size_t n = survived(change, keep, seed);
		if (n || (!change->bytes && rand_r(seed) % 2))
			apply(&content, &size, change, n);
	}
	char path[PATH_MAX + 160];
	snprintf(path, sizeof path, "%s/%s", directory, image->name);
	FILE *out = fopen(path, "w");
	if (!out || fwrite(content, 1, size, out) != size || fclose(out) != 0)
		abort();
	free(content);
}

void
disk_lose_power(const char *directory, unsigned *seed)
{
	for (size_t i = 0; i < IMAGES; i++) {
		char path[PATH_MAX + 160];
		snprintf(path, sizeof path, "%s/%s", directory, disk.image[i].name);
		if (disk.image[i].name[0])
			unlink(path);
		if (disk.image[i].exists || (disk.image[i].was_deleted && rand_r(seed) % 2))
			write_left(&disk.image[i], directory, seed);
	}
}
