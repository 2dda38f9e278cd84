/*
 * "Play the agent": what a back office posts over HTTP, and a second connection
 * as Clara, with the role agent, to answer the chat.
 */

import { connect, Conversation, agent as presence }
    from '/clients/js/src/rtprop.js';
import { $, el, composer } from './dom.js';
import { call } from './api.js';
import { parseMoney, plainName } from './format.js';
import { HOUSE, CONVERSATION, AGENT, house, changeHouse, nameOf }
    from './house.js';
import { showTyping } from './chat-view.js';
import { wordFor } from './ticks.js';

const INCREMENT = 500000;       /* cents */


export class AgentPanel {
    #client;            /* the visitor's, for the server's clock */
    #visitors;          /* () => ids of the visitors to notify */
    #clara = null;
    #room = null;
    #auctionId = null;
    #said = 'online';

    constructor(client, visitors) {
        this.#client = client;
        this.#visitors = visitors;
        this.#wireDrawer();
        this.#wireHouse();
        this.#wireAuction();
        this.#wirePresence();
    }

    set auctionId(id) { this.#auctionId = id; }

    /* The conversation was made anew: Clara goes in again, if she is here. */
    rejoin() { this.#room?.join().catch(() => {}); }

    /* ---- drawer ---- */

    #wireDrawer() {
        $('agent-open').addEventListener('click', () => {
            if ($('agent-drawer').hidden) {
                this.#open();
            } else {
                this.#close();
            }
        });
        $('agent-close').addEventListener('click', () => this.#close());
        $('agent-drawer').addEventListener('keydown', (e) => {
            if (e.key === 'Escape') {
                e.stopPropagation();
                this.#close();
            }
        });
        composer($('agent-composer'), $('agent-message'), {
            onSend: (text) => this.#room?.send(text),
            onType: (some) => this.#room?.type(some)
        });
    }

    #open() {
        $('agent-drawer').hidden = false;
        document.body.classList.add('drawer-open');
        $('agent-open').setAttribute('aria-expanded', 'true');
        $('agent-close').focus();
        this.#enter();

        /* a server that refuses says so before anything is pressed */
        this.#run(house);
    }

    #close() {
        $('agent-drawer').hidden = true;
        document.body.classList.remove('drawer-open');
        $('agent-open').setAttribute('aria-expanded', 'false');
        $('agent-open').focus();
        this.#room?.leave();
        this.#clara?.close();
        this.#clara = this.#room = null;
    }

    /* Clara comes online. */
    #enter() {
        const address = `/ws?u=${AGENT.id}&n=${AGENT.name}&r=${AGENT.role}`;
        const clara = connect(address);
        const room = new Conversation(clara, CONVERSATION);

