/* The checker accepts a right history and finds each planted fault. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { check } from './checker.mjs';

const ROOM = 'conversation:c1', SALE = 'auction:a1', HOME = 'property:p1';

/* Two people, ten messages, five bids, an end; all of it in a database. */

function right() {
    const facts = [];

    for (const s of ['ann', 'bob']) {
        facts.push({ k: 'joined', s, ch: ROOM, e: 'e1', o: 0, anew: true },
                   { k: 'joined', s, ch: SALE, e: 'e1', o: 0, anew: true });
    }

    for (let o = 1; o <= 10; o++) {
        const message = { ch: ROOM, id: `${100 + o}`, c: `m${o}`, u: 'ann' };

        facts.push({ k: 'sent', ...message });
        facts.push({ k: 'acked', ...message });
        facts.push({ k: 'db', table: 'message', ...message });
        both(facts, { k: 'got', ...message, o, t: 'message' });
    }

    for (let o = 1; o <= 5; o++) {
        const bid = { ch: SALE, id: `${200 + o}`, amount: 1000 + 10 * o };

        facts.push({ k: 'bidok', ...bid, u: 'bob', c: `b${o}` });
        facts.push({ k: 'db', table: 'bid', ...bid });
        both(facts, { k: 'got', ...bid, o, t: 'bid' });
    }

    both(facts, { k: 'got', ch: SALE, o: 6, t: 'ended', id: 'a1', winner: 2,
                  price: 1050 });
    facts.push({ k: 'db', table: 'auction', ch: SALE, status: 'ended',
                 winner: 2, price: 1050 });

    for (const s of ['ann', 'bob']) {
        facts.push({ k: 'stand', s, ch: ROOM, o: 10 },
                   { k: 'stand', s, ch: SALE, o: 6 });
    }

    facts.push({ k: 'count', ch: HOME, n: 2, is: 2 });

    return facts;
}

function both(facts, fact) {
    facts.push({ ...fact, s: 'ann' }, { ...fact, s: 'bob' });
}

function find(facts, wanted) {
    const i = facts.findIndex((fact) => Object.entries(wanted)
                                        .every(([k, v]) => fact[k] === v));

    assert.notEqual(i, -1, 'nothing to plant the fault in');

    return i;
}

/* Exactly the rules that a fault breaks, and no other. */

function broken(facts) {
    return [...new Set(check(facts).faults.map(({ rule }) => rule))].sort();
}

test('a right history has no fault', () => {
    assert.deepEqual(check(right()), {
        faults: [],
        counted: { sent: 10, acked: 10, got: 32, bids: 5, resumed: 0,
                   anew: 0 },
    });
});

test('coming back without a break goes on where it was', () => {
    const facts = right();

    facts.splice(find(facts, { k: 'got', s: 'ann', ch: ROOM, o: 5 }), 0,
                 { k: 'joined', s: 'ann', ch: ROOM, e: 'e1', o: 4,
                   anew: false });

    assert.deepEqual(broken(facts), []);
    assert.equal(check(facts).counted.resumed, 1);
});

test('who starts over is owed nothing of what was between', () => {
    const facts = right();
    const from = find(facts, { k: 'got', s: 'ann', ch: ROOM, o: 5 });

    facts.splice(from, 1, { k: 'joined', s: 'ann', ch: ROOM, e: 'e1', o: 5,
                            anew: true });

    assert.deepEqual(broken(facts), []);
    assert.equal(check(facts).counted.anew, 1);
});

test('one dropped for one receiver', () => {
    const facts = right();

    facts.splice(find(facts, { k: 'got', s: 'bob', ch: ROOM, o: 4 }), 1);

    assert.deepEqual(broken(facts), ['gap']);
});

test('the last one dropped for one receiver', () => {
    const facts = right();

    facts.splice(find(facts, { k: 'got', s: 'bob', ch: ROOM, o: 10 }), 1);

    assert.deepEqual(broken(facts), ['gap']);
});

test('an acknowledged message that nobody got', () => {
    const facts = right().filter((f) => !(f.k === 'got' && f.ch === ROOM
                                          && f.o === 4));

    assert.deepEqual(broken(facts), ['lost']);
});

test('an acknowledged message that is not in the database', () => {
    const facts = right();

    facts.splice(find(facts, { k: 'db', table: 'message', id: '104' }), 1);

    assert.deepEqual(broken(facts), ['lost']);
});

