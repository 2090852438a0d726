// SPDX-License-Identifier: BSD-2-Clause
// What the tests with a browser share: the demo node, the gateway, a proxy that cuts connections, and
// headless Chromium with a page of the gateway's origin. Every wait ends with the event it waits for,
// or fails after 20 s; nothing sleeps. COAPGW and DEMO_NODE are the programs (./coapgw,
// test/tools/demo-node); playwright-core is found through NODE_PATH.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { chromium } = require('playwright-core');

const PATIENCE_MS = 20000;

// A list that can be waited on: `until(predicate)` resolves with the first entry from `from` on
// for which it holds.
class Journal {
    constructor(name) {
        this.name = name;
        this.entries = [];
        this.waiters = new Set();
    }

    add(entry) {
        this.entries.push(entry);
        for (const look of this.waiters) look();
    }

    until(what, predicate, from = 0) {
        return new Promise((resolve, reject) => {
            const look = () => {
                const found = this.entries.slice(from).find(predicate);
                if (found === undefined) return;
                finish();
                resolve(found);
            };
            const finish = () => {
                this.waiters.delete(look);
                clearTimeout(timer);
            };
            const timer = setTimeout(() => {
                finish();
                const all = this.entries.map((entry) => '  ' + JSON.stringify(entry)).join('\n');
                reject(new Error(`${this.name}: waited in vain for ${what}; there is\n${all}`));
            }, PATIENCE_MS);
            this.waiters.add(look);
            look();
        });
    }
}

// A program whose lines are a journal.
class Program {
    constructor(name, command, args, env = {}) {
        this.lines = new Journal(name);
        this.child = spawn(command, args, { env: { ...process.env, ...env } });
        this.ended = new Promise((resolve) => this.child.once('exit', resolve));
        this.child.once('error', (error) => this.lines.add(error.message));
        for (const stream of [this.child.stdout, this.child.stderr]) {
            let rest = '';
            stream.on('data', (data) => {
                const lines = (rest + data).split('\n');
                rest = lines.pop();
                for (const line of lines) this.lines.add(line);
            });
        }
    }

    // The part of a line that the regular expression puts in parentheses.
    async says(regex) {
        const line = await this.lines.until(regex, (text) => regex.test(text));
        return regex.exec(line)[1];
    }

    signal(name) {
        this.child.kill(name);
    }

    async stop(signal = 'SIGTERM') {
        if (this.child.exitCode === null) {
            this.child.kill('SIGCONT');
            this.child.kill(signal);
        }
        return this.ended;
    }
}

// A TCP proxy: counts connections, keeps the heads of requests, cuts all connections when told.
class Proxy {
    constructor(port) {
        this.requests = new Journal('requests through the proxy');
        this.sockets = new Set();
        this.server = net.createServer((client) => {
            const upstream = net.connect(port, '127.0.0.1');
            let head = '';
            client.on('data', (data) => {
                head += data.toString('latin1');
                for (let end; (end = head.indexOf('\r\n\r\n')) >= 0; head = head.slice(end + 4))
                    this.requests.add(head.slice(0, end));
            });
            for (const [from, to] of [[client, upstream], [upstream, client]]) {
                this.sockets.add(from);
                from.pipe(to);
                from.on('error', () => to.destroy());
                from.on('close', () => this.sockets.delete(from));
            }
        });
    }

    async start() {
        await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
        return this.server.address().port;
    }

    cut() {
        for (const socket of this.sockets) socket.destroy();
    }

    stop() {
        this.cut();
        this.server.close();
    }
}

class World {
    constructor() {
        this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coapgw-browser.'));
        this.leap = path.join(this.folder, 'leap');
        this.sources = 0;
        this.readers = [];
    }

