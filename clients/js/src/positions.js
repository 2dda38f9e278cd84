/*
 * Positions: how far each channel has been heard.  Pure.
 *
 * Reliable frames carry channel and offset; the answer to a join (a state
 * frame) and the welcome carry the epoch too.  Within one epoch offsets only
 * grow.  A session need not get each of them, so a step of more than one means
 * nothing: what is higher is new, what is not is a double.
 *
 * After a state frame the server replays older events (the last messages of a
 * conversation), and so it does when the user's own channel, which is live
 * from the welcome on, is resumed: offsets up to the frame's own are then
 * judged by a cursor of their own, which only moves up.
 */

export class Positions {
    #channels = new Map();

    /* {epoch, offset} to resume a channel from, or undefined */
    get(channel) {
        const p = this.#channels.get(channel);

        return p && { epoch: p.epoch, offset: p.behind ? p.cursor : p.offset };
    }

    /*
     * A state frame: everything up to offset is contained or replayed next.
     * anew: in place of what was heard before, which may have gaps.
     */
    state(channel, epoch, offset, anew = false) {
        const p = this.#channels.get(channel);
        const same = !anew && p !== undefined && p.epoch === epoch;

        this.#set(channel, epoch, offset, same ? p.offset : -1);
    }

    /*
     * A channel that is live from offset on without a join.  Returns whether
     * something between the last known place and offset was missed: get() then
     * gives that place, until caughtUp().
     */
    live(channel, epoch, offset) {
        const p = this.get(channel);
        const missed = p !== undefined && p.epoch === epoch
                       && p.offset < offset;

        this.#set(channel, epoch, offset, missed ? p.offset : offset);
        this.#channels.get(channel).behind = missed;

        return missed;
    }

    /* A channel goes on from there; events behind it may have come already. */
    moved(channel, epoch, offset) {
        const p = this.#channels.get(channel);

        if (p === undefined || p.epoch !== epoch || p.offset < offset) {
            this.#set(channel, epoch, offset, offset);
        }
    }

    caughtUp(channel) {
        const p = this.#channels.get(channel);

        if (p !== undefined) {
            p.behind = false;
        }
    }

    /* An event: whether it is to be delivered, or was heard already. */
    isNew(channel, offset) {
        const p = this.#channels.get(channel);

        if (p === undefined) {
            this.#set(channel, null, offset, offset);
            return true;
        }

        if (offset > p.offset) {
            p.offset = offset;
            return true;
        }

        if (offset <= p.upto && offset > p.cursor) {
            p.cursor = offset;
            return true;
        }

        return false;
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

    #set(channel, epoch, offset, cursor) {
        this.#channels.set(channel, { epoch, offset, cursor, upto: offset,
                                      behind: false });
    }
}
