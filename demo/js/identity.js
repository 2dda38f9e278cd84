/*
 * Who this window is.  A tab keeps its visitor over reloads (sessionStorage);
 * another tab or window becomes somebody else, a duplicated tab too, although
 * it starts with a copy of our storage: a lock that lives as long as the page
 * says whether a visitor is taken in this browser, and the server says whether
 * one is connected from another.
 */

import { call } from './api.js';
import { VISITORS } from './house.js';

const KEY = 'rtprop-demo-visitor';
const RELOAD = 1000;        /* ms: a reload's old page may still hold its lock */


export async function whoAmI() {
    const mine = VISITORS.find((v) => v.id === sessionStorage.getItem(KEY));

    if (mine && await take(mine, RELOAD)) {
        return mine;
    }

    for (const visitor of VISITORS) {
        if (await take(visitor, 0) && !await connectedElsewhere(visitor)) {
            sessionStorage.setItem(KEY, visitor.id);
            return visitor;
        }
    }

    /* a full house: whoever is drawn has one window more */
    return VISITORS[Math.floor(Math.random() * VISITORS.length)];
}


/* Takes the lock for the life of this page. Resolves to whether it worked. */
function take(visitor, patience) {
    if (!navigator.locks) {
        return Promise.resolve(true);   /* a page without TLS: the server knows */
    }

    const options = patience > 0
                    ? { signal: AbortSignal.timeout(patience) }
                    : { ifAvailable: true };

    return new Promise((resolve) => {
        navigator.locks.request(`${KEY}-${visitor.id}`, options, (lock) => {
            resolve(lock !== null);

            return lock === null ? undefined : new Promise(() => {});
        }).catch(() => resolve(false));
    });
}


/* Whether the server knows this visitor; false where it does not tell. */
async function connectedElsewhere(visitor) {
    try {
        const { connections } = await call('GET',
                                           `users/${visitor.id}/connections`);

        return connections.length > 0;

    } catch {
        return false;
    }
}
