// A server of socket.io: it answers what it hears, and speaks on its own some time later.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const server = createServer();
new Server(server).on('connection', socket => {
  socket.on('say', (words, answer) => answer(words));
  socket.on('remind me', pause => setTimeout(() => socket.emit('reminder', socket.conn.transport.name), pause));
});
server.listen(process.argv[2], '127.0.0.1');
