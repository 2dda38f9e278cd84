/*
 * Notifications: the user's list, newest first, and how many are unread, the
 * same on all connections of the user.
 *
 * Emits 'change' after anything changed and 'notification' for a new one.
 */

import { Emitter } from './emitter.js';

const KEEP = 200;           /* notifications kept in memory */


export class Notifications extends Emitter {
    #client;
    #offs = [];

    constructor(client) {
        super();
        this.#client = client;
        this.items = [];
        this.unread = 0;

        this.#offs.push(
            client.on('notification', (p) => this.#onNew(p)),
            client.on('notification:unread', (p) => this.#onUnread(p)),
            client.on('connection:open', () => {
                this.load().catch(() => {});
            }));
    }

    /* Fetches the newest, or those before a given id. */
    async load({ before, limit = 30 } = {}) {
        const { payload } = await this.#client.request('notification:list', {
            limit, ...(before ? { before } : {})
        }, { retry: true });

        for (const n of payload.notifications ?? []) {
            this.#put(n);
        }

        this.unread = payload.unread_count ?? this.unread;
        this.emit('change');

        return payload;
    }

    /* Marks one as read, or all when no id is given. */
    async read(id) {
        const now = new Date(this.#client.now()).toISOString();

        for (const n of this.items) {
            if (n.read_at === null && (id === undefined || n.id === id)) {
                n.read_at = now;
                this.unread = Math.max(0, this.unread - 1);
            }
        }

        this.emit('change');
        await this.#client.request('notification:read',
                                   id === undefined ? { all: true } : { id },
                                   { retry: true, maxWait: Infinity });
    }

    leave() {
        this.#offs.splice(0).forEach((off) => off());
    }

    #onNew(p) {
        if (!this.#put(p)) {
            return;
        }

        if (p.read_at === undefined || p.read_at === null) {
            this.unread++;
        }

        this.emit('notification', p);
        this.emit('change');
    }

    #onUnread(p) {
        this.unread = p.unread_count;

        if (this.unread === 0) {
            const now = new Date(this.#client.now()).toISOString();

            this.items.forEach((n) => { n.read_at ??= now; });
        }

        this.emit('change');
    }

    /* Returns whether it is a new one. */
    #put(p) {
        const at = this.items.findIndex((n) => n.id === p.id);
        const item = { ...p, read_at: p.read_at ?? null };

        if (at !== -1) {
            this.items[at] = item;
            return false;
        }

        this.items.push(item);
        this.items.sort((a, b) => Date.parse(b.created_at)
                                  - Date.parse(a.created_at));
        this.items.length = Math.min(this.items.length, KEEP);

        return true;
    }
}
