import test from 'node:test';
import assert from 'node:assert/strict';
import { rig, settle, codeOf } from './fakes.js';
import { Conversation, Property, Auction, AgentStatus, agent, Notifications }
    from '../src/rtprop.js';


const C = 'c1';
const from = (id, n, extra = {}) => ({ type: 'chat:new_message', payload: {
    id: `m${n}`, message_id: `m${n}`, conversation_id: C, content: `text ${n}`,
    sender: { id, name: id }, created_at: new Date(n * 1000).toISOString(),
    ...extra } });


async function room() {
    const r = rig();

    await r.up();
    const c = new Conversation(r.client, C);
    const p = c.join();

    r.ws.say({ type: 'chat:joined', id: r.ws.last('chat:join').id,
               payload: { conversation_id: C, unread_count: 0, participants: [
                   { id: 'u1', name: 'Anna', online: true },
                   { id: 'u2', name: 'Ben', online: false }] } });
    await p;

    return { r, c, get ws() { return r.ws; } };
}


test('chat: history in order, each once, others count as unread', async () => {
    const { c, ws } = await room();
    const news = [];

    c.on('message', (m) => news.push(m.id));
    ws.say(from('u2', 2));
    ws.say(from('u2', 1));
    ws.say(from('u2', 2));
    ws.say({ ...from('u2', 3), payload: { ...from('u2', 3).payload,
                                          conversation_id: 'other' } });
    assert.deepEqual(c.messages.map((m) => m.id), ['m1', 'm2']);
    assert.deepEqual(news, ['m2', 'm1']);
    assert.equal(c.unread, 2);
});

test('chat: what is replayed after a join was counted by the server',
     async () => {
    const r = rig();
    const c = new Conversation(r.client, C);
    const at = (n) => ({ ...from('u2', n), channel: `conversation:${C}`,
                         offset: n });
    const news = [];

    c.on('message', (m) => news.push(m.id));
    await r.up();
    c.join();
    r.ws.say({ type: 'chat:joined', id: r.ws.last('chat:join').id,
               channel: `conversation:${C}`, epoch: 'e', offset: 3,
               payload: { conversation_id: C, unread_count: 1 } });
    [2, 3].forEach((n) => r.ws.say(at(n)));
    assert.equal(c.unread, 1);
    r.ws.say(at(4));
    assert.equal(c.unread, 2);
    assert.deepEqual(news, ['m4']);
    assert.deepEqual(c.messages.map((m) => m.id), ['m2', 'm3', 'm4']);
});

test('chat: after a new state only what the server knows is shown',
     async () => {
    const { r, c } = await room();

    r.ws.say(from('u1', 1));
    r.ws.say(from('u1', 2));
    r.ws.say({ type: 'chat:messages_read', payload: {
        conversation_id: C, up_to_message_id: 'm2', read_by: 'u2' } });
    r.ws.end(1006);
    c.send('still to come');
    await r.timers.advance(1000);
    r.ws.welcome({ session_id: 'another' });
    await settle();
    r.ws.say({ type: 'chat:joined', id: r.ws.last('chat:join').id,
               payload: { conversation_id: C } });
    r.ws.say(from('u1', 2));
    r.ws.say(from('u2', 9));
    assert.deepEqual(c.messages.map((m) => m.id), ['m2', 'm9', null]);
    assert.equal(c.messages[0].status, 'read');
});

test('chat: a state that nobody asked for replaces what is shown', async () => {
    const { r, c } = await room();
    const channel = `conversation:${C}`;
    const state = (epoch, offset) => r.ws.say({ type: 'chat:joined', channel,
        epoch, offset, payload: { conversation_id: C, unread_count: 1 } });
    const message = (i) => r.ws.say({ ...from('u2', i), channel, offset: i });
    const heard = [];

    c.on('message', (m) => heard.push(m.id));
    state('e', 1);
    message(1);
    message(2);
    assert.deepEqual(c.messages.map((m) => m.id), ['m1', 'm2']);

    state('e', 9);              /* a hole in the same epoch ... */
    message(2);
    message(9);
    assert.deepEqual(c.messages.map((m) => m.id), ['m2', 'm9']);

    state('e2', 1);             /* ... and another epoch */
    message(1);
    assert.deepEqual(c.messages.map((m) => m.id), ['m1']);
    message(3);
    assert.deepEqual(c.messages.map((m) => m.id), ['m1', 'm3']);
    assert.deepEqual(heard, ['m2', 'm3']);
});

