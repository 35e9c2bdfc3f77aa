/* Break it yourself: an upstream and a client, put together from moves. What is on the bench is in the link. */
import {byId, element} from './dom.js';

const SIDES = [['upstream', 'What the upstream does'], ['client', 'What the client does']];
const TIMEOUTS = ['response', 'head', 'stream', 'client'];
const FIRST = {
  step: 4, retries: 1, mark: 'via', timeouts: {},
  upstream: ['take', 'close', 'next', 'take', 'answer hello'],
  client: ['request GET /x', 'field Host: www.example.com', 'response'],
};
const NEW_IN = {retries: 4, mark: 5, head: 7, stream: 7, client: 7};
let kinds = null;

/* What a link has on the bench; nothing if it leads to a scene. */
export function benchOf(fragment) {
  if (fragment === 'bench') return structuredClone(FIRST);
  if (!fragment.startsWith('bench=')) return null;
  try {
    const bench = JSON.parse(fragment.slice('bench='.length));
    return {...structuredClone(FIRST), ...bench, upstream: bench.upstream.map(String), client: bench.client.map(String)};
  } catch {
    return structuredClone(FIRST);
  }
}

export const linkOf = bench => `#bench=${encodeURIComponent(JSON.stringify(bench))}`;

export async function drawBench(bench, run) {
  kinds ??= await (await fetch('moves.json')).json();
  byId('bench').replaceChildren(
    element('div', {class: 'settings'}, ...settings(bench)),
    element('div', {class: 'two'}, ...SIDES.map(([side, legend]) => element('fieldset', {id: side}, element('legend', {}, legend)))),
    element('p', {}, element('button', {id: 'run', onclick: run}, '▶ Run it')));
  byId('bench').onkeydown = event => { if (event.key === 'Enter' && event.target.matches('input')) run(); };
  for (const [side] of SIDES) drawMoves(bench, side);
}

/* ---- the proxy ---- */

function settings(bench) {
  const isNew = name => bench.step < (NEW_IN[name] ?? 1);
  const label = (text, control) => element('label', {}, element('span', {}, text), control);
  const choice = (name, values, change) => element('select', {id: `bench-${name}`, disabled: isNew(name), onchange: event => change(event.target.value)},
    ...values.map(([value, text]) => element('option', {value, selected: String(value) === String(bench[name])}, text)));
  return [
    label('step', choice('step', [1, 2, 3, 4, 5, 6, 7].map(step => [step, String(step)]), value => {
      bench.step = Number(value);
      for (const name of Object.keys(NEW_IN)) byId(`bench-${name}`).disabled = isNew(name);
    })),
    label('retries', choice('retries', [0, 1, 2, 3].map(count => [count, String(count)]), value => bench.retries = Number(value))),
    label('mark', element('input', {id: 'bench-mark', value: bench.mark, size: 10, disabled: isNew('mark'), list: 'marks', oninput: event => bench.mark = event.target.value})),
    element('datalist', {id: 'marks'}, element('option', {value: 'via'}), element('option', {value: 'cdn-loop'}), element('option', {value: 'X-Forwarded-Once'})),
    ...TIMEOUTS.map(name => label(`${name} timeout, ms`, element('input', {
      id: `bench-${name}`, type: 'number', min: 1, max: 5000, placeholder: 'default', value: bench.timeouts[name] ?? '', disabled: isNew(name),
      oninput: event => event.target.value ? bench.timeouts[name] = Number(event.target.value) : delete bench.timeouts[name]}))),
  ];
}

/* ---- the moves ---- */

const written = kind => kind.takes ? `${kind.word} ${kind.sample}` : kind.word;

function drawMoves(bench, side, focus) {
  const moves = bench[side];
  const change = (at, count, put, next) => {
    moves.splice(at, count, ...put);
    drawMoves(bench, side, next);
  };
  const rows = moves.map((move, i) => {
    const word = move.split(' ', 1)[0];
    const kind = kinds[side].find(each => each.word === word);
    const name = `move ${i + 1} of the ${side}`;
    const button = (id, text, label, disabled, does) => element('button', {'data-at': `${i} ${id}`, 'aria-label': `${label} ${name}`, title: label, disabled, onclick: does}, text);
    const value = takes => takes ? element('input', {value: moves[i].slice(moves[i].indexOf(' ') + 1), 'aria-label': `Value of ${name}`, spellcheck: 'false', autocomplete: 'off',
      oninput: event => moves[i] = `${moves[i].split(' ', 1)[0]} ${event.target.value}`}) : element('span');
    return element('li', {},
      element('select', {'data-at': `${i} kind`, 'aria-label': name, onchange: event => {
        const chosen = kinds[side].find(each => each.word === event.target.value);
        moves[i] = written(chosen);
        event.target.nextElementSibling.replaceWith(value(chosen.takes));
      }}, ...kinds[side].map(each => element('option', {value: each.word, selected: each.word === word}, each.label))),
      value(kind?.takes ?? move.includes(' ')),
      button('up', '↑', 'Up:', i === 0, () => change(i - 1, 2, [moves[i], moves[i - 1]], i > 1 ? `${i - 1} up` : `${i - 1} down`)),
      button('down', '↓', 'Down:', i === moves.length - 1, () => change(i, 2, [moves[i + 1], moves[i]], i + 2 < moves.length ? `${i + 1} down` : `${i + 1} up`)),
      button('remove', '✕', 'Remove', false, () => change(i, 1, [], moves.length > 1 ? `${Math.min(i, moves.length - 2)} remove` : 'add')));
  });
  const added = kinds[side][0];
  byId(side).replaceChildren(byId(side).firstElementChild, element('ol', {}, ...rows),
    element('button', {'data-at': 'add', onclick: () => change(moves.length, 0, [written(added)], `${moves.length} kind`)}, `+ a move of the ${side}`));
  if (focus) byId(side).querySelector(`[data-at="${focus}"]`)?.focus();
}
