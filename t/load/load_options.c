
/*
 * The command line: everything that a run may take is bounded here.
 */


#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "load_options.h"


#define LOAD_SPARE_FILES    100


static const struct option  load_longopts[] = {
    { "url",             required_argument, NULL, 'u' },
    { "clients",         required_argument, NULL, 'n' },
    { "rooms",           required_argument, NULL, 'r' },
    { "publishers",      required_argument, NULL, 'k' },
    { "processes",       required_argument, NULL, 'p' },
    { "kind",            required_argument, NULL, 'K' },
    { "join",            required_argument, NULL, 'j' },
    { "joined",          required_argument, NULL, 'J' },
    { "welcome",         required_argument, NULL, 'W' },
    { "message",         required_argument, NULL, 'm' },
    { "pad",             required_argument, NULL, 'a' },
    { "header",          required_argument, NULL, 'H' },
    { "tokens",          required_argument, NULL, 'T' },
    { "insecure",        no_argument,       NULL, 'I' },
    { "ca",              required_argument, NULL, 'A' },
    { "resume",          no_argument,       NULL, 'q' },
    { "deflate",         no_argument,       NULL, 'z' },
    { "raise",           required_argument, NULL, 'B' },
    { "idle",            no_argument,       NULL, 'i' },
    { "hear",            required_argument, NULL, 'E' },
    { "echo",            no_argument,       NULL, 'e' },
    { "rate",            required_argument, NULL, 'R' },
    { "window",          required_argument, NULL, 'w' },
    { "connect-rate",    required_argument, NULL, 'c' },
    { "connect-timeout", required_argument, NULL, 'C' },
    { "settle",          required_argument, NULL, 'S' },
    { "warmup",          required_argument, NULL, 'U' },
    { "seconds",         required_argument, NULL, 's' },
    { "drain",           required_argument, NULL, 'D' },
    { "coalesce",        required_argument, NULL, 'o' },
    { "cpu",             required_argument, NULL, 'x' },
    { "pid",             required_argument, NULL, 'P' },
    { "label",           required_argument, NULL, 'l' },
    { "json",            no_argument,       NULL, 'O' },
    { "help",            no_argument,       NULL, 'h' },
    { NULL, 0, NULL, 0 }
};


static const char  load_usage[] =
    "usage: rtprop-load --url ws[s]://HOST:PORT/PATH [OPTION]...\n"
    "\n"
    "Load for a server of your own.  Client i is in room i mod ROOMS; the\n"
    "first PUBLISHERS clients speak.  {i} {room} {token} are replaced in the\n"
    "url, headers and the join; also {mark} and {pad} in the message.\n"
    "\n"
    "  --clients N           1; at most 200000\n"
    "  --rooms N             1\n"
    "  --publishers N        one for each room\n"
    "  --processes N         as many as the limit of open files asks for\n"
    "  --kind chat|property|auction   join and message of this feature;\n"
    "                        chat is the default, property only joins\n"
    "  --raise N             20; of an auction's bids each Nth, by chance, is\n"
    "                        higher than all before, the others are too low\n"
    "  --join FRAME --joined TEXT     any other join, and what answers it\n"
    "  --welcome TEXT        awaited before the join (\"welcome\"), or empty\n"
    "  --message FRAME       with {mark}, which must come back as it is\n"
    "  --pad N               40; characters of {pad}\n"
    "  --header LINE         of the handshake; up to 8 times\n"
    "  --tokens FILE         a line each for {token}\n"
    "  --ca FILE             wss: trusted certificates, not the system's\n"
    "  --insecure            wss: any certificate will do\n"
    "  --resume              who is sent away comes back, resumes, and says\n"
    "                        again what was lost on the way (kind chat)\n"
    "  --deflate             offers permessage-deflate, and must get it\n"
    "  --idle                connect and join only\n"
    "  --hear N              connect and join, and say \"listening\"; until\n"
    "                        each has heard N marked messages from elsewhere,\n"
    "                        or until --seconds have passed\n"
    "  --echo                each client hears what it says\n"
    "  --rate N              messages a second of all publishers (10)\n"
    "  --window N            instead: N messages of a publisher in flight\n"
    "  --seconds S           5; measured, after --warmup (0.5); up to 600\n"
    "  --connect-rate N      2000 a second; --connect-timeout S (60)\n"
    "  --settle S            0.5, after the last join\n"
    "  --drain S             3, at most, for what is still on its way\n"
    "  --coalesce US         reads at most once in so many microseconds\n"
    "  --cpu N               runs the tool on this processor\n"
    "  --pid PID             of the server: CPU and memory, with its\n"
    "                        children; up to 8 times, summed up\n"
    "  --label TEXT  --json\n"
    "\n"
    "Exits with 0 if all clients became ready and each message arrived once\n"
    "and in order at each receiver, with 1 if not, 2 for a wrong option.\n";


