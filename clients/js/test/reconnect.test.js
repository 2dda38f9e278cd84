import test from 'node:test';
import assert from 'node:assert/strict';
import { rig, settle } from './fakes.js';
import { decide, delay, defaults } from '../src/backoff.js';


const ctx = (o = {}) => ({ attempt: 0, conf: defaults, random: () => 0.5,
                           hasProvider: false, returnWhenKicked: false, ...o });


test('delays have full jitter, grow, and are bounded', () => {
    assert.equal(delay(0, defaults, () => 0), 50);
    assert.equal(delay(0, defaults, () => 1), 500);
    assert.equal(delay(3, defaults, () => 1), 4000);
    assert.equal(delay(50, defaults, () => 1), 30000);
    assert.equal(delay(50, defaults, () => 0), 50);
});

test('each close code has its policy', () => {
    assert.deepEqual(decide(1012, ctx()), { again: true, delay: 200 });
    assert.equal(decide(1012, ctx({ attempt: 2 })).delay, 1025);
    assert.equal(decide(1013, ctx()).delay, 800);
    assert.deepEqual(decide(1008, ctx()), { again: false });
    assert.equal(decide(1008, ctx({ returnWhenKicked: true })).again, true);
    assert.deepEqual(decide(4001, ctx()), { again: false });
    assert.deepEqual(decide(4001, ctx({ hasProvider: true })),
                     { again: true, token: true, delay: 0 });
    assert.ok(decide(4001, ctx({ hasProvider: true, attempt: 1 })).delay > 0);
    assert.ok(decide(4002, ctx()).delay >= 15000);
    assert.equal(decide(1006, ctx()).again, true);
    assert.equal(decide(1001, ctx()).again, true);
    assert.deepEqual(decide(1006, ctx({ attempt: 3,
                                        conf: { ...defaults, attempts: 3 } })),
                     { again: false });
});

test('1012 comes back within the small jitter', async () => {
    const r = rig();

    await r.up();
    r.ws.end(1012);
    assert.equal(r.client.state, 'waiting');
    await r.timers.advance(199);
    assert.equal(r.sockets.length, 1);
    await r.timers.advance(1);
    assert.equal(r.sockets.length, 2);
});

test('failures in a row wait longer; a connection that lasts resets', async () => {
    const r = rig({ stableAfter: 5000 });
    const delays = [];

    r.client.on('connection:close', (c) => delays.push(c.delay));
    await r.up();

    for (let i = 0; i < 4; i++) {
        r.ws.end(1006);
        await r.timers.advance(delays.at(-1));
    }

    assert.deepEqual(delays, [275, 525, 1025, 2025]);
    r.ws.welcome();
    await settle();
    r.ws.say({ type: 'pong', payload: {} });
    await r.timers.advance(5000);
    r.ws.end(1006);
    assert.equal(delays.at(-1), 275);
});

test('a welcome alone does not reset: a server that drops us at once',
     async () => {
    const r = rig();
    const delays = [];

    r.client.on('connection:close', (c) => delays.push(c.delay));
    await r.up();

    for (let i = 0; i < 6; i++) {
        r.ws.end(1011);
        await r.timers.advance(delays.at(-1));
        r.ws.welcome();
        await settle();
    }

    assert.deepEqual(delays, [275, 525, 1025, 2025, 2025, 2025],
                     'but one that lets us in is not waited for long');
});

test('offline by the browser: the connection has two seconds to answer',
     async () => {
    const heard = new Map();
    const env = { navigator: { onLine: true },
                  addEventListener: (name, fn) => heard.set(name, fn),
                  removeEventListener: () => {} };
    const r = rig({ events: env });

    await r.up();
    r.ws.say({ type: 'pong', payload: {} });
    env.navigator.onLine = false;
    heard.get('offline')();
    await r.timers.advance(1999);
    assert.equal(r.client.state, 'open');
    await r.timers.advance(1);
    assert.equal(r.client.state, 'offline');
    env.navigator.onLine = true;
    heard.get('online')();
    await settle();
    r.ws.welcome();
    await settle();
    assert.equal(r.client.state, 'open');
});

