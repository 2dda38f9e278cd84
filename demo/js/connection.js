/*
 * How the connection is: a small sign in the header, and a line across the page
 * when it has been away for longer than a moment.
 */

import { $ } from './dom.js';

const BLINK = 400;          /* ms: a reload of nginx takes no longer */
const OUTAGE = 3000;        /* ms until the line across the page */

const signs = {
    idle: 'Connecting', connecting: 'Connecting', resuming: 'Catching up',
    open: 'Live', waiting: 'Reconnecting', offline: 'Offline',
    closed: 'Disconnected'
};

const reasons = {
    offline: 'You are offline. What you write is kept, and sent when the'
             + ' network is back.',
    closed: 'The server has ended this session.'
};

const DOWN = 'The server cannot be reached. What you write is kept, and sent'
             + ' when it is back.';


export function showConnection(client) {
    const pill = $('connection');
    let blink, outage;

    function sign(state) {
        pill.dataset.state = state;
        pill.lastElementChild.textContent = signs[state];
    }

    function line(state) {
        $('outage-text').textContent = reasons[state] ?? DOWN;
        $('outage-again').textContent = state === 'closed' ? 'Start again'
                                                           : 'Try now';
        $('outage').dataset.state = state;
        $('outage').hidden = false;
    }

    function changed(state) {
        clearTimeout(blink);
        pill.dataset.now = state;

        if (state === 'open' || pill.dataset.state !== 'open') {
            sign(state);
        } else {
            blink = setTimeout(() => sign(state), BLINK);
        }

        if (state === 'open') {
            clearTimeout(outage);
            outage = undefined;
            $('outage').hidden = true;

        } else if (state in reasons) {
            line(state);

        } else if ($('outage').hidden) {
            outage ??= setTimeout(() => line(client.state), OUTAGE);
        }
    }

    client.on('connection:state', ({ state }) => changed(state));
    client.on('connection:open', () => {
        pill.dataset.opened = Number(pill.dataset.opened ?? 0) + 1;
    });
    $('outage-again').addEventListener('click', () => {
        if (client.state === 'closed') {
            location.reload();
        } else {
            client.connectNow();
        }
    });

    changed(client.state);
}
