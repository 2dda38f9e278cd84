/* Small helpers around the document. */

export const $ = (id) => document.getElementById(id);


/* Makes an element: el('li', {class: 'x', text: 'y'}, child, …). */
export function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);

    for (const [name, value] of Object.entries(attributes)) {
        if (value === undefined || value === null || value === false) {
            continue;
        }

        if (name === 'text') {
            node.textContent = value;
        } else {
            node.setAttribute(name, value);
        }
    }

    node.append(...children.filter(Boolean));

    return node;
}


/* Restarts a CSS animation that a class carries. */
export function animate(node, name) {
    node.classList.remove(name);
    void node.offsetWidth;
    node.classList.add(name);
}


const tones = ['#2b5f8a', '#8a4b2b', '#5a4a8a', '#2f6f5e', '#8a2b5f', '#6b6420'];


/* A round avatar with the first letter, or the agent's portrait. */
export function avatar(user, agentId) {
    const node = el('span', { class: 'avatar', 'aria-hidden': 'true' });

    if (user.id === agentId) {
        node.append(el('img', { src: 'art/agent.svg', alt: '' }));
        return node;
    }

    let sum = 0;

    for (const c of String(user.id)) {
        sum += c.charCodeAt(0);
    }

    node.style.setProperty('--tone', tones[sum % tones.length]);
    node.textContent = (user.name || '?').slice(0, 1).toUpperCase();

    return node;
}


/* Grows with its text; Enter sends, Shift+Enter makes a line. */
export function composer(form, area, { onSend, onType }) {
    const fit = () => {
        area.style.height = 'auto';
        area.style.height = `${Math.min(area.scrollHeight + 2, 120)}px`;
    };

    area.addEventListener('input', () => {
        fit();
        onType(area.value.trim() !== '');
    });

    area.addEventListener('keydown', (e) => {
        if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) {
            e.preventDefault();
            form.requestSubmit();
        }
    });

    form.addEventListener('submit', (e) => {
        e.preventDefault();

        const text = area.value.trim();

        if (text !== '') {
            area.value = '';
            fit();
            onSend(text);
        }

        area.focus();
    });
}
