/*
 * Client: one connection to an rtprop server that mends itself.
 *
 * Frames from the server are emitted under their type as (payload, frame).
 * The client's own events are 'connection:state', 'connection:open',
 * 'connection:close', 'connection:gap', 'connection:dropped',
 * 'connection:refused' and 'connection:invalid'.
 *
 * Everything that could grow is bounded: the outbox, the requests in flight,
 * the frames held back while a gap is closed, the delays between attempts.
 */

import { Emitter } from './emitter.js';
import { RtpropError } from './error.js';
import { Outbox } from './outbox.js';
import { ServerClock } from './clock.js';
import { Memberships } from './memberships.js';
import { expiryOf, refreshDelay } from './token.js';
import { watch, isOffline, monotonic } from './surroundings.js';
import * as backoff from './backoff.js';

const LIMITED_TRIES = 5;    /* sendings of one request that is rate limited */

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
    stableAfter: 5000,      /* ms after which failures are forgotten */
    returnWhenKicked: false
};


export class Client extends Emitter {
    #conf;
    #url;
    #WebSocket;
    #timers;
    #local;
    #random;
    #env;

    #ws = null;
    #state = 'idle';
    #generation = 0;        /* tells late callbacks of an older attempt */
    #attempt = 0;
    #timer = {};            /* by name: connect, retry, ping, pong, ... */
    #tokenReason = 'first';
    #token = null;
    #session = null;
    #user = null;

