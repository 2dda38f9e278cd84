
/*
 * rtprop-load: many WebSocket clients, and a check of each message.  This file
 * is the parent, which starts the processes and moves them from phase to phase;
 * load.h shows the rest.
 */


#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"
#include "load_options.h"


#define LOAD_LOOK    2000000           /* ns between two looks at counters */
#define LOAD_AFTER   0.05              /* s, to see whether something doubles */


typedef int (*load_until_pt)(const load_options_t *o, load_shared_t *sh);


static load_shared_t *
load_shared_create(const load_options_t *o)
{
    char           *p;
    size_t          rooms, flights;
    unsigned        i;
    load_shared_t  *sh;

    rooms = (sizeof(load_shared_t) + 63) / 64 * 64;
    flights = rooms + (o->rooms * sizeof(uint32_t) + 63) / 64 * 64;

    p = mmap(NULL, flights + o->publishers * sizeof(load_flight_t),
             PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }

    sh = (load_shared_t *) p;
    sh->room_ready = (uint32_t *) (p + rooms);
    sh->flight = (load_flight_t *) (p + flights);
    sh->begun = load_now();

    for (i = 0; i < o->procs; i++) {
        sh->wake[i] = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (sh->wake[i] == -1) {
            return NULL;
        }
    }

    return sh;
}


/* Sums up what the processes have counted so far. */

static void
load_sum(const load_options_t *o, load_shared_t *sh, load_proc_t *sum)
{
    unsigned      i, k;
    load_proc_t  *p;

    memset(sum, 0, sizeof(load_proc_t));

    for (i = 0; i < o->procs; i++) {
        p = &sh->proc[i];

        sum->ready += p->ready;
        sum->failed += p->failed;
        sum->closed += p->closed;
        sum->back += p->back;
        sum->sent += p->sent;
        sum->expected += p->expected;
        sum->received += p->received;
        sum->refused += p->refused;
        sum->skipped += p->skipped;
        sum->again += p->again;
        sum->stray += p->stray;
        sum->frames += p->frames;
        sum->bytes += p->bytes;
        sum->measured += p->measured;
        sum->measured_sent += p->measured_sent;
        sum->late = p->late > sum->late ? p->late : sum->late;

        for (k = 0; k < LOAD_HIST_SIZE; k++) {
            sum->hist[k] += p->hist[k];
            sum->last[k] += p->last[k];
        }

        if (sum->why[0] == '\0') {
            memcpy(sum->why, p->why, sizeof(sum->why) - 1);
        }

        if (sum->lost[0] == '\0') {
            memcpy(sum->lost, p->lost, sizeof(sum->lost) - 1);
        }
    }
}


/* Waits for so long, or until "until" says that it is enough. */

static void
load_wait_for(const load_options_t *o, load_shared_t *sh, double seconds,
    load_until_pt until)
{
    uint64_t         last;
    struct timespec  t;

    last = load_now() + (uint64_t) (seconds * 1e9);
    t.tv_sec = 0;
    t.tv_nsec = LOAD_LOOK;

    while (load_now() < last && (until == NULL || !until(o, sh))) {
        (void) nanosleep(&t, NULL);
    }
}


static int
load_all_joined(const load_options_t *o, load_shared_t *sh)
{
    uint64_t  n;
    unsigned  i;

    for (i = 0, n = 0; i < o->procs; i++) {
        n += __atomic_load_n(&sh->proc[i].ready, __ATOMIC_RELAXED);
        n += __atomic_load_n(&sh->proc[i].failed, __ATOMIC_RELAXED);
    }

    sh->broken = waitpid(-1, NULL, WNOHANG) > 0;

    return n >= o->clients || sh->broken;
}


/* Each client has heard so many. */

static int
load_all_heard(const load_options_t *o, load_shared_t *sh)
{
    uint64_t  received;
    unsigned  i;

    for (i = 0, received = 0; i < o->procs; i++) {
        received += __atomic_load_n(&sh->proc[i].received, __ATOMIC_RELAXED);
    }

    return received >= (uint64_t) o->clients * o->hear;
}


static int
load_all_received(const load_options_t *o, load_shared_t *sh)
{
    uint64_t  expected, received;
    unsigned  i;

    for (i = 0, expected = 0, received = 0; i < o->procs; i++) {
        expected += __atomic_load_n(&sh->proc[i].expected, __ATOMIC_RELAXED);
        received += __atomic_load_n(&sh->proc[i].received, __ATOMIC_RELAXED);
    }

    return received >= expected;
}


