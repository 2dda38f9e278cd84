/* An id that no other client makes: for client_message_id, client_bid_id. */
export function randomId() {
    if (globalThis.crypto?.randomUUID) {
        return globalThis.crypto.randomUUID();
    }

    /* pages without TLS have no randomUUID */
    return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}
