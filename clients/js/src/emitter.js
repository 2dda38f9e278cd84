/*
 * Emitter: named events with any number of listeners.
 *
 * A listener that throws never stops the others and never reaches the
 * socket's handler: its error goes to reportError (browsers) or to the console.
 */

export class Emitter {
    #listeners = new Map();

    /* Adds a listener; '*' hears everything. Returns a function that removes it. */
    on(type, fn) {
        let set = this.#listeners.get(type);

        if (set === undefined) {
            set = new Set();
            this.#listeners.set(type, set);
        }

        set.add(fn);

        return () => this.off(type, fn);
    }

    /* Adds a listener that is removed before its first call. */
    once(type, fn) {
        const off = this.on(type, (...args) => {
            off();
            fn(...args);
        });

        return off;
    }

    /* Removes one listener, or all of a type when fn is left out. */
    off(type, fn) {
        const set = this.#listeners.get(type);

        if (set === undefined) {
            return;
        }

        if (fn === undefined) {
            set.clear();
        } else {
            set.delete(fn);
        }

        if (set.size === 0) {
            this.#listeners.delete(type);
        }
    }

    /* Calls the listeners of a type, then those of '*'. Returns how many ran. */
    emit(type, ...args) {
        let n = 0;

        for (const fn of [...(this.#listeners.get(type) ?? [])]) {
            n++;
            guarded(fn, args);
        }

        for (const fn of [...(this.#listeners.get('*') ?? [])]) {
            n++;
            guarded(fn, [type, ...args]);
        }

        return n;
    }
}


function guarded(fn, args) {
    try {
        fn(...args);

    } catch (err) {
        if (typeof globalThis.reportError === 'function') {
            globalThis.reportError(err);
        } else {
            console.error(err);
        }
    }
}
