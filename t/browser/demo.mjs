/* The demo page, driven as its visitors and its agent would. */

import { suite } from './run.mjs';
import { id, visitors, HOUSE, PHONE } from './lib/visitors.mjs';


await suite(async (t) => {
    const { ready, window, user, say, hears, tick, texts, viewers, cents,
            number, api, agent, auction, bidding } = visitors(t);

    /* ---- who is who ---- */

    const ann = await window();
    let bob;

    await t.test('one visitor alone', () => viewers(ann, 1));

    await t.test('a second window is another visitor', async () => {
        bob = await window(ann);
        t.ok(await user(ann) !== await user(bob), 'with another id');
        await viewers(ann, 2);
        await viewers(bob, 2);
    });

    await t.test('a window opened from another is a new visitor too',
                 async () => {
        const [copy] = await Promise.all([
            ann.context().waitForEvent('page'),
            ann.evaluate(() => { open('/'); })
        ]);

        await ready(copy);
        t.ok(![await user(ann), await user(bob)].includes(await user(copy)),
             'although its storage is a copy');
        await viewers(ann, 3);
        await copy.close();
        await viewers(ann, 2);
    });

    await t.test('a reload stays the same visitor', async () => {
        const before = await user(bob);

        await bob.reload();
        await ready(bob);
        t.is(await user(bob), before, 'with the same id');
        await viewers(ann, 2);
    });

    await t.test('another browser is another visitor', async () => {
        const cid = await window();

        t.ok(![await user(ann), await user(bob)].includes(await user(cid)),
             'with another id');
        await viewers(ann, 3);
        await cid.context().close();
        await viewers(ann, 2);
    });

    /* ---- chat ---- */

    await t.test('typing shows and ends', async () => {
        await ann.type(id('message'), 'Hello');
        await bob.waitForSelector(`${id('typing')} >> text=is writing`);
        await say(ann, 'Hello there');
        await hears(bob, 'Hello there');
        await bob.waitForFunction(
            () => document.querySelector('#typing').textContent === '');
    });

    await t.test('a message that is seen gets the ticks of a read one',
                 () => tick(ann, 'Hello there', 'read'));

    await t.test('the answer comes back', async () => {
        await say(bob, 'Good morning');
        await hears(ann, 'Good morning');
        await tick(bob, 'Good morning', 'read');
    });

    await t.test('history is there on load, in order and once', async () => {
        await bob.reload();
        await ready(bob);
        await hears(bob, 'Good morning');
        t.is(await texts(bob), ['Hello there', 'Good morning'], 'both messages');
    });

    await t.test('a message that is not on the screen is delivered, not read',
                 async () => {
        await bob.close();
        await viewers(ann, 1);

        const phone = await window(ann);

        await phone.setViewportSize(PHONE);
        await phone.reload();
        await ready(phone);
        await viewers(ann, 2);
        await phone.click(id('dock-chat'));
        await phone.waitForSelector('#dock-unread', { state: 'hidden' });
        await phone.evaluate(() => scrollTo(0, 0));
        await phone.waitForFunction(() =>
            document.querySelector('#chat').getBoundingClientRect().top
            > innerHeight);
        await say(ann, 'Are you on your phone?');
        await phone.waitForSelector('#dock-unread:not([hidden])');
        await tick(ann, 'Are you on your phone?', 'delivered');
        await phone.click(id('dock-chat'));
        await tick(ann, 'Are you on your phone?', 'read');
        await phone.close();
    });

    bob = await window(ann);

    await t.test('names who else is here, and that they left', async () => {
        const other = await window(ann);

        await ann.waitForSelector('#room[data-online="2"]');
        await other.close();
        await ann.waitForSelector('#room[data-online="1"]');
    });

    /* ---- the agent ---- */

    await t.test('the agent comes online, is busy, answers', async () => {
        await ann.waitForSelector('#agent-dot[data-status="offline"]');
        await bob.click(id('agent-open'));
        await ann.waitForSelector('#agent-dot[data-status="online"]');
        await agent(bob, 'agent-busy');
        await ann.waitForSelector('#agent-dot[data-status="busy"]');
        await agent(bob, 'agent-online');
        await ann.waitForSelector('#agent-dot[data-status="online"]');
        await bob.waitForSelector(`${id('agent-seen')} >> text=Good morning`);
        await bob.type(id('agent-message'), 'I am Clara');
        await ann.waitForSelector(`${id('typing')} >> text=Clara is writing`);
        await bob.press(id('agent-message'), 'Enter');
        await ann.waitForSelector('.msg.agent >> text=I am Clara');
    });

    await t.test('a price drop strikes the old price through', async () => {
        const before = await number(ann, 'price');

        await agent(bob, 'drop-price');
        await cents(ann, 'price', before - 2500000);
        await cents(bob, 'price', before - 2500000);
        await ann.waitForSelector('#old-price:not([hidden])');
        t.like(await ann.textContent(id('price-change')), /^−2\.9 %$/,
               'and tells the percentage');
    });

    await t.test('the price is there for a newcomer', async () => {
        const price = await number(ann, 'price');
        const late = await window(ann);

        await cents(late, 'price', price);
        await late.close();
    });

    await t.test('under offer, sold, and on the market again', async () => {
        for (const [button, status] of [['set-under-offer', 'under_offer'],
                                        ['set-sold', 'sold'],
                                        ['set-available', 'available']])
        {
            await agent(bob, button);
            await ann.waitForSelector(
                `${id('status')}[data-status="${status}"]`);
        }

        t.ok(await ann.isHidden(id('ribbon')), 'without a ribbon then');
    });

    await t.test('an open house is announced, and kept', async () => {
        await agent(bob, 'schedule-open-house');
        await ann.waitForSelector(`${id('open-house')} >> text=Open house on`);

        const late = await window(ann);

        await late.waitForSelector(`${id('open-house')} >> text=Open house on`);
        await late.close();
    });

    await t.test('a notification rings the bell of every visitor', async () => {
        await agent(bob, 'send-notification');

        for (const page of [ann, bob]) {
            await page.waitForSelector(`${id('bell-count')} >> text=1`);
        }

        await ann.focus(id('bell'));
        await ann.keyboard.press('Enter');
        await ann.waitForSelector(
            `${id('notification')}[data-unread="true"] >> text=viewing slot`);
        await ann.click(id('notification'));
        await ann.waitForSelector(id('bell-count'), { state: 'hidden' });
        await ann.waitForSelector(`${id('notification')}[data-unread="false"]`);
        await ann.keyboard.press('Escape');
        t.ok(await ann.isHidden(id('bell-panel')), 'Escape closes the list');
        t.is(await ann.evaluate(() => document.activeElement.id), 'bell',
             'and gives the focus back');
    });

    await t.test('what was read stays read, what was not does not',
                 async () => {
        await ann.reload();
        await ready(ann);
        await ann.click(id('bell'));
        await ann.waitForSelector(`${id('notification')}[data-unread="false"]`);
        await ann.keyboard.press('Escape');
        await bob.waitForSelector(`${id('bell-count')} >> text=1`);
    });

    /* ---- the auction ---- */

    await t.test('the agent starts an auction for all', async () => {
        await agent(bob, 'auction-2min');

        for (const page of [ann, bob]) {
            await page.waitForSelector(`${id('auction-status')} >> text=Live`);
            await page.waitForSelector(`${id('quick-0')}:not([disabled])`);
        }

        // the clock is drawn after the status
        for (const page of [ann, bob]) {
            await page.waitForFunction((clock) =>
                document.querySelector(clock)?.dataset.left > 60000,
            id('clock'));
        }

        const [a, b] = await Promise.all([ann, bob].map((page) =>
            page.getAttribute(id('clock'), 'data-left')));

        t.ok(Math.abs(a - b) < 2000, 'with one countdown');
        t.ok(await ann.textContent(id('bidder-number'))
             !== await bob.textContent(id('bidder-number')),
             'and a number for each bidder');
    });

    await t.test('paused, and going on', async () => {
        await agent(bob, 'auction-pause');
        await ann.waitForSelector(`${id('auction-status')} >> text=Paused`);
        await ann.waitForSelector(`${id('bid-submit')}[disabled]`);
        await agent(bob, 'auction-resume');
        await ann.waitForSelector(`${id('auction-status')} >> text=Live`);
    });

    await bob.click(id('agent-close'));
    await t.test('the agent is away again',
                 () => ann.waitForSelector(
                     '#agent-dot[data-status="offline"]'));

    await t.test('a bid shows everywhere, the other is outbid', async () => {
        const first = await number(ann, 'minimum-bid');

        await ann.click(id('quick-0'));
        await cents(bob, 'current-bid', first);
        await ann.waitForSelector('#standing[data-tone="lead"]');
        await bob.click(id('quick-0'));
        await ann.waitForSelector(`${id('outbid')}:not([hidden])`);
        await ann.waitForSelector('#standing[data-tone="lost"]');
        await ann.click(id('outbid-bid'));
        await bob.waitForSelector(`${id('outbid')}:not([hidden])`);
        await ann.waitForSelector(id('outbid'), { state: 'hidden' });
        await cents(bob, 'current-bid', first + 1000000);
        t.is(await bob.locator(id('bid')).count(), 3, 'three bids listed');
    });

    await t.test('bids that will not do are refused with a reason',
                 async () => {
        await bob.fill(id('bid-amount'), '1000');
        await bob.click(id('bid-submit'));
        await bob.waitForSelector(`${id('bid-error')} >> text=lowest bid`);
        await bob.fill(id('bid-amount'), 'much');
        await bob.click(id('bid-submit'));
        await bob.waitForSelector(`${id('bid-error')} >> text=whole amount`);
        await ann.click(id('quick-0'));
        await ann.waitForSelector(`${id('bid-error')} >> text=highest`);
    });

    await t.test('a late bid gives more time', async () => {
        await auction('late', 60000, { extend_window_ms: 120000,
                                       extend_by_ms: 30000 });
        await bidding(ann, 'late');
        await bidding(bob, 'late');
        await ann.click(id('quick-0'));

        for (const page of [ann, bob]) {
            await page.waitForSelector('#auction[data-extensions="1"]');
            await page.waitForFunction(
                () => document.querySelector('#clock').dataset.left > 60000);
        }
    });

    await t.test('the end names one winner', async () => {
        await auction('short', 6000, { extend_window_ms: 100,
                                       extend_by_ms: 100 });
        await bidding(ann, 'short');
        await bidding(bob, 'short');
        await bob.click(id('quick-0'));
        await bob.waitForSelector(`${id('winner')} >> text=yours`);
        await ann.waitForSelector(`${id('winner')} >> text=won`);
        t.ok(await ann.isHidden(id('bid-form')), 'and takes no more bids');
    });

    await t.test('an ended auction shows its end to a newcomer', async () => {
        const house = await api('GET', `properties/${HOUSE}`);

        await api('POST', `auctions/${house.auction_id}/end`, {});

        const late = await window(ann);

        await late.waitForSelector(`${id('winner')} >> text=won`);
        await late.close();
    });
});
