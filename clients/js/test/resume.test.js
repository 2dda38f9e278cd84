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


test('positions tell what is new from doubles', () => {
    const p = new Positions();

    p.state(C, 'e', 5);
    assert.ok(p.isNew(C, 3));                   /* replay after a join */
    assert.ok(!p.isNew(C, 3));
    assert.ok(p.isNew(C, 5));
    assert.ok(p.isNew(C, 6));
    assert.ok(!p.isNew(C, 6));
    assert.ok(p.isNew(C, 8));                   /* 7 was not for us */
    assert.ok(!p.isNew(C, 7));
    assert.deepEqual(p.get(C), { epoch: 'e', offset: 8 });
    p.state(C, 'e', 10);                        /* joined again, same epoch */
    assert.ok(!p.isNew(C, 8));
    assert.ok(p.isNew(C, 9));
    p.state(C, 'f', 2);                         /* another epoch */
    assert.ok(p.isNew(C, 1));
});

test('a live channel is behind until its replay is over', () => {
    const p = new Positions();

    assert.equal(p.live(C, 'e', 5), false);     /* nothing known before */
    assert.ok(p.isNew(C, 6));
    assert.equal(p.live(C, 'e', 9), true);
    assert.ok(p.isNew(C, 10));                  /* live, before the replay */
    assert.ok(p.isNew(C, 7));
    assert.deepEqual(p.get(C), { epoch: 'e', offset: 7 });
    assert.equal(p.live(C, 'e', 12), true);     /* lost in the middle */
    assert.ok(!p.isNew(C, 7));
    assert.ok(p.isNew(C, 8));
    assert.ok(p.isNew(C, 9));
    assert.ok(!p.isNew(C, 10));                 /* heard live before */
    assert.ok(p.isNew(C, 11));
    p.caughtUp(C, { recovered: true, epoch: 'e', offset: 12 });
    assert.deepEqual(p.get(C), { epoch: 'e', offset: 12 });
    assert.equal(p.live(C, 'e', 12), false);
    assert.equal(p.live(C, 'e', 15), true);
    p.caughtUp(C, { recovered: false, epoch: 'e', offset: 16 });
    assert.deepEqual(p.get(C), { epoch: 'e', offset: 16 });
    assert.ok(p.isNew(C, 16));                  /* on its way meanwhile */
    assert.ok(!p.isNew(C, 16));

    p.live(C, 'unknown', 0);
    p.caughtUp(C, { recovered: true, epoch: 'e', offset: 16 });
    assert.deepEqual(p.get(C), { epoch: 'e', offset: 16 });
});

test('of another epoch the place before is resumed from', () => {
    const p = new Positions();

    p.live(C, 'e', 5);
    assert.equal(p.live(C, 'unknown', 0), true);
    assert.deepEqual(p.get(C), { epoch: 'e', offset: 5 });
    assert.ok(p.isNew(C, 8));                   /* live, before the replay */
    assert.equal(p.live(C, 'another', 0), true);
    assert.deepEqual(p.get(C), { epoch: 'e', offset: 5 });
    assert.equal(p.moved(C, 'e', 8), true);     /* the place is found */
    assert.deepEqual([6, 7, 8, 9, 9].map((n) => p.isNew(C, n)),
                     [true, true, false, true, false]);
    p.caughtUp(C, { recovered: true, epoch: 'e', offset: 9 });
    assert.deepEqual(p.get(C), { epoch: 'e', offset: 9 });

    assert.equal(p.live(C, 'f', 2), true);      /* a new server */
    assert.ok(p.isNew(C, 3));
    assert.ok(!p.isNew(C, 3));
    p.caughtUp(C, { recovered: false, epoch: 'f', offset: 3 });
    assert.deepEqual(p.get(C), { epoch: 'f', offset: 3 });
    assert.equal(p.moved(C, 'g', 1), false);
    assert.deepEqual(p.get(C), { epoch: 'g', offset: 1 });
});

