/*
 * When to come back after a connection ended.  Pure: no timer, no socket.
 *
 * decide() turns a close code into one of
 *   {again: true, delay, token}   reconnect after delay milliseconds; token
 *                                 tells that a fresh token is needed first
 *   {again: false}                stay away: somebody has to act
 */

export const defaults = {
    base: 500,          /* ms: the first delay lies in [min, base] */
    factor: 2,
    max: 30000,         /* ms: no delay is longer */
    min: 50,            /* ms: no delay is shorter */
    restart: 400,       /* ms: jitter after 1012, the server restarts */
    slow: 1500,         /* ms: jitter after 1013, we were too slow */
    attempts: Infinity  /* failures in a row before giving up */
};


/* Full jitter: anywhere between the floor and the exponential ceiling. */
export function delay(attempt, conf, random) {
    const ceiling = Math.min(conf.max, conf.base * conf.factor ** attempt);

    return conf.min + Math.round(random() * Math.max(0, ceiling - conf.min));
}


/*
 * code: the close code (1006 when there was none)
 * ctx:  {attempt, conf, random, hasProvider, returnWhenKicked}, attempt counts
 *       the failures since the last connection that lasted
 */
export function decide(code, ctx) {
    const { attempt, conf, random } = ctx;

    if (attempt >= conf.attempts) {
        return { again: false };
    }

    switch (code) {

    case 1012:
        /* the server reloads: its successor already listens */
        if (attempt === 0) {
            return { again: true, delay: Math.round(random() * conf.restart) };
        }
        break;

    case 1013:
        if (attempt === 0) {
            return { again: true,
                     delay: conf.min + Math.round(random() * conf.slow) };
        }
        break;

    case 4001:
        if (!ctx.hasProvider) {
            return { again: false };
        }

        return { again: true, token: true,
                 delay: attempt === 0 ? 0 : delay(attempt, conf, random) };

    case 1008:
        if (!ctx.returnWhenKicked) {
            return { again: false };
        }

        return { again: true, token: ctx.hasProvider,
                 delay: delay(attempt + 2, conf, random) };

    case 4002:
        /* we sent too much nonsense: be quiet for long */
        return { again: true,
                 delay: Math.round(conf.max / 2
                                   + random() * conf.max / 2) };
    }

    return { again: true, delay: delay(attempt, conf, random) };
}


/* Codes after which what was in flight must not be sent a second time. */
export function wasOurFault(code) {
    return code === 1002 || code === 1003 || code === 1007 || code === 1009
           || code === 4002;
}
