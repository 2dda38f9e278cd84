/*
 * The history checker: reads what clients were told, and what the database
 * holds, and says what can't both be true and be right.  Pure.
 *
 * check(facts) takes objects, one for each thing that happened, in the order
 * in which each client saw its own:
 *
 *   {k: 'sent',   u, ch, c}              a message leaves; c: client's id
 *   {k: 'acked',  u, ch, c, id}          the server has acknowledged it
 *   {k: 'joined', s, ch, e, o, anew}     stands at offset o of epoch e; anew:
 *                                        what came before is not continued
 *   {k: 'got',    s, ch, o, t, id, ...}  an event: message {c, u}, bid
 *                                        {amount}, ended {winner, price}
 *   {k: 'stand',  s, ch, o}              at the end: nothing up to o is owed
 *   {k: 'bidok',  u, ch, c, id, amount}  the server has accepted the bid
 *   {k: 'count',  ch, n, is}             at the end: n viewers told, is there
 *   {k: 'db', table: 'message' | 'bid' | 'auction', ch, ...}
 *
 * s names a client that resumes over all its connections, ch a channel.  A
 * database is believed to be there when there is a fact of it.
 *
 * The answer: {faults: [{rule, text}], counted: {...}}.
 */

export const RULES = {
    lost: 'every acknowledged message and bid is there',
    twice: 'nothing is there, or told, twice',
    gap: 'who stayed or resumed saw everything',
    order: 'every receiver saw each channel in the same order',
    winner: 'an auction has one winner, who bid the most',
    price: 'the price never falls',
    ghost: 'nobody is counted who is not there',
};

const NAMES = { message: 'message', bid: 'bid', ended: 'end' };

export function check(facts) {
    const history = new History();

    for (const fact of facts) {
        history.add(fact);
    }

    return history.judge();
}

class History {
    #faults = [];
    #channels = new Map();
    #database = false;
    #counted = { sent: 0, acked: 0, got: 0, bids: 0, resumed: 0, anew: 0 };

