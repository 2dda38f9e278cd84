/*
 * Preloaded into nginx by the tests of hardness.  A file of numbers, named by
 * RTPROP_SHIM and mapped by all processes:
 *
 *   offset      milliseconds that the time of day is moved by
 *   generation  when it changes, each process gives back the memory that it
 *               has freed, and counts itself in "done"
 *   in_use      octets that these have allocated and not freed, as the address
 *               sanitizer counts them; 0 without it
 *   steady      milliseconds that monotonic clocks are ahead
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


typedef struct {
    volatile int64_t  offset;
    volatile int64_t  generation;
    volatile int64_t  done;
    volatile int64_t  in_use;
    volatile int64_t  steady;
} shim_t;


/* of the sanitizer's library, if that is preloaded, too */

extern size_t __sanitizer_get_current_allocated_bytes(void)
    __attribute__((weak));


static shim_t    shim_none;
static shim_t   *shim = &shim_none;
static int64_t   shim_seen;

static int     (*shim_gettime)(clockid_t id, struct timespec *ts);


static void __attribute__((constructor))
shim_init(void)
{
    int          fd;
    void        *p;
    const char  *name;

    *(void **) &shim_gettime = dlsym(RTLD_NEXT, "clock_gettime");

    name = getenv("RTPROP_SHIM");
    fd = name ? open(name, O_RDWR) : -1;

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(shim_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);

    if (p != MAP_FAILED) {
        shim = p;
    }
}


static void
shim_trim(void)
{
    int64_t  generation;

    generation = shim->generation;

    if (generation == shim_seen) {
        return;
    }

    shim_seen = generation;

    if (__sanitizer_get_current_allocated_bytes) {
        (void) __sync_fetch_and_add(&shim->in_use,
                           (int64_t) __sanitizer_get_current_allocated_bytes());

    } else {
        (void) malloc_trim(0);
    }

    (void) __sync_fetch_and_add(&shim->done, 1);
}


static void
shim_shift(struct timespec *ts, int64_t ms)
{
    int64_t  ns;

    ns = ts->tv_nsec + (ms % 1000) * 1000000;
    ts->tv_sec += ms / 1000;

    if (ns < 0) {
        ns += 1000000000;
        ts->tv_sec--;
    }

    ts->tv_sec += ns / 1000000000;
    ts->tv_nsec = ns % 1000000000;
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    rc = shim_gettime(id, ts);

    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) {
        shim_shift(ts, shim->offset);

    } else {

        if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE) {
            shim_shift(ts, shim->steady);
        }

        shim_trim();
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    int              rc;
    struct timespec  ts;

    (void) tz;

    rc = shim_gettime(CLOCK_REALTIME, &ts);

    shim_shift(&ts, shim->offset);

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return rc;
}


time_t
time(time_t *t)
{
    struct timespec  ts;

    (void) shim_gettime(CLOCK_REALTIME, &ts);

    shim_shift(&ts, shim->offset);

    if (t) {
        *t = ts.tv_sec;
    }

    return ts.tv_sec;
}
