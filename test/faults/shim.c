// A library for LD_PRELOAD that stands between a process and its disk and clock. Tests load it into the agent's or the
// store's process. Below the folder it watches it can record every change in order, make flushes slow, and make writes
// and flushes fail; anywhere, it can move the wall clock. test/support/fault-shim.ts builds and drives it.
//
//   PETIOLE_FAULTS_WATCH    the folder, as realpath gives it
//   PETIOLE_FAULTS_CONTROL  a file of one `struct control`, which tests change while the process runs
//   PETIOLE_FAULTS_LOG      switches the recorder on: a file to which records are appended, see `struct header`
//   PETIOLE_FAULTS_MARKS    what the process writes to this file is recorded as a mark, in order with its other writes
//   PETIOLE_FAULTS_CLOCK    "1" moves the wall clock by what the control file says
//
// While it records, a change that it does not know how to record (a shared writable mapping, a hard link, a copy within
// the kernel) ends the process: a record with holes would prove nothing. System calls made without the C library are not
// seen: libuv's io_uring must be off (UV_USE_IO_URING=0), and static programs such as nats-server are not affected.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// The same layout as CONTROL in fault-shim.ts. Tests write what is to happen, this library counts what did.
struct control {
  _Atomic int64_t clock_offset_ms;
  _Atomic int64_t sync_delay_ms;
  _Atomic int64_t write_errno;
  _Atomic int64_t sync_errno;
  _Atomic int64_t syncs_started;
  _Atomic int64_t syncs_finished;
  _Atomic int64_t writes_failed;
  _Atomic int64_t syncs_failed;
  _Atomic int64_t kill_in;
};

// The same numbers as in MAKERS of records.ts.
enum op {
  OP_START = 1,
  OP_CREATE = 2,
  OP_WRITE = 3,
  OP_TRUNCATE = 4,
  OP_SYNC = 5,
  OP_SYNC_FOLDER = 6,
  OP_SYNC_ALL = 7,
  OP_SYNC_FAILED = 8,
  OP_RENAME = 9,
  OP_UNLINK = 10,
  OP_MKDIR = 11,
  OP_RMDIR = 12,
  OP_CLOSE = 13,
  OP_MARK = 14,
};

// In front of each record; path, second path and data follow. Paths are relative to the watched folder.
struct header {
  uint32_t magic;
  uint32_t op;
  uint64_t inode;
  int64_t offset;
  uint32_t path_length;
  uint32_t other_length;
  uint32_t data_length;
  uint32_t pid;
};

#define MAGIC 0x46544c50u
#define MAX_FD 65536

enum kind { NOT_WATCHED = 0, WATCHED_FILE, WATCHED_FOLDER, MARKS };

struct watched {
  _Atomic int kind;
  bool append;
  dev_t dev;
  ino_t ino;
  char *path;
};