test('chat: after a resume the messages stay, and who is here is asked',
     async () => {
    const { r, c } = await room();
    const channel = `conversation:${C}`;

    r.ws.say({ type: 'chat:joined', channel, epoch: 'e', offset: 1,
               payload: { conversation_id: C } });
    r.ws.say({ ...from('u2', 1), channel, offset: 1 });
    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome({ session_id: 'another' });
    await settle();
    r.ws.say({ ...from('u2', 2), channel, offset: 2 });
    r.ws.say({ type: 'resumed', id: r.ws.last('resume').id, payload: {
        channels: { [channel]: { recovered: true, missed: 1, epoch: 'e',
                                 offset: 2 } } } });
    await settle();
    r.ws.say({ type: 'chat:joined', id: r.ws.last('chat:join').id, channel,
               epoch: 'e', offset: 2, payload: { conversation_id: C,
               unread_count: 2, participants: [{ id: 'u2', online: true }] } });
    assert.deepEqual(c.messages.map((m) => m.id), ['m1', 'm2']);
    assert.equal(c.unread, 2);
    assert.ok(c.participants.get('u2').online);
});

test('chat: ticks go sending, sent, delivered, read and never back',
     async () => {
    const { c, ws } = await room();
    const m = c.send('hello');

    assert.equal(m.status, 'sending');

    const f = ws.last('chat:send_message');

    assert.equal(f.payload.client_message_id, m.client_message_id);
    ws.say(from('u1', 7, { client_message_id: m.client_message_id }));
    assert.equal(m.status, 'sent');
    assert.equal(c.messages.length, 1);
    ws.say({ type: 'chat:messages_read', payload: {
        conversation_id: C, up_to_message_id: 'm7', read_by: 'u2' } });
    assert.equal(m.status, 'read');
    ws.say({ type: 'chat:delivered', payload: {
        conversation_id: C, message_id: 'm7', user_id: 'u2' } });
    ws.say({ type: 'ack', id: f.id, payload: { message_id: 'm7' } });
    await settle();
    assert.equal(m.status, 'read');
});

test('chat: reading up to a message covers those before it', async () => {
    const { c, ws } = await room();

    ws.say(from('u1', 1));
    ws.say(from('u1', 2));
    ws.say(from('u1', 3));
    ws.say({ type: 'chat:delivered', payload: { conversation_id: C,
                                                message_id: 'm3' } });
    ws.say({ type: 'chat:messages_read', payload: {
        conversation_id: C, up_to_message_id: 'm2', read_by: 'u2' } });
    assert.deepEqual(c.messages.map((m) => m.status),
                     ['read', 'read', 'delivered']);
});

test('chat: written while away, sent on coming back, under one id', async () => {
    const { r, c } = await room();

    r.ws.end(1006);
    const m = c.send('later');

    assert.equal(m.status, 'queued');
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    r.ws.say({ type: 'chat:joined', id: r.ws.last('chat:join').id,
               payload: { conversation_id: C } });
    await settle();
    assert.equal(r.ws.last('chat:send_message').payload.client_message_id,
                 m.client_message_id);
});

test('chat: a refused message fails and can be tried again', async () => {
    const { c, ws } = await room();
    const m = c.send('x');
    const first = ws.last('chat:send_message');

    ws.say({ type: 'error', id: first.id,
             payload: { code: 'invalid_payload', message: 'too long' } });
    await settle();
    assert.equal(m.status, 'failed');
    assert.equal(m.error.message, 'too long');
    c.retry(m);

    const second = ws.last('chat:send_message');

    assert.equal(second.payload.client_message_id,
                 first.payload.client_message_id);
    ws.say({ type: 'ack', id: second.id, payload: { message_id: 'm9' } });
    await settle();
    assert.equal(m.status, 'sent');
    assert.equal(m.id, 'm9');
});

test('chat: typing is throttled, heard from others, ended by a message',
     async () => {
    const { r, c, ws } = await room();

    c.type();
    c.type();
    assert.equal(ws.of('chat:typing').length, 1);
    await r.timers.advance(2600);
    c.type();
    c.type(false);
    c.type(false);
    assert.deepEqual(ws.of('chat:typing').map((f) => f.payload.is_typing),
                     [true, true, false]);
    ws.say({ type: 'chat:user_typing', payload: {
        conversation_id: C, user_id: 'u2', user_name: 'Ben',
        is_typing: true } });
    assert.deepEqual([...c.typing.values()], ['Ben']);
    ws.say(from('u2', 1));
    assert.equal(c.typing.size, 0);
});

