
/*
 * What a run came to: a JSON object or a table.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"


typedef struct {
    double    cpu;                     /* of the server, measured, seconds */
    double    connect_cpu;
    double    rss_each;                /* added by a connection, bytes */
    double    pss_each;
    uint64_t  missing;
    double    us[5];                   /* p50, p90, p99, p99.9, most */
    double    last[5];                 /* the same, to the last receiver */
} load_figures_t;


static double
load_per(double value, double by)
{
    return by > 0 ? value / by : 0;
}


static double
load_added(uint64_t before, uint64_t after, uint64_t clients)
{
    return load_per((double) after - (double) before, clients);
}


static void
load_figures(const load_result_t *r, load_figures_t *f)
{
    unsigned             i;
    static const double  at[] = { 0.5, 0.9, 0.99, 0.999, 1 };

    f->cpu = r->stop.cpu - r->start.cpu;
    f->connect_cpu = r->joined.cpu - r->before.cpu;
    f->rss_each = load_added(r->before.rss, r->joined.rss, r->sum.ready);
    f->pss_each = load_added(r->before.pss, r->joined.pss, r->sum.ready);
    f->missing = r->sum.expected > r->sum.received
                 ? r->sum.expected - r->sum.received : 0;

    for (i = 0; i < 5; i++) {
        f->us[i] = load_hist_at(r->sum.hist, at[i]) / 1000;
        f->last[i] = load_hist_at(r->sum.last, at[i]) / 1000;
    }
}


/* The worker whose bids wait longest by their median, and by their p99. */

static double
load_worst_worker(const load_bids_t *b, double q)
{
    double    us, worst;
    unsigned  i;

    for (i = 0, worst = 0; i < b->nworkers; i++) {
        us = load_hist_at(b->worker[i].wait, q) / 1000;
        worst = us > worst ? us : worst;
    }

    return worst;
}


static void
load_json_bids(const load_options_t *o, const load_result_t *r)
{
    unsigned            i;
    const load_bids_t  *b;

    b = r->bids;

    printf("\"bids\":{\"accepted\":%lu,\"refused\":%lu,\"unjudged\":%lu,"
           "\"heard_by_all\":%lu,\"raise\":%u,\"judged_per_s\":%.1f,"
           "\"accepted_per_s\":%.1f,\"spread_us\":{\"p50\":%.1f,"
           "\"p99\":%.1f,\"max\":%.1f},\"workers\":[",
           b->accepted, b->refused, b->unjudged, b->full, o->raise,
           load_per(b->accepted + b->refused, r->time),
           load_per(b->accepted, r->time), load_hist_at(b->spread, 0.5) / 1e3,
           load_hist_at(b->spread, 0.99) / 1e3,
           load_hist_at(b->spread, 1) / 1e3);

    for (i = 0; i < b->nworkers; i++) {
        printf("%s{\"pid\":%ld,\"bids\":%lu,\"p50_us\":%.1f,"
               "\"p99_us\":%.1f,\"max_us\":%.1f}", i ? "," : "",
               b->worker[i].pid, b->worker[i].bids,
               load_hist_at(b->worker[i].wait, 0.5) / 1e3,
               load_hist_at(b->worker[i].wait, 0.99) / 1e3,
               load_hist_at(b->worker[i].wait, 1) / 1e3);
    }

    printf("]},");
}


static void
load_table_bids(const load_result_t *r)
{
    const load_bids_t  *b;

    b = r->bids;

    printf("  bids         %.0f judged a second, %.1f of them accepted; "
           "%lu not judged\n",
           load_per(b->accepted + b->refused, r->time),
           load_per(b->accepted, r->time), b->unjudged);
    printf("  workers      %u; worst p50 %.0f us, p99 %.0f, most %.0f\n",
           b->nworkers, load_worst_worker(b, 0.5), load_worst_worker(b, 0.99),
           load_worst_worker(b, 1));
    printf("  fairness     first to last who hears a bid: p50 %.0f us, "
           "p99 %.0f, most %.0f\n",
           load_hist_at(b->spread, 0.5) / 1e3,
           load_hist_at(b->spread, 0.99) / 1e3,
           load_hist_at(b->spread, 1) / 1e3);
}


static void
load_json_text(const char *name, const char *text)
{
    printf("\"%s\":\"", name);

    for ( ; *text; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }

        putchar(*text < ' ' || *text > '~' ? '?' : *text);
    }

    printf("\",");
}