test('the own channel is resumed until that can be done', async () => {
    const r = rig();
    const own = 'user:u1';
    const place = (epoch, offset) => ({ channels: { [own]: { epoch,
                                                             offset } } });
    const heard = [];
    const note = (n) => r.ws.say({ type: 'notification', channel: own,
                                   offset: n, payload: { id: n } });

    await r.up(place('e', 5));
    r.client.on('notification', (p) => heard.push(p.id));
    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome(place('nobody', 0));
    await settle();

    let frame = r.ws.last('resume');

    assert.deepEqual(frame.payload, place('e', 5));
    r.ws.say({ type: 'resumed', id: frame.id, payload: { channels: {
        [own]: { recovered: false, missed: null, code: 'unavailable' } } } });
    await settle();
    note(8);
    r.ws.say({ type: 'resumed', payload: { channels: {
        [own]: { recovered: false, missed: null, epoch: 'e', offset: 8 }
    } } });
    await r.timers.advance(2000);
    await settle();
    frame = r.ws.last('resume');
    assert.deepEqual(frame.payload, place('e', 5));
    note(6);
    note(7);
    r.ws.say({ type: 'resumed', id: frame.id, payload: { channels: {
        [own]: { recovered: true, missed: 2, epoch: 'e', offset: 8 } } } });
    await settle();
    note(9);
    assert.deepEqual(heard, [8, 6, 7, 9]);
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

test('what the server could not resume is resumed a moment later', async () => {
    const r = await joined(10);

    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    r.ws.say({ type: 'resumed', id: r.ws.last('resume').id, payload: {
        channels: { [C]: { recovered: false, missed: null,
                           code: 'unavailable' } } } });
    await settle();
    assert.equal(r.client.state, 'open');
    assert.equal(r.ws.of('chat:join').length, 0);
    await r.timers.advance(1000);
    assert.equal(r.ws.of('resume').length, 2);
    assert.deepEqual(r.ws.last('resume').payload,
                     { channels: { [C]: { epoch: 'e1', offset: 10 } } });
    r.ws.say(message(11));
    r.ws.say({ type: 'resumed', id: r.ws.last('resume').id, payload: {
        channels: { [C]: { recovered: true, missed: 1, epoch: 'e1',
                           offset: 11 } } } });
    await settle();
    await r.timers.advance(20000);
    assert.equal(r.ws.of('resume').length, 2);
    assert.deepEqual(r.heard, ['m11']);
});

test('a rejoin that is unavailable is tried again, until one leaves',
     async () => {
    const r = await joined(10);
    const refuse = () => r.ws.say({ type: 'error',
                                    id: r.ws.last('chat:join').id,
                                    payload: { code: 'unavailable' } });

    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    r.ws.say({ type: 'resumed', id: r.ws.last('resume').id,
               payload: { channels: {} } });
    await settle();

    for (const n of [1, 2, 3]) {
        assert.equal(r.ws.of('chat:join').length, n);
        refuse();
        await settle();
        await r.timers.advance(5000);
    }

    assert.equal(r.client.state, 'open');
    assert.equal(r.ws.of('chat:join').length, 4);
    refuse();
    await settle();
    r.client.leave(membership);

    const { ws } = r;

    await r.timers.advance(60000);
    assert.equal(ws.of('chat:join').length, 4);
});

test('what was missed of the own channel is asked for again', async () => {
    const r = await joined(10);
    const U = 'user:u1';
    const place = (offset) => ({ [U]: { epoch: 'e', offset } });

    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome({ channels: place(3) });
    await settle();
    r.ws.say({ type: 'resumed', id: r.ws.last('resume').id,
               payload: { channels: { [C]: { recovered: true, missed: 0,
                                             epoch: 'e1', offset: 10 } } } });
    await settle();
    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome({ channels: place(5) });
    await settle();
    assert.deepEqual(r.ws.last('resume').payload.channels[U],
                     { epoch: 'e', offset: 3 });
    r.ws.say({ type: 'resumed', id: r.ws.last('resume').id, payload: {
        channels: { [C]: { recovered: true, missed: 0, epoch: 'e1',
                           offset: 10 },
                    [U]: { recovered: false, missed: null,
                           code: 'unavailable' } } } });
    await settle();
    await r.timers.advance(5000);
    assert.deepEqual(r.ws.last('resume').payload.channels,
                     { [U]: { epoch: 'e', offset: 3 } });
});

test('a channel that began anew goes on from where the server says',
     async () => {
    const r = await joined(10);
    const U = 'user:u1';
    const heard = [];
    const note = (offset) => r.ws.say({ type: 'notification', channel: U,
                                        offset, payload: { offset } });

    r.client.on('notification', (p) => heard.push(p.offset));
    note(7);
    r.ws.say({ type: 'resumed', payload: { channels: { [U]: {
        recovered: false, missed: null, epoch: 'e2', offset: 2 } } } });
    note(2);
    note(3);
    r.ws.say({ type: 'resumed', payload: { channels: { [U]: {
        recovered: false, missed: null, epoch: 'e2', offset: 2 } } } });
    note(3);
    assert.deepEqual(heard, [7, 3]);
});

test('events that are not for us leave no gap', async () => {
    const r = await joined(10);

    r.ws.say(message(12));
    r.ws.say(message(15));
    r.ws.say(message(15));
    assert.deepEqual(r.heard, ['m12', 'm15']);
    assert.equal(r.ws.of('resume').length, 0);
    r.ws.end(1006);
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    assert.deepEqual(r.ws.last('resume').payload.channels[C],
                     { epoch: 'e1', offset: 15 });
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

test("the user's own channel is resumed from where it was heard",
     async () => {
    const r = rig();
    const heard = [];
    const U = 'user:u1';
    const note = (offset) => r.ws.say({ type: 'notification', channel: U,
                                        offset, payload: { id: offset } });
    const back = async (offset) => {
        r.ws.end(1006);
        await r.timers.advance(1000);
        r.ws.welcome({ channels: { [U]: { epoch: 'e', offset } } });
        await settle();
    };

    r.client.on('notification', (p) => heard.push(p.id));
    r.client.connect();
    await settle();
    r.ws.welcome({ channels: { [U]: { epoch: 'e', offset: 5 } } });
    await settle();
    assert.equal(r.client.state, 'open');
    assert.equal(r.ws.of('resume').length, 0);
    note(6);

    await back(8);
    assert.deepEqual(r.ws.last('resume').payload,
                     { channels: { [U]: { epoch: 'e', offset: 6 } } });
    note(9);                    /* live, before the replay */
    [7, 8].forEach(note);
    r.ws.say({ type: 'resumed', id: r.ws.last('resume').id, payload: {
        channels: { [U]: { recovered: true, missed: 2, epoch: 'e',
                           offset: 11 } } } });
    await settle();
    assert.equal(r.client.state, 'open');
    [10, 11].forEach(note);     /* on their way while it was answered */
    assert.deepEqual(heard, [6, 9, 7, 8, 10, 11]);

    await back(11);
    assert.equal(r.ws.of('resume').length, 0, 'nothing was missed');
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
