/*
 * Conversation: the messages of one room, in order and each once, with what is
 * known of their way: 'queued', 'sending', 'sent', 'delivered', 'read' or
 * 'failed' for our own; typing, participants, unread.
 *
 * Emits 'change' after anything changed, 'message' for a new message of
 * somebody else, 'typing', 'participants'.
 */

import { Emitter } from './emitter.js';
import { randomId } from './id.js';

const TYPING_EVERY = 2500;  /* ms: the server forgets it after 5 s */
const RANK = { queued: 0, sending: 1, failed: 1, sent: 2, delivered: 3,
               read: 4 };


export class Conversation extends Emitter {
    #client;
    #offs = [];
    #typedAt = -Infinity;
    #readUpTo = null;
    #session = null;            /* the connection that messages reach up to */
    #counted = -1;              /* offset up to which unread was told */
    #bySender = new Map();      /* client_message_id -> message */
    #before = new Map();        /* by id: what was shown before it was replaced */

    constructor(client, id) {
        super();
        this.#client = client;
        this.id = String(id);
        this.messages = [];
        this.participants = new Map();
        this.typing = new Map();        /* user id -> name */
        this.unread = 0;
        this.hasMore = true;
        this.joined = false;
        this.#wire();
    }

    get #me() { return this.#client.user?.id; }