test('chat: marks the newest of others as read, once', async () => {
    const { c, ws } = await room();

    c.markRead();
    assert.equal(ws.of('chat:mark_read').length, 0);
    ws.say(from('u2', 1));
    ws.say(from('u2', 2));
    c.markRead();
    c.markRead();
    assert.deepEqual(ws.of('chat:mark_read').map((f) => f.payload.message_id),
                     ['m2']);
    assert.equal(c.unread, 0);
});

test('chat: participants come and go; older messages on demand', async () => {
    const { c, ws } = await room();

    ws.say({ type: 'presence:user_online', payload: {
        conversation_id: C, user_id: 'u2', user_name: 'Ben' } });
    assert.equal(c.participants.get('u2').online, true);
    ws.say({ type: 'presence:user_offline', payload: {
        conversation_id: C, user_id: 'u2', last_seen: 'x' } });
    assert.equal(c.participants.get('u2').online, false);
    assert.equal(c.participants.get('u2').name, 'Ben');
    ws.say(from('u2', 5));

    const p = c.older(2);
    const f = ws.last('chat:history');

    assert.equal(f.payload.before, 'm5');
    ws.say({ type: 'chat:history', id: f.id, payload: {
        messages: [from('u2', 4).payload, from('u1', 3).payload],
        has_more: false } });
    assert.equal(await p, 2);
    assert.deepEqual(c.messages.map((m) => m.id), ['m3', 'm4', 'm5']);
    assert.equal(c.hasMore, false);
});

test('property: state, viewers, price and status', async () => {
    const r = rig();
    const events = [];

    await r.up();
    const p = new Property(r.client, 'p1');

    ['viewers', 'price', 'status', 'open_house'].forEach(
        (e) => p.on(e, () => events.push(e)));
    p.view().catch(() => {});
    r.ws.say({ type: 'property:state', id: r.ws.last('property:view').id,
               payload: { property_id: 'p1', price: 100, status: 'available',
                          viewer_count: 3 } });
    await settle();
    r.ws.say({ type: 'property:viewer_count',
               payload: { property_id: 'p1', count: 4, viewer_count: 4 } });
    r.ws.say({ type: 'property:price_updated',
               payload: { property_id: 'p1', old_price: 100, new_price: 90 } });
    r.ws.say({ type: 'property:status_changed',
               payload: { property_id: 'p1', new_status: 'sold' } });
    r.ws.say({ type: 'property:open_house_scheduled',
               payload: { property_id: 'p1' } });
    r.ws.say({ type: 'property:viewer_count',
               payload: { property_id: 'p2', count: 9 } });
    assert.deepEqual(events, ['viewers', 'price', 'status', 'open_house']);
    assert.equal(p.viewers, 4);
    assert.equal(p.state.price, 90);
    assert.equal(p.state.status, 'sold');
});

async function auction() {
    const r = rig();

    await r.up();
    const a = new Auction(r.client, 'a1');
    const p = a.join();

    r.ws.say({ type: 'auction:state', id: r.ws.last('auction:join').id,
               payload: { auction_id: 'a1', bidder_number: 2,
                          your_bidder_number: 2, current_bidder_number: 1,
                          active_bidders: 3, auction: {
                              id: 'a1', status: 'live', current_price: 100,
                              minimum_next_bid: 110,
                              ends_at: new Date(5_060_000).toISOString() },
                          recent_bids: [{ id: 'b1', amount: 100,
                                          bidder_number: 1 }] } });
    await p;

    return { r, a, ws: r.ws };
}


