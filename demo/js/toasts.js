/* Short messages at the lower edge. They leave by themselves. */

import { $, el } from './dom.js';

const SHOWN = 4500;         /* ms */
const MOST = 2;


/* tone: 'drop', 'gold', or nothing */
export function toast(title, text = '', tone) {
    const box = $('toasts');
    const node = el('div', { class: 'toast', 'data-tone': tone,
                             'data-testid': 'toast' },
                    el('b', { text: title }),
                    text && el('span', { text }));

    box.append(node);

    while (box.children.length > MOST) {
        box.firstElementChild.remove();
    }

    setTimeout(() => node.remove(), SHOWN);
}
