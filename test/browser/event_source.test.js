// SPDX-License-Identifier: BSD-2-Clause
// A browser's EventSource on the resources of a node that stops, comes back and is not there.
'use strict';
const assert = require('node:assert');
const { after, before, test } = require('node:test');
const { World } = require('./world.js');

const TEMPERATURE = '/nodes/kitchen/temperature';
const LIGHT = '/nodes/kitchen/kitchen/light';
const world = new World();

before(() => world.start());
after(async () => assert.strictEqual(await world.stop(), 0, 'the gateway ends with 0'));

test('values arrive and change, behind the state', async () => {
    const page = await world.openPage();
    const source = await world.openSource(page, TEMPERATURE);
    const first = await source.value('a value', (data) => /^2[0-2]\.\d$/.test(data));
    const second = await source.value('another value', (data) => data !== first.data);
    await source.value('a third value', (data) => data !== first.data && data !== second.data);
    const types = source.entries.map((entry) => entry.type);
    assert.ok(types.indexOf('state') < types.indexOf('message'), 'the state comes first');
    assert.match(first.id, /^[0-9a-f]{12}-\d+$/);
    assert.strictEqual(source.count('open'), 1);
    assert.strictEqual(source.count('error'), 0);
    await page.close();
});

test('a text of several lines is what the node sent', async () => {
    const page = await world.openPage();
    await world.request('PUT', LIGHT, 'a\nb\r\nc\rd');
    const source = await world.openSource(page, LIGHT);
    await source.value('the lines', (data) => data === 'a\nb\nc\nd');
    await world.request('PUT', LIGHT, ' \u00e4\u20ac\u{1f600}');
    await source.value('more than ASCII', (data) => data === ' \u00e4\u20ac\u{1f600}');
    await world.request('PUT', LIGHT, 'off');
    await source.value('the last one', (data) => data === 'off');
    await page.close();
});

test('a node that stops is stale, then offline, and comes back on the same connection', async () => {
    const page = await world.openPage();
    const source = await world.openSource(page, TEMPERATURE);
    await source.value('a value', () => true);
    world.node.signal('SIGSTOP');
    const stopped = source.entries.length;
    await source.state('stale', stopped);
    // The next registration is due after Max-Age and up to 15 s more.
    await world.leapTo(20);
    const offline = await source.state('offline', stopped);
    assert.ok(offline.reason, 'it says why');
    const silent = source.entries.length;
    world.node.signal('SIGCONT');
    await source.state('live', silent);
    await source.value('a value', () => true, silent);
    assert.strictEqual(source.count('open'), 1, 'nothing was opened anew');
    assert.strictEqual(source.count('error'), 0, 'no handler of errors was called');
    assert.strictEqual(await source.readyState(), 1);
    await page.close();
});

test('what is not there ends the EventSource for good', async () => {
    const page = await world.openPage();
    const source = await world.openSource(page, '/nodes/kitchen/absent');
    const error = await source.until('an error', (entry) => entry.type === 'error');
    assert.ok(error.closed, 'it is closed at once');
    assert.strictEqual(await source.readyState(), 2);
    assert.strictEqual(source.count('open'), 0);
    await page.close();
});

test('many resources come over one connection', async () => {
    const page = await world.openPage();
    const absent = '/nodes/kitchen/absent';
    const query = [TEMPERATURE, LIGHT, absent].map((t) => `target=${encodeURIComponent(t)}`);
    const source = await world.openSource(page, `/events?${query.join('&')}`);
    await source.value('the temperature', (data) => JSON.parse(data).target === TEMPERATURE);
    await source.value('the light', (data) => JSON.parse(data).target === LIGHT);
    const gone = await source.state('gone');
    assert.strictEqual(gone.target, absent);
    assert.strictEqual(gone.status, 404);
    await world.request('PUT', LIGHT, 'blue');
    await source.value('the light, changed', (data) => JSON.parse(data).value === 'blue');
    assert.strictEqual(source.count('open'), 1);
    assert.strictEqual(source.count('error'), 0);
    await page.close();
});

test('who closes the page leaves no registration behind', { timeout: 20000 }, async () => {
    const page = await world.openPage();
    const source = await world.openSource(page, LIGHT);
    await source.value('a value', () => true);
    await page.close();
    for (let open = true; open;) {
        const { text } = await world.request('GET', '/-/metrics');
        const samples = text.match(/^coapgw_observations\{.*$/gm);
        open = samples.some((sample) => !sample.endsWith(' 0'));
    }
});
