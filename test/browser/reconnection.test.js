// SPDX-License-Identifier: BSD-2-Clause
// A browser's EventSource whose connection breaks, or whose gateway does.
'use strict';
const assert = require('node:assert');
const { after, afterEach, before, beforeEach, test } = require('node:test');
const { Proxy, World } = require('./world.js');

const LIGHT = '/nodes/kitchen/kitchen/light';
const world = new World();
let proxy;

before(() => world.start());
beforeEach(async () => {
    proxy = new Proxy(world.port);
    world.proxyPort = await proxy.start();
    await world.request('PUT', LIGHT, 'off');
});
afterEach(() => proxy.stop());
after(async () => assert.strictEqual(await world.stop(), 0, 'the gateway ends with 0'));

const isStream = (head) => head.startsWith(`GET ${LIGHT} `);
const lastEventId = (head) => (/^Last-Event-ID: (.*)$/im.exec(head) || [])[1];

// A page with a stream through the proxy, which has its first value.
async function openLight() {
    const page = await world.openPage(world.proxyPort);
    const source = await world.openSource(page, LIGHT);
    const first = await source.value('the first value', (data) => data === 'off');
    return { page, source, first };
}

// Cuts the connection; resolves with the head of the request by which the browser comes back.
async function cutAndReturn(source) {
    const requests = proxy.requests.entries.length;
    const entries = source.entries.length;
    proxy.cut();
    const head = await proxy.requests.until('another request', isStream, requests);
    await source.until('the connection', (entry) => entry.type === 'open', entries);
    return head;
}

test('who comes back with the current id gets the state alone, then what is new', async () => {
    await world.subscribe(LIGHT);
    const { page, source, first } = await openLight();
    assert.strictEqual(lastEventId(proxy.requests.entries.find(isStream)), undefined);
    const cut = source.entries.length;
    assert.strictEqual(lastEventId(await cutAndReturn(source)), first.id);
    await source.state('live', cut);
    await world.request('PUT', LIGHT, 'green');
    const next = await source.value('what is new', () => true, cut);
    assert.strictEqual(next.data, 'green', 'the old value is not sent again');
    assert.strictEqual(next.id.split('-')[0], first.id.split('-')[0], 'the same epoch');
    await page.close();
});

test('who missed something gets the newest state, once', async () => {
    const other = await world.subscribe(LIGHT);
    const { page, source, first } = await openLight();
    const cut = source.entries.length;
    const seen = other.entries.length;
    const requests = proxy.requests.entries.length;
    proxy.server.close(); // nobody gets through
    proxy.cut();
    await source.until('the loss', (entry) => entry.type === 'error' && !entry.closed, cut);
    await world.request('PUT', LIGHT, 'red');
    await world.request('PUT', LIGHT, 'blue');
    await other.until('blue', (line) => line === 'data: blue', seen);
    await new Promise((resolve) => proxy.server.listen(world.proxyPort, '127.0.0.1', resolve));
    const head = await proxy.requests.until('another request', isStream, requests);
    assert.strictEqual(lastEventId(head), first.id);
    const newest = await source.value('the newest', () => true, cut);
    assert.strictEqual(newest.data, 'blue', 'what was missed is not played');
    await page.close();
});

test('a gateway that was killed and started again is found again', async () => {
    const { page, source, first } = await openLight();
    const cut = source.entries.length;
    const requests = proxy.requests.entries.length;
    await world.gateway.stop('SIGKILL');
    await world.startGateway(world.port);
    const value = await source.value('the value', () => true, cut);
    assert.strictEqual(value.data, 'off');
    assert.notStrictEqual(value.id.split('-')[0], first.id.split('-')[0], 'another epoch');
    assert.strictEqual(lastEventId(proxy.requests.entries.slice(requests).filter(isStream).pop()),
        first.id);
    await page.close();
});
