/*
 * One person of the load: chats, bids and watches over a connection that is
 * made again, to the next server, whenever it ends or the server can do nothing
 * for long; notes down what it was told as facts for the checker.
 */

import WebSocket from 'ws';

const RETRY = new Set(['unavailable', 'rate_limited', 'internal', 'not_joined',
                       'conflict']);
const MIN_DELAY = 50, MAX_DELAY = 1000;     /* ms before the next try */
const ANSWER_TIME = 5000;                   /* ms until a command is repeated */
const PATIENCE = 3000;                      /* ms of nothing but refusals */

export class Client {
    #urls;
    #at;
    #fact;
    #random;
    #socket = null;
    #channels = new Map();      /* name -> null, or a place */
    #pending = new Map();       /* client's id -> {frame, fact, timer} */
    #delay = MIN_DELAY;
    #timer = null;
    #closed = false;
    #finishing = null;
    #since = null;              /* then the server began to do nothing */

    constructor({ user, urls, at, channels, fact, random }) {
        this.user = user;
        this.bids = new Map();      /* auction's channel -> next amount */
        this.live = false;
        this.#urls = urls;
        this.#at = at;
        this.#fact = fact;
        this.#random = random;
        this.#channels = new Map(channels.map((name) => [name, null]));
    }

    get pending() { return this.#pending.size; }
    get joined() { return [...this.#channels.values()].every((p) => p); }

    start() {
        this.#connect();
    }

    message(channel, id, content) {
        this.#fact({ k: 'sent', u: this.user, ch: channel, c: id });
        this.#command(id, { type: 'chat:send_message', payload: {
            conversation_id: rest(channel), content, client_message_id: id } },
            channel);
    }