static const char  load_chat[] =
    "{\"type\":\"chat:send_message\",\"payload\":"
    "{\"conversation_id\":\"load{room}\",\"content\":\"{mark}{pad}\"}}";

static const char  load_chat_id[] =
    "{\"type\":\"chat:send_message\",\"payload\":"
    "{\"conversation_id\":\"load{room}\",\"content\":\"{mark}{pad}\","
    "\"client_message_id\":\"{id}\"}}";


static void load_die(const char *text, ...)
    __attribute__((format(printf, 1, 2), noreturn));


static void
load_die(const char *text, ...)
{
    va_list  args;

    va_start(args, text);
    fputs("rtprop-load: ", stderr);
    vfprintf(stderr, text, args);
    fputs("\n", stderr);
    va_end(args);

    exit(2);
}


static double
load_number(const char *name, const char *text, double min, double max)
{
    char    *end;
    double   value;

    value = strtod(text, &end);

    if (end == text || *end || !(value >= min && value <= max)) {
        load_die("--%s takes a number from %g to %g", name, min, max);
    }

    return value;
}


static void
load_kind(load_options_t *o, const char *kind)
{
    if (strcmp(kind, "chat") == 0) {
        o->join = "{\"type\":\"chat:join\",\"payload\":"
                  "{\"conversation_id\":\"load{room}\"}}";
        o->joined = "chat:joined";
        o->message = load_chat;
        return;
    }

    o->message = NULL;

    if (strcmp(kind, "property") == 0) {
        o->join = "{\"type\":\"property:subscribe\",\"payload\":"
                  "{\"property_id\":\"load{room}\"}}";
        o->joined = "property:state";

    } else if (strcmp(kind, "auction") == 0) {
        o->join = "{\"type\":\"auction:join\",\"payload\":"
                  "{\"auction_id\":\"load{room}\"}}";
        o->joined = "auction:state";
        o->mode = o->mode == LOAD_PUBLISH ? LOAD_BID : o->mode;

    } else {
        load_die("--kind takes chat, property or auction");
    }
}


static void
load_tokens(load_options_t *o, const char *file)
{
    FILE    *f;
    char     line[8192];
    size_t   len;

    f = fopen(file, "r");
    if (f == NULL) {
        load_die("%s cannot be read", file);
    }

    o->tokens = calloc(LOAD_MAX_CLIENTS, sizeof(char *));

    while (o->tokens && o->ntokens < LOAD_MAX_CLIENTS
           && fgets(line, sizeof(line), f))
    {
        len = strcspn(line, "\r\n");
        line[len] = '\0';

        if (len) {
            o->tokens[o->ntokens++] = strdup(line);
        }
    }

    fclose(f);

    if (o->ntokens == 0) {
        load_die("%s holds no token", file);
    }
}


