/* What a visitor of the demo's page does and sees, for the browser tests. */

export const HOUSE = 'willow-lane-14';
export const PHONE = { width: 390, height: 844 };

export const id = (name) => `[data-testid="${name}"]`;


/* Helpers bound to a suite. */

export function visitors(t) {

    const ready = async (page) => {
        await page.waitForSelector('#connection[data-state="open"]');
        await page.waitForFunction(() => document.body.dataset.user
            && document.querySelector('#room').dataset.online !== undefined);

        return page;
    };

    const window = async (beside, options) =>
        ready(await t.open('/', beside, options));

    const user = (page) => page.evaluate(() => document.body.dataset.user);

    const say = async (page, text) => {
        await page.fill(id('message'), text);
        await page.press(id('message'), 'Enter');
    };

    const hears = (page, text) =>
        page.waitForSelector(`${id('message-list')} >> text=${text}`);

    const tick = (page, text, status, options) => page.waitForFunction(
        ([words, wanted]) => [...document.querySelectorAll('.msg.mine')]
            .some((m) => m.querySelector('.text').textContent === words
                         && m.dataset.status === wanted),
        [text, status], options);

    /* all that is in the chat, in its order */
    const texts = (page) =>
        page.locator('#message-list .text').allTextContents();

    const viewers = (page, n) =>
        page.waitForSelector(`${id('viewers')}[data-count="${n}"]`);

    const cents = (page, what, n) =>
        page.waitForSelector(`${id(what)}[data-cents="${n}"]`);

    const number = async (page, what) => Number(
        await page.getAttribute(id(what), 'data-cents'));

    const api = async (method, path, body) => {
        const response = await fetch(`${t.url}/api/${path}`, {
            method, headers: { 'Content-Type': 'application/json' },
            body: body && JSON.stringify(body)
        });

        if (!response.ok) {
            throw new Error(`${method} ${path}: ${response.status} `
                            + await response.text());
        }

        return response.json();
    };

    /* Presses buttons of the agent's panel, each when the one before is done. */
    const agent = async (page, ...buttons) => {
        for (const button of buttons) {
            await page.click(id(button));
            await page.waitForSelector(`${id(button)}:not([disabled])`);
        }
    };

    /* An auction with terms of our own, opened as the panel opens one. */
    const auction = async (name, ms, terms) => {
        await api('PUT', `auctions/${name}`, {
            property_id: HOUSE, property_title: name,
            starting_price: 80000000, bid_increment: 500000,
            ends_at: new Date(Date.now() + ms).toISOString(), ...terms });
        await api('POST', 'publish', {
            channel: `property:${HOUSE}`, type: 'demo:auction_opened',
            payload: { property_id: HOUSE, auction_id: name } });
    };

    const bidding = (page, name) => page.waitForSelector(
        `#auction[data-auction="${name}"]:not([hidden])`
        + ` >> ${id('quick-0')}:not([disabled])`);

    /* how many connections the page has had */
    const opened = (page) => page.evaluate(
        () => Number(document.querySelector('#connection').dataset.opened));

    /* Waits until the page has had more than n, and has one. */
    const reopened = (page, n) => page.waitForFunction(
        (before) => {
            const { opened, now } = document.querySelector('#connection')
                                            .dataset;

            return Number(opened) > before && now === 'open';
        }, n, { timeout: 20000 });

    return { ready, window, user, say, hears, tick, texts, viewers, cents,
             number, api, agent, auction, bidding, opened, reopened };
}
