/*
 * Positions: how far each channel has been heard.  Pure.
 *
 * Reliable frames carry channel and offset; the answer to a join (a state
 * frame) carries the epoch too.  Offsets of one epoch count up by one, so that
 * a double and a gap both show.
 *
 * After a state frame the server replays older events (the last messages of a
 * conversation): offsets up to the state's own are then judged by a cursor of
 * their own, which only moves up.
 */

export class Positions {
    #channels = new Map();

    /* {epoch, offset} of a channel, or undefined */
    get(channel) {
        const p = this.#channels.get(channel);

        return p && { epoch: p.epoch, offset: p.offset };
    }

    /* A state frame: everything up to offset is contained or replayed next. */
    state(channel, epoch, offset) {
        const p = this.#channels.get(channel);
        const same = p !== undefined && p.epoch === epoch;

        this.#channels.set(channel, {
            epoch,
            offset,
            upto: offset,
            cursor: same ? p.offset : -1
        });
    }

    /*
     * An event: 'new' (deliver), 'double' (drop) or 'gap' (something between
     * was missed; the position stays where it is).
     */
    judge(channel, offset) {
        const p = this.#channels.get(channel);

        if (p === undefined) {
            this.#channels.set(channel, { epoch: null, offset,
                                          upto: -1, cursor: -1 });
            return 'new';
        }

        if (offset <= p.offset) {
            if (offset <= p.upto && offset > p.cursor) {
                p.cursor = offset;
                return 'new';
            }

            return 'double';
        }

        if (offset > p.offset + 1) {
            return 'gap';
        }

        p.offset = offset;

        return 'new';
    }

    /* Moves forward without a frame: what lies between is not for us. */
    advance(channel, offset, epoch) {
        const p = this.#channels.get(channel);

        if (p === undefined) {
            this.#channels.set(channel, { epoch: epoch ?? null, offset,
                                          upto: -1, cursor: -1 });
            return;
        }

        if (epoch !== undefined && p.epoch !== epoch) {
            p.epoch = epoch;
            p.offset = offset;
            p.upto = -1;
            p.cursor = -1;
            return;
        }

        if (offset > p.offset) {
            p.offset = offset;
        }
    }

    forget(channel) {
        this.#channels.delete(channel);
    }

    /* A new connection: without an epoch a number means nothing any more. */
    forgetUnnamed() {
        for (const [channel, p] of this.#channels) {
            if (p.epoch === null) {
                this.#channels.delete(channel);
            }
        }
    }
}
