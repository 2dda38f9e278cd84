/*
 * What the browser tests share: an nginx that serves the demo, Chromium, TAP.
 *
 *   import { suite } from './run.mjs';
 *
 *   await suite(async (t) => {
 *       const ann = await t.open('/');          a page of its own profile
 *       const bob = await t.open('/', ann);     another window beside it
 *
 *       await t.test('chat', async () => {
 *           await ann.fill('#message', 'Hello');
 *           await bob.waitForSelector('text=Hello');
 *           t.is(await bob.title(), 'A house', 'title');
 *       });
 *   });
 *
 * A test fails when it throws (a wait that ends without its event does) or by
 * t.ok() and t.is(); then each open page leaves a screenshot in t/artifacts.
 * After all tests the error log must hold no error, and no page may have thrown.
 * To prove, a test file is an ordinary TAP producer: "node t/browser/x.mjs".
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync,
         writeFileSync, chmodSync, copyFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';


const top = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const artifacts = join(top, 't/artifacts');
const name = basename(process.argv[1], '.mjs');

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic',
               '--no-first-run', '--disable-background-networking',
               '--disable-component-update', '--disable-sync',
               '--disable-dev-shm-usage'];

const TIMEOUT = 10000;


function freePort() {
    return new Promise((done, fail) => {
        const server = createServer();

        server.on('error', fail);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();

            server.close(() => done(port));
        });
    });
}


/* True if somebody accepts on this port. */

function accepts(port) {
    return new Promise((done) => {
        const socket = connect(port, '127.0.0.1');

        socket.on('connect', () => { socket.destroy(); done(true); });
        socket.on('error', () => done(false));
    });
}


function fill(template, values) {
    return template.replace(/@([A-Z]+)@/g, (all, key) => values[key] ?? all);
}


/* The demo as "make run" starts it, in a folder of its own. */

export async function startDemo() {
    const prefix = mkdtempSync(join(tmpdir(), 'demo-'));
    const port = await freePort();
    const log = join(prefix, 'logs/error.log');
    const nginx = process.env.RTPROP_NGINX || '/usr/sbin/nginx';
    const module = process.env.RTPROP_MODULE
                   || join(top, 'build/ngx_rtprop_module.so');
    const template = readFileSync(join(top, 'demo/nginx.conf.in'), 'utf8');
    const conf = fill(template, {
        PREFIX: prefix, PORT: port, MODULE: module,
        DEMO: join(top, 'demo'), CLIENTS: join(top, 'clients') });

    chmodSync(prefix, 0o755);
    mkdirSync(join(prefix, 'logs'));
    mkdirSync(join(prefix, 'tmp'));
    writeFileSync(join(prefix, 'nginx.conf'), conf);

    let global = 'daemon off;';

    if (!/^\s*pid\s/m.test(conf)) {
        global += ` pid ${prefix}/nginx.pid;`;
    }

    if (process.getuid() === 0 && !/^\s*user\s/m.test(conf)) {
        global += statSync(top).uid === 0 ? ' user root;' : '';
    }

    const args = ['-p', prefix, '-c', join(prefix, 'nginx.conf'), '-e', log,
                  '-g', global];
    let child, gone;

    const start = async () => {
        let exited = false;

        child = spawn(nginx, args, { stdio: ['ignore', 'inherit', 'inherit'] });
        gone = new Promise((done) => {
            child.on('exit', () => { exited = true; done(); });
            child.on('error', () => { exited = true; done(); });
        });

        const deadline = Date.now() + TIMEOUT;

        while (!exited && Date.now() < deadline) {
            if (await accepts(port)) {
                return;
            }
        }

        child.kill('SIGKILL');
        throw new Error('nginx did not start: '
                        + (existsSync(log) ? readFileSync(log, 'utf8') : ''));
    };

    await start();

    return {
        prefix, port, log,
        url: `http://127.0.0.1:${port}`,
        errors: () => readFileSync(log, 'utf8').split('\n').filter((line) =>
            /\[(error|crit|alert|emerg)\]|exited on signal/.test(line)),
        reload: () => child.kill('SIGHUP'),
        workers: () => workersOf(child.pid),
        start,
        stop: async () => { child.kill('SIGTERM'); await gone; },
    };
}


/* The pids of a master's workers; those that are on their way out are not. */

function workersOf(master) {
    const pids = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8')
                 .trim().split(/\s+/);

    return pids.map(Number).filter((pid) => {
        try {
            return /^nginx: worker process\0*\s*$/
                   .test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
        } catch {
            return false;
        }
    });
}


class Suite {
    count = 0;
    failed = 0;
    pages = [];
    contexts = [];
    folders = [];
    allowed = [];

