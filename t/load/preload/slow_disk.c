/*
 * Preloaded into PostgreSQL by t/load/bench.pl: each flush of a file takes
 * SLOW_DISK_US microseconds longer, as on a disk whose cache is not trusted.
 */

#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>


static void
slow_disk_wait(void)
{
    long             us;
    const char      *text;
    struct timespec  ts;

    text = getenv("SLOW_DISK_US");
    us = text ? atol(text) : 0;

    ts.tv_sec = us / 1000000;
    ts.tv_nsec = us % 1000000 * 1000;

    (void) nanosleep(&ts, NULL);
}


int
fdatasync(int fd)
{
    int  (*next)(int fd);

    *(void **) &next = dlsym(RTLD_NEXT, "fdatasync");
    slow_disk_wait();

    return next(fd);
}


int
fsync(int fd)
{
    int  (*next)(int fd);

    *(void **) &next = dlsym(RTLD_NEXT, "fsync");
    slow_disk_wait();

    return next(fd);
}
