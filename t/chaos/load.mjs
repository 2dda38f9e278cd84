/*
 * The load of the chaos suite: people who chat, bid and watch on all instances
 * of a cluster, and come back whenever they are thrown out.  What they are told
 * is written down, one JSON object a line, for check.mjs.
 *
 *     node load.mjs --url ws://a/ws?u={user} --url ws://b/ws?u={user}
 *                   --api http://a/api --out history.jsonl
 *
 * It makes the conversations, properties and auctions it uses (names start
 * with --prefix).  Standard input takes one command a line: "cut N" tears N
 * connections off, "stop" ends the load.  Standard output says "ready" once
 * everybody has joined, "acked N" now and then while messages are acknowledged,
 * "stopped" when the last fact is written; --seconds stops by itself.  --ghosts
 * is how many seconds those who are gone may be counted for.
 */

import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { Client } from './client.mjs';
import { fail, read } from './files.mjs';

const QUIET = 250;      /* ms between two looks at what is still owed */
const RETRIES = 100;

const options = given({
    url: { type: 'string', multiple: true },
    api: { type: 'string', multiple: true },
    'key-file': { type: 'string' },
    out: { type: 'string' },
    prefix: { type: 'string', default: 'chaos' },
    clients: { type: 'string', default: '20' },
    rooms: { type: 'string', default: '3' },
    auctions: { type: 'string', default: '1' },
    properties: { type: 'string', default: '1' },
    rate: { type: 'string', default: '40' },
    seconds: { type: 'string', default: '0' },
    ghosts: { type: 'string', default: '15' },
    seed: { type: 'string', default: '1' },
});

if (!options.url || !options.api || !options.out) {
    fail('needed: --url (one or more), --api, --out');
}

const key = options['key-file'] && read(options['key-file']).trim();
const random = generator(Number(options.seed));
const out = createWriteStream(options.out);

out.on('error', (error) => fail(error.message));

let acked = 0;

const users = names('u', options.clients);
const rooms = names('room', options.rooms).map((r) => `conversation:${r}`);
const auctions = names('auction', options.auctions).map((a) => `auction:${a}`);
const properties = names('home', options.properties)
                   .map((p) => `property:${p}`);

const clients = users.map((user, i) => new Client({
    user, urls: options.url, at: i, fact, random,
    channels: [rooms[i % rooms.length], ...auctions, ...properties],
}));

let stopping = false;
let count = 0;

createInterface({ input: process.stdin }).on('line', (line) => {
    const [word, n] = line.trim().split(' ');

    if (word === 'cut') {
        for (let i = 0; i < Number(n ?? 1); i++) {
            pick(clients).cut();
        }

    } else if (word === 'stop') {
        stop();
    }
});

await prepare();
clients.forEach((client) => client.start());
await until(() => clients.every((client) => client.joined));
console.log('ready');

const beat = setInterval(act, 1000 / Number(options.rate));

if (Number(options.seconds)) {
    setTimeout(stop, Number(options.seconds) * 1000);
}

function fact(f) {
    out.write(`${JSON.stringify(f)}\n`);

    if (f.k === 'acked' && ++acked % 10 === 0) {
        console.log(`acked ${acked}`);
    }
}

function act() {
    const client = pick(clients);
    const id = `${client.user}-${count++}`;

    if (client.pending >= 16) {
        return;
    }

    if (auctions.length && random() < 0.3) {
        client.bid(pick(auctions), id);

    } else {
        client.message(rooms[clients.indexOf(client) % rooms.length], id,
                       `message ${id}`);
    }
}

/*
 * Nobody speaks any more; what is under way is answered; the auctions end;
 * everybody comes back once and hears all that is owed.
 */

async function stop() {
    if (stopping) {
        return;
    }

    stopping = true;
    clearInterval(beat);

    await until(() => clients.every((client) => client.pending === 0
                                                && client.joined));
    for (const auction of auctions) {
        await api('POST', `auctions/${rest(auction)}/end`, {}, [200, 409]);
    }

    await Promise.all(clients.map((client) => client.finish()));
    await until(() => clients.every((client) => client.live));

    const since = Date.now();

    for (const property of properties) {
        await countViewers(property, since);
    }

    clients.forEach((client) => client.close());
    out.end(() => {
        console.log('stopped');
        process.exit(0);
    });
}

/*
 * As many as are there: whoever died before everybody came back may be counted
 * for as long as is promised, and no longer.
 */

async function countViewers(property, since) {
    let told;

    do {
        await pause(QUIET);
        told = (await api('GET', `properties/${rest(property)}/viewers`))
               .count;
    } while (told !== clients.length
             && Date.now() - since < Number(options.ghosts) * 1000);

    fact({ k: 'count', ch: property, n: told, is: clients.length,
           ms: Date.now() - since });
}

async function prepare() {
    for (const room of rooms) {
        await api('PUT', `conversations/${rest(room)}`,
                  { participants: users }, [200, 201]);
    }

    for (const property of properties) {
        await api('PUT', `properties/${rest(property)}`,
                  { title: 'Home', status: 'available', price: 100000 },
                  [200, 201]);
    }

    for (const auction of auctions) {
        await api('PUT', `auctions/${rest(auction)}`, {
            starting_price: 1000, bid_increment: 10,
            ends_at: new Date(Date.now() + 86400000).toISOString(),
        }, [200, 201]);
    }
}

/* Asks one instance after another until one gives an expected answer. */

async function api(method, path, body, expected = [200]) {
    let why;

    for (let i = 0; i < RETRIES; i++) {
        const base = options.api[i % options.api.length];

        try {
            const answer = await fetch(`${base}/${path}`, {
                method, body: body && JSON.stringify(body),
                headers: { 'Content-Type': 'application/json',
                           ...(key && { Authorization: `Bearer ${key}` }) },
            });

            if (expected.includes(answer.status)) {
                return await answer.json();
            }

            why = `${answer.status} ${await answer.text()}`;

        } catch (error) {
            why = error.message;
        }

        await pause(QUIET);
    }

    console.error(`${method} ${path}: ${why}`);
    process.exit(1);
}

function given(known) {
    try {
        return parseArgs({ options: known }).values;

    } catch (error) {
        return fail(error.message);
    }
}

async function until(condition) {
    while (!condition()) {
        await pause(QUIET);
    }
}

function pause(ms) {
    return new Promise((resolve) => { setTimeout(resolve, ms); });
}

function names(word, n) {
    return Array.from({ length: Number(n) },
                      (_, i) => `${options.prefix}-${word}${i}`);
}

function pick(list) {
    return list[Math.floor(random() * list.length)];
}

function rest(channel) {
    return channel.slice(channel.indexOf(':') + 1);
}

/* mulberry32: the same seed gives the same load */

function generator(seed) {
    let state = seed >>> 0;

    return () => {
        state = (state + 0x6d2b79f5) >>> 0;

        let t = Math.imul(state ^ (state >>> 15), state | 1);

        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);

        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}
