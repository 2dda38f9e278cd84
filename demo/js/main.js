/* Wires the page: who we are, one connection, and a view for each feature. */

import { connect, Conversation, Property, Auction, AgentStatus, Notifications }
    from '/clients/js/src/rtprop.js';
import { $, el, avatar } from './dom.js';
import { whoAmI } from './identity.js';
import { enter, HOUSE, CONVERSATION, AGENT } from './house.js';
import { showConnection } from './connection.js';
import { showGallery, showListing } from './listing.js';
import { showChat } from './chat-view.js';
import { showBell } from './bell.js';
import { AuctionView } from './auction-view.js';
import { AgentPanel } from './agent-panel.js';
import { toast } from './toasts.js';


showGallery();
showDock();
start();


async function start() {
    const me = await whoAmI();
    const client = connect(`/ws?u=${me.id}&n=${encodeURIComponent(me.name)}`
                           + `&r=${me.role}`);
    const property = new Property(client, HOUSE);
    const conversation = new Conversation(client, CONVERSATION);
    const auctions = new AuctionView();
    const panel = new AgentPanel(client, () => visitors(conversation, me));

    showMe(me);
    showConnection(client);
    showListing(property);
    showChat(conversation, new AgentStatus(client, AGENT.id), me);
    showBell(new Notifications(client));
    followAuctions(client, property, auctions, panel);

    client.on('connection:dropped', (d) => {
        if (d.type !== 'chat:typing') {
            toast('Not sent', 'Too much was waiting for the connection.');
        }
    });

    keepInside(client, property, conversation, panel);
}


/*
 * Goes in, and again whenever the server turns out to know nothing of the
 * house: it was stopped and started, and begins empty.
 */
function keepInside(client, property, conversation, panel) {
    let entering = false;

    async function goIn() {
        if (entering) {
            return;
        }

        entering = true;

        try {
            await enter(property, conversation);
            $('setup-error').hidden = true;
            resend(conversation);
            panel.rejoin();

        } catch (err) {
            $('setup-error').textContent = err.message;
            $('setup-error').hidden = false;
        }

        entering = false;
    }

    client.on('connection:rejoin_refused', goIn);
    property.on('state', (state) => {
        if (!state.status) {
            goIn();
        }
    });

    goIn();
}


/* What was written for a conversation that was not there yet. */
function resend(conversation) {
    for (const message of conversation.messages) {
        if (message.status === 'failed'
            && ['not_found', 'not_joined', 'not_authorized']
               .includes(message.error?.code))
        {
            conversation.retry(message);
        }
    }
}


/* Shows the auction that the house names, or that was just opened. */
function followAuctions(client, property, auctions, panel) {
    let current = null;

    function drop(id) {
        if (id === current) {
            current = panel.auctionId = null;
            auctions.detach();
        }
    }

    function follow(id) {
        if (!id || id === current) {
            return;
        }

        const auction = new Auction(client, id);

        current = panel.auctionId = id;
        auctions.attach(auction);
        auction.join().catch(() => drop(id));
    }

    client.on('demo:auction_opened', (p) => {
        follow(p.auction_id);
        toast('An auction has opened', 'Bids are taken now.', 'gold');
    });
    client.on('connection:rejoin_refused', ({ channel }) => {
        if (channel === `auction:${current}`) {
            drop(current);
        }
    });
    property.on('state', (state) => follow(state.auction_id));
}


function showMe(me) {
    const box = $('me');

    box.title = `You are ${me.name}`;
    box.replaceChildren(avatar(me, AGENT.id),
                        el('span', { class: 'me-name', text: me.name }),
                        el('span', { class: 'sr',
                                     text: `You are ${me.name}` }));
    document.body.dataset.user = me.id;
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
