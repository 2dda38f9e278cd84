/*
 * Who this window is.  A tab keeps its visitor over reloads (sessionStorage);
 * another tab or window becomes somebody else, a duplicated tab too, although
 * it starts with a copy of our storage: a lock that lives as long as the page
 * says whether a visitor is taken in this browser, and the server says whether
 * one is connected from another.
 */

import { find } from './api.js';
import { VISITORS } from './house.js';

const KEY = 'rtprop-demo-visitor';
const RELOAD = 1000;        /* ms: a reload's old page may still hold its lock */


export async function whoAmI() {
    const mine = VISITORS.find((v) => v.id === sessionStorage.getItem(KEY));

    if (mine && await take(mine, RELOAD)) {
        return mine;
    }

    for (const visitor of VISITORS) {
        if (await take(visitor, 0)) {
            if (!await connectedElsewhere(visitor)) {
                sessionStorage.setItem(KEY, visitor.id);
                return visitor;
            }
        }
    }

    const id = `guest-${Math.random().toString(36).slice(2, 8)}`;

    return { id, name: `Guest${id.slice(6, 8)}`, role: 'visitor' };
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


async function connectedElsewhere(visitor) {
    try {
        const answer = await find(`users/${visitor.id}/connections`);
        const list = Array.isArray(answer) ? answer
                                           : answer?.connections ?? [];

        return list.length > 0;

    } catch {
        return false;
    }
}
