/*
 * Judges histories written by load.mjs (and facts of the database, in the same
 * form): node check.mjs [--no-anew] FILE...
 *
 * --no-anew: nobody may have been told to start over, since nothing that the
 * server keeps was taken from it.  Exit status 1 if a fault was found, 2 if
 * there is nothing to judge.
 */

import { RULES, check } from './checker.mjs';
import { fail, read } from './files.mjs';

const SHOWN = 5;        /* faults of one rule */

const words = process.argv.slice(2);
const files = words.filter((word) => word !== '--no-anew');
const { faults, counted } = check(files.flatMap(facts));

if (counted.acked === 0 || counted.got === 0) {
    fail('no message was acknowledged, or none heard: this proves nothing');
}

console.log(Object.entries(counted).map(([what, n]) => `${n} ${what}`)
            .join(', '));

if (words.includes('--no-anew') && counted.anew) {
    faults.push({ rule: 'gap', text: `${counted.anew} times somebody had to`
                                     + ' start over' });
}

for (const [rule, text] of Object.entries(RULES)) {
    const broken = faults.filter((fault) => fault.rule === rule);

    console.log(`${broken.length ? 'NOT TRUE' : 'true'}: ${text}`);
    broken.slice(0, SHOWN).forEach((fault) => console.log(`  ${fault.text}`));

    if (broken.length > SHOWN) {
        console.log(`  and ${broken.length - SHOWN} more`);
    }
}

process.exit(faults.length ? 1 : 0);

/* One JSON object a line. */

function facts(file) {
    return read(file).split('\n').flatMap((line, i) => {
        try {
            return line === '' ? [] : [JSON.parse(line)];

        } catch {
            return fail(`${file}:${i + 1}: this is no JSON`);
        }
    });
}