    // The node has a temperature that changes every 0.3 s (Max-Age 1), and a light.
    async start() {
        this.node = new Program('demo-node', process.env.DEMO_NODE || 'test/tools/demo-node',
            ['-p', '0', '-t', '300']);
        this.nodePort = await this.node.says(/ready on .*:(\d+)$/);
        await this.startGateway(0);
        this.browser = await chromium.launch({
            executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
            args: ['--no-proxy-server', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])],
        });
    }

    // A silent node is given up within half a second.
    async startGateway(port) {
        const file = path.join(this.folder, 'coapgw.json');
        fs.mkdirSync(path.join(this.folder, 'mappings'), { recursive: true });
        fs.writeFileSync(file, JSON.stringify({
            http: { listen: [`127.0.0.1:${port}`] },
            auth: 'none',
            coap: { ack_timeout: 0.1, max_retransmit: 1, unsafe_timing: true },
            observe: { retry: 0.3 },
        }));
        fs.writeFileSync(path.join(this.folder, 'mappings', 'kitchen.json'), JSON.stringify({
            nodes: { kitchen: { address: `coap://127.0.0.1:${this.nodePort}` } },
        }));
        this.gateway = new Program('coapgw', process.env.COAPGW || './coapgw', ['-c', file], {
            LD_PRELOAD: path.resolve('test/tools/preload_clock.so'),
            TIME_LEAP: this.leap,
            ASAN_OPTIONS: 'verify_asan_link_order=0',
        });
        this.port = Number(await this.gateway.says(/listening on http:\/\/127\.0\.0\.1:(\d+)\//));
    }

    // A plain request to the gateway, past the browser.
    request(method, target, body) {
        return new Promise((resolve, reject) => {
            const headers = body === undefined ? {} : { 'Content-Type': 'text/plain' };
            const request = http.request(
                { host: '127.0.0.1', port: this.port, method, path: target, headers, agent: false },
                (response) => {
                    let text = '';
                    response.on('data', (data) => (text += data));
                    response.on('end', () => resolve({ status: response.statusCode, text }));
                });
            request.on('error', reject);
            request.end(body);
        });
    }

    // The gateway's clock is that many seconds ahead from now on. It looks at its clock when
    // something wakes it.
    async leapTo(seconds) {
        fs.writeFileSync(this.leap, `${seconds}\n`);
        await this.request('GET', '/-/health/live');
    }

    // Subscribes past the browser: the observation lives on while the page is cut off.
    async subscribe(target) {
        const lines = new Journal(`subscriber of ${target}`);
        const request = http.get({ host: '127.0.0.1', port: this.port, path: target, agent: false,
            headers: { Accept: 'text/event-stream' } });
        this.readers.push(request);
        request.on('error', () => {});
        request.on('response', (response) => {
            response.on('error', () => {});
            response.on('data', (data) => String(data).split('\n').forEach((l) => lines.add(l)));
        });
        await lines.until('a value', (line) => line.startsWith('data: ') && !line.includes('state'));
        return lines;
    }

    // A page of the gateway's own origin, so that EventSource needs no leave of anybody.
    async openPage(port = this.port) {
        const page = await this.browser.newPage();
        await page.goto(`http://127.0.0.1:${port}/-/health/live`);
        return page;
    }

    // An EventSource in the page. Its journal holds { type, data, id }: "open", "error", "state"
    // (data is parsed) and "message".
    async openSource(page, target) {
        const journal = new Journal(`EventSource of ${target}`);
        const name = `source${++this.sources}`;
        await page.exposeFunction(`${name}_told`, (entry) => journal.add(entry));
        await page.evaluate(([source, url]) => {
            const told = window[`${source}_told`];
            const events = new EventSource(url);
            window[source] = events;
            events.onopen = () => told({ type: 'open' });
            events.onerror = () => told({ type: 'error', closed: events.readyState === 2 });
            events.onmessage = (e) => told({ type: 'message', data: e.data, id: e.lastEventId });
            events.addEventListener('state', (e) => {
                told({ type: 'state', ...JSON.parse(e.data) });
            });
        }, [name, target]);
        journal.count = (type) => journal.entries.filter((entry) => entry.type === type).length;
        journal.state = (state, from) => journal.until(`state ${state}`,
            (entry) => entry.type === 'state' && entry.state === state, from);
        journal.value = (what, fits, from) => journal.until(what,
            (entry) => entry.type === 'message' && fits(entry.data, entry), from);
        journal.readyState = () => page.evaluate((source) => window[source].readyState, name);
        journal.close = () => page.evaluate((source) => window[source].close(), name);
        return journal;
    }

    async stop() {
        for (const request of this.readers) request.destroy();
        if (this.browser) await this.browser.close();
        let code = 0;
        if (this.gateway) code = await this.gateway.stop();
        if (this.node) await this.node.stop();
        fs.rmSync(this.folder, { recursive: true, force: true });
        return code;
    }
}

module.exports = { Proxy, World };