static struct watched table[MAX_FD];
static char watch[PATH_MAX];
static size_t watch_length;
static char marks[PATH_MAX];
static struct control *control;
static bool moves_clock;
static int log_fd = -1;
// Held over an operation and its record, so that records are in the order in which the kernel saw the operations.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
  static __typeof__(&name) real_##name; \
  if (real_##name == NULL) *(void **)&real_##name = dlsym(RTLD_NEXT, #name)

__attribute__((noreturn)) static void give_up(const char *what, const char *detail) {
  dprintf(2, "fault shim: %s: %s\n", what, detail);
  abort();
}

// What cannot be recorded matters to nobody else.
__attribute__((cold)) static void refuse(const char *what, const char *detail) {
  if (log_fd >= 0) give_up(what, detail);
}

// The library's own calls must not come back to it.
static int own_open(const char *path, int flags) {
  REAL(open);
  return real_open(path, flags, 0600);
}

static void copy_path(char *to, const char *from) {
  if (strlen(from) >= PATH_MAX) give_up("too long", from);
  strcpy(to, from);
}

static void append_record(enum op op, uint64_t inode, int64_t offset, const char *path, const char *other,
                          const void *data, size_t length) {
  if (log_fd < 0) return;
  struct header header = {MAGIC,
                          op,
                          inode,
                          offset,
                          path ? (uint32_t)strlen(path) : 0,
                          other ? (uint32_t)strlen(other) : 0,
                          (uint32_t)length,
                          (uint32_t)getpid()};
  struct iovec parts[4] = {
      {&header, sizeof header},
      {(void *)path, header.path_length},
      {(void *)other, header.other_length},
      {(void *)data, length},
  };
  size_t total = sizeof header + header.path_length + header.other_length + length;
  REAL(writev);
  // The log is opened with O_APPEND: one call is one record, also with several processes.
  if (real_writev(log_fd, parts, 4) != (ssize_t)total) give_up("cannot write the log", strerror(errno));
}

__attribute__((constructor)) static void start(void) {
  const char *value = getenv("PETIOLE_FAULTS_WATCH");
  if (value != NULL) {
    copy_path(watch, value);
    watch_length = strlen(watch);
  }
  if ((value = getenv("PETIOLE_FAULTS_MARKS")) != NULL) copy_path(marks, value);
  if ((value = getenv("PETIOLE_FAULTS_CONTROL")) != NULL) {
    int fd = own_open(value, O_RDWR | O_CLOEXEC);
    if (fd < 0) give_up("cannot open the control file", value);
    REAL(mmap);
    control = real_mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) give_up("cannot map the control file", value);
    REAL(close);
    real_close(fd);
  }
  value = getenv("PETIOLE_FAULTS_CLOCK");
  moves_clock = control != NULL && value != NULL && strcmp(value, "1") == 0;
  if ((value = getenv("PETIOLE_FAULTS_LOG")) != NULL) {
    log_fd = own_open(value, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC);
    if (log_fd < 0) give_up("cannot open the log", value);
    append_record(OP_START, 0, 0, NULL, NULL, NULL, 0);
  }
}

// ---- what is watched ----

static bool below_watch(const char *path) {
  if (watch_length == 0 || strncmp(path, watch, watch_length) != 0) return false;
  return path[watch_length] == '/' || path[watch_length] == '\0';
}

static const char *relative(const char *path) {
  return path[watch_length] == '/' ? path + watch_length + 1 : "";
}

// The absolute path of a name whose folder exists. False when it has none, or is not below the watched folder.
static bool locate(int folder, const char *path, char out[PATH_MAX]) {
  if (watch_length == 0 || path == NULL) return false;
  char absolute[PATH_MAX * 2];
  if (path[0] == '/') {
    if (snprintf(absolute, sizeof absolute, "%s", path) >= (int)sizeof absolute) return false;
  } else {
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
      if (getcwd(base, sizeof base) == NULL) return false;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
      ssize_t length = readlink(link, base, sizeof base - 1);
      if (length < 0) return false;
      base[length] = '\0';
    }
    if (snprintf(absolute, sizeof absolute, "%s/%s", base, path) >= (int)sizeof absolute) return false;
  }
  for (size_t end = strlen(absolute); end > 1 && absolute[end - 1] == '/'; end -= 1) absolute[end - 1] = '\0';
  char *name = strrchr(absolute, '/');
  *name = '\0';
  char parent[PATH_MAX];
  int before = errno;
  bool found = realpath(absolute[0] == '\0' ? "/" : absolute, parent) != NULL;
  errno = before;
  if (!found || snprintf(out, PATH_MAX, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name + 1) >= PATH_MAX)
    return false;
  return below_watch(out);
}

// The entry of a watched descriptor; NULL for any other, also for one that was closed behind our back and reused.
static struct watched *find(int fd) {
  if (fd < 0 || fd >= MAX_FD) return NULL;
  struct watched *entry = &table[fd];
  if (atomic_load(&entry->kind) == NOT_WATCHED) return NULL;
  struct stat now;
  if (fstat(fd, &now) == 0 && now.st_dev == entry->dev && now.st_ino == entry->ino) return entry;
  atomic_store(&entry->kind, NOT_WATCHED);
  return NULL;
}