    bid(channel, id) {
        const amount = this.bids.get(channel);

        if (amount !== undefined) {
            this.#command(id, { type: 'auction:bid', payload: {
                auction_id: rest(channel), amount, client_bid_id: id } },
                channel);
        }
    }

    /* Tears the connection off, without a word. */

    cut() {
        this.#socket?.terminate();
    }

    /*
     * Comes back once more over a new connection and stays until everything
     * up to its own place has arrived; resolves then.
     */

    finish() {
        return new Promise((resolve) => {
            this.#finishing = { resolve, resumed: new Set() };
            this.#delay = MIN_DELAY;
            this.#socket?.terminate();
        });
    }

    close() {
        this.#closed = true;
        clearTimeout(this.#timer);
        this.#socket?.close(1000);
    }

    #connect() {
        const url = this.#urls[this.#at++ % this.#urls.length];
        const socket = new WebSocket(url.replaceAll('{user}', this.user),
                                     { handshakeTimeout: ANSWER_TIME });

        this.#socket = socket;

        socket.on('message', (data) => this.#receive(JSON.parse(data)));
        socket.on('error', () => {});
        socket.on('close', () => {
            this.live = false;

            for (const entry of this.#pending.values()) {
                clearTimeout(entry.timer);
            }

            if (!this.#closed) {
                this.#timer = setTimeout(() => this.#connect(),
                                         this.#delay * (0.5 + this.#random()));
                this.#delay = Math.min(this.#delay * 2, MAX_DELAY);
            }
        });
    }

    #send(frame) {
        if (this.#socket.readyState === WebSocket.OPEN) {
            this.#socket.send(JSON.stringify(frame));
        }
    }

    /* Commands bear the client's own id, so they may be said again. */

    #command(id, frame, channel) {
        this.#pending.set(id, { frame: { ...frame, id }, channel });

        if (this.live) {
            this.#say(id);
        }
    }

    #say(id) {
        const entry = this.#pending.get(id);

        if (entry !== undefined) {
            this.#send(entry.frame);
            clearTimeout(entry.timer);
            entry.timer = setTimeout(() => this.#say(id), ANSWER_TIME);
        }
    }

    #again(id) {
        const entry = this.#pending.get(id);

        if (entry !== undefined) {
            clearTimeout(entry.timer);
            entry.timer = setTimeout(() => this.#say(id),
                                     MAX_DELAY * (0.2 + this.#random()));
        }
    }

    #impatient(code) {
        if (code !== 'unavailable') {
            return;
        }

        this.#since ??= Date.now();

        if (Date.now() - this.#since > PATIENCE) {
            this.#since = null;
            this.#socket.terminate();
        }
    }

    #settle(id) {
        const entry = this.#pending.get(id);

        clearTimeout(entry?.timer);
        this.#pending.delete(id);
        this.#since = null;

        return entry;
    }

    /* Those that were joined are resumed, the others joined. */

    #enter(names) {
        const channels = {};

        for (const name of names) {
            const place = this.#channels.get(name);

            if (place) {
                channels[name] = { epoch: place.epoch, offset: place.offset };
            } else {
                this.#join(name);
            }
        }

        if (Object.keys(channels).length) {
            this.#send({ type: 'resume', payload: { channels } });
        }
    }

    #join(name) {
        const id = rest(name);

        if (name.startsWith('conversation:')) {
            this.#send({ type: 'chat:join', id: `join ${name}`,
                         payload: { conversation_id: id, limit: 1 } });

        } else if (name.startsWith('auction:')) {
            this.#send({ type: 'auction:join', id: `join ${name}`,
                         payload: { auction_id: id } });

        } else {
            this.#send({ type: 'property:view', id: `join ${name}`,
                         payload: { property_id: id } });
        }
    }

    #receive(frame) {
        const { type, payload } = frame;

        if (frame.epoch !== undefined && frame.channel !== undefined) {
            this.#stands(frame.channel, frame.epoch, frame.offset, true);
        }

        switch (type) {

        case 'welcome':
            this.live = true;
            this.#delay = MIN_DELAY;
            this.#enter(this.#channels.keys());
            [...this.#pending.keys()].forEach((id) => this.#say(id));
            break;

        case 'resumed':
            this.#resumed(payload.channels);
            break;

        case 'ack':
            this.#acked(frame);
            break;

        case 'error':
            this.#refused(frame);
            break;

        case 'auction:bid_accepted':
            if (this.#settle(frame.id)) {
                this.#fact({ k: 'bidok', u: this.user, c: frame.id,
                             ch: `auction:${payload.auction_id}`,
                             id: payload.bid_id, amount: payload.amount });
            }
            break;

        case 'auction:bid_rejected':
            this.#rejected(frame);
            break;

        case 'auction:state':
            this.#price(`auction:${payload.auction_id}`, payload.auction);
            break;

        default:
            this.#event(frame);
        }
    }

    /* A state frame brings a new place: what was before is not continued. */

    #stands(name, epoch, offset, anew) {
        if (!this.#channels.has(name)) {
            return;
        }

        const place = this.#channels.get(name);

        if (anew || place.epoch !== epoch) {
            this.#channels.set(name, { epoch, offset, base: offset });

        } else {
            place.offset = Math.max(place.offset, offset);
        }

        this.#fact({ k: 'joined', s: this.user, ch: name, e: epoch, o: offset,
                     anew });
    }

    #resumed(channels) {
        for (const [name, answer] of Object.entries(channels)) {

            if (answer.epoch === undefined) {
                setTimeout(() => this.#enter([name]), MAX_DELAY);
                continue;
            }

            if (answer.recovered) {
                this.#stands(name, answer.epoch, answer.offset, false);
            }

            this.#finished(name, answer.offset);
        }
    }

    #finished(name, offset) {
        if (this.#finishing === null) {
            return;
        }

        this.#fact({ k: 'stand', s: this.user, ch: name, o: offset });
        this.#finishing.resumed.add(name);

        if (this.#finishing.resumed.size === this.#channels.size) {
            this.#finishing.resolve();
        }
    }

    #acked({ id, payload }) {
        const entry = this.#settle(id);

        if (entry !== undefined) {
            this.#fact({ k: 'acked', u: this.user, ch: entry.channel, c: id,
                         id: payload.message_id });
        }
    }

    #refused({ id, payload }) {
        if (typeof id === 'string' && id.startsWith('join ')) {
            setTimeout(() => this.#enter([id.slice(5)]), MAX_DELAY);

        } else if (RETRY.has(payload.code)) {
            this.#again(id);
            this.#impatient(payload.code);

        } else if (this.#settle(id)) {
            this.#fact({ k: 'refused', u: this.user, c: id,
                         code: payload.code });
        }
    }

    #rejected({ id, payload }) {
        if (RETRY.has(payload.code)) {
            this.#again(id);
            this.#impatient(payload.code);
            return;
        }

        this.#settle(id);
        this.#price(`auction:${payload.auction_id}`,
                    { minimum_next_bid: payload.minimum_bid });
    }

    #price(channel, auction) {
        this.bids.set(channel, auction.minimum_next_bid);
    }

    #event({ type, channel, offset, payload }) {
        const place = this.#channels.get(channel);

        if (offset === undefined || !place) {
            return;
        }

        const fact = { k: 'got', s: this.user, ch: channel, o: offset,
                       ...told(type, payload) };

        if (type === 'auction:new_bid') {
            this.#price(channel, payload.auction);
        }

        /* what a join repeats of the past is not news */

        if (offset <= place.base) {
            return;
        }

        place.offset = Math.max(place.offset, offset);
        this.#fact(fact);
    }
}

function told(type, payload) {
    switch (type) {

    case 'chat:new_message':
        return { t: 'message', id: payload.id, c: payload.client_message_id,
                 u: payload.sender.id };

    case 'auction:new_bid':
        return { t: 'bid', id: payload.bid.id, amount: payload.bid.amount };

    case 'auction:ended':
        return { t: 'ended', id: payload.auction_id,
                 winner: payload.winner_bidder_number,
                 price: payload.final_price };

    default:
        return { t: type };
    }
}

function rest(channel) {
    return channel.slice(channel.indexOf(':') + 1);
}
