/*
 * rtprop: the browser's side of an rtprop server.  Plain ES modules, no build
 * step, nothing else needed; runs in node too, where a WebSocket constructor
 * can be given.
 *
 *     import { connect, Conversation } from './rtprop.js';
 *
 *     const client = connect('/ws', { token: () => fetchToken() });
 *     client.on('chat:new_message', (message) => show(message));
 *     await new Conversation(client, 'c1').join();
 */

import { Client } from './client.js';

export { Client };
export { Emitter } from './emitter.js';
export { RtpropError } from './error.js';
export { Conversation } from './chat.js';
export { Property } from './property.js';
export { Auction } from './auction.js';
export { AgentStatus, agent } from './presence.js';
export { Notifications } from './notifications.js';


/* Makes a Client and starts connecting it. */
export function connect(url, options) {
    return new Client(url, options).connect();
}