static void remember(int fd, int flags, bool existed, const struct stat *before) {
  if (fd < 0 || (watch_length == 0 && marks[0] == '\0')) return;
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = '\0';
  bool is_marks = marks[0] != '\0' && strcmp(path, marks) == 0;
  if (!is_marks && !below_watch(path)) return;
  if (fd >= MAX_FD) give_up("too many descriptors", path);
  struct stat now;
  if (fstat(fd, &now) != 0) return;
  struct watched *entry = &table[fd];
  entry->append = (flags & O_APPEND) != 0;
  entry->dev = now.st_dev;
  entry->ino = now.st_ino;
  free(entry->path);
  entry->path = strdup(is_marks ? path : relative(path));
  atomic_store(&entry->kind, is_marks ? MARKS : S_ISDIR(now.st_mode) ? WATCHED_FOLDER : WATCHED_FILE);
  if (is_marks || !S_ISREG(now.st_mode)) return;
  if ((flags & O_TMPFILE) == O_TMPFILE) refuse("cannot record O_TMPFILE", path);
  if ((flags & O_CREAT) != 0 && !existed) append_record(OP_CREATE, now.st_ino, 0, entry->path, NULL, NULL, 0);
  else if ((flags & O_TRUNC) != 0 && before->st_size > 0) append_record(OP_TRUNCATE, now.st_ino, 0, NULL, NULL, NULL, 0);
}

// Before each operation that is recorded. Here the process can be killed without an operation that has no record.
static void lock(void) {
  pthread_mutex_lock(&mutex);
  if (control == NULL || atomic_load(&control->kill_in) == 0) return;
  if (atomic_fetch_sub(&control->kill_in, 1) > 1) return;
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

#define UNLOCK \
  do { \
    int saved_errno = errno; \
    pthread_mutex_unlock(&mutex); \
    errno = saved_errno; \
  } while (0)

// ---- opening and closing ----

#define MODE_OF(flags) \
  mode_t mode = 0; \
  if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }

#define OPENING(folder, call) \
  int fd; \
  if ((flags & (O_CREAT | O_TRUNC)) == 0) { \
    fd = call; \
    int saved = errno; \
    remember(fd, flags, true, NULL); \
    errno = saved; \
    return fd; \
  } \
  lock(); \
  struct stat before = {0}; \
  bool existed = fstatat(folder, path, &before, 0) == 0; \
  fd = call; \
  int saved = errno; \
  remember(fd, flags, existed, &before); \
  errno = saved; \
  UNLOCK; \
  return fd

int open(const char *path, int flags, ...) {
  MODE_OF(flags)
  REAL(open);
  OPENING(AT_FDCWD, real_open(path, flags, mode));
}

int open64(const char *path, int flags, ...) {
  MODE_OF(flags)
  REAL(open64);
  OPENING(AT_FDCWD, real_open64(path, flags, mode));
}

int openat(int folder, const char *path, int flags, ...) {
  MODE_OF(flags)
  REAL(openat);
  OPENING(folder, real_openat(folder, path, flags, mode));
}

int openat64(int folder, const char *path, int flags, ...) {
  MODE_OF(flags)
  REAL(openat64);
  OPENING(folder, real_openat64(folder, path, flags, mode));
}

