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
 *
 * A welcome may bring another epoch than before: the server's data are gone, or
 * it cannot reach them and gives a place that nobody knows.  The place before
 * is then resumed from all the same; how far the replay will go is not known,
 * so what was heard ahead of it is kept in mind.
 */

export class Positions {
    #channels = new Map();

    /* {epoch, offset} to resume a channel from, or undefined */
    get(channel) {
        const p = this.#channels.get(channel);

        return p && { epoch: p.from ?? p.epoch,
                      offset: p.from ? p.cursor : p.offset };
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
        const { heard } = this.#channels.get(channel) ?? {};
        const p = this.get(channel);
        const same = p !== undefined && p.epoch === epoch;
        const missed = p !== undefined && !(same && p.offset >= offset);

        this.#set(channel, epoch, offset, missed ? p.offset : offset);

        if (missed) {
            Object.assign(this.#channels.get(channel), {
                from: p.epoch, heard: heard ?? new Set(),
                upto: same ? offset : Infinity,
            });
        }

        return missed;
    }

    /*
     * A channel goes on from there; events behind it may have come already.
     * Returns whether it is still behind: get() as before.
     */
    moved(channel, epoch, offset) {
        const p = this.#channels.get(channel);

        if (p?.from === epoch) {
            p.epoch = epoch;
            p.offset = Math.max(p.offset, offset);
            return true;
        }

        if (p === undefined || p.epoch !== epoch || p.offset < offset) {
            this.#set(channel, epoch, offset, offset);
        }

        return false;
    }

    /*
     * The replay is over, or there was none: then it goes on from the place
     * that is told.  Events up to there may still be on their way.
     */
    caughtUp(channel, { recovered, epoch, offset = 0 } = {}) {
        const p = this.#channels.get(channel);

        if (p?.from) {
            const had = Math.max(p.offset, epoch === p.from ? p.cursor : 0);

            this.#set(channel, epoch ?? p.epoch,
                      recovered ? had : Math.max(had, offset), had);
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
            p.heard?.add(offset);
            return true;
        }

        if (offset <= p.upto && offset > p.cursor) {
            p.cursor = offset;
            return !p.heard?.has(offset);
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
        this.#channels.set(channel, { epoch, offset, cursor, upto: offset });
    }
}