static void
load_url(load_options_t *o, const char *url)
{
    size_t       len;
    const char  *host, *colon;

    o->tls = strncmp(url, "wss://", 6) == 0;

    if (!o->tls && strncmp(url, "ws://", 5) != 0) {
        load_die("--url takes ws://HOST:PORT/PATH or wss://");
    }

    host = url + (o->tls ? 6 : 5);
    len = strcspn(host, "/?");
    o->url = url;
    o->path = host[len] == '/' ? host + len : "/";

    colon = memchr(host, ':', len);
    strcpy(o->port, o->tls ? "443" : "80");

    if (colon) {
        if (len - (colon - host) - 1 >= sizeof(o->port)) {
            load_die("--url: the port is too long");
        }

        snprintf(o->port, sizeof(o->port), "%.*s",
                 (int) (len - (colon - host) - 1), colon + 1);
        len = colon - host;
    }

    if (len == 0 || len >= sizeof(o->host)) {
        load_die("--url takes ws://HOST:PORT/PATH");
    }

    snprintf(o->host, sizeof(o->host), "%.*s", (int) len, host);
}


static void
load_option(load_options_t *o, int c, const char *name, const char *arg)
{
    switch (c) {
    case 'u': load_url(o, arg); break;
    case 'n': o->clients = load_number(name, arg, 1, LOAD_MAX_CLIENTS); break;
    case 'r': o->rooms = load_number(name, arg, 1, LOAD_MAX_CLIENTS); break;
    case 'k': o->publishers = load_number(name, arg, 1, LOAD_MAX_CLIENTS);
              break;
    case 'p': o->procs = load_number(name, arg, 1, LOAD_MAX_PROCS); break;
    case 'K': load_kind(o, arg); break;
    case 'j': o->join = arg; break;
    case 'J': o->joined = arg; break;
    case 'W': o->welcome = arg; break;
    case 'm': o->message = arg; break;
    case 'B': o->raise = load_number(name, arg, 1, 1000000); break;
    case 'a': o->pad = load_number(name, arg, 0, 32768); break;
    case 'T': load_tokens(o, arg); break;
    case 'I': o->insecure = 1; break;
    case 'A': o->ca = arg; break;
    case 'q': o->resume = 1; break;
    case 'z': o->deflate = 1; break;
    case 'i': o->mode = LOAD_IDLE; break;
    case 'e': o->mode = LOAD_ECHO; break;
    case 'R': o->rate = load_number(name, arg, 0.1, LOAD_MAX_RATE); break;
    case 'w': o->window = load_number(name, arg, 1, LOAD_WINDOW); break;
    case 'c': o->connect_rate = load_number(name, arg, 1, 100000); break;
    case 'C': o->connect_timeout = load_number(name, arg, 0.1, 600); break;
    case 'S': o->settle = load_number(name, arg, 0, 60); break;
    case 'U': o->warmup = load_number(name, arg, 0, 60); break;
    case 's': o->seconds = load_number(name, arg, 0.05, LOAD_MAX_SECONDS);
              break;
    case 'D': o->drain = load_number(name, arg, 0, 60); break;
    case 'o': o->coalesce = load_number(name, arg, 0, 100000); break;
    case 'x': o->cpu = load_number(name, arg, 0, 1023); break;
    case 'E': o->hear = load_number(name, arg, 1, 1000000);
              o->mode = LOAD_HEAR; break;
    case 'l': o->label = arg; break;
    case 'O': o->json = 1; break;

    case 'P':
        if (o->npids == LOAD_MAX_SERVERS) {
            load_die("--pid: at most %d", LOAD_MAX_SERVERS);
        }

        o->pids[o->npids++] = load_number(name, arg, 1, 1 << 30);
        break;

    case 'H':
        if (o->nheaders == LOAD_MAX_HEADERS) {
            load_die("--header: at most %d", LOAD_MAX_HEADERS);
        }

        o->headers[o->nheaders++] = arg;
        break;

    case 'h':
        fputs(load_usage, stdout);
        exit(0);

    default:
        fputs(load_usage, stderr);
        exit(2);
    }
}


/* A soft limit of open files is raised to the hard one. */

