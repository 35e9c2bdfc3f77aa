// A client of socket.io by these transports; it prints what it hears, and the transport by which it was sent.
import { once } from 'node:events';
import { io } from 'socket.io-client';

const [url, ...transports] = process.argv.slice(2);
const socket = io(url, { transports, reconnection: false });
socket.on('connect_error', error => { throw error; });
socket.on('disconnect', reason => { if (reason !== 'io client disconnect') throw new Error(reason); });
const upgraded = transports.length > 1 ? once(socket.io.engine, 'upgrade') : null;
await once(socket, 'connect');
await upgraded;

const photo = Buffer.alloc(100_000, 'a photo ');
console.log(await socket.timeout(10_000).emitWithAck('say', 'hello'));
console.log((await socket.timeout(10_000).emitWithAck('say', photo)).equals(photo) ? 'the photo' : 'another photo');
socket.emit('remind me', 500);
console.log('reminder by', ...await once(socket, 'reminder'));
socket.disconnect();
