/*
 * Where to connect, and which subprotocols to offer: [url, protocols].
 *
 * base: an address (ws:, wss:, http: or relative), or a function that gives
 * one.  The token travels as a subprotocol, which no log holds, or where
 * conf.tokenIn is 'query' as a parameter.
 */

export function addressOf(base, conf, token) {
    const url = new URL(typeof base === 'function' ? base() : base,
                        globalThis.location?.href);
    const protocols = [];

    url.protocol = url.protocol.replace('http', 'ws');

    for (const [k, v] of Object.entries(conf.params)) {
        url.searchParams.set(k, v);
    }

    if (token && conf.tokenIn === 'query') {
        url.searchParams.set('token', token);

    } else if (token) {
        protocols.push('rtprop', `rtprop.token.${token}`);
    }

    return [url.href, protocols];
}