test('kicked: stays away and says so', async () => {
    const r = rig({ token: () => 't' });

    await r.up();
    r.ws.end(1008, 'kicked');
    await r.timers.advance(1e6);
    assert.equal(r.sockets.length, 1);
    assert.equal(r.client.state, 'closed');
    assert.deepEqual(r.seen.find(([t]) => t === 'connection:refused')[1],
                     { code: 1008, reason: 'kicked' });
});

test('an expired token is replaced at once by a fresh one', async () => {
    const reasons = [];
    const r = rig({ token: ({ reason }) => {
        reasons.push(reason);
        return `t${reasons.length}`;
    } });

    await r.up();
    r.ws.end(4001);
    await r.timers.advance(0);
    assert.equal(r.sockets.length, 2);
    assert.deepEqual(reasons, ['first', 'expired']);
    assert.deepEqual(r.ws.protocols, ['rtprop', 'rtprop.token.t2']);
});

test('a provider that fails is asked again later', async () => {
    let n = 0;
    const r = rig({ token: async () => {
        if (++n === 1) {
            throw new Error('no network');
        }

        return 't';
    } });

    r.client.connect();
    await settle();
    assert.equal(r.client.state, 'waiting');
    await r.timers.advance(1000);
    assert.equal(r.sockets.length, 1);
});

test('the token is refreshed before it ends', async () => {
    const exp = 5000 + 100;     /* seconds; the server's clock says 5000 s */
    const jwt = (n) => `h.${btoa(JSON.stringify({ exp, n }))}.s`;
    let n = 0;
    const r = rig({ token: () => jwt(++n), pingInterval: 1e7,
                    pongTimeout: 1e7 });

    await r.up();
    await r.timers.advance(89_999);
    assert.equal(r.ws.of('auth:refresh').length, 0);
    await r.timers.advance(1);

    const frame = r.ws.last('auth:refresh');

    assert.equal(frame.payload.token, jwt(2));
    r.ws.say({ type: 'auth:refreshed', id: frame.id,
               payload: { expires_at: new Date(5_300_000).toISOString() } });
    await r.timers.advance(200_000);
    assert.equal(r.ws.of('auth:refresh').length, 2);
});

test('no welcome in time is a failure', async () => {
    const r = rig({ connectTimeout: 4000 });

    r.client.connect();
    await r.timers.advance(4000);
    assert.equal(r.client.state, 'waiting');
    assert.ok(r.sockets[0].closed);
});

test('a silent server is pinged, a dead one replaced', async () => {
    const r = rig({ pingInterval: 20000, pongTimeout: 8000 });

    await r.up();
    r.ws.say({ type: 'pong', payload: {} });
    await r.timers.advance(20000);
    assert.equal(r.ws.of('ping').length, 2);
    await r.timers.advance(7999);
    assert.equal(r.client.state, 'open');
    await r.timers.advance(1);
    assert.equal(r.client.state, 'waiting');
    assert.equal(r.seen.find(([t]) => t === 'connection:close')[1].code, 1006);
});

test('late events of an abandoned socket are not heard', async () => {
    const r = rig();

    await r.up();
    const old = r.ws;
    const { onclose, onmessage } = old;

    old.end(1012);
    await r.timers.advance(500);
    r.ws.welcome();
    await settle();
    onclose({ code: 1006 });
    assert.equal(r.client.state, 'open');
    assert.equal(old.onmessage, null);
    assert.ok(onmessage);
});

test('online comes back at once, offline is shown', async () => {
    const env = new EventTarget();
    const r = rig({ events: env });

    env.navigator = { onLine: true };
    await r.up();
    r.ws.end(1006);
    env.dispatchEvent(new Event('offline'));
    assert.equal(r.client.state, 'offline');
    env.dispatchEvent(new Event('online'));
    await settle();
    assert.equal(r.client.state, 'connecting');
    assert.equal(r.sockets.length, 2);
});

test('a page that becomes visible checks its connection', async () => {
    const env = new EventTarget();
    const r = rig({ events: env });

    env.document = new EventTarget();
    env.document.visibilityState = 'visible';

    const s = rig({ events: env });

    await s.up();
    const before = s.ws.of('ping').length;

    env.document.dispatchEvent(new Event('visibilitychange'));
    assert.equal(s.ws.of('ping').length, before + 1);
    r.client.close();
    s.client.close();
});
