/* The auction panel: countdown, prices, bids, outbid, winner. */

import { $, el, animate } from './dom.js';
import { money, parseMoney, countdown, time } from './format.js';
import { toast } from './toasts.js';
import { note } from './listing.js';

const labels = { scheduled: 'Opens soon', live: 'Live', paused: 'Paused',
                 ended: 'Ended', cancelled: 'Cancelled' };

const refusals = {
    already_highest: 'Yours is the highest bid already.',
    auction_ended: 'Too late: the auction has ended.',
    not_started: 'The auction has not started yet.',
    paused: 'The auction is paused. Wait a moment.',
    rate_limited: 'That was quick. Wait a second and try again.',
    offline: 'No connection just now, so the bid was not placed.',
    disconnected: 'The connection was lost. Look at the bids before trying again.',
    timeout: 'No answer in time. Look at the bids before trying again.',
    invalid_amount: 'Enter a whole amount in euros.'
};

const URGENT = 10000;       /* ms */


export class AuctionView {
    #auction = null;
    #seen = new Set();
    #outbid = null;         /* the last auction:outbid, while it is shown */

    constructor() {
        $('bid-form').addEventListener('submit', (e) => {
            e.preventDefault();
            this.#submit();
        });
        $('outbid-bid').addEventListener('click', () => {
            this.#bid(Math.max(this.#outbid?.minimum_to_win ?? 0,
                               this.#auction?.minimum ?? 0));
        });
        $('outbid-close').addEventListener('click', () => this.#hideOutbid());
        setInterval(() => this.#tick(), 100);
    }

    /* Shows another auction; the one before is left. */
    attach(auction) {
        this.detach();
        this.#auction = auction;
        $('bid-history').replaceChildren();
        $('bid-error').textContent = '';
        $('bid-amount').value = '';
        $('winner').hidden = true;
        auction.on('change', () => this.#draw());
        auction.on('bid', (p) => this.#onBid(p));
        auction.on('outbid', (p) => this.#onOutbid(p));
        auction.on('extended', (p) => this.#onExtended(p));
        auction.on('ended', () => this.#onEnded());
    }

    /* Shows none. */
    detach() {
        this.#auction?.leave();
        this.#auction = null;
        this.#seen.clear();
        this.#hideOutbid();
        $('auction').hidden = true;
        $('dock-auction').hidden = true;
    }

    #draw() {
        const auction = this.#auction;
        const a = auction.auction;

        if (a === null) {
            return;
        }

        const live = a.status === 'live';
        const over = a.status === 'ended' || a.status === 'cancelled';

        $('auction').hidden = false;
        $('auction').dataset.auction = auction.id;
        $('dock-auction').hidden = a.status !== 'live' && a.status !== 'paused';
        $('auction-title').textContent = a.property_title ?? 'This home';
        $('auction-status').textContent = labels[a.status] ?? a.status;
        $('auction-status').dataset.status = a.status;
        $('bid-label').textContent = auction.bids.length === 0
            ? 'Starting price' : over ? 'Final bid' : 'Current bid';
        $('current-bid').textContent = money(a.current_price);
        $('current-bid').dataset.cents = a.current_price;
        $('minimum-bid').textContent = over ? '–' : money(auction.minimum);
        $('minimum-bid').dataset.cents = auction.minimum;
        $('bidder-number').textContent = auction.bidderNumber === null ? '–'
            : `Bidder ${auction.bidderNumber}`;
        $('bidder-count').textContent = auction.bidders;
        $('bid-form').hidden = over;
        $('bid-submit').disabled = !live;
        this.#drawQuick(a, live);
        this.#drawStanding(a);
        this.#drawBids();
        this.#drawWinner(a);

        /* the word of being outbid may come before the bid itself */
        if (a.current_price > this.#outbid?.new_high_bid && auction.leading
            || a.status === 'ended' || a.status === 'cancelled')
        {
            this.#hideOutbid();
        }
    }

    #drawQuick(a, live) {
        const minimum = this.#auction.minimum;
        const box = $('quick-bids');

        if (box.dataset.minimum === String(minimum) && box.children.length) {
            [...box.children].forEach((b) => { b.disabled = !live; });
            return;
        }

        const steps = [0, 1, 4].map((n, i) => {
            const amount = minimum + n * a.bid_increment;
            const b = el('button', { type: 'button',
                                     'data-testid': `quick-${i}` },
                         el('span', { text: money(amount) }),
                         el('small', { text: i === 0 ? 'lowest bid'
                             : `+ ${money(n * a.bid_increment)}` }));

            b.disabled = !live;
            b.addEventListener('click', () => this.#bid(amount));

            return b;
        });

        box.dataset.minimum = minimum;
        box.replaceChildren(...steps);
    }

    #drawStanding(a) {
        const node = $('standing');
        const auction = this.#auction;
        const mine = auction.bids.some((b) => b.bidder_number
                                              === auction.bidderNumber);
        let text = '';
        let tone = '';

        if (a.status === 'live' && auction.leading) {
            text = 'You have the highest bid.';
            tone = 'lead';

        } else if (a.status === 'live' && mine) {
            text = 'You have been outbid.';
            tone = 'lost';

        } else if (a.status === 'paused') {
            text = 'The auctioneer paused. The clock stands still.';

        } else if (a.status === 'cancelled') {
            text = 'This auction was cancelled.';
        }

        if (node.textContent !== text) {
            node.textContent = text;
        }

        node.dataset.tone = tone;
    }

    #drawBids() {
        const auction = this.#auction;
        const first = this.#seen.size === 0;

        const rows = auction.bids.map((b) => {
            const id = String(b.id ?? b.bid_id);
            const mine = b.bidder_number === auction.bidderNumber;
            const row = el('li', { 'data-testid': 'bid',
                                   'data-amount': b.amount },
                           el('span', { class: mine && 'you',
                                        text: mine ? 'You'
                                        : `Bidder ${b.bidder_number}` }),
                           el('span', { text: money(b.amount) }),
                           el('time', { text: time(b.created_at) }));

            if (!this.#seen.has(id)) {
                this.#seen.add(id);
                row.classList.toggle('new', !first);
            }

            return row;
        });

        if (rows.length !== $('bid-history').children.length
            || rows[0]?.dataset.amount
               !== $('bid-history').firstElementChild?.dataset.amount
            || first)
        {
            $('bid-history').replaceChildren(...rows);
        }

        $('bid-none').hidden = rows.length > 0;
    }

    #drawWinner(a) {
        const box = $('winner');

        if (a.status !== 'ended') {
            box.hidden = true;
            return;
        }

        const auction = this.#auction;
        const number = auction.result ? auction.result.winner_bidder_number
                                      : auction.leader;
        const price = auction.result?.final_price ?? a.current_price;

        if (!box.hidden && box.dataset.number === String(number)) {
            return;
        }

        box.hidden = false;
        box.dataset.number = number;
        box.dataset.mine = number !== null && number === auction.bidderNumber;

        if (number === null || number === undefined) {
            box.replaceChildren(el('b', { text: 'Ended without a bid' }),
                                'The home stays on the market.');
        } else if (box.dataset.mine === 'true') {
            box.replaceChildren(el('b', { text: 'The house is yours' }),
                                `Your bid of ${money(price)} won. Clara gets in`
                                + ' touch with you.');
        } else {
            box.replaceChildren(el('b', { text: `Bidder ${number} won` }),
                                `Sold at ${money(price)}.`);
        }
    }

    #tick() {
        const a = this.#auction?.auction;

        if (!a || $('auction').hidden) {
            return;
        }

        const over = a.status === 'ended' || a.status === 'cancelled';
        const left = this.#auction.remaining();

        if (a.status === 'paused') {
            $('clock-label').textContent = 'paused';
            return;
        }

        const text = over ? '0:00' : countdown(left);
        const whole = Date.parse(a.ends_at) - Date.parse(a.starts_at);

        $('countdown').textContent = text;
        $('dock-clock').textContent = text;
        $('clock-label').textContent = over ? 'ended'
            : left === 0 ? 'closing' : left < URGENT ? 'seconds' : 'left';
        $('clock').dataset.urgent = !over && left < URGENT;
        $('clock').dataset.left = Math.round(left);
        $('clock-arc').style.strokeDashoffset = whole > 0
            ? 100 - 100 * Math.min(1, left / whole) : 100;
    }

    #onBid(p) {
        const mine = p.bid.bidder_number === this.#auction.bidderNumber;

        animate($('current-bid'), 'bump');
        note(`${mine ? 'You' : `Bidder ${p.bid.bidder_number}`} bid`
             + ` ${money(p.bid.amount)}`, p.bid.created_at, 'gold');
    }

    #onOutbid(p) {
        if (this.#auction.auction?.status === 'ended') {
            return;
        }

        this.#outbid = p;
        $('outbid-text').textContent = `You have been outbid: somebody offers`
            + ` ${money(p.new_high_bid)}.`;
        $('outbid-bid').textContent = `Bid ${money(p.minimum_to_win)}`;
        $('outbid').hidden = false;
    }

