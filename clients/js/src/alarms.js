/* Alarms: timers by name.  Setting one again replaces the one before. */

export class Alarms {
    #timers;
    #running = new Map();

    /* timers: {setTimeout, clearTimeout} */
    constructor(timers) {
        this.#timers = timers;
    }

    has(name) {
        return this.#running.has(name);
    }

    set(name, ms, fn) {
        this.clear(name);
        this.#running.set(name, this.#timers.setTimeout(() => {
            this.#running.delete(name);
            fn();
        }, ms));
    }

    clear(name) {
        this.#timers.clearTimeout(this.#running.get(name));
        this.#running.delete(name);
    }

    clearAll() {
        for (const timer of this.#running.values()) {
            this.#timers.clearTimeout(timer);
        }

        this.#running.clear();
    }
}
