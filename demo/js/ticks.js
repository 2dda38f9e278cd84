/* The marks beside one's own message, with words for screen readers. */

import { el } from './dom.js';

const words = {
    queued: 'waiting for a connection',
    sending: 'sending',
    sent: 'sent',
    delivered: 'delivered',
    read: 'read',
    failed: 'not sent'
};

const CLOCK = 'M9 2a4 4 0 1 1 0 8 4 4 0 0 1 0-8Zm0 2v2.2l1.4.800';
const ONE = 'M4.5 6.5 7.5 9.5 13.5 2.5';
const TWO = 'M1.5 6.5 4.5 9.5 10.5 2.5M8.5 9.3 9 9.5 16 2.5';
const CROSS = 'M6 3l6 6M12 3l-6 6';

const shapes = { queued: CLOCK, sending: CLOCK, sent: ONE, delivered: TWO,
                 read: TWO, failed: CROSS };


export function ticks() {
    const node = el('span', { class: 'ticks', role: 'img',
                              'data-testid': 'ticks' });

    node.innerHTML = '<svg viewBox="0 0 18 12" aria-hidden="true">'
                     + '<path d=""/></svg>';

    return node;
}


export function setTicks(node, status) {
    if (node.dataset.status === status) {
        return;
    }

    node.dataset.status = status;
    node.setAttribute('aria-label', words[status] ?? status);
    node.title = words[status] ?? status;
    node.querySelector('path').setAttribute('d', shapes[status] ?? '');
}


export function wordFor(status) {
    return words[status] ?? '';
}
