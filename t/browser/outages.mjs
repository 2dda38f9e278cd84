/* The demo page while nginx reloads, loses workers, stops, or is out of reach. */

import { suite } from './run.mjs';
import { id, visitors, PHONE } from './lib/visitors.mjs';


await suite(async (t) => {
    const { ready, window, user, say, hears, tick, texts, viewers, cents, agent,
            auction, bidding, opened, reopened } = visitors(t);

    /* what a browser logs when a handshake finds nobody */
    const REFUSED = /WebSocket connection to .* failed/;

    const numbered = async (page) =>
        (await texts(page)).filter((text) => text.startsWith('number'));

    /* ---- an interface that refuses ---- */

    await t.test('a server that does not let us make the house says why',
                 async () => {
        await t.allowing(/status of 403/, async () => {
            const page = t.watch(await (await t.profile()).newPage());

            await page.route('**/api/**', (route) => route.fulfill({
                status: 403, contentType: 'application/json',
                body: '{"code":"forbidden","message":"loopback only"}' }));
            await page.goto(t.url);
            await page.waitForSelector(`${id('setup-error')} >> text=loopback`);
            await page.click(id('agent-open'));
            await page.waitForSelector(`${id('agent-error')} >> text=loopback`);
            await page.context().close();
        });
    });

    const ann = await window();
    const bob = await window(ann);
    const cid = await window();

    await t.test('the house is made by who comes first', async () => {
        for (const page of [ann, bob, cid]) {
            await viewers(page, 3);
            await cents(page, 'price', 87500000);
            t.ok(await page.isHidden(id('setup-error')), 'nothing to complain');
        }
    });

    /* ---- reload ---- */

    await t.test('after a reload of nginx everything goes on', async () => {
        await say(ann, 'Good morning');
        await tick(ann, 'Good morning', 'read');

        const before = await Promise.all([ann, bob, cid].map(opened));

        t.demo.reload();
        await Promise.all([ann, bob, cid].map((page, i) =>
            reopened(page, before[i])));
        await viewers(ann, 3);
        await say(ann, 'Still there?');
        await hears(bob, 'Still there?');
        await tick(ann, 'Still there?', 'read');
        t.is(await texts(bob), ['Good morning', 'Still there?'],
             'nothing twice');
        t.ok(await bob.isHidden(id('outage')), 'and nobody is alarmed');
    });

    await t.test('what happens during a reload is not missed', async () => {
        t.demo.reload();

        for (let i = 1; i <= 5; i++) {
            await say(ann, `number ${i}`);
            await tick(ann, `number ${i}`, 'read');
        }

        for (const page of [ann, bob, cid]) {
            await hears(page, 'number 5');
            t.is(await numbered(page),
                 [1, 2, 3, 4, 5].map((i) => `number ${i}`),
                 'each once, in order');
        }
    });

    /* ---- workers that die ---- */

    await t.test('workers are killed, chat and auction go on', async () => {
        t.allow(/exited on signal 9/);

        await auction('robust', 120000, { extend_window_ms: 100,
                                          extend_by_ms: 100 });
        await bidding(ann, 'robust');
        await bidding(bob, 'robust');
        await ann.click(id('quick-0'));
        await cents(bob, 'current-bid', 80500000);

        await t.allowing(REFUSED, async () => {
            let n = 5;

            for (const pid of t.demo.workers()) {
                process.kill(pid, 'SIGKILL');
                await say(ann, `number ${++n}`);
                await tick(ann, `number ${n}`, 'read');
                await say(bob, `number ${++n}`);
                await tick(bob, `number ${n}`, 'read');
            }

            for (const page of [ann, bob, cid]) {
                await hears(page, `number ${n}`);
                t.is((await numbered(page)).slice(5), Array.from(
                    { length: n - 5 }, (_, i) => `number ${i + 6}`),
                     'each message once, in order');
                await ready(page);
            }
        });

        await viewers(ann, 3);
        await bidding(bob, 'robust');
        await bob.click(id('quick-0'));
        await cents(ann, 'current-bid', 81000000);
        await ann.waitForSelector(`${id('outbid')}:not([hidden])`);
        t.is(await ann.locator(id('bid')).count(), 2, 'no bid was lost');
        await ann.click('#outbid-close');
    });

    /* ---- no network ---- */

    await t.test('without a network what is written waits', async () => {
        t.allow(REFUSED);
        await cid.context().setOffline(true);
        await cid.waitForSelector('#connection[data-state="offline"]');
        await cid.waitForSelector(`${id('outage-text')} >> text=offline`);

        await say(cid, 'From the tunnel');
        await tick(cid, 'From the tunnel', 'queued');

        for (let i = 1; i <= 3; i++) {
            await say(ann, `While you are away, ${i}`);
            await tick(ann, `While you are away, ${i}`, 'read');
        }
    });

    await t.test('and is sent on coming back, when nothing is missed',
                 async () => {
        await cid.context().setOffline(false);
        await ready(cid);
        await hears(cid, 'While you are away, 3');
        await tick(cid, 'From the tunnel', 'read');
        await cid.waitForSelector(id('outage'), { state: 'hidden' });

        for (const page of [ann, bob, cid]) {
            await hears(page, 'From the tunnel');
            t.is((await texts(page)).slice(-4),
                 [1, 2, 3].map((i) => `While you are away, ${i}`)
                 .concat('From the tunnel'), 'each once, in order');
        }
    });

    /* ---- stop and start ---- */

    await t.test('a server that is stopped is told, and tried again',
                 async () => {
        await bob.click(id('agent-open'));
        await ann.waitForSelector('#agent-dot[data-status="online"]');
        await agent(bob, 'drop-price');
        await cents(ann, 'price', 85000000);

        await t.demo.stop();
        await ann.waitForSelector(
            `${id('outage-text')} >> text=cannot be reached`);
        await say(ann, 'Is anybody there?');
        await tick(ann, 'Is anybody there?', 'queued');
        await cid.setViewportSize(PHONE);
        t.is(await cid.evaluate(() => document.documentElement.scrollWidth),
             PHONE.width, 'on a phone, too');
    });

    await t.test('one that starts empty is furnished again', async () => {
        const who = await Promise.all([ann, bob, cid].map(user));

        await t.demo.start();

        for (const page of [ann, bob, cid]) {
            await page.click(id('outage-again'), { timeout: 500 })
                .catch(() => {});       /* back already */
        }

        for (const page of [ann, bob, cid]) {
            await ready(page);
            await cents(page, 'price', 87500000);
            await page.waitForSelector(id('auction'), { state: 'hidden' });
        }

        await viewers(ann, 3);
        await tick(ann, 'Is anybody there?', 'read');
        await hears(bob, 'Is anybody there?');
        await ann.waitForSelector('#agent-dot[data-status="online"]');
        await bob.fill(id('agent-message'), 'I am, again');
        await bob.press(id('agent-message'), 'Enter');
        await hears(cid, 'I am, again');

        for (const page of [ann, bob, cid]) {
            t.is(await texts(page), ['Is anybody there?', 'I am, again'],
                 'only what the server knows');
        }

        t.is(await Promise.all([ann, bob, cid].map(user)), who,
             'everybody is who they were');
    });
});
