/* The chat window: messages, ticks, typing, who is here. */

import { $, el, avatar, composer } from './dom.js';
import { time, dayOf, plainName } from './format.js';
import { AGENT, nameOf } from './house.js';
import { ticks, setTicks } from './ticks.js';

const GROUP = 5 * 60 * 1000;    /* ms: messages closer than this join up */

const agentWords = {
    online: 'Online, usually replies within minutes',
    busy: 'Busy just now, answers later',
    offline: 'Away, reads your message later'
};


/* conversation: the client library's; agent: its AgentStatus; me: {id} */
export function showChat(conversation, agent, me) {
    const rows = new Map();     /* message object -> its row */
    const box = $('messages');
    let onScreen = false;

    function nearEnd() {
        return box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    }

    function read() {
        if (onScreen && document.visibilityState === 'visible' && nearEnd()) {
            conversation.markRead();
        }

        showUnread(conversation.unread);
    }

    function draw() {
        const stick = nearEnd();
        const list = $('message-list');
        let before = null;
        let place = 0;

        for (const message of conversation.messages) {
            let row = rows.get(message);

            if (row === undefined) {
                row = makeRow(message, conversation);
                rows.set(message, row);
            }

            arrange(row, message, before);

            if (list.children[place] !== row) {
                list.insertBefore(row, list.children[place] ?? null);
            }

            place++;
            before = message;
        }

        while (list.children.length > place) {
            list.lastElementChild.remove();
        }

        forgetGone(conversation.messages, rows);
        $('messages-none').hidden = conversation.messages.length > 0;
        $('older').hidden = !conversation.hasMore
                            || conversation.messages.length < 50;

        if (stick || conversation.messages.at(-1)?.mine) {
            box.scrollTop = box.scrollHeight;
        }

        read();
    }

    conversation.on('change', draw);
    conversation.on('typing', () => showTyping($('typing'),
                                               conversation.typing));
    conversation.on('participants', () => showRoom(conversation, me));
    agent.on('change', (p) => showAgent(p.status));

    composer($('composer'), $('message'), {
        onSend: (text) => conversation.send(text),
        onType: (some) => conversation.type(some)
    });

    $('message').addEventListener('blur', () => conversation.type(false));
    $('older').addEventListener('click', () => older(conversation, box));
    box.addEventListener('scroll', read);
    document.addEventListener('visibilitychange', read);

    new IntersectionObserver((entries) => {
        onScreen = entries.at(-1).isIntersecting;
        read();
    }, { threshold: 0.25 }).observe($('chat'));
}


/* A new state of the room may hold less than was shown. */
function forgetGone(messages, rows) {
    if (rows.size > messages.length) {
        const here = new Set(messages);

        [...rows.keys()].filter((m) => !here.has(m))
                        .forEach((m) => rows.delete(m));
    }
}


async function older(conversation, box) {
    const height = box.scrollHeight;

    await conversation.older().catch(() => {});
    box.scrollTop += box.scrollHeight - height;
}


function makeRow(message, conversation) {
    const sender = { id: String(message.sender.id),
                     name: nameOf(String(message.sender.id),
                                  plainName(message.sender.name)) };
    const meta = el('span', { class: 'meta' }, el('time'),
                    message.mine && ticks());
    const row = el('li', { class: 'msg', 'data-testid': 'chat-message' },
                   !message.mine && el('span', { class: 'who',
                                                 text: sender.name }),
                   !message.mine && avatar(sender, AGENT.id),
                   el('div', { class: 'bubble' },
                      el('span', { class: 'text', text: message.content }),
                      meta));

    row.classList.toggle('mine', message.mine);
    row.classList.toggle('agent', sender.id === AGENT.id);

    if (message.mine) {
        const again = el('button', { class: 'link again', type: 'button',
                                     text: 'Not sent. Try again' });

        again.addEventListener('click', () => conversation.retry(message));
        row.append(again);
    }

    return row;
}


function arrange(row, message, before) {
    const follows = before !== null
        && String(before.sender.id) === String(message.sender.id)
        && Date.parse(message.created_at) - Date.parse(before.created_at)
           < GROUP;
    const when = row.querySelector('time');

    row.classList.toggle('follows', follows);
    when.textContent = time(message.created_at);
    when.dateTime = message.created_at;
    when.title = dayOf(message.created_at);

    const who = row.querySelector('.who');

    if (who) {
        who.hidden = follows;
    }

    if (message.mine) {
        row.dataset.status = message.status;
        setTicks(row.querySelector('.ticks'), message.status);
        row.querySelector('.again').hidden = message.status !== 'failed';
    }
}


/* Who is writing, with three dots that bob. */
export function showTyping(node, typing) {
    const names = [...typing].map(([id, name]) => nameOf(id, plainName(name))
                                                  .split(' ')[0]);

    node.replaceChildren();

    if (names.length === 0) {
        return;
    }

    const dots = el('span', { class: 'dots', 'aria-hidden': 'true' },
                    el('i'), el('i'), el('i'));

    node.append(dots, `${names.slice(0, 2).join(' and ')}`
                      + (names.length > 2 ? ' and others' : '')
                      + (names.length > 1 ? ' are writing' : ' is writing'));
}


function showRoom(conversation, me) {
    const others = [...conversation.participants.values()]
        .filter((p) => p.online && p.id !== me.id && p.id !== AGENT.id)
        .map((p) => nameOf(p.id, plainName(p.name)));

    $('room').textContent = others.length === 0 ? 'Only you and Clara read this'
        : `Also here: ${others.slice(0, 3).join(', ')}`
          + (others.length > 3 ? ` and ${others.length - 3} more` : '');
    $('room').dataset.online = others.length;
}


function showAgent(status) {
    $('agent-dot').dataset.status = status;
    $('agent-status').textContent = agentWords[status] ?? 'Agent for this home';
}


function showUnread(n) {
    $('dock-unread').hidden = n === 0;
    $('dock-unread').textContent = n > 99 ? '99+' : n;
}