    /* Joins for as long as the client lives; the promise gives chat:joined. */
    async join({ limit = 50 } = {}) {
        const frame = await this.#client.join({
            channel: `conversation:${this.id}`,
            type: 'chat:join',
            payload: { conversation_id: this.id, limit },
            leave: { type: 'chat:leave',
                     payload: { conversation_id: this.id } }
        });

        return frame?.payload;
    }

    leave() {
        this.#client.leave({ channel: `conversation:${this.id}`,
                             type: 'chat:join' });
        this.joined = false;
        this.#offs.splice(0).forEach((off) => off());
    }

    /* Sends a text; it is in messages at once. Returns that message. */
    send(content, { attachments } = {}) {
        const message = {
            id: null,
            client_message_id: randomId(),
            conversation_id: this.id,
            content,
            attachments: attachments ?? [],
            sender: { ...this.#client.user },
            created_at: new Date(this.#client.now()).toISOString(),
            mine: true,
            status: this.#client.state === 'open' ? 'sending' : 'queued'
        };

        this.#typedAt = -Infinity;
        this.messages.push(message);
        this.#bySender.set(message.client_message_id, message);
        this.#post(message);
        this.emit('change');

        return message;
    }

    /* Sends a failed message once more, under the same client_message_id. */
    retry(message) {
        if (message.status === 'failed') {
            message.status = 'sending';
            message.error = undefined;
            this.#post(message);
            this.emit('change');
        }
    }

    /* Call on every key: the server hears of it as often as it needs to. */
    type(isTyping = true) {
        const now = this.#client.clock.now();

        if (isTyping && now - this.#typedAt < TYPING_EVERY) {
            return;
        }

        if (!isTyping && this.#typedAt === -Infinity) {
            return;
        }

        this.#typedAt = isTyping ? now : -Infinity;
        this.#client.send('chat:typing', { conversation_id: this.id,
                                           is_typing: isTyping },
                          { volatile: true, key: `typing ${this.id}` });
    }

    /* Marks everything up to the newest message of others as read. */
    markRead() {
        const last = this.messages.findLast((m) => !m.mine && m.id !== null);

        if (last === undefined || last.id === this.#readUpTo) {
            return;
        }

        this.#readUpTo = last.id;
        this.unread = 0;
        this.#client.request('chat:mark_read', { conversation_id: this.id,
                                                 message_id: last.id },
                             { retry: true, maxWait: Infinity })
            .catch(() => { this.#readUpTo = null; });
        this.emit('change');
    }

    /* Fetches older messages. Returns how many came. */
    async older(limit = 50) {
        const first = this.messages.find((m) => m.id !== null);
        const { payload } = await this.#client.request('chat:history', {
            conversation_id: this.id, limit,
            ...(first ? { before: first.id } : {})
        });
        const before = this.messages.length;

        this.hasMore = !!payload.has_more;
        payload.messages.forEach((m) => this.#insert(m));
        this.emit('change');

        return this.messages.length - before;
    }

    async #post(message) {
        try {
            const { payload } = await this.#client.request('chat:send_message', {
                conversation_id: this.id,
                content: message.content,
                client_message_id: message.client_message_id,
                ...(message.attachments.length
                    ? { attachments: message.attachments } : {})
            }, { retry: true, maxWait: Infinity });

            message.id ??= payload.message_id ?? null;
            message.created_at = payload.created_at ?? message.created_at;
            raise(message, 'sent');

        } catch (err) {
            if (RANK[message.status] < RANK.sent) {
                message.status = 'failed';
                message.error = err;
            }
        }

        this.emit('change');
    }

    #wire() {
        const on = (type, fn) => this.#offs.push(
            this.#client.on(type, (p, frame) => {
                if (String(p.conversation_id) === this.id) {
                    fn(p, frame);
                }
            }));

        on('chat:joined', (p, frame) => this.#onJoined(p, frame));
        on('chat:new_message', (p, frame) => this.#onMessage(p, frame));
        on('chat:delivered', (p) => this.#mark(p.message_id, 'delivered'));
        on('chat:messages_read', (p) => this.#onRead(p));
        on('chat:user_typing', (p) => this.#onTyping(p, p.is_typing !== false));
        on('chat:user_stopped_typing', (p) => this.#onTyping(p, false));
        on('chat:user_joined', (p) => this.#onPresence(p, true));
        on('chat:user_left', (p) => this.#onTyping(p, false));
        on('presence:user_online', (p) => this.#onPresence(p, true));
        on('presence:user_offline', (p) => this.#onPresence(p, false));

        this.#offs.push(this.#client.on('resumed', (p) => {
            if (p.channels?.[`conversation:${this.id}`]?.recovered) {
                this.#onRecovered();
            }
        }));
        this.#offs.push(this.#client.on('connection:state', ({ state }) => {
            if (state === 'waiting' || state === 'offline') {
                this.typing.clear();
                this.emit('typing');
            }
        }));
    }

    /* Nothing was missed, but who is here may have changed: joining tells. */
    #onRecovered() {
        this.#session = this.#client.sessionId;
        this.#client.request('chat:join', { conversation_id: this.id })
            .catch(() => {});
    }

    /*
     * The first answer to a join on a connection is followed by the last
     * messages, and so is a state that nobody asked for, since something was
     * missed.  What is shown by then may not reach up to them, and so makes
     * room; what has no id yet is still to be sent and stays.
     */
    #onJoined(p, { offset = -1, id }) {
        if (id === undefined || this.#session !== this.#client.sessionId) {
            this.#session = this.#client.sessionId;
            this.#before = new Map(this.messages.filter((m) => m.id !== null)
                                                .map((m) => [m.id, m]));
            this.messages = this.messages.filter((m) => m.id === null);
            this.hasMore = true;
        }

        this.joined = true;
        this.#counted = offset;
        this.unread = p.unread_count ?? 0;
        this.participants = new Map((p.participants ?? []).map(
            (x) => [String(x.id), { ...x }]));
        this.emit('participants');
        this.emit('change');
    }

    #onMessage(p, { offset = Infinity }) {
        const message = this.#insert(p);

        if (message === null) {
            this.emit('change');
            return;
        }

        if (!message.mine && offset > this.#counted) {
            this.unread++;

            if (this.typing.delete(String(message.sender.id))) {
                this.emit('typing');
            }

            this.emit('message', message);
        }

        this.emit('change');
    }

    /* Returns the message where it is a new one, else null. */
    #insert(p) {
        const id = String(p.message_id ?? p.id);
        const own = p.client_message_id !== undefined
                    && p.client_message_id !== null
                    ? this.#bySender.get(p.client_message_id) : undefined;

        if (own !== undefined) {
            own.id = id;
            own.created_at = p.created_at ?? own.created_at;
            raise(own, 'sent');

            if (!this.messages.includes(own)) {
                this.messages.push(own);
            }

            this.#sort();
            return null;
        }

        if (this.messages.some((m) => m.id === id)) {
            return null;
        }

        const sender = p.sender ?? { id: p.from };
        const mine = String(sender.id) === String(this.#me);
        const known = this.#before.get(id);
        const message = known ?? { ...p, id, sender, mine,
                                   attachments: p.attachments ?? [],
                                   status: mine ? 'sent' : undefined };

        this.messages.push(message);
        this.#sort();

        return known === undefined ? message : null;
    }

    /* By time; what has no id yet stays at the end, where it was written. */
    #sort() {
        this.messages.sort((a, b) => {
            if ((a.id === null) !== (b.id === null)) {
                return a.id === null ? 1 : -1;
            }

            return Date.parse(a.created_at) - Date.parse(b.created_at);
        });
    }

    #onRead(p) {
        const reader = String(p.read_by ?? p.user_id);

        if (reader === String(this.#me)) {
            this.unread = 0;
            this.emit('change');
            return;
        }

        this.#mark(p.up_to_message_id ?? p.message_id, 'read');
    }

    /* A message got so far, and so did ours before it when it was read. */
    #mark(id, status) {
        const at = this.messages.findIndex((m) => m.id === String(id));

        if (at === -1) {
            return;
        }

        for (let i = status === 'read' ? 0 : at; i <= at; i++) {
            if (this.messages[i].mine) {
                raise(this.messages[i], status);
            }
        }

        this.emit('change');
    }

    #onTyping(p, isTyping) {
        const id = String(p.user_id);

        if (id === String(this.#me)) {
            return;
        }

        if (isTyping) {
            this.typing.set(id, p.user_name);
        } else if (!this.typing.delete(id)) {
            return;
        }

        this.emit('typing');
    }

    #onPresence(p, online) {
        const id = String(p.user_id);
        const known = this.participants.get(id) ?? { id, name: p.user_name };

        this.participants.set(id, { ...known, online,
                                    last_seen: p.last_seen
                                               ?? known.last_seen });
        if (!online) {
            this.#onTyping(p, false);
        }

        this.emit('participants');
    }
}


function raise(message, status) {
    if (RANK[status] > RANK[message.status ?? 'queued']) {
        message.status = status;
    }
}