static void
load_phase_set(const load_options_t *o, load_shared_t *sh, int phase)
{
    unsigned  i;
    uint64_t  one;

    __atomic_store_n(&sh->phase, phase, __ATOMIC_RELEASE);

    for (i = 0, one = 1; i < o->procs; i++) {
        (void) !write(sh->wake[i], &one, sizeof(one));
    }
}


/* Processor seconds of a process of the tool so far. */

static double
load_cpu_of(pid_t pid)
{
    load_server_t  s;

    load_server_read(pid, &s);

    return s.cpu;
}


/* All the processes of --pid and those under them, as one. */

static void
load_servers_read(const load_options_t *o, load_server_t *s)
{
    unsigned       i;
    load_server_t  one;

    memset(s, 0, sizeof(load_server_t));

    for (i = 0; i < o->npids; i++) {
        load_server_read(o->pids[i], &one);

        s->cpu += one.cpu;
        s->rss += one.rss;
        s->pss += one.pss;
        s->processes += one.processes;
    }
}


/* Gives -1 where a process could not begin, which has said why. */

static int
load_phases(const load_options_t *o, load_shared_t *sh, load_result_t *r)
{
    uint64_t  start;

    start = load_now();
    load_phase_set(o, sh, LOAD_CONNECT);
    load_wait_for(o, sh, o->connect_timeout, load_all_joined);
    r->connect_time = (load_now() - start) / 1e9;

    if (sh->broken) {
        return -1;
    }

    load_phase_set(o, sh, LOAD_SETTLE);
    load_wait_for(o, sh, o->settle, NULL);
    load_servers_read(o, &r->joined);

    if (o->mode == LOAD_HEAR) {
        printf("listening\n");        /* to who says something now */
        fflush(stdout);

    } else if (o->mode != LOAD_IDLE) {
        load_phase_set(o, sh, LOAD_WARMUP);
        load_wait_for(o, sh, o->warmup, NULL);
    }

    r->client_cpu = load_cpu_of(getpid());
    load_servers_read(o, &r->start);
    start = load_now();

    load_phase_set(o, sh, LOAD_MEASURE);
    load_wait_for(o, sh, o->seconds, o->hear ? load_all_heard : NULL);
    r->end = load_now() / 1e9;
    load_phase_set(o, sh, LOAD_DRAIN);

    r->time = (load_now() - start) / 1e9;
    load_servers_read(o, &r->stop);
    r->client_cpu = load_cpu_of(getpid()) - r->client_cpu;

    load_wait_for(o, sh, o->drain, load_all_received);
    load_wait_for(o, sh, LOAD_AFTER, NULL);

    return 0;
}


static void
load_start(const load_options_t *o, load_shared_t *sh, pid_t *pids)
{
    unsigned  i;

    for (i = 0; i < o->procs; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(load_run(o, sh, i));
        }

        if (pids[i] == -1) {
            fprintf(stderr, "rtprop-load: fork: %s\n", strerror(errno));
            exit(2);
        }
    }
}


int
main(int argc, char **argv)
{
    pid_t            pids[LOAD_MAX_PROCS];
    unsigned         i;
    load_shared_t   *sh;
    load_options_t   o;
    load_result_t   *r;

    load_options_read(&o, argc, argv);

    sh = load_shared_create(&o);
    r = calloc(1, sizeof(load_result_t));

    if (sh == NULL || r == NULL) {
        fprintf(stderr, "rtprop-load: no memory\n");
        return 2;
    }

    load_servers_read(&o, &r->before);

    if (r->before.processes < o.npids) {
        fprintf(stderr, "rtprop-load: there is no such process (--pid)\n");
        return 2;
    }

    load_start(&o, sh, pids);

    if (load_phases(&o, sh, r) != 0) {
        return 2;
    }

    load_phase_set(&o, sh, LOAD_END);

    for (i = 0; i < o.procs; i++) {
        (void) waitpid(pids[i], NULL, 0);
    }

    load_sum(&o, sh, &r->sum);
    r->sum.expected += (uint64_t) o.clients * o.hear;
    r->bids = &sh->bids;

    return load_report(&o, r);
}
