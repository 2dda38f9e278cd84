/*
 * Client: one connection to an rtprop server that mends itself.
 *
 * Frames from the server are emitted under their type as (payload, frame).
 * The client's own events are 'connection:state', 'connection:open',
 * 'connection:close', 'connection:dropped', 'connection:refused',
 * 'connection:rejoin_refused' and 'connection:invalid'.
 *
 * Everything that could grow is bounded: the outbox, the requests in flight,
 * the delays between attempts.
 */

import { Emitter } from './emitter.js';
import { RtpropError } from './error.js';
import { Alarms } from './alarms.js';
import { Requests } from './requests.js';
import { ServerClock } from './clock.js';
import { Memberships } from './memberships.js';
import { addressOf } from './address.js';
import { expiryOf, refreshDelay } from './token.js';
import { watch, isOffline, monotonic } from './surroundings.js';
import * as backoff from './backoff.js';

const defaults = {
    token: null,            /* string, or ({reason}) => string | Promise */
    tokenIn: 'protocol',    /* 'protocol' (not in any log) or 'query' */
    params: {},             /* query parameters: {ping: 120, batch: 1} */
    backoff: {},
    connectTimeout: 10000,  /* ms until welcome */
    requestTimeout: 10000,  /* ms from sending to answer */
    maxWait: 30000,         /* ms a request may wait for a connection */
    maxPending: 256,        /* requests without an answer */
    queue: 256,             /* entries of the outbox */
    volatileTtl: 5000,      /* ms after which a queued typing is stale */
    maxBuffered: 1048576,   /* bytes in the socket before volatile is skipped */
    pingInterval: 20000,    /* ms of silence before we ask */
    pongTimeout: 8000,      /* ms to wait for any frame then */
    offlineTimeout: 2000,   /* the same when the browser says it is offline */
    stableAfter: 5000,      /* ms after which failures are forgotten */
    returnWhenKicked: false
};


/*
 * Failures that a connection leaves to count which was open, though not for
 * long: the next delay is 4 s at most, not the half minute of a server that
 * never answers.
 */
const SHAKY = 3;


export class Client extends Emitter {
    #conf;
    #url;
    #WebSocket;
    #local;
    #random;
    #env;

    #ws = null;
    #state = 'idle';
    #generation = 0;        /* tells late callbacks of an older attempt */
    #attempt = 0;
    #alarms;                /* connect, retry, ping, pong, stable, refresh,
                               rejoin */
    #tokenReason = 'first';
    #token = null;
    #session = null;
    #user = null;

    #requests;
    #pingSentAt = null;
    #heardAt = 0;
    #members;
    #unlisten = [];

    constructor(url, options = {}) {
        super();

        const { WebSocket, timers, clock, random, events, ...rest } = options;

        this.#conf = { ...defaults, ...rest,
                       backoff: { ...backoff.defaults, ...rest.backoff } };
        this.#url = url;
        this.#WebSocket = WebSocket ?? globalThis.WebSocket;
        this.#local = clock ?? monotonic;
        this.#random = random ?? Math.random;
        this.#env = events ?? globalThis;

        if (typeof this.#WebSocket !== 'function') {
            throw new TypeError('no WebSocket here: pass one as'
                                + ' {WebSocket: ...}');
        }

        const own = timers ?? {
            setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
            clearTimeout: (t) => globalThis.clearTimeout(t)
        };

