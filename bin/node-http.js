/**
 * Keeps Node from loading the fetch that it brings along: 14 MB that the service, which has an undici of its own, does not use.
 * An import of node:http reads all that the module exports, and these names lead there. The globals of the same names stay.
 */
'use strict';

const http = process.getBuiltinModule('node:http');

for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) delete http[name];