static void
load_json(const load_options_t *o, const load_result_t *r,
    const load_figures_t *f)
{
    const load_proc_t  *s;

    s = &r->sum;

    putchar('{');
    load_json_text("label", o->label);
    load_json_text("why", s->why);
    load_json_text("lost_why", s->lost);

    printf("\"clients\":%u,\"rooms\":%u,\"publishers\":%u,\"processes\":%u,"
           "\"window\":%u,\"rate\":%g,",
           o->clients, o->rooms, o->publishers, o->procs, o->window, o->rate);

    printf("\"ready\":%lu,\"failed\":%lu,\"closed\":%lu,\"connect_s\":%.3f,",
           s->ready, s->failed, s->closed, r->connect_time);

    printf("\"sent\":%lu,\"expected\":%lu,\"received\":%lu,\"missing\":%lu,"
           "\"refused\":%lu,\"skipped\":%lu,\"again\":%lu,\"stray\":%lu,",
           s->sent, s->expected, s->received, f->missing, s->refused,
           s->skipped, s->again, s->stray);

    printf("\"back\":%lu,\"bytes\":%lu,\"seconds\":%.3f,", s->back, s->bytes,
           r->time);

    printf("\"messages_per_s\":%.1f,\"deliveries_per_s\":%.1f,",
           load_per(s->measured_sent, r->time),
           load_per(s->measured, r->time));

    printf("\"latency_us\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
           "\"p999\":%.1f,\"max\":%.1f},\"late_us\":%.1f,",
           f->us[0], f->us[1], f->us[2], f->us[3], f->us[4], s->late / 1e3);

    printf("\"last_us\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
           "\"p999\":%.1f,\"max\":%.1f},\"end_s\":%.6f,",
           f->last[0], f->last[1], f->last[2], f->last[3], f->last[4], r->end);

    if (o->mode == LOAD_BID) {
        load_json_bids(o, r);
    }

    printf("\"client_cpu_s\":%.3f,", r->client_cpu);

    printf("\"server\":{\"processes\":%u,\"connect_cpu_s\":%.3f,"
           "\"cpu_s\":%.3f,\"messages_per_cpu_s\":%.1f,"
           "\"deliveries_per_cpu_s\":%.1f,",
           r->joined.processes, f->connect_cpu, f->cpu,
           load_per(s->measured_sent, f->cpu), load_per(s->measured, f->cpu));

    printf("\"rss_before\":%lu,\"rss_joined\":%lu,\"rss_end\":%lu,"
           "\"rss_per_client\":%.0f,\"pss_per_client\":%.0f}}\n",
           r->before.rss, r->joined.rss, r->stop.rss, f->rss_each,
           f->pss_each);
}


static void
load_table(const load_options_t *o, const load_result_t *r,
    const load_figures_t *f)
{
    const load_proc_t  *s;

    s = &r->sum;

    printf("%s\n", o->label);
    printf("  clients      %lu ready, %lu failed, %lu lost; %u rooms, "
           "%.2f s to connect\n",
           s->ready, s->failed, s->closed, o->rooms, r->connect_time);

    if (s->why[0]) {
        printf("  first fault  %s\n", s->why);
    }

    if (s->lost[0]) {
        printf("  first loss   %s\n", s->lost);
    }

    if (o->mode != LOAD_IDLE) {
        printf("  messages     %lu sent, %lu refused, %lu of %lu received; "
               "%lu missing, %lu out of turn, %lu again, %lu astray\n",
               s->sent, s->refused, s->received, s->expected, f->missing,
               s->skipped, s->again, s->stray);
        printf("  rate         %.0f messages/s, %.0f deliveries/s\n",
               load_per(s->measured_sent, r->time),
               load_per(s->measured, r->time));
        printf("  latency      p50 %.0f us, p90 %.0f, p99 %.0f, p99.9 %.0f, "
               "most %.0f\n",
               f->us[0], f->us[1], f->us[2], f->us[3], f->us[4]);
        printf("  to the last  p50 %.0f us, p90 %.0f, p99 %.0f, p99.9 %.0f, "
               "most %.0f\n",
               f->last[0], f->last[1], f->last[2], f->last[3], f->last[4]);
        printf("  this tool    %.2f s of CPU in %.2f s; at worst %.0f us "
               "behind its plan\n", r->client_cpu, r->time, s->late / 1e3);
    }

    if (o->mode == LOAD_BID) {
        load_table_bids(r);
    }

    if (r->joined.processes == 0) {
        return;
    }

    printf("  server CPU   %.2f s to connect and join, %.3f s measured",
           f->connect_cpu, f->cpu);

    if (s->measured) {
        printf(", %.0f deliveries/CPU s",
               load_per(s->measured, f->cpu));
    }

    printf("\n  server RSS   %lu kB before, %lu kB joined, %lu kB at the end; "
           "%.0f bytes a client (PSS %.0f)\n",
           r->before.rss / 1024, r->joined.rss / 1024, r->stop.rss / 1024,
           f->rss_each, f->pss_each);
}


int
load_report(const load_options_t *o, const load_result_t *r)
{
    load_figures_t      f;
    const load_proc_t  *s;

    s = &r->sum;
    load_figures(r, &f);

    if (o->json) {
        load_json(o, r, &f);

    } else {
        load_table(o, r, &f);
    }

    return s->ready == o->clients && s->closed == 0 && f.missing == 0
           && s->skipped == 0 && s->again == 0 && s->stray == 0
           && r->bids->unjudged == 0
           ? 0 : 1;
}
