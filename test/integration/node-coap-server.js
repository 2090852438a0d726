// SPDX-License-Identifier: BSD-2-Clause
// A CoAP server on node-coap with one text resource, one JSON resource, one that answers late, one that
// tells of changes.
'use strict';
const coap = require('coap');

const store = { '/note': Buffer.from('first') };

const server = coap.createServer((request, response) => {
    const path = request.url.split('?')[0];
    if (path === '/reading' && request.method === 'GET') {
        response.setOption('Content-Format', 'application/json');
        response.setOption('ETag', Buffer.from('0a1b', 'hex'));
        response.end('{"t":21.5}');
    } else if (path === '/ticks' && request.headers.Observe === 0) {
        let count = 0;
        response.setOption('Content-Format', 'text/plain');
        response.write(`tick ${++count}`);
        const timer = setInterval(() => response.write(`tick ${++count}`), 100);
        response.on('finish', () => clearInterval(timer));
    } else if (path === '/late') {
        setTimeout(() => response.end('at last'), 1000);
    } else if (request.method === 'PUT' || request.method === 'POST') {
        response.code = path in store ? '2.04' : '2.01';
        store[path] = request.payload;
        response.end();
    } else if (!(path in store)) {
        response.code = '4.04';
        response.end('no such note');
    } else if (request.method === 'DELETE') {
        delete store[path];
        response.code = '2.02';
        response.end();
    } else {
        response.setOption('Content-Format', 'text/plain');
        response.end(store[path]);
    }
});

server.listen(0, '127.0.0.1', () => {
    console.log(`ready on coap://127.0.0.1:${server._sock.address().port}`);
});
