/*
 * Presence: an agent's status, and for agents the commands that change it.
 */

import { Emitter } from './emitter.js';


/* AgentStatus emits 'change' with {agent_id, status, last_seen, ...}. */
export class AgentStatus extends Emitter {
    #client;
    #offs = [];

    constructor(client, agentId) {
        super();
        this.#client = client;
        this.id = String(agentId);
        this.status = null;     /* 'online', 'busy', 'offline', or unknown */
        this.detail = null;

        this.#offs.push(client.on('presence:agent_status', (p) => {
            if (String(p.agent_id) === this.id) {
                this.status = p.status;
                this.detail = p;
                this.emit('change', p);
            }
        }));
        this.#offs.push(client.on('connection:open', () => {
            this.check().catch(() => {});
        }));

        if (client.state === 'open') {
            this.check().catch(() => {});
        }
    }

    /* Asks now; the answer comes as 'change' too. */
    async check() {
        const { payload } = await this.#client.request('presence:check_agent',
                                                       { agent_id: this.id });
        return payload;
    }

    leave() {
        this.#offs.splice(0).forEach((off) => off());
    }
}


/* For a connection whose user has the role agent. */
export const agent = {
    online: (client) => client.request('presence:agent_online', {}),

    offline: (client) => client.request('presence:agent_offline', {}),

    /* until: Date or RFC 3339 string of when the agent expects to be back */
    busy: (client, until) => client.request('presence:agent_busy',
        until === undefined ? {} : {
            estimated_available: until instanceof Date ? until.toISOString()
                                                       : until
        })
};
