/* A world that goes wrong, loaded before the C library: disks that fail and clocks that jump.
 * The test writes `struct world` into the file that NIGHTLATCH_WORLD names, at any time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct world {
    int32_t write; /* errno of writes to regular files; 0 for none */
    int32_t flush; /* errno of flushes */
    int32_t open;  /* errno of opening regular files for writing */
    int32_t grow;  /* errno of writes behind the end of regular files */
    int64_t clock; /* seconds that the clock is ahead */
};

static volatile struct world *world;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("NIGHTLATCH_WORLD");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *at = mmap(NULL, sizeof *world, PROT_READ, MAP_SHARED, file, 0);
    if (at != MAP_FAILED) world = at;
    close(file);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, #name)

static int fails(int fd, int32_t error) {
    struct stat about;
    if (!error || fstat(fd, &about) || !S_ISREG(about.st_mode)) return 0;
    errno = error;
    return 1;
}

static int grows(int fd, off_t end) {
    struct stat about;
    if (!world->grow || fstat(fd, &about) || !S_ISREG(about.st_mode) || end <= about.st_size) return 0;
    errno = world->grow;
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    return world && fails(fd, world->write) ? -1 : real(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    REAL(pwrite);
    return world && (fails(fd, world->write) || grows(fd, at + count)) ? -1 : real(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64);
    return world && (fails(fd, world->write) || grows(fd, at + count)) ? -1 : real(fd, bytes, count, at);
}

int fsync(int fd) {
    REAL(fsync);
    return world && fails(fd, world->flush) ? -1 : real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return world && fails(fd, world->flush) ? -1 : real(fd);
}

static int refuses(const char *path, int flags) {
    struct stat about;
    if (!world || !world->open || (flags & O_ACCMODE) == O_RDONLY) return 0;
    if (!stat(path, &about) && !S_ISREG(about.st_mode)) return 0;
    errno = world->open;
    return 1;
}

#define MODE(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) {
    REAL(open);
    MODE(flags, mode);
    return refuses(path, flags) ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    REAL(open64);
    MODE(flags, mode);
    return refuses(path, flags) ? -1 : real(path, flags, mode);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    REAL(clock_gettime);
    int done = real(which, now);
    if (world && !done && which == CLOCK_REALTIME) now->tv_sec += world->clock;
    return done;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    REAL(gettimeofday);
    int done = real(now, zone);
    if (world && !done) now->tv_sec += world->clock;
    return done;
}

time_t time(time_t *at) {
    REAL(time);
    time_t now = real(NULL) + (world ? world->clock : 0);
    if (at) *at = now;
    return now;
}
