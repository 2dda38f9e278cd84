/*
 * Property: the state of one property, as viewer or as watcher.
 *
 * Emits 'change' after anything changed and one event for each kind of news:
 * 'viewers', 'status', 'price', 'photos', 'open_house', 'featured', 'tour',
 * 'activity', 'agent'; each with the server's payload.
 */

import { Emitter } from './emitter.js';


export class Property extends Emitter {
    #client;
    #offs = [];

    constructor(client, id) {
        super();
        this.#client = client;
        this.id = String(id);
        this.state = { property_id: this.id };
        this.viewers = null;
        this.#wire();
    }

    /* Counts as a viewer from now on. The promise gives property:state. */
    view() {
        return this.#join('property:view', 'property:leave', true);
    }

    /* Hears the news without counting (a wish list). */
    watch() {
        return this.#join('property:subscribe', 'property:unsubscribe', false);
    }

    leave() {
        for (const type of ['property:view', 'property:subscribe']) {
            this.#client.leave({ channel: `property:${this.id}`, type });
        }

        this.#offs.splice(0).forEach((off) => off());
    }

    async #join(type, leave, resume) {
        const payload = { property_id: this.id };
        const frame = await this.#client.join({
            channel: `property:${this.id}`,
            type, payload, leave: { type: leave, payload }, resume
        });

        return frame?.payload;
    }

    #wire() {
        const on = (type, event, fn) => this.#offs.push(
            this.#client.on(type, (p) => {
                if (String(p.property_id) !== this.id) {
                    return;
                }

                fn?.(p);
                this.emit(event, p);
                this.emit('change');
            }));

        on('property:state', 'state', (p) => {
            this.state = { ...p };
            this.viewers = p.viewer_count ?? this.viewers;
        });
        on('property:viewer_count', 'viewers', (p) => {
            this.viewers = p.viewer_count ?? p.count;
        });
        on('property:status_changed', 'status', (p) => {
            this.state.status = p.new_status;
        });
        on('property:price_updated', 'price', (p) => {
            this.state.price = p.new_price;
        });
        on('property:activity_update', 'activity', (p) => {
            this.state.wishlist_today = p.wishlist_today;
            this.state.viewings_this_week = p.viewings_this_week;
        });
        on('property:new_photos_added', 'photos');
        on('property:open_house_scheduled', 'open_house');
        on('property:property_featured', 'featured');
        on('property:virtual_tour_available', 'tour');

        this.#offs.push(this.#client.on('presence:agent_status', (p) => {
            if ((p.property_ids ?? []).map(String).includes(this.id)
                || (this.state.agent && String(this.state.agent.id
                                         ?? this.state.agent.agent_id)
                                        === String(p.agent_id)))
            {
                this.state.agent = { ...this.state.agent, ...p };
                this.emit('agent', p);
                this.emit('change');
            }
        }));
    }
}
