/*
 * Requests: what is on its way up.  Commands that await an answer, and the
 * outbox of what waits for a connection.  Bounded on both sides.
 *
 * The link is what the client lends:
 *   ready(early)    whether the connection takes commands now
 *   closed()        whether it never will again
 *   transmit(frame) writes it; a socket that is closing may swallow it
 *   buffered()      bytes the socket has not got rid of
 *   emit(type, detail)
 */

import { RtpropError } from './error.js';
import { Outbox } from './outbox.js';
import * as backoff from './backoff.js';

const LIMITED_TRIES = 5;    /* sendings of one request that is rate limited */


export class Requests {
    #link;
    #conf;
    #timers;
    #local;
    #random;
    #outbox;
    #pending = new Map();
    #nextId = 1;
    #connection = 0;        /* counts them: tells late timers of an older one */

    /* env: {timers, local, random} */
    constructor(link, conf, env) {
        this.#link = link;
        this.#conf = conf;
        this.#timers = env.timers;
        this.#local = env.local;
        this.#random = env.random;
        this.#outbox = new Outbox(conf.queue, conf.volatileTtl);
    }

    /* entries that wait for a connection */
    get queued() { return this.#outbox.size; }

    /* See Client.send(). */
    send(type, payload, options) {
        const item = { frame: { type, payload }, volatile: !!options.volatile,
                       key: options.key, at: this.#local() };

        if (this.#link.ready(false)) {
            return this.#write(item);
        }

        if (options.queue === false || this.#link.closed()) {
            return false;
        }

        this.#report(this.#outbox.push(item), 'queue_full');

        return true;
    }

    /* See Client.request(). */
    request(type, payload, options) {
        const o = { timeout: this.#conf.requestTimeout,
                    maxWait: this.#conf.maxWait,
                    queue: true, retry: false, early: false, ...options };
        const ready = this.#link.ready(o.early);

        if (this.#link.closed()) {
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
     * Hands a frame to the request it answers, if any.  Returns whether it is
     * used up: a refusal after which the request is sent again.
     */
    answer(frame) {
        const req = frame.id === undefined ? undefined
                                           : this.#pending.get(String(frame.id));

        if (req === undefined) {
            return false;
        }

        if (frame.type !== 'error') {
            this.#settle(req, null, frame);
            return false;
        }

        const p = frame.payload ?? {};

        if (req.options.retry && req.tries < LIMITED_TRIES
            && (p.code === 'rate_limited' || p.code === 'unavailable'))
        {
            this.#again(req, p.retry_after_ms ?? 0);
            return true;
        }

        this.#settle(req, new RtpropError(p.code ?? 'internal', p.message, p));

        return false;
    }

    /* The connection takes commands now: what waited goes. */
    flush() {
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

    /*
     * The connection was lost: what had no answer goes back into the outbox
     * where it may happen twice, else it is rejected.  ourFault: nothing goes
     * back, since what we sent may be the reason.
     */
    lost(ourFault) {
        const again = [];

        this.#connection++;

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

    /* No connection will come any more. */
    end() {
        const { ready } = this.#outbox.drain(this.#local());

        this.#connection++;

        for (const req of [...this.#pending.values()]) {
            this.#settle(req, new RtpropError('closed',
                                              'the connection is closed'));
        }

        this.#report(ready.filter((x) => x.resolve === undefined), 'closed');
    }

    #write(item) {
        if (item.volatile
            && this.#link.buffered() > this.#conf.maxBuffered)
        {
            this.#report([item], 'slow');
            return false;
        }

        if (item.resolve !== undefined) {
            item.sent = true;
            item.tries++;
            this.#after(item, item.options.timeout, () => {
                this.#settle(item, new RtpropError('timeout',
                                        `no answer to ${item.frame.type}`));
            });
        }

        return this.#link.transmit(item.frame);
    }

    /* Sends a refused request once more on the same connection, later. */
    #again(req, atLeast) {
        const connection = this.#connection;
        const ms = Math.max(atLeast, backoff.delay(req.tries,
                                                   this.#conf.backoff,
                                                   this.#random));

        this.#after(req, ms, () => {
            if (this.#pending.has(String(req.id))
                && connection === this.#connection)
            {
                this.#write(req);
            }
        });
    }

    #wait(req) {
        this.#timers.clearTimeout(req.timer);
        req.timer = null;

        if (Number.isFinite(req.options.maxWait)) {
            this.#after(req, req.options.maxWait, () => {
                this.#outbox.remove(req);
                this.#settle(req, new RtpropError('offline',
                                                  'no connection in time'));
            });
        }
    }

    /* A request has one timer at a time. */
    #after(req, ms, fn) {
        this.#timers.clearTimeout(req.timer);
        req.timer = this.#timers.setTimeout(fn, ms);
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

            this.#link.emit('connection:dropped', { type: item.frame.type,
                                                    payload: item.frame.payload,
                                                    reason });
        }
    }
}
