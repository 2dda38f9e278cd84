/*
 * Outbox: what waits while the connection is away.  Bounded.
 *
 * A volatile entry (typing) replaces an older one of the same key, grows stale
 * after ttl milliseconds, and is the first to go when the box is full; then
 * goes the oldest of the others.  What was pushed out is handed to the
 * caller, so that nothing disappears in silence.
 */

export class Outbox {
    #items = [];
    #limit;
    #ttl;

    constructor(limit, ttl) {
        this.#limit = limit;
        this.#ttl = ttl;
    }

    get size() {
        return this.#items.length;
    }

    /* Appends an entry {volatile, key, at, ...}; returns the entries dropped. */
    push(item) {
        const dropped = [];

        if (item.volatile && item.key !== undefined) {
            const i = this.#items.findIndex((x) => x.volatile
                                                   && x.key === item.key);
            if (i !== -1) {
                this.#items.splice(i, 1);
            }
        }

        this.#items.push(item);

        while (this.#items.length > this.#limit) {
            dropped.push(this.#evict());
        }

        return dropped;
    }

    /* Puts entries back in front, keeping their order; returns the dropped. */
    unshift(items) {
        const dropped = [];

        this.#items.unshift(...items);

        while (this.#items.length > this.#limit) {
            dropped.push(this.#evict());
        }

        return dropped;
    }

    /* Removes one entry. Returns whether it was there. */
    remove(item) {
        const i = this.#items.indexOf(item);

        if (i === -1) {
            return false;
        }

        this.#items.splice(i, 1);

        return true;
    }

    /* Empties the box: {ready, stale}, stale being volatile ones too old. */
    drain(now) {
        const ready = [];
        const stale = [];

        for (const item of this.#items) {
            if (item.volatile && now - item.at > this.#ttl) {
                stale.push(item);
            } else {
                ready.push(item);
            }
        }

        this.#items = [];

        return { ready, stale };
    }

    #evict() {
        const i = this.#items.findIndex((x) => x.volatile);

        return this.#items.splice(i === -1 ? 0 : i, 1)[0];
    }
}
