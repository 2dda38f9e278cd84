/*
 * What the page needs to exist on the server: the house, and its conversation.
 * The first window of a fresh server makes both.
 */

import { call, find } from './api.js';

export const HOUSE = 'willow-lane-14';
export const CONVERSATION = 'demo';
export const AGENT = { id: 'clara', name: 'Clara', role: 'agent' };

/* Every visitor is one of these, so that each window knows all of them. */
export const VISITORS = ['Anna', 'Jonas', 'Mia', 'Theo', 'Lena', 'Oskar',
                         'Nora', 'Emil', 'Ida', 'Hugo', 'Vera', 'Felix']
    .map((name, i) => ({ id: `guest-${i + 1}`, name, role: 'visitor' }));

const listing = {
    title: '14 Willow Lane',
    address: 'Bramley Heath, BH4 2QL',
    status: 'available',
    price: 87500000,
    agent_id: AGENT.id
};


export function house() {
    return find(`properties/${HOUSE}`);
}


/* Changes some fields of the house and keeps the others. */
export async function changeHouse(fields) {
    const now = await house() ?? listing;

    /* what the server adds by itself is not ours to send back */
    const { version, property_id, id, viewer_count, updated_at, agent,
            ...kept } = now;

    return call('PUT', `properties/${HOUSE}`, { ...kept, ...fields });
}


/* Makes sure that the house is there and that me may join its conversation. */
export async function prepare(me) {
    const known = await house()
                  ?? await call('PUT', `properties/${HOUSE}`, listing);

    await admit(me);

    return known;
}


async function admit(me) {
    const path = `conversations/${CONVERSATION}`;
    const room = await find(path);
    const people = new Map([AGENT, ...VISITORS].map((p) => [p.id, p]));

    people.set(me.id, me);

    for (const p of room?.participants ?? []) {
        const person = typeof p === 'object' ? p : { id: String(p) };

        if (!people.has(person.id)) {
            people.set(person.id, { id: person.id, name: person.name,
                                    role: person.role });
        }
    }

    if (room && room.participants.length === people.size) {
        return;
    }

    await call('PUT', path, { participants: [...people.values()],
                              property_id: HOUSE });
}


/* The name to show for a user. */
export function nameOf(id, fallback) {
    if (id === AGENT.id) {
        return 'Clara Winter';
    }

    return VISITORS.find((v) => v.id === id)?.name ?? fallback ?? id;
}
