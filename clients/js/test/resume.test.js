import test from 'node:test';
import assert from 'node:assert/strict';
import { rig, settle, codeOf } from './fakes.js';
import { Positions } from '../src/positions.js';


const C = 'conversation:c1';
const membership = {
    channel: C, type: 'chat:join', payload: { conversation_id: 'c1' },
    leave: { type: 'chat:leave', payload: { conversation_id: 'c1' } }
};
const message = (offset, extra = {}) => ({
    type: 'chat:new_message', channel: C, offset,
    payload: { id: `m${offset}`, conversation_id: 'c1' }, ...extra
});


async function joined(offset = 10) {
    const r = rig();
    const heard = [];

    await r.up();
    r.client.on('chat:new_message', (p) => heard.push(p.id));

    const p = r.client.join(membership);

    r.ws.say({ type: 'chat:joined', id: r.ws.last('chat:join').id,
               channel: C, epoch: 'e1', offset,
               payload: { conversation_id: 'c1' } });
    await p;

    return { ...r, get ws() { return r.ws; }, heard };
}


test('positions judge new, double and gap', () => {
    const p = new Positions();

    p.state(C, 'e', 5);
    assert.equal(p.judge(C, 3), 'new');         /* replay after a join */
    assert.equal(p.judge(C, 3), 'double');
    assert.equal(p.judge(C, 5), 'new');
    assert.equal(p.judge(C, 6), 'new');
    assert.equal(p.judge(C, 6), 'double');
    assert.equal(p.judge(C, 8), 'gap');
    assert.deepEqual(p.get(C), { epoch: 'e', offset: 6 });
    p.state(C, 'e', 9);                         /* joined again, same epoch */
    assert.equal(p.judge(C, 5), 'double');
    assert.equal(p.judge(C, 7), 'new');
    p.state(C, 'f', 2);                         /* another epoch */
    assert.equal(p.judge(C, 1), 'new');
});

test('the replay after a join is heard once, and then the live ones',
     async () => {
    const r = await joined(10);

    [8, 9, 10, 10, 11].forEach((n) => r.ws.say(message(n)));
    assert.deepEqual(r.heard, ['m8', 'm9', 'm10', 'm11']);
});

test('comes back with epoch and offset of each channel', async () => {
    const r = await joined(10);

    r.ws.say(message(11));
    r.ws.end(1012);
    await r.timers.advance(500);
    r.ws.welcome();
    await settle();

    const frame = r.ws.last('resume');

    assert.deepEqual(frame.payload,
                     { channels: { [C]: { epoch: 'e1', offset: 11 } } });
    assert.equal(r.client.state, 'resuming');
    r.client.send('later');
    r.ws.say(message(12));
    r.ws.say(message(13));
    r.ws.say({ type: 'resumed', id: frame.id, payload: { channels: {
        [C]: { recovered: true, missed: 2, epoch: 'e1', offset: 13 } } } });
    await settle();
    assert.equal(r.client.state, 'open');
    assert.deepEqual(r.ws.of().map((f) => f.type), ['resume', 'later']);
    r.ws.say(message(14));
    assert.deepEqual(r.heard, ['m11', 'm12', 'm13', 'm14']);
});

test('what cannot be recovered is replaced by the state frame', async () => {
    const r = await joined(10);
    let states = 0;

    r.client.on('chat:joined', () => { states++; });
    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();

    const { id } = r.ws.last('resume');

    r.ws.say({ type: 'chat:joined', channel: C, epoch: 'e2', offset: 3,
               payload: { conversation_id: 'c1' } });
    r.ws.say(message(2));
    r.ws.say({ type: 'resumed', id, payload: { channels: {
        [C]: { recovered: false, missed: null, epoch: 'e2', offset: 3 } } } });
    await settle();
    r.ws.say(message(4));
    assert.equal(states, 1);
    assert.deepEqual(r.heard, ['m2', 'm4']);
});

test('a channel that resume leaves out is joined anew', async () => {
    const r = await joined(10);

    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    r.ws.say({ type: 'resumed', id: r.ws.last('resume').id,
               payload: { channels: {} } });
    await settle();
    assert.equal(r.ws.of('chat:join').length, 1);
});

test('a refused resume joins anew', async () => {
    const r = await joined(10);

    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    r.ws.say({ type: 'error', id: r.ws.last('resume').id,
               payload: { code: 'unknown_type' } });
    await settle();
    assert.equal(r.ws.of('chat:join').length, 1);
});

