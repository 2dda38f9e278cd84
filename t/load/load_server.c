
/*
 * What the server costs, read from /proc.
 */


#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"


typedef struct {
    pid_t   pid;
    pid_t   parent;
    double  ticks;
    double  rss;                       /* pages */
} load_stat_t;


/* One line of /proc/PID/FILE; the name in parentheses may hold anything. */

static int
load_proc_line(pid_t pid, const char *file, char *buf, size_t size)
{
    FILE  *f;
    char   path[64];
    int    ok;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);

    f = fopen(path, "r");
    if (f == NULL) {
        return -1;
    }

    ok = fgets(buf, size, f) != NULL;
    fclose(f);

    return ok ? 0 : -1;
}


static int
load_stat_read(pid_t pid, load_stat_t *st)
{
    int            parent;
    long           rss;
    char           buf[1024], *p;
    unsigned long  user, system;

    if (load_proc_line(pid, "stat", buf, sizeof(buf)) != 0) {
        return -1;
    }

    p = strrchr(buf, ')');

    /* fields 3, 4, 14, 15 and 24 of proc(5) */

    if (p == NULL
        || sscanf(p + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu"
                  " %*d %*d %*d %*d %*d %*d %*u %*u %ld",
                  &parent, &user, &system, &rss) != 4)
    {
        return -1;
    }

    st->pid = pid;
    st->parent = parent;
    st->ticks = (double) user + system;
    st->rss = rss;

    return 0;
}


/*
 * Seconds on a processor.  schedstat tells nanoseconds, but of the first thread
 * only, and not on every kernel: it counts where it is near to the ticks.
 */

static double
load_cpu(const load_stat_t *st)
{
    char                buf[128];
    double              coarse, fine;
    unsigned long long  ns;

    coarse = st->ticks / sysconf(_SC_CLK_TCK);

    if (load_proc_line(st->pid, "schedstat", buf, sizeof(buf)) != 0
        || sscanf(buf, "%llu", &ns) != 1)
    {
        return coarse;
    }

    fine = ns / 1e9;

    return fine > coarse * 0.8 - 0.05 && fine < coarse * 1.2 + 0.05
           ? fine : coarse;
}


static uint64_t
load_pss(pid_t pid)
{
    FILE           *f;
    char            path[64], line[256];
    unsigned long   kb;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int) pid);

    f = fopen(path, "r");
    if (f == NULL) {
        return 0;
    }

    kb = 0;

    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "Pss: %lu", &kb) == 1) {
            break;
        }
    }

    fclose(f);

    return (uint64_t) kb * 1024;
}


static unsigned
load_stat_all(load_stat_t *all, unsigned max)
{
    DIR            *dir;
    unsigned        n;
    struct dirent  *e;

    dir = opendir("/proc");
    if (dir == NULL) {
        return 0;
    }

    n = 0;

    while (n < max && (e = readdir(dir)) != NULL) {
        if (isdigit((unsigned char) e->d_name[0])
            && load_stat_read(atoi(e->d_name), &all[n]) == 0)
        {
            n++;
        }
    }

    closedir(dir);

    return n;
}


void
load_server_read(pid_t pid, load_server_t *s)
{
    pid_t         tree[LOAD_MAX_PIDS];
    unsigned      n, i, k, ntree;
    load_stat_t  *all;

    memset(s, 0, sizeof(load_server_t));

    all = pid ? malloc(32768 * sizeof(load_stat_t)) : NULL;
    if (all == NULL) {
        return;
    }

    n = load_stat_all(all, 32768);
    tree[0] = pid;
    ntree = 1;

    for (k = 0; k < ntree; k++) {
        for (i = 0; i < n; i++) {
            if (all[i].parent == tree[k] && ntree < LOAD_MAX_PIDS) {
                tree[ntree++] = all[i].pid;
            }

            if (all[i].pid == tree[k]) {
                s->processes++;
                s->cpu += load_cpu(&all[i]);
                s->rss += (uint64_t) all[i].rss * sysconf(_SC_PAGESIZE);
                s->pss += load_pss(all[i].pid);
            }
        }
    }

    free(all);
}