test('an accepted bid that is not in the database', () => {
    const facts = right();

    facts.splice(find(facts, { k: 'db', table: 'bid', id: '203' }), 1);

    assert.deepEqual(broken(facts), ['lost']);
});

test('two swapped for one receiver', () => {
    const facts = right();
    const a = find(facts, { k: 'got', s: 'bob', ch: ROOM, o: 4 });
    const b = find(facts, { k: 'got', s: 'bob', ch: ROOM, o: 5 });

    [facts[a], facts[b]] = [facts[b], facts[a]];

    assert.deepEqual(broken(facts), ['order']);
});

test('two swapped for one receiver, offsets and all', () => {
    const facts = right();
    const a = find(facts, { k: 'got', s: 'bob', ch: ROOM, o: 4 });
    const b = find(facts, { k: 'got', s: 'bob', ch: ROOM, o: 5 });

    [facts[a], facts[b]] = [{ ...facts[b], o: 4 }, { ...facts[a], o: 5 }];

    assert.ok(broken(facts).includes('order'));
});

test('one doubled for one receiver', () => {
    const facts = right();
    const at = find(facts, { k: 'got', s: 'bob', ch: ROOM, o: 4 });

    facts.splice(at, 0, { ...facts[at] });

    assert.deepEqual(broken(facts), ['twice']);
});

test('one message under two ids', () => {
    const facts = right();

    both(facts, { k: 'got', ch: ROOM, o: 11, t: 'message', id: '999',
                  c: 'm4', u: 'ann' });

    assert.deepEqual(broken(facts), ['twice']);
});

test('one message stored twice', () => {
    const facts = right();

    facts.push({ k: 'db', table: 'message', ch: ROOM, id: '999', c: 'm4',
                 u: 'ann' });

    assert.deepEqual(broken(facts), ['twice']);
});

test('one event at two offsets', () => {
    const facts = right();

    both(facts, { k: 'got', ch: ROOM, o: 11, t: 'message', id: '104',
                  c: 'm4', u: 'ann' });

    assert.deepEqual(broken(facts), ['twice']);
});

test('two winners', () => {
    const facts = right();

    facts[find(facts, { k: 'got', s: 'bob', t: 'ended' })].winner = 1;

    assert.deepEqual(broken(facts), ['winner']);
});

test('another winner in the database', () => {
    const facts = right();

    facts[find(facts, { k: 'db', table: 'auction' })].winner = 1;

    assert.deepEqual(broken(facts), ['winner']);
});

test('sold below the highest bid', () => {
    const facts = right();

    for (const fact of facts.filter((f) => f.price === 1050)) {
        fact.price = 1040;
    }

    assert.deepEqual(broken(facts), ['winner']);
});

test('a bid after the end', () => {
    const facts = right();

    both(facts, { k: 'got', ch: SALE, o: 7, t: 'bid', id: '299',
                  amount: 1045 });

    assert.deepEqual(broken(facts), ['price', 'winner']);
});

test('a price that falls', () => {
    const facts = right();

    for (const fact of facts.filter((f) => f.id === '204')) {
        fact.amount = 1025;
    }

    assert.deepEqual(broken(facts), ['price']);
});

test('a viewer who is not there', () => {
    const facts = right();

    facts[find(facts, { k: 'count' })].n = 3;

    assert.deepEqual(broken(facts), ['ghost']);
});

/* check.mjs over a file of these lines: its status, and what it says first. */

function judged(lines) {
    const dir = mkdtempSync(join(tmpdir(), 'checker-'));
    const file = join(dir, 'history.jsonl');

    writeFileSync(file, lines.join('\n'));

    const { status, stdout, stderr } = spawnSync(process.execPath, [
        new URL('check.mjs', import.meta.url).pathname, file,
    ], { encoding: 'utf8' });

    rmSync(dir, { recursive: true });

    return [status, (stdout || stderr).split('\n')[0].replace(file, 'FILE')];
}

test('the command says how it went', () => {
    const lines = right().map((fact) => JSON.stringify(fact));
    const got = lines.findIndex((line) => line.includes('"got"'));

    assert.equal(judged(lines)[0], 0);
    assert.equal(judged(lines.filter((line, i) => i !== got))[0], 1);
    assert.deepEqual(judged([]), [2, 'no message was acknowledged, or none'
                                     + ' heard: this proves nothing']);
    assert.deepEqual(judged([lines[0], '{']),
                     [2, 'FILE:2: this is no JSON']);
});