    #outbox;
    #pending = new Map();
    #nextId = 1;
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
        this.#timers = timers ?? {
            setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
            clearTimeout: (t) => globalThis.clearTimeout(t)
        };
        this.#local = clock ?? monotonic;
        this.#random = random ?? Math.random;
        this.#env = events ?? globalThis;

        if (typeof this.#WebSocket !== 'function') {
            throw new TypeError('no WebSocket here: pass one as'
                                + ' {WebSocket: ...}');
        }

        this.#outbox = new Outbox(this.#conf.queue, this.#conf.volatileTtl);
        this.clock = new ServerClock(this.#local);
        this.#members = new Memberships(this);
        this.#listen();
    }

    /* 'idle', 'connecting', 'resuming', 'open', 'waiting', 'offline', 'closed' */
    get state() { return this.#state; }

    get sessionId() { return this.#session; }

    /* {id, name, role} as the server knows us, after the first welcome */
    get user() { return this.#user; }

    /* entries that wait for a connection */
    get queued() { return this.#outbox.size; }

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
        const item = { frame: { type, payload }, volatile: !!options.volatile,
                       key: options.key, at: this.#local() };

        if (this.#state === 'open') {
            return this.#write(item);
        }

        if (options.queue === false || this.#state === 'closed') {
            return false;
        }

        this.#report(this.#outbox.push(item), 'queue_full');

        return true;
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
        const o = { timeout: this.#conf.requestTimeout,
                    maxWait: this.#conf.maxWait,
                    queue: true, retry: false, early: false, ...options };
        const ready = this.#state === 'open'
                      || (o.early && this.#state === 'resuming');

        if (this.#state === 'closed') {
            return Promise.reject(new RtpropError('closed',
                                                  'the connection is closed'));
        }

        if (!ready && !o.queue) {
            return Promise.reject(new RtpropError('offline',
                                                  'no connection just now'));
        }

        if (this.#pending.size >= this.#conf.maxPending) {
            return Promise.reject(new RtpropError('dropped',
                                        'too many requests without an answer'));
        }

        return new Promise((resolve, reject) => {
            const id = this.#nextId++;
            const req = { id, frame: { type, payload, id }, resolve, reject,
                          options: o, timer: null, sent: false, tries: 0,
                          volatile: false, at: this.#local() };

            this.#pending.set(String(id), req);

            if (ready) {
                this.#write(req);
                return;
            }

            this.#wait(req);
            this.#report(this.#outbox.push(req), 'queue_full');
        });
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

    /* Asks for a sign of life; a dead connection is replaced. */
    probe() {
        if (this.#state !== 'open' && this.#state !== 'resuming') {
            return;
        }

        this.#pingSentAt = this.#local();
        this.#write({ frame: { type: 'ping', payload: {} } });

        if (this.#timer.pong === undefined) {
            this.#after('pong', this.#conf.pongTimeout, () => {
                this.#lost(1006, 'no answer to ping');
            });
        }
    }

    /* ---- connecting ---- */

    async #open() {
        const generation = ++this.#generation;

        this.#clear('retry');
        this.#become('connecting');
        this.#after('connect', this.#conf.connectTimeout,
                    () => this.#lost(1006, 'no welcome in time'));

        let url, protocols;

        try {
            this.#token = await this.#fetchToken(this.#tokenReason);

            if (generation !== this.#generation) {
                return;
            }

            [url, protocols] = this.#address();
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

    #address() {
        const base = typeof this.#url === 'function' ? this.#url() : this.#url;
        const url = new URL(base, globalThis.location?.href);
        const protocols = [];

        url.protocol = url.protocol.replace('http', 'ws');

        for (const [k, v] of Object.entries(this.#conf.params)) {
            url.searchParams.set(k, v);
        }

        if (this.#token && this.#conf.tokenIn === 'query') {
            url.searchParams.set('token', this.#token);

        } else if (this.#token) {
            protocols.push('rtprop', `rtprop.token.${this.#token}`);
        }

        return [url.href, protocols];
    }

    #welcome(payload) {
        this.#clear('connect');
        this.#session = payload.session_id ?? null;
        this.#user = payload.user ?? null;
        this.#tokenReason = 'reconnect';
        this.clock.reset();
        this.clock.sample(payload.server_time);
        this.#members.begin();
        this.#become('resuming');
        this.#watch();
        this.probe();
        this.#planRefresh(this.#token ? expiryOf(this.#token) : null);
        this.#after('stable', this.#conf.stableAfter,
                    () => { this.#attempt = 0; });

        const generation = this.#generation;

        this.#members.restore().then(() => {
            if (generation === this.#generation
                && this.#state === 'resuming')
            {
                this.#become('open');
                this.#flush();
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

        for (const name of ['connect', 'retry', 'ping', 'pong', 'stable',
                            'refresh'])
        {
            this.#clear(name);
        }

        this.#pingSentAt = null;

        return ws;
    }

    #lost(code, reason) {
        const wasUp = this.#state === 'open' || this.#state === 'resuming';
        const ws = this.#abandon();

        try {
            ws?.close();
        } catch { /* it is gone already */ }

        this.#setAside(backoff.wasOurFault(code));

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
        this.#after('retry', next.delay, () => this.#open());
    }

    /* Requests in flight: back into the outbox, or rejected. */
    #setAside(ourFault) {
        const again = [];

        for (const req of this.#pending.values()) {
            if (!req.sent) {
                continue;
            }

            if (req.options.retry && !ourFault) {
                req.sent = false;
                this.#wait(req);
                again.push(req);

            } else {
                this.#settle(req, new RtpropError('disconnected',
                             'the connection was lost before the answer'));
            }
        }

        this.#report(this.#outbox.unshift(again), 'queue_full');
    }

    #finish({ code, reason, byUs }) {
        this.#unlisten.splice(0).forEach((fn) => fn());

        const { ready } = this.#outbox.drain(this.#local());

        for (const req of [...this.#pending.values()]) {
            this.#settle(req, new RtpropError('closed',
                                              'the connection is closed'));
        }

        this.#report(ready.filter((x) => x.resolve === undefined), 'closed');
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
        this.#clear('pong');

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

        if (!this.#members.admit(frame)) {
            return;
        }

        this.deliver(frame);
    }

    /* Internal: hands a judged frame to its request and to the listeners. */
    deliver(frame) {
        const payload = frame.payload ?? {};

        if (frame.id !== undefined) {
            const req = this.#pending.get(String(frame.id));

            if (req !== undefined && this.#answer(req, frame)) {
                return;
            }
        }

        this.emit(frame.type, payload, frame);
    }

    /* Returns whether the frame is used up (it will be tried again). */
    #answer(req, frame) {
        if (frame.type !== 'error') {
            this.#settle(req, null, frame);
            return false;
        }

        const p = frame.payload ?? {};

        if (req.options.retry && req.tries < LIMITED_TRIES
            && (p.code === 'rate_limited' || p.code === 'unavailable'))
        {
            const generation = this.#generation;
            const ms = Math.max(p.retry_after_ms ?? 0,
                                backoff.delay(req.tries, this.#conf.backoff,
                                              this.#random));

            this.#timers.clearTimeout(req.timer);
            req.timer = this.#timers.setTimeout(() => {
                if (this.#pending.has(String(req.id))
                    && generation === this.#generation)
                {
                    this.#write(req);
                }
            }, ms);

            return true;
        }

        this.#settle(req, new RtpropError(p.code ?? 'internal', p.message, p));

        return false;
    }

    #write(item) {
        const ws = this.#ws;

        if (item.volatile && ws.bufferedAmount > this.#conf.maxBuffered) {
            this.#report([item], 'slow');
            return false;
        }

        if (item.resolve !== undefined) {
            item.sent = true;
            item.tries++;
            this.#timers.clearTimeout(item.timer);
            item.timer = this.#timers.setTimeout(() => {
                this.#settle(item, new RtpropError('timeout',
                                        `no answer to ${item.frame.type}`));
            }, item.options.timeout);
        }

        try {
            ws.send(JSON.stringify(item.frame));

        } catch {
            /* closing: onclose follows and sets requests aside */
            return false;
        }

        return true;
    }

    #flush() {
        const { ready, stale } = this.#outbox.drain(this.#local());

        this.#report(stale, 'stale');

        for (const item of ready) {
            if (item.resolve === undefined
                || this.#pending.has(String(item.id)))
            {
                this.#write(item);
            }
        }
    }

    #wait(req) {
        this.#timers.clearTimeout(req.timer);
        req.timer = null;

        if (Number.isFinite(req.options.maxWait)) {
            req.timer = this.#timers.setTimeout(() => {
                this.#outbox.remove(req);
                this.#settle(req, new RtpropError('offline',
                                                  'no connection in time'));
            }, req.options.maxWait);
        }
    }

    #settle(req, err, frame) {
        this.#timers.clearTimeout(req.timer);
        this.#pending.delete(String(req.id));

        if (err) {
            req.reject(err);
        } else {
            req.resolve(frame);
        }
    }

    #report(items, reason) {
        for (const item of items) {
            if (item.resolve !== undefined) {
                this.#settle(item, new RtpropError('dropped',
                                         'too much waits for a connection'));
            }

            this.emit('connection:dropped', { type: item.frame.type,
                                              payload: item.frame.payload,
                                              reason });
        }
    }

    /* ---- time ---- */

    /* Pings when nothing came for a while: a half-open socket says nothing. */
    #watch() {
        this.#after('ping', this.#conf.pingInterval, () => {
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

        this.#after('refresh', refreshDelay(at, this.now()), () => {
            this.refreshToken().catch((err) => {
                this.emit('connection:invalid', { error: err });
            });
        });
    }

    #after(name, ms, fn) {
        this.#clear(name);
        this.#timer[name] = this.#timers.setTimeout(() => {
            delete this.#timer[name];
            fn();
        }, ms);
    }

    #clear(name) {
        if (this.#timer[name] !== undefined) {
            this.#timers.clearTimeout(this.#timer[name]);
            delete this.#timer[name];
        }
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
                    this.probe();
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
