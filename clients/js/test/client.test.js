import test from 'node:test';
import assert from 'node:assert/strict';
import { rig, settle, codeOf } from './fakes.js';


test('opens after welcome and knows who we are', async () => {
    const r = rig();

    r.client.connect();
    await settle();
    assert.equal(r.client.state, 'connecting');
    r.ws.welcome();
    await settle();
    assert.equal(r.client.state, 'open');
    assert.equal(r.client.user.name, 'Anna');
    assert.equal(r.client.sessionId, 's1');
    assert.ok(r.types().includes('connection:open'));
});

test('needs a WebSocket constructor', async () => {
    const { Client } = await import('../src/rtprop.js');
    const had = globalThis.WebSocket;

    globalThis.WebSocket = undefined;
    assert.throws(() => new Client('ws://x/'), /no WebSocket/);
    globalThis.WebSocket = had;
});

test('puts parameters and token into the address', async () => {
    const r = rig({ params: { ping: 120 }, token: 'a.b.c', tokenIn: 'query' });

    await r.up();
    assert.equal(r.ws.url, 'ws://test/ws?ping=120&token=a.b.c');
    assert.equal(r.ws.protocols, undefined);
});

test('offers the token as a subprotocol', async () => {
    const r = rig({ token: async () => 'a.b.c' });

    await r.up();
    assert.deepEqual(r.ws.protocols, ['rtprop', 'rtprop.token.a.b.c']);
    assert.equal(r.ws.url, 'ws://test/ws');
});

test('delivers typed events, batches in order, and survives rubbish',
     async () => {
    const r = rig();
    const heard = [];

    await r.up();
    r.client.on('property:viewer_count', (p) => heard.push(p.count));
    r.ws.say({ type: 'batch', payload: [
        { type: 'property:viewer_count', payload: { count: 1 } },
        { type: 'property:viewer_count', payload: { count: 2 } }] });
    r.ws.raw('{');
    r.ws.raw('7');
    r.ws.raw('{"type":4}');
    assert.deepEqual(heard, [1, 2]);
    assert.equal(r.types().filter((t) => t === 'connection:invalid').length, 3);
});

test('a listener that throws does not stop the others', async () => {
    const r = rig();
    const errors = [];
    let heard = 0;

    globalThis.reportError = (e) => errors.push(e.message);
    await r.up();
    r.client.on('x', () => { throw new Error('mine'); });
    r.client.on('x', () => { heard++; });
    r.ws.say({ type: 'x' });
    delete globalThis.reportError;
    assert.equal(heard, 1);
    assert.deepEqual(errors, ['mine']);
});

test('off, once and the remover take listeners away', async () => {
    const r = rig();
    let n = 0;
    const fn = () => { n++; };

    await r.up();
    r.client.once('x', fn);
    const remove = r.client.on('y', fn);

    r.ws.say({ type: 'x' });
    r.ws.say({ type: 'x' });
    remove();
    r.ws.say({ type: 'y' });
    assert.equal(n, 1);
});

test('a request is answered by its id', async () => {
    const r = rig();

    await r.up();
    const p = r.client.request('chat:history', { conversation_id: 'c' });
    const { id } = r.ws.last('chat:history');

    r.ws.say({ type: 'chat:history', id, payload: { messages: [] } });
    assert.deepEqual((await p).payload, { messages: [] });
});

test('an error answer rejects with code and payload', async () => {
    const r = rig();

    await r.up();
    const p = r.client.request('chat:join', {});

    r.ws.say({ type: 'error', id: r.ws.last('chat:join').id,
               payload: { code: 'invalid_payload', message: 'no',
                          field: 'conversation_id' } });
    await assert.rejects(p, (e) => e.code === 'invalid_payload'
                                   && e.payload.field === 'conversation_id'
                                   && !e.retryable);
});

test('a request times out', async () => {
    const r = rig({ requestTimeout: 3000, pingInterval: 1e6 });

    await r.up();
    const p = codeOf(r.client.request('x'));

    await r.timers.advance(3000);
    assert.equal(await p, 'timeout');
});

test('requests without an answer are bounded', async () => {
    const r = rig({ maxPending: 2 });

    await r.up();
    r.client.request('a').catch(() => {});
    r.client.request('b').catch(() => {});
    assert.equal(await codeOf(r.client.request('c')), 'dropped');
    r.client.close();
});

test('what is queued while away goes out in order once resumed', async () => {
    const r = rig();

    r.client.send('one');
    r.client.connect();
    await settle();
    r.client.send('two');
    assert.equal(r.client.queued, 2);
    r.ws.welcome();
    await settle();
    assert.deepEqual(r.ws.of().map((f) => f.type), ['one', 'two']);
});

