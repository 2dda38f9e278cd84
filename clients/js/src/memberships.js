/*
 * Memberships: the channels a client wants to be in, kept over reconnects.
 *
 * After a welcome, channels with a known epoch and offset are resumed in one
 * command, the others are joined anew.  A frame that shows a gap is held back
 * with those behind it while the missing ones are fetched by a resume of that
 * channel; the number held is bounded.
 */

import { Positions } from './positions.js';
import { RtpropError } from './error.js';

const HOLD = 64;            /* frames held back per channel */


export class Memberships {
    #client;
    #wanted = new Map();    /* "channel type" -> membership with its waiters */
    #positions = new Positions();
    #held = new Map();      /* channel -> frames waiting for a resume */
    #restored = false;      /* on this connection restore() has begun */

    constructor(client) {
        this.#client = client;
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
            this.#enter(entry, true);
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
            this.#held.delete(m.channel);
        }

        if (entry.leave && isUp(this.#client)) {
            this.#client.send(entry.leave.type, entry.leave.payload);
        }
    }

    /* A connection begins. */
    begin() {
        this.#positions.forgetUnnamed();
        this.#held.clear();
        this.#restored = false;
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

        this.#held.clear();
    }

    /* Resumes and joins. Settles, never rejects, when all is answered. */
    restore() {
        const channels = {};
        const work = [];
        const resumed = [];

        this.#restored = true;

        for (const entry of this.#wanted.values()) {
            const p = this.#positions.get(entry.channel);

            if (entry.resume !== false && p !== undefined
                && p.epoch !== null)
            {
                channels[entry.channel] = p;
                resumed.push(entry);
            } else {
                work.push(this.#enter(entry, true));
            }
        }

        if (resumed.length) {
            work.push(this.#resume(channels, resumed));
        }

        return Promise.all(work);
    }

    /*
     * Judges a frame. Returns whether it is to be delivered now: doubles are
     * swallowed, frames behind a gap come later.
     */
    admit(frame) {
        const { channel, offset, epoch } = frame;

        if (channel === undefined || offset === undefined
            || frame.type === 'resumed')
        {
            return true;
        }

        if (epoch !== undefined) {
            this.#positions.state(channel, epoch, offset);
            return true;
        }

        if (frame.id !== undefined) {
            /* our own command's answer: its event is not sent to us again */
            if (this.#positions.judge(channel, offset) === 'gap') {
                this.#mend(channel, null);
            }

            return true;
        }

        switch (this.#positions.judge(channel, offset)) {

        case 'new':
            return true;

        case 'double':
            return false;

        default:
            this.#mend(channel, frame);
            return false;
        }
    }

    async #enter(entry, early = false) {
        try {
            const frame = await this.#client.request(entry.type, entry.payload,
                                                     { retry: false, early });
            entry.waiters.splice(0).forEach((w) => w.resolve(frame));

        } catch (err) {
            if (err.code === 'disconnected') {
                return;     /* the next welcome tries again */
            }

            if (!err.retryable) {
                this.#wanted.delete(entry.key);
            }

            if (entry.waiters.length === 0 && !err.retryable) {
                this.#client.emit('connection:rejoin_refused',
                                  { channel: entry.channel, error: err });
            }

            entry.waiters.splice(0).forEach((w) => w.reject(err));
        }
    }

    async #resume(channels, entries) {
        const results = await this.#fetch(channels);

        if (results === null) {
            return;
        }

        const again = [];

        for (const entry of entries) {
            const r = results[entry.channel];

            if (r?.epoch === undefined) {
                this.#positions.forget(entry.channel);
                again.push(this.#enter(entry, true));

            } else {
                entry.waiters.splice(0).forEach((w) => w.resolve(r));
            }
        }

        await Promise.all(again);
    }

    /* Something was missed: hold back, fetch it, go on. */
    #mend(channel, frame) {
        const waiting = this.#held.get(channel);

        if (waiting !== undefined) {
            if (frame && waiting.length < HOLD) {
                waiting.push(frame);
            }

            return;
        }

        const p = this.#positions.get(channel);

        this.#held.set(channel, frame ? [frame] : []);
        this.#client.emit('connection:gap', { channel, after: p.offset,
                                              offset: frame?.offset });
        if (p.epoch === null) {
            this.#release(channel);
            return;
        }

        this.#fetch({ [channel]: p });
    }

    /*
     * Asks for what was missed.  Frames that come before the answer pass when
     * they follow, and are held when they do not.  The promise gives results
     * by channel ({} when refused), or null when the connection went away.
     */
    async #fetch(channels) {
        let results = {};
        const mine = {};

        for (const channel of Object.keys(channels)) {
            mine[channel] = this.#held.get(channel) ?? [];
            this.#held.set(channel, mine[channel]);
        }

        try {
            const answer = await this.#client.request('resume', { channels },
                                                      { queue: false,
                                                        early: true });
            results = answer.payload.channels ?? {};

        } catch (err) {
            if (err.code === 'disconnected' || err.code === 'closed'
                || err.code === 'offline')
            {
                return null;
            }
        }

        for (const channel of Object.keys(channels)) {
            if (this.#held.get(channel) !== mine[channel]) {
                continue;       /* left, or another connection by now */
            }

            this.#release(channel);

            const r = results[channel];

            if (r?.epoch !== undefined) {
                this.#positions.advance(channel, r.offset, r.epoch);
            }
        }

        return results;
    }

    /* Delivers what was held, in order and once; the rest is not for us. */
    #release(channel) {
        const held = this.#held.get(channel);

        this.#held.delete(channel);
        held.sort((a, b) => a.offset - b.offset);

        for (const frame of held) {
            const p = this.#positions.get(channel);

            if (p !== undefined && frame.offset <= p.offset) {
                continue;
            }

            this.#positions.advance(channel, frame.offset);
            this.#client.deliver(frame);
        }
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