test('a gap is closed by a resume, in order and nothing twice', async () => {
    const r = await joined(10);

    r.ws.say(message(11));
    r.ws.say(message(14));
    r.ws.say(message(15));
    assert.deepEqual(r.heard, ['m11']);
    assert.ok(r.types().includes('connection:gap'));

    const frame = r.ws.last('resume');

    assert.deepEqual(frame.payload.channels[C], { epoch: 'e1', offset: 11 });
    [12, 13, 14, 15].forEach((n) => r.ws.say(message(n)));
    r.ws.say({ type: 'resumed', id: frame.id, payload: { channels: {
        [C]: { recovered: true, missed: 4, epoch: 'e1', offset: 15 } } } });
    await settle();
    r.ws.say(message(16));
    assert.deepEqual(r.heard, ['m11', 'm12', 'm13', 'm14', 'm15', 'm16']);
});

test('offsets that are not for us do not keep anything back', async () => {
    const r = await joined(10);

    r.ws.say(message(12));      /* 11 was excluded for our session */

    const { id } = r.ws.last('resume');

    r.ws.say(message(12));      /* the replay knows 11 as little */
    r.ws.say({ type: 'resumed', id, payload: { channels: {
        [C]: { recovered: true, missed: 1, epoch: 'e1', offset: 12 } } } });
    await settle();
    assert.deepEqual(r.heard, ['m12']);
    r.ws.say(message(13));
    assert.deepEqual(r.heard, ['m12', 'm13']);
    assert.equal(r.ws.of('resume').length, 1);
});

test('a gap whose resume fails is delivered all the same', async () => {
    const r = await joined(10);

    r.ws.say(message(13));
    r.ws.say(message(12));
    r.ws.say({ type: 'error', id: r.ws.last('resume').id,
               payload: { code: 'unavailable' } });
    await settle();
    assert.deepEqual(r.heard, ['m12', 'm13']);
});

test('an answer of our own moves the position on', async () => {
    const r = await joined(10);
    const p = r.client.request('chat:mark_read', {});

    r.ws.say({ type: 'ack', id: r.ws.last('chat:mark_read').id, channel: C,
               offset: 11, payload: {} });
    await p;
    r.ws.say(message(12));
    assert.deepEqual(r.heard, ['m12']);
    assert.equal(r.ws.of('resume').length, 0);
});

test('frames without a known epoch are followed until we reconnect',
     async () => {
    const r = rig();
    const heard = [];
    const n = (offset) => r.ws.say({ type: 'notification', channel: 'user:u1',
                                     offset, payload: { id: offset } });

    await r.up();
    r.client.on('notification', (p) => heard.push(p.id));
    n(41);
    n(41);
    n(43);
    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    assert.equal(r.ws.of('resume').length, 0);
    n(1);
    assert.deepEqual(heard, [41, 43, 1]);
});

test('a join made while away happens on arrival', async () => {
    const r = rig();
    const p = r.client.join(membership);

    await r.up();
    assert.equal(r.ws.of('chat:join').length, 1);
    r.ws.say({ type: 'chat:joined', id: r.ws.last('chat:join').id,
               channel: C, epoch: 'e', offset: 0, payload: {} });
    assert.equal((await p).type, 'chat:joined');
});

test('a refused join is not tried again', async () => {
    const r = rig();

    await r.up();
    const p = codeOf(r.client.join(membership));

    r.ws.say({ type: 'error', id: r.ws.last('chat:join').id,
               payload: { code: 'not_authorized' } });
    assert.equal(await p, 'not_authorized');
    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    assert.equal(r.ws.of().length, 0);
});

test('a membership refused on coming back is reported', async () => {
    const r = await joined(10);

    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    r.ws.say({ type: 'resumed', id: r.ws.last('resume').id,
               payload: { channels: { [C]: { error: 'not_authorized' } } } });
    await settle();
    r.ws.say({ type: 'error', id: r.ws.last('chat:join').id,
               payload: { code: 'not_authorized' } });
    await settle();
    assert.equal(r.client.state, 'open');
    assert.ok(r.types().includes('connection:rejoin_refused'));
});

test('leaving sends the command and forgets the position', async () => {
    const r = await joined(10);

    r.client.leave(membership);
    assert.equal(r.ws.of('chat:leave').length, 1);
    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    assert.equal(r.ws.of().length, 0);
    assert.equal(r.client.state, 'open');
});

test('a watcher is subscribed anew, never resumed into a viewer', async () => {
    const r = rig();
    const m = { channel: 'property:p', type: 'property:subscribe',
                payload: { property_id: 'p' }, resume: false };

    await r.up();
    const p = r.client.join(m);

    r.ws.say({ type: 'property:state', id: r.ws.last().id,
               channel: 'property:p', epoch: 'e', offset: 1, payload: {} });
    await p;
    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    assert.deepEqual(r.ws.of().map((f) => f.type), ['property:subscribe']);
});