int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open64(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static void refuse_stream(const char *path, const char *mode) {
  char found[PATH_MAX];
  if ((mode[0] != 'r' || strchr(mode, '+') != NULL) && locate(AT_FDCWD, path, found))
    refuse("cannot record fopen for writing", found);
}

FILE *fopen(const char *path, const char *mode) {
  REAL(fopen);
  refuse_stream(path, mode);
  return real_fopen(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
  REAL(fopen64);
  refuse_stream(path, mode);
  return real_fopen64(path, mode);
}

int close(int fd) {
  REAL(close);
  struct watched *entry = find(fd);
  if (entry == NULL) return real_close(fd);
  lock();
  append_record(OP_CLOSE, entry->ino, 0, NULL, NULL, NULL, 0);
  atomic_store(&entry->kind, NOT_WATCHED);
  int result = real_close(fd);
  UNLOCK;
  return result;
}

// ---- changes of files ----

static bool write_fails(const struct watched *entry) {
  if (control == NULL || entry->kind == MARKS) return false;
  int64_t code = atomic_load(&control->write_errno);
  if (code == 0) return false;
  atomic_fetch_add(&control->writes_failed, 1);
  errno = (int)code;
  return true;
}

static void record_write(const struct watched *entry, int64_t offset, const void *data, size_t length) {
  if (entry->kind == MARKS) append_record(OP_MARK, 0, 0, NULL, NULL, data, length);
  else append_record(OP_WRITE, entry->ino, offset, NULL, NULL, data, length);
}

// Where a write without offset goes.
static int64_t position(int fd, const struct watched *entry) {
  if (log_fd < 0 || entry->kind == MARKS) return 0;
  if (!entry->append) return lseek(fd, 0, SEEK_CUR);
  struct stat now;
  return fstat(fd, &now) == 0 ? now.st_size : 0;
}

static void record_parts(const struct watched *entry, int64_t offset, const struct iovec *parts, int count, ssize_t done) {
  for (int index = 0; index < count && done > 0; index += 1) {
    size_t length = parts[index].iov_len < (size_t)done ? parts[index].iov_len : (size_t)done;
    if (length > 0) record_write(entry, offset, parts[index].iov_base, length);
    offset += (int64_t)length;
    done -= (ssize_t)length;
  }
}

ssize_t write(int fd, const void *data, size_t length) {
  REAL(write);
  struct watched *entry = find(fd);
  if (entry == NULL) return real_write(fd, data, length);
  if (write_fails(entry)) return -1;
  lock();
  int64_t offset = position(fd, entry);
  ssize_t done = real_write(fd, data, length);
  if (done > 0) record_write(entry, offset, data, (size_t)done);
  UNLOCK;
  return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  struct watched *entry = find(fd);
  if (entry == NULL) return real_writev(fd, parts, count);
  if (write_fails(entry)) return -1;
  lock();
  int64_t offset = position(fd, entry);
  ssize_t done = real_writev(fd, parts, count);
  record_parts(entry, offset, parts, count, done);
  UNLOCK;
  return done;
}

#define WRITING_AT(call, record) \
  struct watched *entry = find(fd); \
  if (entry == NULL) return call; \
  if (write_fails(entry)) return -1; \
  lock(); \
  ssize_t done = call; \
  if (done > 0) record; \
  UNLOCK; \
  return done

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
  REAL(pwrite);
  WRITING_AT(real_pwrite(fd, data, length, offset), record_write(entry, offset, data, (size_t)done));
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  REAL(pwrite64);
  WRITING_AT(real_pwrite64(fd, data, length, offset), record_write(entry, offset, data, (size_t)done));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  REAL(pwritev);
  WRITING_AT(real_pwritev(fd, parts, count, offset), record_parts(entry, offset, parts, count, done));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  REAL(pwritev64);
  WRITING_AT(real_pwritev64(fd, parts, count, offset), record_parts(entry, offset, parts, count, done));
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  REAL(pwritev2);
  if (find(fd) != NULL) refuse("cannot record", "pwritev2");
  return real_pwritev2(fd, parts, count, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
  REAL(pwritev64v2);
  if (find(fd) != NULL) refuse("cannot record", "pwritev64v2");
  return real_pwritev64v2(fd, parts, count, offset, flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t count) {
  REAL(sendfile);
  if (find(out) != NULL) refuse("cannot record", "sendfile");
  return real_sendfile(out, in, offset, count);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t count) {
  REAL(sendfile64);
  if (find(out) != NULL) refuse("cannot record", "sendfile64");
  return real_sendfile64(out, in, offset, count);
}

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned flags) {
  REAL(copy_file_range);
  if (find(out) != NULL) refuse("cannot record", "copy_file_range");
  return real_copy_file_range(in, from, out, to, length, flags);
}

ssize_t splice(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned flags) {
  REAL(splice);
  if (find(out) != NULL) refuse("cannot record", "splice");
  return real_splice(in, from, out, to, length, flags);
}

static void refuse_mapping(int protection, int flags, int fd) {
  if (fd < 0 || (protection & PROT_WRITE) == 0 || (flags & MAP_TYPE) == MAP_PRIVATE) return;
  struct watched *entry = find(fd);
  if (entry != NULL) refuse("cannot record a shared writable mapping", entry->path);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  REAL(mmap);
  refuse_mapping(protection, flags, fd);
  return real_mmap(address, length, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
  REAL(mmap64);
  refuse_mapping(protection, flags, fd);
  return real_mmap64(address, length, protection, flags, fd, offset);
}

#define RESIZING(size, call) \
  struct watched *entry = find(fd); \
  if (entry == NULL) return call; \
  lock(); \
  int result = call; \
  if (result == 0) append_record(OP_TRUNCATE, entry->ino, (size), NULL, NULL, NULL, 0); \
  UNLOCK; \
  return result

int ftruncate(int fd, off_t size) {
  REAL(ftruncate);
  RESIZING(size, real_ftruncate(fd, size));
}

int ftruncate64(int fd, off64_t size) {
  REAL(ftruncate64);
  RESIZING(size, real_ftruncate64(fd, size));
}

static void refuse_truncate(const char *path) {
  char found[PATH_MAX];
  if (locate(AT_FDCWD, path, found)) refuse("cannot record truncate by path", found);
}

int truncate(const char *path, off_t size) {
  REAL(truncate);
  refuse_truncate(path);
  return real_truncate(path, size);
}

int truncate64(const char *path, off64_t size) {
  REAL(truncate64);
  refuse_truncate(path);
  return real_truncate64(path, size);
}

// Space set aside is a change of size, or none that can be seen.
#define ALLOCATING(success, call) \
  struct watched *entry = find(fd); \
  if (entry == NULL) return call; \
  if (write_fails(entry)) return (success) == 0 ? -1 : errno; \
  lock(); \
  struct stat before, after; \
  int known = fstat(fd, &before); \
  int result = call; \
  if (known == 0 && result == 0 && fstat(fd, &after) == 0 && after.st_size != before.st_size) \
    append_record(OP_TRUNCATE, entry->ino, after.st_size, NULL, NULL, NULL, 0); \
  UNLOCK; \
  return result

int fallocate(int fd, int mode, off_t offset, off_t length) {
  REAL(fallocate);
  if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0 && find(fd) != NULL) refuse("cannot record", "fallocate that changes data");
  ALLOCATING(0, real_fallocate(fd, mode, offset, length));
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  REAL(fallocate64);
  if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0 && find(fd) != NULL) refuse("cannot record", "fallocate that changes data");
  ALLOCATING(0, real_fallocate64(fd, mode, offset, length));
}

int posix_fallocate(int fd, off_t offset, off_t length) {
  REAL(posix_fallocate);
  ALLOCATING(1, real_posix_fallocate(fd, offset, length));
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  REAL(posix_fallocate64);
  ALLOCATING(1, real_posix_fallocate64(fd, offset, length));
}

// ---- flushes ----

// Waits as long as the control file says now, so that a test can let go of a flush that waits.
static void delay_sync(void) {
  struct timespec begin, now;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (;;) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t elapsed = (now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000;
    int64_t left = atomic_load(&control->sync_delay_ms) - elapsed;
    if (left <= 0) return;
    struct timespec slice = {0, (left < 5 ? left : 5) * 1000000};
    nanosleep(&slice, NULL);
  }
}

static int sync_watched(int fd, struct watched *entry, int (*call)(int)) {
  int64_t code = 0;
  if (control != NULL) {
    atomic_fetch_add(&control->syncs_started, 1);
    delay_sync();
    code = atomic_load(&control->sync_errno);
  }
  lock();
  int result = code == 0 ? call(fd) : -1;
  if (code != 0) errno = (int)code;
  if (result != 0) append_record(OP_SYNC_FAILED, entry->ino, 0, NULL, NULL, NULL, 0);
  else if (entry->kind == WATCHED_FOLDER) append_record(OP_SYNC_FOLDER, entry->ino, 0, entry->path, NULL, NULL, 0);
  else append_record(OP_SYNC, entry->ino, 0, NULL, NULL, NULL, 0);
  UNLOCK;
  if (control != NULL) atomic_fetch_add(result == 0 ? &control->syncs_finished : &control->syncs_failed, 1);
  return result;
}

int fsync(int fd) {
  REAL(fsync);
  struct watched *entry = find(fd);
  return entry == NULL || entry->kind == MARKS ? real_fsync(fd) : sync_watched(fd, entry, real_fsync);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  struct watched *entry = find(fd);
  return entry == NULL || entry->kind == MARKS ? real_fdatasync(fd) : sync_watched(fd, entry, real_fdatasync);
}

int syncfs(int fd) {
  REAL(syncfs);
  if (find(fd) == NULL) return real_syncfs(fd);
  lock();
  int result = real_syncfs(fd);
  if (result == 0) append_record(OP_SYNC_ALL, 0, 0, NULL, NULL, NULL, 0);
  UNLOCK;
  return result;
}

// sync_file_range promises nothing about a power cut, and is passed on unseen.

// ---- names ----

#define CHANGING_NAME(folder, path, call, record) \
  char found[PATH_MAX]; \
  if (log_fd < 0 || !locate(folder, path, found)) return call; \
  lock(); \
  int result = call; \
  if (result == 0) append_record(record, 0, 0, relative(found), NULL, NULL, 0); \
  UNLOCK; \
  return result

int unlink(const char *path) {
  REAL(unlink);
  CHANGING_NAME(AT_FDCWD, path, real_unlink(path), OP_UNLINK);
}

int unlinkat(int folder, const char *path, int flags) {
  REAL(unlinkat);
  CHANGING_NAME(folder, path, real_unlinkat(folder, path, flags), (flags & AT_REMOVEDIR) != 0 ? OP_RMDIR : OP_UNLINK);
}

int remove(const char *path) {
  struct stat now;
  return lstat(path, &now) == 0 && S_ISDIR(now.st_mode) ? rmdir(path) : unlink(path);
}

int rmdir(const char *path) {
  REAL(rmdir);
  CHANGING_NAME(AT_FDCWD, path, real_rmdir(path), OP_RMDIR);
}

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  CHANGING_NAME(AT_FDCWD, path, real_mkdir(path, mode), OP_MKDIR);
}

