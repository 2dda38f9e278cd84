/* The demo page as such: widths, names, contrast, keyboard, motion. */

import { suite } from './run.mjs';
import { id, visitors } from './lib/visitors.mjs';


/*
 * In the page: texts whose contrast with what is behind them is below 4.5, or
 * below 3 where they are large (WCAG 2.1, 1.4.3).  Texts over pictures and
 * gradients are left out.
 */

function faint() {
    const parse = (css) => {
        const [r, g, b, a = 1] = css.match(/[\d.]+/g).map(Number);

        return { r, g, b, a };
    };

    const over = (top, under) => ({
        r: top.r * top.a + under.r * (1 - top.a),
        g: top.g * top.a + under.g * (1 - top.a),
        b: top.b * top.a + under.b * (1 - top.a), a: 1 });

    const light = ({ r, g, b }) => [r, g, b].map((v) => v / 255)
        .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);

    const behind = (node) => {
        if (node === null) {
            return { r: 255, g: 255, b: 255, a: 1 };
        }

        const style = getComputedStyle(node);

        if (style.backgroundImage !== 'none' || node.tagName === 'FIGURE') {
            return null;
        }

        const own = parse(style.backgroundColor);

        if (own.a === 1) {
            return own;
        }

        const under = behind(node.parentElement);

        return under && over(own, under);
    };

    const bad = [];
    const walker = document.createTreeWalker(document.body,
                                             NodeFilter.SHOW_TEXT);

    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        const style = getComputedStyle(node);
        const ground = behind(node);

        if (!walker.currentNode.data.trim() || !node.checkVisibility()
            || node.closest('.sr, .skip, noscript, script, :disabled')
            || ground === null)
        {
            continue;
        }

        const [a, b] = [light(over(parse(style.color), ground)), light(ground)]
                       .sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        const px = parseFloat(style.fontSize);
        const large = px >= 24 || (px >= 18.66 && style.fontWeight >= 700);

        if (ratio < (large ? 3 : 4.5)) {
            bad.push(`${walker.currentNode.data.trim()} `
                     + `(${ratio.toFixed(2)}, ${node.className || node.id})`);
        }
    }

    return bad;
}


await suite(async (t) => {
    const { window, say, tick, agent, ready } = visitors(t);

    const ann = await window();
    const bob = await window(ann);

    /* everything there is to see */

    await say(ann, 'Hello');
    await tick(ann, 'Hello', 'read');
    await bob.click(id('agent-open'));
    await agent(bob, 'drop-price', 'schedule-open-house', 'send-notification',
                'set-under-offer', 'auction-2min');
    await ann.click(id('quick-0'));
    await ann.waitForSelector('#standing[data-tone="lead"]');
    await bob.click(id('quick-0'));
    await ann.waitForSelector(`${id('outbid')}:not([hidden])`);

    await t.test('texts stand out from their ground', async () => {
        await ann.click(id('bell'));

        for (const page of [ann, bob]) {
            await page.emulateMedia({ reducedMotion: 'reduce' });
            t.is(await page.evaluate(faint), [], 'listing, chat, auction');
        }

        await ann.keyboard.press('Escape');
    });

    await t.test('who wants no motion gets none', async () => {
        const moving = await ann.evaluate(() => document.getAnimations()
            .filter((a) => a.playState === 'running'
                           && a.effect.getTiming().iterations > 1).length);

        t.is(moving, 0, 'nothing goes on for ever');
    });

    await t.test('no horizontal scroll on a phone', async () => {
        await bob.click(id('agent-close'));

        for (const width of [320, 360, 390, 768]) {
            await bob.setViewportSize({ width, height: 800 });
            t.is(await bob.evaluate(
                () => document.documentElement.scrollWidth), width,
                 `${width} pixels wide`);
        }

        await bob.setViewportSize({ width: 360, height: 740 });
        await bob.click(id('agent-open'));
        await bob.waitForSelector(`${id('agent-drawer')}:not([hidden])`);
        t.is(await bob.evaluate(() => document.documentElement.scrollWidth),
             360, 'with the drawer too');
        t.is(await bob.evaluate(faint), [], 'and everything can be read');
    });

    await t.test('the keyboard alone will do', async () => {
        const focused = (page) => page.evaluate(() => document.activeElement.id);

        await bob.keyboard.press('Escape');
        await bob.waitForSelector(id('agent-drawer'), { state: 'hidden' });
        t.is(await focused(bob), 'agent-open',
             'Escape closes the drawer and gives the focus back');

        await ann.reload();
        await ready(ann);
        await ann.keyboard.press('Tab');
        t.is(await ann.evaluate(() => document.activeElement.textContent),
             'Skip to the listing', 'the first stop skips the header');
        await ann.keyboard.press('Enter');
        await ann.keyboard.press('Tab');
        t.is(await focused(ann), 'gallery-prev', 'and leads into the listing');
        await ann.keyboard.press('Enter');
        await ann.waitForSelector('#gallery-main[src$="garden.svg"]');
        await ann.focus(id('message'));
        await ann.keyboard.type('Two');
        await ann.keyboard.press('Shift+Enter');
        await ann.keyboard.type('lines');
        await ann.keyboard.press('Enter');
        await ann.waitForFunction(() => document.querySelector(
            '.msg.mine:last-child .text').textContent === 'Two\nlines');
        t.ok(true, 'Shift+Enter makes a line, Enter sends');
        await ann.focus(id('bid-amount'));
        await ann.keyboard.type('900000');
        await ann.keyboard.press('Enter');
        await ann.waitForSelector('#current-bid[data-cents="90000000"]');
    });

    await t.test('every control has a name', async () => {
        const nameless = await ann.evaluate(() =>
            [...document.querySelectorAll('button, input, textarea, img')]
                .filter((node) => {
                    if (node.tagName === 'IMG') {
                        return !node.hasAttribute('alt');
                    }

                    return !(node.getAttribute('aria-label')
                             || node.labels?.length
                             || node.textContent.trim());
                })
                .map((node) => node.outerHTML.slice(0, 120))
                .filter((html) => !html.includes('outbid-bid')));

        t.is(nameless, [], 'buttons, fields and pictures');
    });
});