        this.#clara = clara;
        this.#room = room;
        this.#press('online');
        room.on('change', () => this.#drawRoom());
        room.on('typing', () => showTyping($('agent-typing'), room.typing));
        clara.on('connection:open',
                 () => presence[this.#said](clara).catch(() => {}));
        room.join().catch((err) => {
            /* one that is not there yet is made, and then rejoin() is called */
            if (this.#clara === clara && err.code !== 'not_found') {
                this.#complain(err);
            }
        });
    }

    #drawRoom() {
        const list = $('agent-messages');

        list.replaceChildren(...this.#room.messages.map((m) => {
            const who = m.mine ? 'Clara'
                : nameOf(String(m.sender.id), plainName(m.sender.name));

            return el('li', { class: m.mine && 'mine',
                              'data-testid': 'agent-seen' },
                      el('b', { text: who }), m.content,
                      m.mine && el('small', { text: wordFor(m.status) }));
        }));
        list.scrollTop = list.scrollHeight;
        this.#room.markRead();
    }

    /* ---- the house ---- */

    #wireHouse() {
        for (const button of document.querySelectorAll('[data-drop]')) {
            this.#on(button, async () => {
                const now = await house();

                await this.#reprice(now, Math.max(100,
                    now.price - Number(button.dataset.drop) * 100));
            });
        }

        $('price-form').addEventListener('submit', (e) => {
            e.preventDefault();

            const cents = parseMoney($('price-input').value);

            this.#run(async () => {
                if (cents === null || cents === 0) {
                    throw new Error('Enter a whole amount in euros.');
                }

                await this.#reprice(await house(), cents);
                $('price-input').value = '';
            });
        });

        for (const button of document.querySelectorAll('[data-set-status]')) {
            this.#on(button, async () => {
                const now = await house();

                await call('POST', 'broadcast/property-status', {
                    property_id: HOUSE, title: now.title,
                    old_status: now.status,
                    new_status: button.dataset.setStatus
                });
            });
        }

        this.#on($('open-house-btn'), () => this.#openHouse());
        this.#on($('notify-btn'), () => this.#notify());
    }

    async #reprice(now, cents) {
        if (cents === now.price) {
            return;
        }

        await call('POST', 'broadcast/price-update', {
            property_id: HOUSE, title: now.title, old_price: now.price,
            new_price: cents
        });
    }

    async #openHouse() {
        const starts = new Date(this.#client.now());

        /* the Saturday after next, so that people can plan */
        starts.setDate(starts.getDate() + 7 + (6 - starts.getDay() + 7) % 7);
        starts.setHours(14, 0, 0, 0);

        const when = { starts_at: starts.toISOString(),
                       ends_at: new Date(+starts + 7200000).toISOString() };

        await changeHouse({ open_house: when });
        await call('POST', 'broadcast/property', {
            property_id: HOUSE, event: 'open_house_scheduled', data: when
        });
    }

    async #notify() {
        await call('POST', 'broadcast/notification', {
            user_ids: this.#visitors(),
            kind: 'viewing_offered',
            title: 'A viewing slot is free',
            body: 'Clara can show you 14 Willow Lane tomorrow at 17:30.',
            data: { property_id: HOUSE }
        });
    }

    /* ---- the auction ---- */

    #wireAuction() {
        for (const button of document.querySelectorAll('[data-auction]')) {
            this.#on(button, () => this.#start(Number(button.dataset.auction)));
        }

        for (const button of document.querySelectorAll('[data-act]')) {
            this.#on(button, () => this.#act(button.dataset.act));
        }
    }

    async #start(seconds) {
        const now = await house();
        const id = `willow-${Math.round(this.#client.now()).toString(36)}`;
        const late = seconds < 60 ? 15000 : 30000;
        const made = await call('PUT', `auctions/${id}`, {
            property_id: HOUSE,
            property_title: now.title,
            starting_price: Math.round(now.price * 0.9 / INCREMENT) * INCREMENT,
            bid_increment: INCREMENT,
            ends_at: new Date(this.#client.now() + seconds * 1000)
                .toISOString(),
            extend_window_ms: late,
            extend_by_ms: late
        });

        if (made.status === 'scheduled') {
            await call('POST', `auctions/${id}/start`, {})
                .catch(ignoreConflict);
        }

        this.#auctionId = id;
        await changeHouse({ auction_id: id });
        await call('POST', 'publish', {
            channel: `property:${HOUSE}`, type: 'demo:auction_opened',
            payload: { property_id: HOUSE, auction_id: id }
        });
    }

    async #act(action) {
        const id = this.#auctionId ?? (await house()).auction_id;

        if (!id) {
            throw new Error('There is no auction yet. Start one first.');
        }

        await call('POST', `auctions/${id}/${action}`,
                   action === 'extend' ? { by_ms: 30000 } : {});
    }

    /* ---- presence ---- */

    #wirePresence() {
        for (const button of document.querySelectorAll('[data-presence]')) {
            this.#on(button, async () => {
                await presence[button.dataset.presence](this.#clara);
                this.#press(button.dataset.presence);
            });
        }
    }

    #press(state) {
        this.#said = state;

        for (const b of document.querySelectorAll('[data-presence]')) {
            b.setAttribute('aria-pressed', b.dataset.presence === state);
        }
    }

    /* ---- running and complaining ---- */

    #on(button, action) {
        button.addEventListener('click', async () => {
            button.disabled = true;
            await this.#run(action);
            button.disabled = false;
        });
    }

    async #run(action) {
        try {
            await action();
            $('agent-error').hidden = true;

        } catch (err) {
            this.#complain(err);
        }
    }

    #complain(err) {
        $('agent-error').textContent = err.message;
        $('agent-error').hidden = false;
        $('agent-error').scrollIntoView({ block: 'nearest' });
    }
}


function ignoreConflict(err) {
    if (err.status !== 409) {
        throw err;
    }
}