int mkdirat(int folder, const char *path, mode_t mode) {
  REAL(mkdirat);
  CHANGING_NAME(folder, path, real_mkdirat(folder, path, mode), OP_MKDIR);
}

#define RENAMING(from_folder, from, to_folder, to, call) \
  char source[PATH_MAX], target[PATH_MAX]; \
  bool leaves = log_fd >= 0 && locate(from_folder, from, source); \
  bool enters = log_fd >= 0 && locate(to_folder, to, target); \
  if (!leaves && !enters) return call; \
  if (!leaves || !enters) refuse("cannot record a rename across the watched folder's border", from); \
  lock(); \
  int result = call; \
  if (result == 0) append_record(OP_RENAME, 0, 0, relative(source), relative(target), NULL, 0); \
  UNLOCK; \
  return result

int rename(const char *from, const char *to) {
  REAL(rename);
  RENAMING(AT_FDCWD, from, AT_FDCWD, to, real_rename(from, to));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  REAL(renameat);
  RENAMING(from_folder, from, to_folder, to, real_renameat(from_folder, from, to_folder, to));
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  REAL(renameat2);
  char found[PATH_MAX];
  if ((flags & RENAME_EXCHANGE) != 0 && locate(from_folder, from, found)) refuse("cannot record", "an exchange of names");
  RENAMING(from_folder, from, to_folder, to, real_renameat2(from_folder, from, to_folder, to, flags));
}

