/* How numbers and times are written on the page. */

const euros = new Intl.NumberFormat('en-IE', {
    style: 'currency', currency: 'EUR', maximumFractionDigits: 0
});

const clock = new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit', minute: '2-digit'
});

const day = new Intl.DateTimeFormat('en-GB', {
    weekday: 'long', day: 'numeric', month: 'long'
});


/* cents, as everything on the wire */
export function money(cents) {
    return Number.isFinite(cents) ? euros.format(cents / 100) : '–';
}


/* "880,000", "€ 880.000", "880000" → cents, or null */
export function parseMoney(text) {
    const digits = text.replace(/[€\s,.']/g, '');

    if (!/^\d{1,11}$/.test(digits)) {
        return null;
    }

    return Number(digits) * 100;
}


export function time(when) {
    return clock.format(new Date(when));
}


export function dayOf(when) {
    return day.format(new Date(when));
}


/* milliseconds → "1:05", and tenths in the last ten seconds */
export function countdown(ms) {
    if (ms < 10000) {
        return (Math.floor(ms / 100) / 10).toFixed(1);
    }

    const s = Math.ceil(ms / 1000);
    const m = Math.floor(s / 60);

    if (m >= 60) {
        return `${Math.floor(m / 60)}:${two(m % 60)}:${two(s % 60)}`;
    }

    return `${m}:${two(s % 60)}`;
}


function two(n) {
    return String(n).padStart(2, '0');
}


/* names come through an address and may still be encoded */
export function plainName(name) {
    try {
        return decodeURIComponent(name ?? '');
    } catch {
        return name;
    }
}