test('auction: state, countdown by the server clock, bids', async () => {
    const { r, a, ws } = await auction();
    const extended = [];

    assert.equal(a.minimum, 110);
    assert.equal(a.leading, false);
    assert.equal(a.remaining(), 60000);
    a.on('extended', (p) => extended.push(p.ends_at));
    await r.timers.advance(1000);
    assert.equal(a.remaining(), 59000);
    ws.say({ type: 'auction:new_bid', payload: { auction_id: 'a1',
        bid: { id: 'b2', amount: 110, bidder_number: 2 },
        auction: { current_price: 110, minimum_next_bid: 120 } } });
    assert.equal(a.leading, true);
    assert.equal(a.minimum, 120);
    assert.equal(a.bids.length, 2);
    ws.say({ type: 'auction:outbid', payload: { auction_id: 'a1',
        your_bid: 110, new_high_bid: 120, minimum_to_win: 130 } });
    assert.equal(a.leading, false);
    ws.say({ type: 'auction:time_extended', payload: { auction_id: 'a1',
        ends_at: new Date(5_090_000).toISOString() } });
    assert.equal(a.remaining(), 89000);
    assert.equal(extended.length, 1);
    ws.say({ type: 'auction:timer_sync', payload: { auction_id: 'a1',
        status: 'paused', ends_at: new Date(5_090_000).toISOString(),
        remaining_seconds: 80 } });
    assert.equal(a.auction.status, 'paused');
    await r.timers.advance(5000);
    assert.equal(a.remaining(), 80000);
    ws.say({ type: 'auction:timer_sync', payload: { auction_id: 'a1',
        status: 'live', ends_at: new Date(5_095_000).toISOString(),
        remaining_seconds: 80 } });
    assert.equal(a.auction.status, 'live');
    ws.say({ type: 'auction:ended', payload: { auction_id: 'a1',
        winner_bidder_number: 2, final_price: 110 } });
    assert.equal(a.remaining(), 0);
    assert.equal(a.result.final_price, 110);
});

test('auction: a bid is accepted, refused, or offline at once', async () => {
    const { r, a, ws } = await auction();
    const ok = a.bid(110);
    const f = ws.last('auction:bid');

    assert.ok(f.payload.client_bid_id);
    ws.say({ type: 'auction:bid_accepted', id: f.id,
             payload: { auction_id: 'a1', bid_id: 'b2', amount: 110 } });
    assert.equal((await ok).bid_id, 'b2');

    const no = a.bid(1);

    ws.say({ type: 'auction:bid_rejected', id: ws.last('auction:bid').id,
             payload: { auction_id: 'a1', code: 'below_minimum', reason: 'low',
                        minimum_bid: 120 } });
    assert.equal(await codeOf(no), 'below_minimum');
    r.ws.end(1006);
    assert.equal(await codeOf(a.bid(130)), 'offline');
});

test('auction: outbid reaches us, a doubled bid counts once', async () => {
    const { a, ws } = await auction();
    let outbid = 0;
    const bid = { type: 'auction:new_bid', payload: { auction_id: 'a1',
        bid: { id: 'b2', amount: 110, bidder_number: 1 } } };

    a.on('outbid', () => { outbid++; });
    ws.say(bid);
    ws.say(bid);
    ws.say({ type: 'auction:outbid', payload: { auction_id: 'a1' } });
    assert.equal(outbid, 1);
    assert.equal(a.bids.length, 2);
});

test('presence: asks on each arrival, follows changes', async () => {
    const r = rig();
    const s = new AgentStatus(r.client, 'g1');

    await r.up();
    assert.equal(r.ws.of('presence:check_agent').length, 1);
    r.ws.say({ type: 'presence:agent_status',
               payload: { agent_id: 'g1', status: 'busy' } });
    r.ws.say({ type: 'presence:agent_status',
               payload: { agent_id: 'g2', status: 'online' } });
    assert.equal(s.status, 'busy');
    agent.busy(r.client, new Date(0)).catch(() => {});
    assert.equal(r.ws.last('presence:agent_busy').payload.estimated_available,
                 '1970-01-01T00:00:00.000Z');
    r.client.close();
});

test('notifications: list, new ones, read here and elsewhere', async () => {
    const r = rig();
    const n = new Notifications(r.client);
    const item = (id, t, read = null) => ({ id, title: id, read_at: read,
        created_at: new Date(t).toISOString() });

    await r.up();
    r.ws.say({ type: 'notification:list', id: r.ws.last('notification:list').id,
               payload: { notifications: [item('n2', 2), item('n1', 1, 'x')],
                          unread_count: 1 } });
    await settle();
    r.ws.say({ type: 'notification', payload: item('n3', 3) });
    r.ws.say({ type: 'notification', payload: item('n3', 3) });
    assert.deepEqual(n.items.map((i) => i.id), ['n3', 'n2', 'n1']);
    assert.equal(n.unread, 2);
    n.read('n3').catch(() => {});
    assert.equal(n.unread, 1);
    assert.deepEqual(r.ws.last('notification:read').payload, { id: 'n3' });
    r.ws.say({ type: 'notification:unread', payload: { unread_count: 0 } });
    assert.ok(n.items.every((i) => i.read_at !== null));
    r.client.close();
});