static void refuse_link(int folder, const char *path) {
  char found[PATH_MAX];
  if (log_fd >= 0 && locate(folder, path, found)) refuse("cannot record a link", found);
}

int link(const char *from, const char *to) {
  REAL(link);
  refuse_link(AT_FDCWD, to);
  return real_link(from, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  REAL(linkat);
  refuse_link(to_folder, to);
  return real_linkat(from_folder, from, to_folder, to, flags);
}

int symlink(const char *content, const char *path) {
  REAL(symlink);
  refuse_link(AT_FDCWD, path);
  return real_symlink(content, path);
}

// ---- the wall clock ----

static int64_t clock_offset(void) { return moves_clock ? atomic_load(&control->clock_offset_ms) : 0; }

static void move(struct timespec *time, int64_t milliseconds) {
  time->tv_sec += milliseconds / 1000;
  time->tv_nsec += milliseconds % 1000 * 1000000;
  if (time->tv_nsec >= 1000000000) {
    time->tv_sec += 1;
    time->tv_nsec -= 1000000000;
  } else if (time->tv_nsec < 0) {
    time->tv_sec -= 1;
    time->tv_nsec += 1000000000;
  }
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  REAL(clock_gettime);
  int result = real_clock_gettime(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) move(time, clock_offset());
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  REAL(gettimeofday);
  int result = real_gettimeofday(time, zone);
  if (result != 0) return result;
  struct timespec precise = {time->tv_sec, time->tv_usec * 1000};
  move(&precise, clock_offset());
  time->tv_sec = precise.tv_sec;
  time->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(struct timespec *time, int base) {
  REAL(timespec_get);
  int result = real_timespec_get(time, base);
  if (result == TIME_UTC) move(time, clock_offset());
  return result;
}

// The kernel waits by its own clock.
int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline) {
  REAL(sem_timedwait);
  struct timespec real = *deadline;
  move(&real, -clock_offset());
  return real_sem_timedwait(semaphore, &real);
}
