
/*
 * Preloaded after the address sanitizer's library: what leaked is looked for
 * when nginx unloads the module, at the end of a process.  Later the pool of
 * the configuration is gone, and with it the only pointers to all that a
 * process rightly keeps as long as it lives.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <sanitizer/lsan_interface.h>


int
dlclose(void *handle)
{
    int  (*next)(void *);

    __lsan_do_leak_check();

    *(void **) &next = dlsym(RTLD_NEXT, "dlclose");

    return next ? next(handle) : -1;
}
