/* The glue itself: Chromium starts and is driven, without any server. */

import { suite } from './run.mjs';

await suite(async (t) => {
    const page = await t.open('data:text/html,<title>A</title><p id=p>text');

    t.is(await page.title(), 'A', 'a page opens');

    const beside = await t.open('data:text/html,<title>B</title>', page);

    t.ok(beside.context() === page.context(), 'another beside it');

    await t.test('a test that waits', async () => {
        await page.evaluate(() => {
            document.querySelector('#p').textContent = 'changed';
        });
        await page.waitForSelector('text=changed');
    });
}, { demo: false });
