/*
 * ServerClock: the server's time, told from the local one.
 *
 * A sample from ping and pong knows its round trip, so that half of it can be
 * taken off; the shortest of the last few wins.  Times that merely arrive
 * (welcome, timer_sync) count only until the first such sample.
 */

const KEEP = 8;


export class ServerClock {
    #local;
    #samples = [];
    #rough = null;

    /* local: a function that returns local milliseconds */
    constructor(local) {
        this.#local = local;
    }

    /* A server time seen now; sentAt (local ms) when it answers a ping. */
    sample(serverTime, sentAt) {
        const server = typeof serverTime === 'number' ? serverTime
                                                      : Date.parse(serverTime);
        if (!Number.isFinite(server)) {
            return;
        }

        const now = this.#local();

        if (sentAt === undefined) {
            this.#rough = server - now;
            return;
        }

        const rtt = Math.max(0, now - sentAt);

        this.#samples.push({ rtt, offset: server + rtt / 2 - now });

        if (this.#samples.length > KEEP) {
            this.#samples.shift();
        }
    }

    /* A new connection may lead to another machine with another clock. */
    reset() {
        this.#samples = [];
        this.#rough = null;
    }

    /* milliseconds to add to the local time */
    get offset() {
        if (this.#samples.length === 0) {
            return this.#rough ?? 0;
        }

        let best = this.#samples[0];

        for (const s of this.#samples) {
            if (s.rtt < best.rtt) {
                best = s;
            }
        }

        return best.offset;
    }

    /* last measured round trip in milliseconds, or null */
    get rtt() {
        return this.#samples.at(-1)?.rtt ?? null;
    }

    /* the server's time in milliseconds since the epoch */
    now() {
        return this.#local() + this.offset;
    }
}
