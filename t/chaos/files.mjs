/* Files that the chaos tools are given: what is wrong with one ends them. */

import { readFileSync } from 'node:fs';

export function read(file) {
    try {
        return readFileSync(file, 'utf8');

    } catch (error) {
        return fail(error.message);
    }
}

/* Says why on standard error; exit status 2. */

export function fail(why) {
    console.error(why);
    process.exit(2);
}