    #hideOutbid() {
        this.#outbid = null;
        $('outbid').hidden = true;
    }

    #onExtended(p) {
        if (p.reason === 'resumed') {
            toast('The auction goes on', 'The end moved on by the pause.');
            note('Auction resumed', p.server_time, 'gold');
            return;
        }

        const node = $('extended');

        if (p.reason === 'resumed') {
            note('Auction resumed', p.server_time, 'gold');
            return;
        }

        node.textContent = 'More time';
        node.hidden = true;
        void node.offsetWidth;
        node.hidden = false;
        animate($('auction'), 'flash');
        $('auction').dataset.extensions =
            Number($('auction').dataset.extensions ?? 0) + 1;
        toast('The clock was extended', p.reason === 'late_bid'
              ? 'A late bid gives everybody more time.'
              : 'The auctioneer gives everybody more time.', 'gold');
        note('Auction extended', p.server_time, 'gold');
        setTimeout(() => { node.hidden = true; }, 5000);
    }

    #onEnded() {
        const r = this.#auction.result;

        toast('The auction has ended', r.winner_bidder_number === null
              || r.winner_bidder_number === undefined ? 'Nobody bid.'
              : `Bidder ${r.winner_bidder_number}, ${money(r.final_price)}`,
              'gold');
        note(`Auction ended${r.final_price ? ` at ${money(r.final_price)}`
                                           : ' without a bid'}`,
             r.ended_at, 'gold');
    }

    #submit() {
        const amount = parseMoney($('bid-amount').value);

        if (amount === null) {
            this.#refuse(refusals.invalid_amount);
            $('bid-amount').focus();
            return;
        }

        this.#bid(amount);
    }

    async #bid(amount) {
        this.#refuse('');
        $('bid-submit').disabled = true;

        try {
            await this.#auction.bid(amount);
            $('bid-amount').value = '';
            this.#hideOutbid();

        } catch (err) {
            this.#refuse(err.code === 'below_minimum'
                ? `Somebody was faster: the lowest bid is now`
                  + ` ${money(err.payload.minimum_bid)}.`
                : refusals[err.code] ?? err.message);

        } finally {
            this.#draw();
        }
    }

    #refuse(text) {
        $('bid-error').textContent = text;
        $('bid-amount').setAttribute('aria-invalid', text !== '');
    }
}
