/* The bell in the header: badge, list, marking as read. */

import { $, el, animate } from './dom.js';
import { time } from './format.js';
import { toast } from './toasts.js';


/* notifications: the client library's Notifications */
export function showBell(notifications) {
    const bell = $('bell');
    const panel = $('bell-panel');

    function open(yes) {
        panel.hidden = !yes;
        bell.setAttribute('aria-expanded', yes);
    }

    bell.addEventListener('click', () => open(panel.hidden));
    $('bell-all').addEventListener('click',
                                   () => notifications.read().catch(() => {}));

    document.addEventListener('click', (e) => {
        /* what was clicked may be redrawn, and so out of the page, by now */
        if (!panel.hidden && !e.composedPath().includes(bell.parentElement)) {
            open(false);
        }
    });

    document.addEventListener('keydown', (e) => {
        if (e.key === 'Escape' && !panel.hidden) {
            open(false);
            bell.focus();
        }
    });

    notifications.on('change', () => draw(notifications));
    notifications.on('notification', (n) => {
        animate(bell, 'ring');
        toast(n.title, n.body);
    });
}


function draw(notifications) {
    const count = $('bell-count');
    const n = notifications.unread;
    const focused = document.activeElement?.dataset?.id;

    count.hidden = n === 0;
    count.textContent = n > 99 ? '99+' : n;
    $('bell').setAttribute('aria-label', n === 0 ? 'Notifications'
                           : `Notifications, ${n} unread`);
    $('bell-empty').hidden = notifications.items.length > 0;
    $('bell-all').disabled = n === 0;

    $('bell-list').replaceChildren(...notifications.items.map((item) => {
        const unread = item.read_at === null;
        const button = el('button', {
            class: 'bell-item', type: 'button', 'data-unread': String(unread),
            'data-testid': 'notification', 'data-id': item.id
        }, el('i', { 'aria-hidden': 'true' }), el('div', {},
            el('b', { text: item.title }),
            el('span', { text: item.body }),
            el('time', { text: time(item.created_at) }),
            unread && el('span', { class: 'sr', text: ', unread' })));

        button.addEventListener('click', () => {
            if (unread) {
                notifications.read(item.id).catch(() => {});
            }
        });

        return el('li', {}, button);
    }));

    if (focused !== undefined) {
        $('bell-list').querySelector(`[data-id="${CSS.escape(focused)}"]`)
            ?.focus();
    }
}