    add(fact) {
        const channel = fact.ch === undefined ? null : this.#channel(fact.ch);

        switch (fact.k) {

        case 'sent':
            this.#counted.sent++;
            break;

        case 'acked':
            this.#counted.acked++;
            channel.acked.push(fact);
            break;

        case 'bidok':
            this.#counted.bids++;
            channel.accepted.push(fact);
            break;

        case 'joined':
            this.#joined(channel, fact);
            break;

        case 'got':
            this.#counted.got++;
            this.#got(channel, fact);
            break;

        case 'stand':
            this.#stand(channel, fact);
            break;

        case 'count':
            if (fact.n !== fact.is) {
                this.#fault('ghost', `${fact.ch}: ${fact.n} viewers are told,`
                                     + ` ${fact.is} are there`);
            }
            break;

        case 'db':
            this.#database = true;
            channel.rows[fact.table].push(fact);
            break;
        }
    }

    judge() {
        for (const [name, channel] of this.#channels) {
            this.#judgeOrder(name, channel);
            this.#judgeGaps(name, channel);
            this.#judgeMessages(name, channel);
            this.#judgeAuction(name, channel);
        }

        return { faults: this.#faults, counted: this.#counted };
    }

    #channel(name) {
        let channel = this.#channels.get(name);

        if (channel === undefined) {
            channel = {
                acked: [],
                accepted: [],
                streams: new Map(),     /* of each client, its segments */
                segments: [],
                epochs: new Map(),      /* epoch -> offset -> event */
                rows: { message: [], bid: [], auction: [] },
            };
            this.#channels.set(name, channel);
        }

        return channel;
    }

    /* A segment is what one client saw without a break, from "from" on. */

    #joined(channel, fact) {
        const open = channel.streams.get(fact.s);

        if (open !== undefined) {
            this.#counted[fact.anew ? 'anew' : 'resumed']++;

            if (!fact.anew && open.epoch === fact.e) {
                return;
            }
        }

        const segment = { s: fact.s, epoch: fact.e, from: fact.o, to: fact.o,
                          last: fact.o, events: [] };

        channel.streams.set(fact.s, segment);
        channel.segments.push(segment);
    }

    #got(channel, fact) {
        const segment = channel.streams.get(fact.s);

        if (segment === undefined) {
            this.#fault('order', `${fact.ch}: ${fact.s} was told of`
                                 + ` ${what(fact)} before it had joined`);
            return;
        }

        segment.events.push(fact);

        if (fact.o <= segment.last) {
            const again = segment.events.find((e) => e !== fact
                                                     && e.o === fact.o);

            this.#fault(again ? 'twice' : 'order',
                        `${fact.ch}: ${fact.s} got offset ${fact.o} after`
                        + ` ${segment.last}`);
            return;
        }

        segment.last = fact.o;
        segment.to = Math.max(segment.to, fact.o);
    }

    #stand(channel, fact) {
        const segment = channel.streams.get(fact.s);

        if (segment !== undefined) {
            segment.to = Math.max(segment.to, fact.o);
        }
    }

    /* One offset is one event, and one event has one offset. */

    #judgeOrder(name, channel) {
        for (const segment of channel.segments) {
            const known = this.#epoch(channel, segment.epoch);

            for (const event of segment.events) {
                const other = known.get(event.o);

                if (other === undefined) {
                    known.set(event.o, event);

                } else if (other.id !== event.id || other.t !== event.t) {
                    this.#fault('order', `${name}: offset ${event.o} is`
                                         + ` ${what(other)} to ${other.s},`
                                         + ` ${what(event)} to ${event.s}`);
                }
            }
        }

        const places = new Map();

        for (const known of channel.epochs.values()) {
            for (const event of known.values()) {
                const key = `${event.t} ${event.id}`;

                if (event.id !== undefined && places.has(key)) {
                    this.#fault('twice', `${name}: ${what(event)} is at`
                                         + ` ${places.get(key)} and at`
                                         + ` ${event.o}`);
                }

                places.set(key, event.o);
            }
        }
    }

    #judgeGaps(name, channel) {
        for (const segment of channel.segments) {
            const seen = new Set(segment.events.map((e) => e.o));

            for (const [offset, event] of this.#epoch(channel,
                                                      segment.epoch))
            {
                if (offset > segment.from && offset <= segment.to
                    && !seen.has(offset))
                {
                    this.#fault('gap', `${name}: ${segment.s} had`
                                       + ` ${segment.from} to ${segment.to}`
                                       + ` and missed ${offset},`
                                       + ` ${what(event)}`);
                }
            }
        }
    }

    #judgeMessages(name, channel) {
        const told = new Map();     /* sender and his id -> message ids */
        const stored = new Map();

        for (const event of this.#events(channel, 'message')) {
            collect(told, `${event.u} ${event.c}`, String(event.id));
        }

        for (const row of channel.rows.message.filter((r) => r.c != null)) {
            collect(stored, `${row.u} ${row.c}`, String(row.id));
        }

        for (const [key, ids] of [...told, ...stored]) {
            if (ids.length > 1) {
                this.#fault('twice', `${name}: the message ${key} is there as`
                                     + ` ${ids.join(' and ')}`);
            }
        }

        for (const { u, c, id } of channel.acked) {
            this.#present(name, `message ${u} ${c}`, id, told.get(`${u} ${c}`),
                          stored.get(`${u} ${c}`));
        }
    }

    #judgeAuction(name, channel) {
        const bids = this.#events(channel, 'bid');
        const ends = channel.segments.flatMap((segment) =>
            segment.events.filter((e) => e.t === 'ended'));
        const told = new Map(), stored = new Map();
        let price = -1;

        for (const bid of bids) {
            collect(told, String(bid.id), String(bid.id));

            if (bid.amount <= price) {
                this.#fault('price', `${name}: ${bid.amount} at ${bid.o}`
                                     + ` after ${price}`);
            }

            price = Math.max(price, bid.amount);
        }

        for (const row of channel.rows.bid) {
            collect(stored, String(row.id), String(row.id));
        }

        for (const [id, ids] of stored) {
            if (ids.length > 1) {
                this.#fault('twice', `${name}: the bid ${id} is stored`
                                     + ` ${ids.length} times`);
            }
        }

        for (const { id, amount } of channel.accepted) {
            this.#present(name, `bid ${id} of ${amount}`, id,
                          told.get(String(id)), stored.get(String(id)));
        }

        this.#judgeEnd(name, channel, bids, ends, price);
    }

    #judgeEnd(name, channel, bids, ends, price) {
        const ended = [...ends, ...channel.rows.auction
                                   .filter((row) => row.status === 'ended')];

        for (const end of ended) {
            const first = ended[0];

            if (end.winner !== first.winner || end.price !== first.price) {
                this.#fault('winner', `${name}: ${first.winner} at`
                                      + ` ${first.price}, and ${end.winner} at`
                                      + ` ${end.price}`);
            }

            if (bids.length && end.price !== price) {
                this.#fault('winner', `${name}: won at ${end.price}, the`
                                      + ` highest bid is ${price}`);
            }
        }

        for (const end of ends) {
            for (const bid of bids.filter((b) => b.o > end.o)) {
                this.#fault('winner', `${name}: ${what(bid)} at ${bid.o},`
                                      + ` after the end at ${end.o}`);
            }
        }
    }

    #present(name, text, id, told, stored) {
        if (!told?.includes(String(id))) {
            this.#fault('lost', `${name}: ${text} was acknowledged as ${id}`
                                + ` and told to nobody`);
        }

        if (this.#database && !stored?.includes(String(id))) {
            this.#fault('lost', `${name}: ${text} was acknowledged as ${id}`
                                + ` and is not in the database`);
        }
    }

    #epoch(channel, epoch) {
        if (!channel.epochs.has(epoch)) {
            channel.epochs.set(epoch, new Map());
        }

        return channel.epochs.get(epoch);
    }

    /* All events of one type, each once, in the order of their offsets. */

    #events(channel, type) {
        return [...channel.epochs.values()]
               .flatMap((known) => [...known.values()]
                                   .filter((e) => e.t === type)
                                   .sort((a, b) => a.o - b.o));
    }

    #fault(rule, text) {
        this.#faults.push({ rule, text });
    }
}

function what(event) {
    return `${NAMES[event.t] ?? event.t} ${event.id ?? ''}`.trim();
}

function collect(map, key, value) {
    const values = map.get(key);

    if (values === undefined) {
        map.set(key, [value]);

    } else {
        values.push(value);
    }
}
