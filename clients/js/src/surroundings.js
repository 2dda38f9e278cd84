/*
 * What the browser around a client tells: the network came or went, the page
 * can be seen again.
 *
 * Calls on.online(), on.offline() and on.visible(); returns the functions that
 * take the listeners away, none where there is no such environment (node).
 */

export function watch(env, on) {
    const undo = [];

    const listen = (target, name, fn) => {
        if (target?.addEventListener) {
            target.addEventListener(name, fn);
            undo.push(() => target.removeEventListener(name, fn));
        }
    };

    listen(env, 'online', on.online);
    listen(env, 'offline', on.offline);
    listen(env.document, 'visibilitychange', () => {
        if (env.document.visibilityState === 'visible') {
            on.visible();
        }
    });

    return undo;
}


/* Only a plain false counts: node, and some browsers, know nothing. */
export function isOffline(env) {
    return env.navigator?.onLine === false;
}


/* Local milliseconds that do not jump when somebody sets the clock. */
export function monotonic() {
    return performance.timeOrigin + performance.now();
}