    constructor(demo) {
        this.demo = demo;
        this.url = demo?.url;
    }

    ok(pass, what) {
        this.count++;
        this.failed += pass ? 0 : 1;
        console.log(`${pass ? 'ok' : 'not ok'} ${this.count} - ${what}`);

        return Boolean(pass);
    }

    is(got, expected, what) {
        const same = JSON.stringify(got) === JSON.stringify(expected);

        if (!this.ok(same, what)) {
            this.note(`got ${JSON.stringify(got)}, `
                      + `expected ${JSON.stringify(expected)}`);
        }

        return same;
    }

    like(got, pattern, what) {
        if (!this.ok(pattern.test(got), what)) {
            this.note(`got ${JSON.stringify(got)}, not like ${pattern}`);
        }
    }

    note(text) {
        console.log(String(text).replace(/^/gm, '# '));
    }

    /* Patterns of error lines (of nginx or of pages) that are expected. */
    allow(...patterns) {
        this.allowed.push(...patterns);
    }

    /* The same for as long as a test runs. */
    async allowing(pattern, body) {
        this.allow(pattern);

        try {
            await body();
        } finally {
            this.allowed.splice(this.allowed.indexOf(pattern), 1);
        }
    }

    /* A profile of its own: {open windows in it} with page options. */
    async profile(options = {}) {
        const folder = mkdtempSync(join(tmpdir(), 'chromium-'));
        const context = await chromium.launchPersistentContext(folder, {
            executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
            args: flags, headless: true, viewport: { width: 1280, height: 900 },
            ...options });

        this.folders.push(folder);
        this.contexts.push(context);
        context.setDefaultTimeout(TIMEOUT);

        return context;
    }

    /*
     * Opens a path of the demo: in a profile of its own, or beside a page, as a
     * second window of the same profile.
     */
    async open(path = '/', beside, options) {
        const context = beside ? beside.context() : await this.profile(options);
        const page = this.watch(await context.newPage());

        await page.goto(/^\w+:/.test(path) ? path : this.url + path);

        return page;
    }

    /* A page that throws, or has an error in its console, is a failure. */
    watch(page) {
        const label = `page${this.pages.length + 1}`;

        page.on('pageerror', (error) => {
            if (!this.expected(String(error))) {
                this.ok(false, `${label} throws nothing`);
                this.note(error.stack ?? error);
            }
        });

        page.on('console', (message) => {
            if (message.type() === 'error' && !this.expected(message.text())) {
                this.ok(false, `${label} has no error in its console`);
                this.note(`${message.text()} (${message.location().url})`);
            }
        });

        this.pages.push(page);

        return page;
    }

    expected(text) {
        return this.allowed.some((pattern) => pattern.test(text));
    }

    async test(what, body) {
        const before = this.failed;

        try {
            await body();
            this.failed === before && this.ok(true, what);
        } catch (error) {
            this.ok(false, what);
            this.note(error.stack ?? error);
        }

        if (this.failed > before) {
            await this.screenshots(what);
        }
    }

    async screenshots(what) {
        const label = `${name}-${what}`.replace(/[^\w-]+/g, '-').slice(0, 80);
        let number = 0;

        mkdirSync(artifacts, { recursive: true });

        for (const page of this.pages) {
            const path = join(artifacts, `${label}-page${++number}.png`);

            if (!page.isClosed()) {
                await page.screenshot({ path, fullPage: true })
                    .then(() => this.note(`screenshot: ${path}`))
                    .catch((error) => this.note(error));
            }
        }
    }

    async finish() {
        for (const context of this.contexts) {
            await context.close().catch(() => {});
        }

        for (const folder of this.folders) {
            rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
        }

        if (this.demo) {
            await this.demo.stop();
            this.checkLog();
            rmSync(this.demo.prefix, { recursive: true, force: true });
        }

        console.log(`1..${this.count}`);
        process.exitCode = this.failed ? 1 : 0;
    }

    checkLog() {
        const errors = this.demo.errors().filter((line) => !this.expected(line));

        if (!this.ok(errors.length === 0, 'the error log holds no error')) {
            this.note(errors.slice(0, 20).join('\n'));
        }

        if (this.failed) {
            mkdirSync(artifacts, { recursive: true });
            copyFileSync(this.demo.log, join(artifacts, `${name}-error.log`));
        }
    }
}


/* Runs the tests of a file; without a demo for pages that need no server. */

export async function suite(body, { demo = true } = {}) {
    let t = new Suite();

    try {
        t = new Suite(demo ? await startDemo() : undefined);
        await body(t);
    } catch (error) {
        t.ok(false, 'the test runs to its end');
        t.note(error.stack ?? error);
        await t.screenshots('end');
    }

    await t.finish();
}
