/*
 * Reads the expiry out of a JSON Web Token, to refresh it in time.  Nothing is
 * verified here: the server does that.
 */

/* Milliseconds since the epoch, or null when the token does not say. */
export function expiryOf(token) {
    try {
        const part = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
        const claims = JSON.parse(atob(part));

        return typeof claims.exp === 'number' ? claims.exp * 1000 : null;

    } catch {
        return null;
    }
}


/* How long to wait before refreshing: a tenth, at least 5 s, ahead of it. */
export function refreshDelay(expiry, now) {
    const left = expiry - now;

    return Math.max(0, Math.min(left - Math.max(5000, left / 10), 0x7fffffff));
}