test('a full queue drops the oldest volatile first and reports', async () => {
    const r = rig({ queue: 2 });
    const dropped = [];

    r.client.on('connection:dropped', (d) => dropped.push([d.type, d.reason]));
    r.client.send('a');
    r.client.send('typing', {}, { volatile: true });
    r.client.send('b');
    r.client.send('c');
    assert.deepEqual(dropped, [['typing', 'queue_full'], ['a', 'queue_full']]);
});

test('a volatile entry replaces its elder and grows stale', async () => {
    const r = rig({ volatileTtl: 1000 });

    r.client.send('t', { n: 1 }, { volatile: true, key: 'k' });
    r.client.send('t', { n: 2 }, { volatile: true, key: 'k' });
    assert.equal(r.client.queued, 1);
    await r.timers.advance(1001);
    r.client.send('t', { n: 3 }, { volatile: true, key: 'other' });
    await r.up();
    assert.deepEqual(r.ws.of('t').map((f) => f.payload.n), [3]);
    assert.ok(r.seen.some(([t, p]) => t === 'connection:dropped'
                                      && p.reason === 'stale'));
});

test('a slow socket skips what is volatile', async () => {
    const r = rig({ maxBuffered: 10 });

    await r.up();
    r.ws.bufferedAmount = 11;
    assert.equal(r.client.send('t', {}, { volatile: true }), false);
    assert.equal(r.client.send('m', {}), true);
});

test('queue: false fails at once without a connection', async () => {
    const r = rig();

    assert.equal(await codeOf(r.client.request('x', {}, { queue: false })),
                 'offline');
    assert.equal(r.client.send('x', {}, { queue: false }), false);
});

test('a queued request gives up after maxWait', async () => {
    const r = rig({ maxWait: 2000 });
    const p = codeOf(r.client.request('x'));

    await r.timers.advance(2000);
    assert.equal(await p, 'offline');
    assert.equal(r.client.queued, 0);
});

test('a lost connection rejects requests, and repeats those that may be',
     async () => {
    const r = rig();

    await r.up();
    const plain = codeOf(r.client.request('plain'));
    const again = r.client.request('again', {}, { retry: true });
    const { id } = r.ws.last('again');

    r.ws.end(1006);
    assert.equal(await plain, 'disconnected');
    await r.timers.advance(1000);
    r.ws.welcome();
    await settle();
    assert.equal(r.ws.last('again').id, id);
    r.ws.say({ type: 'ack', id, payload: { ok: 1 } });
    assert.deepEqual((await again).payload, { ok: 1 });
});

test('after 1009 what was in flight is not sent a second time', async () => {
    const r = rig();

    await r.up();
    const p = codeOf(r.client.request('huge', {}, { retry: true }));

    r.ws.end(1009);
    assert.equal(await p, 'disconnected');
    assert.equal(r.client.state, 'waiting');
});

test('a rate limited retryable request waits as told', async () => {
    const r = rig();

    await r.up();
    const p = r.client.request('m', {}, { retry: true });
    const { id } = r.ws.last('m');

    r.ws.say({ type: 'error', id, payload: { code: 'rate_limited',
                                             retry_after_ms: 700 } });
    await r.timers.advance(699);
    assert.equal(r.ws.of('m').length, 1);
    await r.timers.advance(1);
    assert.equal(r.ws.of('m').length, 2);
    r.ws.say({ type: 'ack', id, payload: {} });
    await p;
});

test('close rejects all and stays closed', async () => {
    const r = rig();

    await r.up();
    const p = codeOf(r.client.request('x'));
    const ws = r.ws;

    r.client.close();
    assert.equal(await p, 'closed');
    assert.deepEqual(ws.closed, { code: 1000, reason: '' });
    assert.equal(r.timers.size, 0);
    assert.equal(await codeOf(r.client.request('x')), 'closed');
    await r.timers.advance(100000);
    assert.equal(r.sockets.length, 1);
});

test('the clock follows the shortest round trip', async () => {
    const r = rig({ pingInterval: 1000 });

    await r.up();
    assert.equal(r.client.now(), 5_000_000);
    await r.timers.advance(40);
    /* answered after 40 ms: the server's clock stood at 5 000 120 halfway */
    r.ws.say({ type: 'pong',
               payload: { server_time: new Date(5_000_120).toISOString() } });
    assert.equal(r.client.now(), 5_000_140);
    assert.equal(r.client.clock.rtt, 40);
    r.ws.say({ type: 'auction:timer_sync',
               payload: { server_time: new Date(9_000_000).toISOString() } });
    assert.equal(r.client.now(), 5_000_140);
});
