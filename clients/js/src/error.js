/*
 * RtpropError: what a request's promise is rejected with.
 *
 * code is one of the server's (invalid_payload, not_authorized, rate_limited,
 * unavailable ...) or one of this library's: timeout, disconnected, offline,
 * dropped, closed, aborted.  payload is the server's error payload where there
 * is one (field, retry_after_ms, event).
 */

export class RtpropError extends Error {
    constructor(code, message, payload = {}) {
        super(message ?? code);
        this.name = 'RtpropError';
        this.code = code;
        this.payload = payload;
    }

    /* true where the same command may succeed a moment later */
    get retryable() {
        return this.code === 'unavailable' || this.code === 'rate_limited'
               || this.code === 'timeout' || this.code === 'disconnected'
               || this.code === 'offline';
    }
}
