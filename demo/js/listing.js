/* The listing: gallery, status, price, viewers, open house, activity. */

import { $, el, animate } from './dom.js';
import { money, time, dayOf } from './format.js';
import { toast } from './toasts.js';

const pictures = [
    ['exterior', 'The house at dusk, windows lit', 'At dusk, from the lane'],
    ['living', 'Living room with a wide window', 'Sitting room, facing south'],
    ['kitchen', 'Kitchen with an island', 'The oak kitchen'],
    ['bedroom', 'Bedroom under the roof', 'Bedroom under the beams'],
    ['garden', 'Garden with a terrace', 'Terrace and pear tree']
];

export const statuses = {
    available: 'For sale',
    under_offer: 'Under offer',
    sold: 'Sold',
    rented: 'Rented',
    withdrawn: 'Withdrawn'
};

const ACTIVITY = 12;        /* lines kept */


export function showGallery() {
    let at = 0;

    const buttons = pictures.map(([name, alt], i) => {
        const button = el('button', { type: 'button', 'aria-label': alt },
                          el('img', { src: `art/${name}.svg`, alt: '' }));

        button.addEventListener('click', () => show(i));

        return button;
    });

    function show(i) {
        at = (i + pictures.length) % pictures.length;

        const [name, alt, caption] = pictures[at];
        const main = $('gallery-main');
        const fresh = main.cloneNode();

        fresh.src = `art/${name}.svg`;
        fresh.alt = alt;
        main.replaceWith(fresh);
        $('gallery-caption').textContent = caption;
        buttons.forEach((b, n) => b.setAttribute('aria-current', n === at));
    }

    $('thumbs').append(...buttons);
    $('gallery-prev').addEventListener('click', () => show(at - 1));
    $('gallery-next').addEventListener('click', () => show(at + 1));
    buttons[0].setAttribute('aria-current', 'true');
}


/* property: the client library's Property */
export function showListing(property) {
    property.on('state', () => {
        showPrice(property.state.price);
        showStatus(property.state.status);
        showOpenHouse(property.state.open_house);
        $('title').textContent = property.state.title ?? '14 Willow Lane';
    });

    property.on('change', () => showViewers(property.viewers));

    property.on('price', (p) => {
        changePrice(p);
        note(p.is_price_drop ? `Price reduced from ${money(p.old_price)} to`
                               + ` ${money(p.new_price)}`
                             : `Price now ${money(p.new_price)}`,
             p.updated_at, p.is_price_drop ? 'drop' : undefined);
    });

    property.on('status', (p) => {
        const label = statuses[p.new_status] ?? p.new_status;

        showStatus(p.new_status);
        toast(label, `${p.title ?? 'This home'} is now`
                     + ` ${label.toLowerCase()}.`, 'gold');
        note(`Status changed to ${label.toLowerCase()}`, p.updated_at, 'gold');
    });

    property.on('open_house', (p) => {
        showOpenHouse(p);
        toast('Open house', openHouseText(p));
        note(openHouseText(p), p.updated_at);
    });
}


export function showPrice(cents) {
    if (Number.isFinite(cents)) {
        $('price').textContent = money(cents);
        $('price').dataset.cents = cents;
    }
}


function changePrice(p) {
    const change = $('price-change');
    const sign = p.percentage_change > 0 ? '+' : '−';

    $('old-price').textContent = money(p.old_price);
    $('old-price').hidden = !p.is_price_drop;
    change.textContent = `${sign}${Math.abs(p.percentage_change).toFixed(1)} %`;
    change.dataset.up = !p.is_price_drop;
    change.hidden = false;
    showPrice(p.new_price);

    if (p.is_price_drop) {
        /* a fresh node strikes itself through anew */
        const old = $('old-price');

        old.replaceWith(old.cloneNode(true));
        animate($('price'), 'dropped');
        toast('Price drop', `${money(p.old_price)} → ${money(p.new_price)}`,
              'drop');
    }
}


export function showStatus(status) {
    if (!status) {
        return;
    }

    const badge = $('status');
    const ribbon = $('ribbon');

    badge.textContent = statuses[status] ?? status;
    badge.dataset.status = status;
    ribbon.hidden = status === 'available';
    ribbon.textContent = statuses[status] ?? status;
    ribbon.dataset.status = status;
}


function showViewers(n) {
    if (n === null || n === undefined) {
        return;
    }

    $('viewers').dataset.count = n;
    $('viewers-text').textContent = n === 1
        ? 'You are the only one looking just now'
        : `${n} people are looking at this home`;
}


function showOpenHouse(p) {
    if (!p?.starts_at) {
        return;
    }

    $('open-house-text').textContent = openHouseText(p);
    $('open-house').hidden = false;
}


function openHouseText(p) {
    return `Open house on ${dayOf(p.starts_at)}, ${time(p.starts_at)}`
           + (p.ends_at ? `–${time(p.ends_at)}` : '');
}


/* One line under "What happened here". */
export function note(text, when, tone) {
    const list = $('activity');

    list.prepend(el('li', { 'data-tone': tone },
                    el('span', { text }),
                    el('time', { text: time(when ?? Date.now()) })));

    while (list.children.length > ACTIVITY) {
        list.lastElementChild.remove();
    }

    $('activity-none').hidden = true;
}
