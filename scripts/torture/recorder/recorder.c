/*
 * Records what a process does to the files below one directory, for LD_PRELOAD: what was written where, which names were
 * given and taken, and what was synced. replay.ts makes of it what a power cut at any moment could have left.
 *
 *   RECORD_ROOT  the directory, absolute and without symbolic links
 *   RECORD_LOG   the log; several processes one after the other append to it
 *
 * An entry is written after its operation has ended and before the caller goes on: what the log does not have, the
 * caller has not seen. The layout of an entry is that of `struct head`, then the path, the second path and the bytes.
 * Left out are `-shm`, which is memory and never meant to last, and lock.db, which is empty.
 *
 * Not seen: mmap, io_uring, sendfile, copy_file_range and system calls made without the C library. Node uses none of
 * these to write, but for copying files.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum operation { CREATE = 1, WRITE, TRUNCATE, SYNC, MKDIR, RENAME, REMOVE, LINK, EXTEND };

struct head {
  uint32_t length;
  uint32_t operation;
  uint64_t start_ns;
  uint64_t end_ns;
  /* Of the file or directory itself. */
  uint64_t inode;
  uint64_t offset;
  uint32_t path_length;
  uint32_t second_length;
};

#define FILES_MAX 65536

/* Inodes of the open files below the root; 0 for all others. */
static uint64_t inodes[FILES_MAX];
static char root[4096];
static size_t root_length;
static dev_t root_device;
static int log_file = -1;
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name, type, ...) \
  static type (*real_##name)(__VA_ARGS__); \
  if (real_##name == NULL) real_##name = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void give_up(const char *what) {
  char text[200];
  int length = snprintf(text, sizeof text, "recorder: %s: %s\n", what, strerror(errno));
  syscall(SYS_write, 2, text, (size_t)length);
  _exit(99);
}

__attribute__((constructor)) static void begin(void) {
  const char *directory = getenv("RECORD_ROOT");
  const char *log = getenv("RECORD_LOG");
  struct stat found;
  if (directory == NULL || log == NULL) return;
  if (stat(directory, &found) != 0) give_up(directory);
  root_device = found.st_dev;
  root_length = strlen(directory);
  if (root_length >= sizeof root) give_up("RECORD_ROOT is too long");
  memcpy(root, directory, root_length + 1);
  int low = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (low < 0) give_up(log);
  /* Out of the way of the numbers that programs expect. */
  log_file = (int)syscall(SYS_fcntl, low, F_DUPFD_CLOEXEC, 1000);
  if (log_file < 0) log_file = low;
  else syscall(SYS_close, low);
}

static int ends_with(const char *path, const char *end) {
  size_t length = strlen(path), end_length = strlen(end);
  return length >= end_length && strcmp(path + length - end_length, end) == 0;
}

/* What is recorded: the root, and everything below it but what is not meant to last. */
static int is_recorded(const char *path) {
  if (log_file < 0 || path == NULL || strncmp(path, root, root_length) != 0) return 0;
  if (path[root_length] != '/' && path[root_length] != '\0') return 0;
  return !ends_with(path, "-shm") && !ends_with(path, "/lock.db") && !ends_with(path, "/lock.db-journal");
}

/* A path of openat and its like as one of open; NULL for those below another directory than the current one. */
static const char *absolute(int directory, const char *path) {
  if (path != NULL && path[0] == '/') return path;
  return directory == AT_FDCWD ? path : NULL;
}

static uint64_t inode_of(int file) {
  struct stat found;
  if (file < 0 || file >= FILES_MAX || inodes[file] == 0) return 0;
  /* Closed without our notice, and opened anew as something else. */
  if (fstat(file, &found) != 0 || found.st_dev != root_device || found.st_ino != inodes[file]) return inodes[file] = 0;
  return found.st_ino;
}

static void note(enum operation operation, uint64_t start_ns, uint64_t inode, uint64_t offset, const char *path,
                 const char *second, const struct iovec *pieces, int count, uint64_t size) {
  struct head head = {0};
  struct iovec all[1027];
  int used = 0, saved = errno;
  if (count > 1024) give_up("too many pieces");
  head.operation = operation;
  head.start_ns = start_ns;
  head.end_ns = now();
  head.inode = inode;
  head.offset = offset;
  /* Paths below the root, without it. */
  if (path != NULL) path += root_length, head.path_length = (uint32_t)strlen(path);
  if (second != NULL) second += root_length, head.second_length = (uint32_t)strlen(second);
  head.length = (uint32_t)(sizeof head + head.path_length + head.second_length + size);
  all[used++] = (struct iovec){&head, sizeof head};
  if (head.path_length > 0) all[used++] = (struct iovec){(void *)path, head.path_length};
  if (head.second_length > 0) all[used++] = (struct iovec){(void *)second, head.second_length};
  for (int index = 0; index < count && size > 0; index += 1) {
    size_t part = pieces[index].iov_len < size ? pieces[index].iov_len : size;
    if (part == 0) continue;
    all[used++] = (struct iovec){pieces[index].iov_base, part};
    size -= part;
  }
  pthread_mutex_lock(&log_mutex);
  long written = syscall(SYS_writev, log_file, all, used);
  pthread_mutex_unlock(&log_mutex);
  if (written != (long)head.length) give_up("the log cannot be written");
  errno = saved;
}

static void note_plain(enum operation operation, uint64_t start_ns, uint64_t inode, uint64_t offset, const char *path,
                       const char *second) {
  note(operation, start_ns, inode, offset, path, second, NULL, 0, 0);
}

static uint64_t inode_at(const char *path) {
  struct stat found;
  return lstat(path, &found) == 0 ? found.st_ino : 0;
}

/* ---- Names ---- */

static int opened(int file, const char *path, int flags, int was_there, uint64_t start_ns) {
  struct stat found;
  if (file < 0 || file >= FILES_MAX) return file;
  inodes[file] = 0;
  if (!is_recorded(path) || fstat(file, &found) != 0 || found.st_dev != root_device) return file;
  inodes[file] = found.st_ino;
  if ((flags & O_CREAT) && !was_there) note_plain(CREATE, start_ns, found.st_ino, 0, path, NULL);
  else if ((flags & O_TRUNC) && S_ISREG(found.st_mode)) note_plain(TRUNCATE, start_ns, found.st_ino, 0, NULL, NULL);
  return file;
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }

static int open_at(int directory, const char *path, int flags, mode_t mode) {
  REAL(openat, int, int, const char *, int, ...);
  const char *whole = absolute(directory, path);
  int was_there = is_recorded(whole) && inode_at(whole) != 0;
  uint64_t start_ns = now();
  return opened(real_openat(directory, path, flags, mode), whole, flags, was_there, start_ns);
}

int open(const char *path, int flags, ...) {
  MODE(flags);
  return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE(flags);
  return open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int directory, const char *path, int flags, ...) {
  MODE(flags);
  return open_at(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...) {
  MODE(flags);
  return open_at(directory, path, flags | O_LARGEFILE, mode);
}

int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int file) {
  REAL(close, int, int);
  if (file == log_file && log_file >= 0) return 0;
  if (file >= 0 && file < FILES_MAX) inodes[file] = 0;
  return real_close(file);
}

int mkdirat(int directory, const char *path, mode_t mode) {
  REAL(mkdirat, int, int, const char *, mode_t);
  const char *whole = absolute(directory, path);
  uint64_t start_ns = now();
  int result = real_mkdirat(directory, path, mode);
  if (result == 0 && is_recorded(whole)) note_plain(MKDIR, start_ns, inode_at(whole), 0, whole, NULL);
  return result;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
  const char *whole = absolute(from_directory, from), *second = absolute(to_directory, to);
  uint64_t start_ns = now();
  int result = (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
  if (result != 0) return result;
  if (is_recorded(whole) && is_recorded(second)) note_plain(RENAME, start_ns, inode_at(second), 0, whole, second);
  else if (is_recorded(whole)) note_plain(REMOVE, start_ns, 0, 0, whole, NULL);
  return result;
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
  return renameat2(from_directory, from, to_directory, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int directory, const char *path, int flags) {
  REAL(unlinkat, int, int, const char *, int);
  const char *whole = absolute(directory, path);
  uint64_t start_ns = now();
  int result = real_unlinkat(directory, path, flags);
  if (result == 0 && is_recorded(whole)) note_plain(REMOVE, start_ns, 0, 0, whole, NULL);
  return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
  REAL(linkat, int, int, const char *, int, const char *, int);
  const char *second = absolute(to_directory, to);
  uint64_t start_ns = now();
  int result = real_linkat(from_directory, from, to_directory, to, flags);
  if (result == 0 && is_recorded(second)) note_plain(LINK, start_ns, inode_at(second), 0, second, NULL);
  return result;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

/* ---- Bytes ---- */

static ssize_t written(int file, ssize_t result, uint64_t start_ns, uint64_t inode, int64_t offset,
                       const struct iovec *pieces, int count) {
  if (result <= 0 || inode == 0) return result;
  /* Without an offset it was written where the file now ends its reading. */
  if (offset < 0) offset = (int64_t)lseek(file, 0, SEEK_CUR) - result;
  note(WRITE, start_ns, inode, (uint64_t)offset, NULL, NULL, pieces, count, (uint64_t)result);
  return result;
}

ssize_t write(int file, const void *bytes, size_t size) {
  REAL(write, ssize_t, int, const void *, size_t);
  uint64_t inode = inode_of(file), start_ns = inode ? now() : 0;
  struct iovec piece = {(void *)bytes, size};
  return written(file, real_write(file, bytes, size), start_ns, inode, -1, &piece, 1);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) {
  REAL(pwrite64, ssize_t, int, const void *, size_t, off64_t);
  uint64_t inode = inode_of(file), start_ns = inode ? now() : 0;
  struct iovec piece = {(void *)bytes, size};
  return written(file, real_pwrite64(file, bytes, size, offset), start_ns, inode, offset, &piece, 1);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) { return pwrite64(file, bytes, size, offset); }

ssize_t writev(int file, const struct iovec *pieces, int count) {
  REAL(writev, ssize_t, int, const struct iovec *, int);
  uint64_t inode = inode_of(file), start_ns = inode ? now() : 0;
  return written(file, real_writev(file, pieces, count), start_ns, inode, -1, pieces, count);
}

ssize_t pwritev64(int file, const struct iovec *pieces, int count, off64_t offset) {
  REAL(pwritev64, ssize_t, int, const struct iovec *, int, off64_t);
  uint64_t inode = inode_of(file), start_ns = inode ? now() : 0;
  return written(file, real_pwritev64(file, pieces, count, offset), start_ns, inode, offset, pieces, count);
}

ssize_t pwritev(int file, const struct iovec *pieces, int count, off_t offset) {
  return pwritev64(file, pieces, count, offset);
}

ssize_t pwritev64v2(int file, const struct iovec *pieces, int count, off64_t offset, int flags) {
  REAL(pwritev64v2, ssize_t, int, const struct iovec *, int, off64_t, int);
  uint64_t inode = inode_of(file), start_ns = inode ? now() : 0;
  return written(file, real_pwritev64v2(file, pieces, count, offset, flags), start_ns, inode, offset, pieces, count);
}

ssize_t pwritev2(int file, const struct iovec *pieces, int count, off_t offset, int flags) {
  return pwritev64v2(file, pieces, count, offset, flags);
}

int ftruncate64(int file, off64_t size) {
  REAL(ftruncate64, int, int, off64_t);
  uint64_t inode = inode_of(file), start_ns = inode ? now() : 0;
  int result = real_ftruncate64(file, size);
  if (result == 0 && inode != 0) note_plain(TRUNCATE, start_ns, inode, (uint64_t)size, NULL, NULL);
  return result;
}

int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

static int extended(int result, uint64_t start_ns, uint64_t inode, off64_t end) {
  if (result == 0 && inode != 0) note_plain(EXTEND, start_ns, inode, (uint64_t)end, NULL, NULL);
  return result;
}

int fallocate64(int file, int mode, off64_t offset, off64_t size) {
  REAL(fallocate64, int, int, int, off64_t, off64_t);
  uint64_t inode = inode_of(file), start_ns = inode ? now() : 0;
  if (inode != 0 && mode != 0) return errno = EOPNOTSUPP, -1;
  return extended(real_fallocate64(file, mode, offset, size), start_ns, inode, offset + size);
}

int fallocate(int file, int mode, off_t offset, off_t size) { return fallocate64(file, mode, offset, size); }

int posix_fallocate64(int file, off64_t offset, off64_t size) {
  REAL(posix_fallocate64, int, int, off64_t, off64_t);
  uint64_t inode = inode_of(file), start_ns = inode ? now() : 0;
  return extended(real_posix_fallocate64(file, offset, size), start_ns, inode, offset + size);
}

int posix_fallocate(int file, off_t offset, off_t size) { return posix_fallocate64(file, offset, size); }

/* ---- Syncs; sync_file_range promises nothing, so there is nothing to note of it ---- */

static int synced(int result, uint64_t start_ns, uint64_t inode) {
  if (result == 0 && inode != 0) note_plain(SYNC, start_ns, inode, 0, NULL, NULL);
  return result;
}

int fsync(int file) {
  REAL(fsync, int, int);
  uint64_t inode = inode_of(file), start_ns = now();
  return synced(real_fsync(file), start_ns, inode);
}

int fdatasync(int file) {
  REAL(fdatasync, int, int);
  uint64_t inode = inode_of(file), start_ns = now();
  return synced(real_fdatasync(file), start_ns, inode);
}
