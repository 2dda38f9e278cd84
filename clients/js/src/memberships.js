/*
 * Memberships: the channels a client wants to be in, kept over reconnects.
 *
 * After a welcome, channels with a known epoch and offset are resumed in one
 * command, the others are joined anew.  The user's own channel needs no join:
 * the welcome tells where it stands, and what came since is resumed too.  What
 * the server could not do just then is tried again while the connection lasts.
 */

import { Positions } from './positions.js';
import { RtpropError } from './error.js';


export class Memberships {
    #client;
    #wanted = new Map();    /* "channel type" -> membership with its waiters */
    #positions = new Positions();
    #own = new Set();       /* channels of the welcome where something misses */
    #restored = false;      /* on this connection restore() has begun */
    #refused = new Set();   /* memberships to be tried again */
    #attempt = 0;           /* such tries in a row */
    #alarms;
    #delay;

    /* env: {alarms, delay(attempt)} */
    constructor(client, { alarms, delay }) {
        this.#client = client;
        this.#alarms = alarms;
        this.#delay = delay;
    }

    /*
     * m: {channel, type, payload, leave: {type, payload}, resume}
     * resume false: always joined anew (a watcher must not become a viewer).
     */
    join(m) {
        const key = `${m.channel} ${m.type}`;
        const known = this.#wanted.get(key);
        const entry = known ?? { ...m, key, waiters: [] };

        entry.payload = m.payload;
        this.#wanted.set(key, entry);

        const promise = new Promise((resolve, reject) => {
            entry.waiters.push({ resolve, reject });
        });

        if (this.#restored && isUp(this.#client)) {
            this.#enter(entry);
        }

        return promise;
    }

    leave(m) {
        const key = `${m.channel} ${m.type}`;
        const entry = this.#wanted.get(key);

        if (entry === undefined) {
            return;
        }

        this.#wanted.delete(key);
        entry.waiters.splice(0).forEach((w) => w.resolve(null));

        if (!this.#others(m.channel)) {
            this.#positions.forget(m.channel);
        }

        if (entry.leave && isUp(this.#client)) {
            this.#client.send(entry.leave.type, entry.leave.payload);
        }
    }

    /* A connection begins: channels {name: {epoch, offset}} of its welcome. */
    begin(channels) {
        this.#positions.forgetUnnamed();
        this.#own.clear();
        this.#refused.clear();
        this.#attempt = 0;
        this.#restored = false;

        for (const [name, place] of Object.entries(channels ?? {})) {
            if (this.#positions.live(name, place.epoch, place.offset)) {
                this.#own.add(name);
            }
        }
    }

    /* The client was closed for good. forget: by ourselves, so nothing stays. */
    end(forget) {
        const err = new RtpropError('closed', 'the connection is closed');

        for (const entry of this.#wanted.values()) {
            entry.waiters.splice(0).forEach((w) => w.reject(err));
        }

        if (forget) {
            this.#wanted.clear();
        }
    }

    /* Resumes and joins. Settles, never rejects, when all is answered. */
    restore() {
        this.#restored = true;

        return this.#comeBack([...this.#wanted.values()]);
    }

    #comeBack(entries) {
        const channels = {};
        const work = [];
        const resumed = [];

        for (const name of this.#own) {
            channels[name] = this.#positions.get(name);
        }

        for (const entry of entries) {
            const p = this.#positions.get(entry.channel);

            if (entry.resume !== false && p !== undefined
                && p.epoch !== null)
            {
                channels[entry.channel] = p;
                resumed.push(entry);
            } else {
                work.push(this.#enter(entry));
            }
        }

        if (Object.keys(channels).length) {
            work.push(this.#resume(channels, resumed));
        }

        return Promise.all(work);
    }

    /* Nobody awaits an answer, so nobody else would try again. */
    #later(entry) {
        if (entry) {
            this.#refused.add(entry);
        }

        if (!isUp(this.#client) || this.#alarms.has('rejoin')) {
            return;
        }

        this.#alarms.set('rejoin', this.#delay(this.#attempt++), () => {
            const entries = [...this.#refused].filter(
                (x) => this.#wanted.get(x.key) === x);

            this.#refused.clear();
            this.#comeBack(entries).then(() => {
                if (!this.#alarms.has('rejoin')) {
                    this.#attempt = 0;
                }
            });
        });
    }

    /* Whether a frame is to be delivered; doubles are swallowed. */
    admit(frame) {
        const { channel, offset, epoch } = frame;

        if (frame.type === 'resumed' && frame.id === undefined) {
            this.#moved(frame.payload?.channels ?? {});
        }

        if (channel === undefined || offset === undefined) {
            return true;
        }

        if (epoch !== undefined) {
            this.#positions.state(channel, epoch, offset,
                                  frame.id === undefined);
            return true;
        }

        /* an answer is awaited, whatever its offset */
        return this.#positions.isNew(channel, offset)
               || frame.id !== undefined;
    }

    /*
     * Nobody asked: what was missed of these is not to be had any more, or the
     * server has found the place of one that is still to be resumed.
     */
    #moved(channels) {
        for (const [name, place] of Object.entries(channels)) {
            if (place.epoch !== undefined
                && !this.#positions.moved(name, place.epoch, place.offset))
            {
                this.#own.delete(name);
            }
        }
    }

    async #enter(entry) {
        try {
            const frame = await this.#client.request(entry.type, entry.payload,
                                                     { early: true });
            entry.waiters.splice(0).forEach((w) => w.resolve(frame));

        } catch (err) {
            if (err.code === 'disconnected') {
                return;     /* the next welcome tries again */
            }

            if (!err.retryable) {
                this.#wanted.delete(entry.key);
                this.#positions.forget(entry.channel);
            }

            if (entry.waiters.length === 0) {
                if (err.retryable) {
                    this.#later(entry);

                } else {
                    this.#client.emit('connection:rejoin_refused',
                                      { channel: entry.channel, error: err });
                }
            }

            entry.waiters.splice(0).forEach((w) => w.reject(err));
        }
    }

    async #resume(channels, entries) {
        let results = {};
        let failed = false;

        try {
            const answer = await this.#client.request('resume', { channels },
                                                      { queue: false,
                                                        early: true });
            results = answer.payload.channels ?? {};

        } catch (err) {
            if (err.code === 'disconnected' || err.code === 'closed'
                || err.code === 'offline')
            {
                return;
            }

            failed = err.retryable;
        }

        for (const name of [...this.#own]) {
            if (failed || results[name]?.code === 'unavailable') {
                this.#later();

            } else {
                this.#positions.caughtUp(name, results[name]);
                this.#own.delete(name);
            }
        }

        await Promise.all(entries.map((entry) => {
            const r = results[entry.channel];

            if (r?.code === 'unavailable' && entry.waiters.length === 0) {
                this.#later(entry);
                return;
            }

            if (r?.epoch === undefined) {
                this.#positions.forget(entry.channel);
                return this.#enter(entry);
            }

            entry.waiters.splice(0).forEach((w) => w.resolve(r));
        }));
    }

    #others(channel) {
        for (const entry of this.#wanted.values()) {
            if (entry.channel === channel) {
                return true;
            }
        }

        return false;
    }
}


function isUp(client) {
    return client.state === 'open' || client.state === 'resuming';
}
