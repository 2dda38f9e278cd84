/*
 * What the page needs to exist on the server: the house, and its conversation.
 * Both live in nginx's shared memory, so a fresh server has neither, and
 * whoever notices first makes them.
 */

import { call } from './api.js';

export const HOUSE = 'willow-lane-14';
export const CONVERSATION = 'demo';
export const AGENT = { id: 'clara', name: 'Clara', role: 'agent' };

/* Every visitor is one of these, so that each window knows all of them. */
export const VISITORS = ['Anna', 'Jonas', 'Mia', 'Theo', 'Lena', 'Oskar',
                         'Nora', 'Emil', 'Ida', 'Hugo', 'Vera', 'Felix',
                         'Alma', 'Bruno', 'Greta', 'Ivo', 'Kaja', 'Linus',
                         'Paula', 'Rafael', 'Selma', 'Tomas', 'Ulla', 'Wim']
    .map((name, i) => ({ id: `guest-${i + 1}`, name, role: 'visitor' }));

const PATIENCE = 3000;      /* ms to wait for another window */

const listing = {
    title: '14 Willow Lane',
    address: 'Bramley Heath, BH4 2QL',
    status: 'available',
    price: 87500000,
    agent_id: AGENT.id
};


export function house() {
    return call('GET', `properties/${HOUSE}`);
}


export function makeHouse() {
    return call('PUT', `properties/${HOUSE}`, listing);
}


export function makeConversation() {
    return call('PUT', `conversations/${CONVERSATION}`,
                { participants: [AGENT, ...VISITORS], property_id: HOUSE });
}


/* Changes some fields of the house and keeps the others. */
export async function changeHouse(fields) {
    /* what the server adds by itself is not ours to send back */
    const { version, property_id, id, viewer_count, updated_at, agent,
            ...kept } = await house();

    return call('PUT', `properties/${HOUSE}`, { ...kept, ...fields });
}


/*
 * Enters the house and its conversation, and makes what is missing.  Throws the
 * ApiError of a server that does not let us make it.
 */
export async function enter(property, conversation) {
    await property.view();

    if (!property.state.status) {
        await alone(async () => {
            await property.view();

            if (!property.state.status) {
                await makeHouse();
            }
        });
        await property.view();
    }

    try {
        await conversation.join();

    } catch (err) {
        if (err.code !== 'not_found' && err.code !== 'not_authorized') {
            throw err;
        }

        await makeConversation();
        await conversation.join();
    }
}


/*
 * The windows of one browser do it one after the other: two that make the same
 * house at once would undo what was changed in between.  A window that the
 * browser put to sleep in there keeps nobody from it.
 */
async function alone(work) {
    let begun = false;

    try {
        await navigator.locks?.request('rtprop-demo-house', {
            signal: AbortSignal.timeout(PATIENCE)
        }, () => {
            begun = true;
            return work();
        });

    } catch (err) {
        if (begun) {
            throw err;
        }
    }

    if (!begun) {
        await work();
    }
}


/* The name to show for a user. */
export function nameOf(id, fallback) {
    if (id === AGENT.id) {
        return 'Clara Winter';
    }

    return VISITORS.find((v) => v.id === id)?.name ?? fallback ?? id;
}