static void
load_processes(load_options_t *o)
{
    unsigned       files, least;
    struct rlimit  rl;

    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);

    files = rl.rlim_max > 1 << 20 ? 1 << 20 : rl.rlim_max;

    if (files < 2 * LOAD_SPARE_FILES) {
        load_die("the limit of open files is too low");
    }

    files -= LOAD_SPARE_FILES;
    least = (o->clients + files - 1) / files;
    o->procs = o->procs ? o->procs : least;

    if (least > LOAD_MAX_PROCS || o->procs < least) {
        load_die("%u clients take %u processes with %u files each",
                 o->clients, least, files);
    }

    if (o->procs > o->clients) {
        o->procs = o->clients;
    }
}


/* One process, so that what it sees has one clock and one table. */

static void
load_bidders(load_options_t *o)
{
    if (o->rooms > 1 || o->window || o->procs > 1 || o->resume) {
        load_die("--kind auction takes --rate; neither --rooms nor --window, "
                 "--processes, --resume");
    }

    if (o->rate * (o->warmup + o->seconds) > LOAD_MAX_TRACKED) {
        load_die("--rate times --seconds is at most %d", LOAD_MAX_TRACKED);
    }

    o->publishers = o->clients;
    o->procs = 1;
}


static void
load_publishers(load_options_t *o)
{
    char  text[LOAD_MAX_MESSAGE / 2];

    if (o->mode == LOAD_ECHO) {
        o->rooms = o->clients;
        o->join = "";
        o->publishers = o->clients;
    }

    if (o->rooms > o->clients) {
        load_die("--rooms: more than --clients");
    }

    if (o->publishers == 0) {
        o->publishers = o->rooms;
    }

    if (o->publishers > o->clients) {
        load_die("--publishers: more than --clients");
    }

    o->per_room = (o->publishers + o->rooms - 1) / o->rooms;

    if ((double) o->per_room * o->clients > LOAD_MAX_TRACKED) {
        load_die("--publishers times --clients / --rooms is at most %d",
                 LOAD_MAX_TRACKED);
    }

    if (o->rate > 0 && o->window) {
        load_die("--rate or --window, not both");
    }

    if (o->rate == 0 && o->window == 0) {
        o->rate = 10;
    }

    if (o->mode == LOAD_IDLE || o->mode == LOAD_HEAR) {
        o->rate = 0;
        o->window = 0;
        return;
    }

    if (o->mode == LOAD_BID) {
        load_bidders(o);
        return;
    }

    if (o->message == NULL || strstr(o->message, "{mark}") == NULL) {
        load_die("--message with {mark} is needed, or --idle");
    }

    /* with a spare mark, for each digit of {i} that may stand in it */

    if (load_expand(o, o->message, o->clients, load_usage, text, sizeof(text))
        == -1)
    {
        load_die("--message is longer than %d bytes", LOAD_MAX_MESSAGE / 2);
    }
}


void
load_options_read(load_options_t *o, int argc, char **argv)
{
    int  c, at;

    memset(o, 0, sizeof(load_options_t));

    o->mode = LOAD_PUBLISH;
    o->clients = 1;
    o->rooms = 1;
    o->welcome = "\"welcome\"";
    o->label = "rtprop-load";
    o->connect_rate = 2000;
    o->connect_timeout = 60;
    o->settle = 0.5;
    o->warmup = 0.5;
    o->seconds = 5;
    o->drain = 3;
    o->cpu = -1;
    o->pad = 40;
    o->raise = 20;
    load_kind(o, "chat");

    at = 0;

    while ((c = getopt_long(argc, argv, "", load_longopts, &at)) != -1) {
        load_option(o, c, load_longopts[at].name, optarg);
    }

    if (optind != argc || o->url == NULL) {
        fputs(load_usage, stderr);
        exit(2);
    }

    if (o->resume && o->message == load_chat) {
        o->message = load_chat_id;
    }

    load_publishers(o);
    load_processes(o);
}
