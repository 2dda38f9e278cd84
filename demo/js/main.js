/* Wires the page: who we are, one connection, and a view for each feature. */

import { connect, Conversation, Property, Auction, AgentStatus, Notifications }
    from '/clients/js/src/rtprop.js';
import { $, el, avatar } from './dom.js';
import { whoAmI } from './identity.js';
import { prepare, HOUSE, CONVERSATION, AGENT } from './house.js';
import { showGallery, showListing, showPrice, showStatus } from './listing.js';
import { showChat } from './chat-view.js';
import { showBell } from './bell.js';
import { AuctionView } from './auction-view.js';
import { AgentPanel } from './agent-panel.js';
import { toast } from './toasts.js';

const TRIES = 3;

const states = {
    idle: 'Connecting', connecting: 'Connecting', resuming: 'Catching up',
    open: 'Live', waiting: 'Reconnecting', offline: 'Offline',
    closed: 'Disconnected'
};


showGallery();
start();


async function start() {
    const me = await whoAmI();

    showMe(me);

    const known = await prepare(me).catch(complain);

    showPrice(known?.price);
    showStatus(known?.status);

    const client = connect(`/ws?u=${me.id}&n=${encodeURIComponent(me.name)}`
                           + `&r=${me.role}`);
    const property = new Property(client, HOUSE);
    const conversation = new Conversation(client, CONVERSATION);
    const auctions = new AuctionView();
    const panel = new AgentPanel(client, () => visitors(conversation, me));

    showConnection(client);
    showListing(property);
    showChat(conversation, new AgentStatus(client, AGENT.id), me);
    showBell(new Notifications(client));
    showDock();

    let current = null;

    function follow(id) {
        if (!id || id === current) {
            return;
        }

        const auction = new Auction(client, id);

        current = id;
        panel.auctionId = id;
        auctions.attach(auction);
        auction.join().catch(() => { current = null; });
    }

    client.on('demo:auction_opened', (p) => {
        follow(p.auction_id);
        toast('An auction has opened', 'Bids are taken now.', 'gold');
    });
    property.on('state', () => follow(property.state.auction_id));
    client.on('connection:rejoin_refused',
              () => enter(property, conversation, me));
    client.on('connection:dropped', (d) => {
        if (d.type !== 'chat:typing') {
            toast('Not sent', 'Too much was waiting for the connection.');
        }
    });

    await enter(property, conversation, me);
    follow(known?.auction_id);
}


/* Joins; a server that was emptied meanwhile gets the house again first. */
async function enter(property, conversation, me) {
    property.view().catch(() => {});

    for (let n = 0; n < TRIES; n++) {
        try {
            await conversation.join();
            return;

        } catch (err) {
            if (err.code !== 'not_authorized' && err.code !== 'not_found') {
                return;
            }

            await prepare(me).catch(complain);
        }
    }
}


function showMe(me) {
    const box = $('me');

    box.title = `You are ${me.name}`;
    box.dataset.user = me.id;
    box.replaceChildren(avatar(me, AGENT.id),
                        el('span', { class: 'me-name', text: me.name }),
                        el('span', { class: 'sr',
                                     text: `You are ${me.name}` }));
    document.body.dataset.user = me.id;
}


function showConnection(client) {
    const pill = $('connection');
    let timer;

    const show = (state) => {
        pill.dataset.state = state;
        pill.lastElementChild.textContent = states[state];
    };

    client.on('connection:state', ({ state }) => {
        clearTimeout(timer);
        pill.dataset.now = state;

        /* a reload of nginx takes a blink: no flicker for that */
        if (state === 'open' || pill.dataset.state !== 'open') {
            show(state);
        } else {
            timer = setTimeout(() => show(state), 400);
        }
    });

    client.on('connection:open', () => {
        pill.dataset.opened = Number(pill.dataset.opened ?? 0) + 1;
    });

    client.on('connection:refused', ({ reason }) => {
        toast('Disconnected', reason || 'The server ended this session.');
    });
}


/* Everybody who is here, to be notified: ourselves at least. */
function visitors(conversation, me) {
    const ids = new Set([me.id]);

    for (const p of conversation.participants.values()) {
        if (p.online && p.id !== AGENT.id) {
            ids.add(String(p.id));
        }
    }

    return [...ids];
}


function showDock() {
    $('dock-chat').addEventListener('click', () => {
        $('chat').scrollIntoView();
        $('message').focus({ preventScroll: true });
    });
    $('dock-auction').addEventListener('click',
                                       () => $('auction').scrollIntoView());
}


function complain(err) {
    $('setup-error').textContent = err.message;
    $('setup-error').hidden = false;

    return null;
}
