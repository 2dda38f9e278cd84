/* A WebSocket, timers and a clock that do only what a test tells them. */

import { Client } from '../src/rtprop.js';


export class FakeTimers {
    now = 1_000_000;
    #next = 1;
    #due = new Map();

    setTimeout = (fn, ms) => {
        const id = this.#next++;

        this.#due.set(id, { at: this.now + (ms ?? 0), fn });

        return id;
    };

    clearTimeout = (id) => { this.#due.delete(id); };

    /* Moves the clock on, runs what falls due in order, lets promises settle. */
    async advance(ms) {
        const end = this.now + ms;

        await settle();

        for (;;) {
            const next = [...this.#due].filter(([, t]) => t.at <= end)
                                       .sort((a, b) => a[1].at - b[1].at)[0];
            if (next === undefined) {
                break;
            }

            this.#due.delete(next[0]);
            this.now = Math.max(this.now, next[1].at);
            next[1].fn();
            await settle();
        }

        this.now = end;
    }

    get size() { return this.#due.size; }
}


/* Lets every promise that can settle do so. */
export async function settle() {
    for (let i = 0; i < 30; i++) {
        await Promise.resolve();
    }
}


export function fakeSockets() {
    const sockets = [];

    class FakeSocket {
        bufferedAmount = 0;
        sent = [];
        closed = null;

        constructor(url, protocols) {
            this.url = url;
            this.protocols = protocols;
            sockets.push(this);
        }

        send(text) { this.sent.push(JSON.parse(text)); }

        close(code, reason) { this.closed = { code, reason }; }

        /* what the server does */
        say(frame) { this.onmessage?.({ data: JSON.stringify(frame) }); }

        raw(data) { this.onmessage?.({ data }); }

        end(code, reason = '') { this.onclose?.({ code, reason }); }

        welcome(extra = {}) {
            this.say({ type: 'welcome', payload: {
                session_id: `s${sockets.length}`,
                user: { id: 'u1', name: 'Anna', role: 'visitor' },
                server_time: new Date(5_000_000).toISOString(),
                ping_interval: 25, resume: true, ...extra } });
        }

        /* frames of a type, pings left out where no type is named */
        of(type) {
            return this.sent.filter((f) => type === undefined
                                           ? f.type !== 'ping'
                                           : f.type === type);
        }

        last(type) { return this.of(type).at(-1); }
    }

    return { FakeSocket, sockets };
}


/* A client on fakes: {client, timers, sockets, seen, up(welcome)}. */
export function rig(options = {}) {
    const timers = new FakeTimers();
    const { FakeSocket, sockets } = fakeSockets();
    const client = new Client('ws://test/ws', {
        WebSocket: FakeSocket, timers, clock: () => timers.now,
        random: () => 0.5, events: {}, ...options
    });
    const seen = [];

    client.on('*', (type, payload) => seen.push([type, payload]));

    return {
        client, timers, sockets, seen,
        get ws() { return sockets.at(-1); },
        types: () => seen.map(([t]) => t),
        async up(welcome) {
            client.connect();
            await settle();
            sockets.at(-1).welcome(welcome);
            await settle();

            return sockets.at(-1);
        }
    };
}


/* The error code a promise is rejected with. */
export async function codeOf(promise) {
    try {
        await promise;
    } catch (err) {
        return err.code;
    }

    return null;
}