        this.#alarms = new Alarms(own);
        this.#requests = new Requests(this.#link(), this.#conf, {
            timers: own, local: this.#local, random: this.#random
        });
        this.clock = new ServerClock(this.#local);
        this.#members = new Memberships(this, {
            alarms: this.#alarms,
            delay: (attempt) => backoff.delay(attempt, this.#conf.backoff,
                                              this.#random)
        });
        this.#listen();
    }

    /* 'idle', 'connecting', 'resuming', 'open', 'waiting', 'offline', 'closed' */
    get state() { return this.#state; }

    get sessionId() { return this.#session; }

    /* {id, name, role} as the server knows us, after the first welcome */
    get user() { return this.#user; }

    /* entries that wait for a connection */
    get queued() { return this.#requests.queued; }

    /* the server's time, milliseconds since the epoch */
    now() { return this.clock.now(); }

    /* Starts connecting; does nothing where it already is. */
    connect() {
        if (this.#state === 'idle' || this.#state === 'closed') {
            this.#listen();
            this.#attempt = 0;
            this.#open();

        } else if (this.#state === 'waiting' || this.#state === 'offline') {
            this.#open();
        }

        return this;
    }

    /* Ends the connection for good and rejects whatever waits ('closed'). */
    close(code = 1000, reason = '') {
        const ws = this.#abandon();

        try {
            ws?.close(code, reason);
        } catch { /* a code the browser does not let us send: it goes anyway */ }

        this.#finish({ code, reason, byUs: true });
    }

    /*
     * Sends without awaiting an answer.  Options: volatile (may be dropped),
     * key (a newer one replaces a waiting one), queue (false: only when open).
     * Returns whether it was sent or queued.
     */
    send(type, payload = {}, options = {}) {
        return this.#requests.send(type, payload, options);
    }

    /*
     * Sends a command with an id.  The promise gives the answer's frame
     * {type, payload, ...} or is rejected with an RtpropError.
     *
     * timeout  ms from sending to answer
     * maxWait  ms it may wait for a connection (Infinity: as long as it takes)
     * queue    false: 'offline' at once when there is no connection
     * retry    send again when the connection is lost before the answer came,
     *          or when the server was busy; for commands that carry a client id
     *          or otherwise may happen twice
     */
    request(type, payload = {}, options = {}) {
        return this.#requests.request(type, payload, options);
    }

    /*
     * Joins a channel and stays in it over reconnects: it is resumed where
     * the server gave a position, joined anew where not.  The promise gives
     * the join's answer.  leave() takes the same kind back.
     */
    join(membership) { return this.#members.join(membership); }

    leave(membership) { return this.#members.leave(membership); }

    /* Gives the server a new token on the open connection. */
    async refreshToken(token) {
        const fresh = token ?? await this.#fetchToken('refresh');

        if (!fresh) {
            throw new RtpropError('not_authorized', 'there is no token');
        }

        const answer = await this.request('auth:refresh', { token: fresh },
                                          { queue: false });
        this.#token = fresh;
        this.#planRefresh(answer.payload.expires_at);

        return answer.payload;
    }

    /* Asks for a sign of life within ms; a dead connection is replaced. */
    probe(ms) {
        if (this.#state !== 'open' && this.#state !== 'resuming') {
            return;
        }

        this.#pingSentAt = this.#local();
        this.#transmit({ type: 'ping', payload: {} });

        if (ms !== undefined || !this.#alarms.has('pong')) {
            this.#alarms.set('pong', ms ?? this.#conf.pongTimeout, () => {
                this.#lost(1006, 'no answer to ping');
            });
        }
    }

    /* ---- connecting ---- */

    async #open() {
        const generation = ++this.#generation;

        this.#alarms.clear('retry');
        this.#become('connecting');
        this.#alarms.set('connect', this.#conf.connectTimeout,
                         () => this.#lost(1006, 'no welcome in time'));

        let url, protocols;

        try {
            this.#token = await this.#fetchToken(this.#tokenReason);

            if (generation !== this.#generation) {
                return;
            }

            [url, protocols] = addressOf(this.#url, this.#conf,
                                          this.#token);
            this.#ws = protocols.length ? new this.#WebSocket(url, protocols)
                                        : new this.#WebSocket(url);
        } catch (err) {
            if (generation === this.#generation) {
                this.#lost(1006, String(err?.message ?? err));
            }

            return;
        }

        const ws = this.#ws;

        ws.onmessage = (e) => this.#receive(e.data);
        ws.onerror = () => {};
        ws.onclose = (e) => {
            if (ws === this.#ws) {
                this.#lost(e.code ?? 1006, e.reason ?? '');
            }
        };
    }

    async #fetchToken(reason) {
        const t = this.#conf.token;

        return typeof t === 'function' ? await t({ reason }) : t;
    }

    #welcome(payload) {
        this.#alarms.clear('connect');
        this.#session = payload.session_id ?? null;
        this.#user = payload.user ?? null;
        this.#tokenReason = 'reconnect';
        this.clock.reset();
        this.clock.sample(payload.server_time);
        this.#members.begin(payload.channels);
        this.#become('resuming');
        this.#watch();
        this.probe();
        this.#planRefresh(this.#token ? expiryOf(this.#token) : null);
        this.#alarms.set('stable', this.#conf.stableAfter,
                         () => { this.#attempt = 0; });

        const generation = this.#generation;

        this.#members.restore().then(() => {
            if (generation === this.#generation
                && this.#state === 'resuming')
            {
                this.#attempt = Math.min(this.#attempt, SHAKY);
                this.#become('open');
                this.#requests.flush();
                this.emit('connection:open', { sessionId: this.#session,
                                               user: this.#user });
            }
        });
    }

    /* ---- losing it ---- */

    /* Forgets the socket, whatever state it is in. Returns it. */
    #abandon() {
        const ws = this.#ws;

        this.#ws = null;
        this.#generation++;

        if (ws) {
            ws.onopen = ws.onmessage = ws.onclose = ws.onerror = null;
        }

        this.#alarms.clearAll();
        this.#pingSentAt = null;

        return ws;
    }

    #lost(code, reason) {
        const wasUp = this.#state === 'open' || this.#state === 'resuming';
        const ws = this.#abandon();

        try {
            ws?.close();
        } catch { /* it is gone already */ }

        this.#requests.lost(backoff.wasOurFault(code));

        const conf = this.#conf;
        const next = backoff.decide(code, {
            attempt: this.#attempt,
            conf: conf.backoff,
            random: this.#random,
            hasProvider: typeof conf.token === 'function',
            returnWhenKicked: conf.returnWhenKicked
        });

        if (!next.again) {
            this.#finish({ code, reason, byUs: false });
            return;
        }

        if (next.token) {
            this.#tokenReason = code === 4001 ? 'expired' : 'refused';

        } else if (!wasUp && code === 1006) {
            /* a handshake the server refused looks like this in browsers */
            this.#tokenReason = 'refused';
        }

        this.#attempt++;
        this.#become(isOffline(this.#env) ? 'offline' : 'waiting',
                     { delay: next.delay, attempt: this.#attempt, code });
        this.emit('connection:close', { code, reason, delay: next.delay });
        this.#alarms.set('retry', next.delay, () => this.#open());
    }

    #finish({ code, reason, byUs }) {
        this.#unlisten.splice(0).forEach((fn) => fn());
        this.#requests.end();
        this.#members.end(byUs);

        if (this.#state === 'closed') {
            return;
        }

        this.#become('closed', { code, reason });
        this.emit('connection:close', { code, reason, delay: null });

        if (!byUs) {
            this.emit('connection:refused', { code, reason });
        }
    }

    /* ---- frames ---- */

    #receive(data) {
        let frame;

        this.#heardAt = this.#local();
        this.#alarms.clear('pong');

        try {
            frame = JSON.parse(data);
        } catch {
            frame = null;
        }

        if (frame === null || typeof frame !== 'object'
            || typeof frame.type !== 'string')
        {
            this.emit('connection:invalid', { data });
            return;
        }

        if (frame.type === 'batch' && Array.isArray(frame.payload)) {
            frame.payload.forEach((f) => this.#handle(f));
        } else {
            this.#handle(frame);
        }
    }

    #handle(frame) {
        const payload = frame.payload ?? {};

        switch (frame.type) {

        case 'welcome':
            this.#welcome(payload);
            break;

        case 'pong':
            this.clock.sample(payload.server_time,
                              this.#pingSentAt ?? undefined);
            this.#pingSentAt = null;
            break;

        case 'auction:timer_sync':
            this.clock.sample(payload.server_time);
            break;
        }

        if (this.#members.admit(frame) && !this.#requests.answer(frame)) {
            this.emit(frame.type, payload, frame);
        }
    }

    #transmit(frame) {
        try {
            this.#ws.send(JSON.stringify(frame));

        } catch {
            /* closing: onclose follows */
            return false;
        }

        return true;
    }

    /* What the requests may know of us. */
    #link() {
        return {
            ready: (early) => this.#state === 'open'
                              || (early && this.#state === 'resuming'),
            closed: () => this.#state === 'closed',
            transmit: (frame) => this.#transmit(frame),
            buffered: () => this.#ws.bufferedAmount,
            emit: (type, detail) => this.emit(type, detail)
        };
    }

    /* ---- time ---- */

    /* Pings when nothing came for a while: a half-open socket says nothing. */
    #watch() {
        this.#alarms.set('ping', this.#conf.pingInterval, () => {
            if (this.#local() - this.#heardAt >= this.#conf.pingInterval / 2
                || this.clock.rtt === null)
            {
                this.probe();
            }

            this.#watch();
        });
    }

    #planRefresh(expiry) {
        const at = typeof expiry === 'string' ? Date.parse(expiry) : expiry;

        if (typeof this.#conf.token !== 'function' || !Number.isFinite(at)
            || at === null)
        {
            return;
        }

        this.#alarms.set('refresh', refreshDelay(at, this.now()), () => {
            this.refreshToken().catch((err) => {
                this.emit('connection:invalid', { error: err });
            });
        });
    }

    #become(state, detail = {}) {
        if (state === this.#state) {
            return;
        }

        const from = this.#state;

        this.#state = state;
        this.emit('connection:state', { state, from, ...detail });
    }

    /* ---- the browser around us ---- */

    #listen() {
        if (this.#unlisten.length) {
            return;
        }

        this.#unlisten = watch(this.#env, {
            online: () => {
                this.#attempt = 0;
                this.connectNow();
            },
            offline: () => {
                if (this.#state === 'waiting') {
                    this.#become('offline');
                } else {
                    this.probe(this.#conf.offlineTimeout);
                }
            },
            visible: () => this.connectNow()
        });
    }

    /* Skips what is left of a delay; on an open connection, checks it. */
    connectNow() {
        if (this.#state === 'waiting' || this.#state === 'offline') {
            this.#open();
        } else {
            this.probe();
        }
    }
}
