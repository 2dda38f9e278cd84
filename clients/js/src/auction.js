/*
 * Auction: the state of one auction, bids, and the countdown by the server's
 * clock.
 *
 * Emits 'change' after anything changed, and 'bid', 'outbid', 'extended',
 * 'ended', 'bidders', 'announcement'; each with the server's payload.
 */

import { Emitter } from './emitter.js';
import { randomId } from './id.js';
import { RtpropError } from './error.js';

const RECENT = 20;          /* bids kept */


export class Auction extends Emitter {
    #client;
    #offs = [];
    #left = 0;                      /* ms on the clock, as told last */

    constructor(client, id) {
        super();
        this.#client = client;
        this.id = String(id);
        this.auction = null;        /* the server's auction object */
        this.bids = [];             /* newest first */
        this.bidderNumber = null;
        this.leader = null;         /* bidder number of the highest bid */
        this.bidders = 0;
        this.result = null;         /* auction:ended */
        this.#wire();
    }

    async join() {
        const payload = { auction_id: this.id };
        const frame = await this.#client.join({
            channel: `auction:${this.id}`,
            type: 'auction:join', payload,
            leave: { type: 'auction:leave', payload }
        });

        return frame?.payload;
    }

    leave() {
        this.#client.leave({ channel: `auction:${this.id}`,
                             type: 'auction:join' });
        this.#offs.splice(0).forEach((off) => off());
    }

    /* whether the highest bid is ours */
    get leading() {
        return this.leader !== null && this.leader === this.bidderNumber;
    }

    /* the least amount the next bid must have, or null */
    get minimum() {
        const a = this.auction;

        return a?.minimum_next_bid ?? a?.minimum_bid ?? null;
    }

    /* milliseconds until the end by the server's clock, never negative */
    remaining() {
        const a = this.auction;

        if (!a?.ends_at || a.status === 'ended' || a.status === 'cancelled') {
            return 0;
        }

        if (a.status === 'paused') {
            return this.#left;      /* it stands still */
        }

        return Math.max(0, Date.parse(a.ends_at) - this.#client.now());
    }

    /*
     * Bids an amount in the smallest unit.  Never waits for a connection: a
     * bid is meant for now.  Lost on the way, it is sent again under the same
     * client_bid_id.  Rejected with the server's code (below_minimum ...).
     */
    async bid(amount) {
        const { type, payload } = await this.#client.request('auction:bid', {
            auction_id: this.id, amount, client_bid_id: randomId()
        }, { queue: false, retry: true, maxWait: 5000 });

        if (type === 'auction:bid_rejected') {
            throw new RtpropError(payload.code, payload.reason, payload);
        }

        return payload;
    }

    /* Older bids: {bids[], has_more} as the server sends them. */
    async history(options = {}) {
        const { payload } = await this.#client.request('auction:history', {
            auction_id: this.id, ...options
        });

        return payload;
    }

    #wire() {
        const on = (type, fn) => this.#offs.push(
            this.#client.on(type, (p) => {
                if (String(p.auction_id) === this.id) {
                    fn(p);
                    this.emit('change');
                }
            }));

        on('auction:state', (p) => this.#onState(p));
        on('auction:new_bid', (p) => this.#onBid(p));
        on('auction:bidder_count', (p) => this.#onCount(p));
        on('auction:bidder_joined', (p) => this.#onCount(p));
        on('auction:bidder_left', (p) => this.#onCount(p));
        on('auction:timer_sync', (p) => this.#onEnd(p));
        on('auction:announcement', (p) => this.emit('announcement', p));
        on('auction:outbid', (p) => this.#onOutbid(p));
        on('auction:time_extended', (p) => {
            this.#onEnd(p);
            this.emit('extended', p);
        });
        on('auction:ended', (p) => {
            this.result = p;
            this.auction = { ...this.auction, status: 'ended',
                             ends_at: p.ended_at ?? this.auction?.ends_at };
            this.emit('ended', p);
        });
    }

    #onState(p) {
        this.auction = { ...p.auction };
        this.bids = [...(p.recent_bids ?? [])];
        this.bidderNumber = p.your_bidder_number ?? p.bidder_number ?? null;
        this.leader = p.current_bidder_number
                      ?? this.bids[0]?.bidder_number ?? null;
        this.#left = 1000 * (p.remaining_seconds ?? 0);
        this.#onCount(p);

        if (this.auction.status !== 'ended') {
            this.result = null;
        }
    }

    #onBid(p) {
        const id = String(p.bid.id ?? p.bid.bid_id);

        if (p.auction) {
            this.auction = { ...this.auction, ...p.auction };
        }

        if (this.bids.some((b) => String(b.id ?? b.bid_id) === id)) {
            return;
        }

        this.bids.unshift(p.bid);
        this.bids.length = Math.min(this.bids.length, RECENT);
        this.leader = p.bid.bidder_number;
        this.emit('bid', p);
    }

    /* it may come before the bid that it is about: another channel */
    #onOutbid(p) {
        if (this.leading && p.new_high_bid > this.auction.current_price) {
            this.leader = null;
        }

        this.emit('outbid', p);
    }

    #onEnd(p) {
        const endsAt = p.ends_at ?? p.new_end_time;

        if (this.auction && endsAt) {
            this.auction = { ...this.auction, ends_at: endsAt,
                             status: p.status ?? this.auction.status };
            this.#left = 1000 * (p.remaining_seconds ?? 0);
        }
    }

    #onCount(p) {
        const count = p.active_bidders ?? p.bidder_count ?? p.count;

        if (count !== undefined) {
            this.bidders = count;
            this.emit('bidders', count);
        }
    }
}
