/* The picture: both recordings beside each other, a row for each mark that they share. */
import {element} from './dom.js';
import {LANES, from, to, goesRight, hex, isClientSide, label, laneName, lines, normalized, shown, size, summary, time, told} from './marks.js';

const FOLDED_MS = 90;

/* What a test that fails has waited for in vain, at its end. */
const SILENCE_MS = 100;
const restOf = recording => recording.end - Math.max(0, ...recording.marks.map(mark => mark.time));

/* What comes before a row on either side, if it is long. */
function waits(model) {
  const last = [0, 0];
  return model.rows.map(row => [0, 1].map(side => {
    const mark = markOf(model, side, row);
    if (!mark) return 0;
    const waited = mark.time - last[side];
    last[side] = Math.max(last[side], mark.time);
    return waited > FOLDED_MS ? waited : 0;
  }));
}

export const markOf = (model, side, row) => row[side] < 0 ? null : model[side ? 'right' : 'left'].marks[row[side]];

/* Step 1 on the bench has nothing beside it. */
export const sidesOf = model => model.names[0] ? [0, 1] : [1];

export function sides(model, state, pick) {
  const folds = waits(model);
  return sidesOf(model).map(side => {
    const recording = model[side ? 'right' : 'left'];
    const items = [];
    model.rows.forEach((row, k) => {
      if (folds[k][0] || folds[k][1]) items.push(fold(folds[k][side], k >= state.shown));
      items.push(item(model, state, side, row, k, pick));
    });
    if (recording.failure && restOf(recording) > SILENCE_MS) items.push(fold(restOf(recording), state.shown < model.rows.length));
    const name = model.names[side];
    return element('section', {class: `side ${side ? 'after' : 'before'} ${state.tab === side || !model.names[0] ? 'shown' : ''}`, 'aria-label': `${name[0]}, ${name[1]}`},
      element('h2', {}, element('b', {}, name[0]), element('span', {}, name[1])),
      element('div', {class: 'who', 'aria-hidden': 'true'}, element('span'),
        element('div', {}, element('i', {}, 'client'), element('i', {}, 'proxy'), element('i', {}, 'upstream'))),
      element('ol', {class: 'marks'}, ...items),
      state.shown >= model.rows.length ? verdict(model, side) : null);
  });
}

function fold(waited, isLater) {
  return element('li', {class: `fold ${isLater ? 'later' : ''}`, 'aria-hidden': waited ? null : 'true'}, element('span'),
    element('div', {class: 'life'}, waited ? element('span', {}, element('em', {}, `${time(waited)} of nothing`)) : null));
}

function item(model, state, side, row, k, pick) {
  const mark = markOf(model, side, row);
  const classes = [k >= state.shown ? 'later' : '', row[2] ? 'differs' : '', k === model.first ? 'first' : '', k === state.chosen ? 'chosen' : ''];
  if (!mark) return element('li', {class: classes.join(' '), 'aria-hidden': 'true'}, element('span'), element('div', {class: 'life'}));
  classes.push(isClientSide(mark) ? 'client' : 'upstream');
  const again = mark.connection > 1 ? element('span', {class: 'no'}, `#${mark.connection}`) : null;
  const arrow = element('button', {
    class: `arrow ${goesRight(mark) ? 'right' : 'left'} ${mark.kind}`, 'data-row': k, title: told(mark),
    'aria-label': told(mark) + (k === model.first ? '. The first difference.' : row[2] ? '. This differs.' : ''),
    'aria-pressed': String(k === state.chosen), onclick: () => pick(k)},
    element('span', {class: 'says'}, again ?? '', label(mark)), element('span', {class: 'shaft'}));
  return element('li', {class: classes.join(' ')}, element('span', {class: 'when'}, time(mark.time)), element('div', {class: 'life'}, arrow));
}

function verdict(model, side) {
  const recording = model[side ? 'right' : 'left'];
  if (model.isRunning) return element('p', {class: 'verdict'}, model.outcomes ? 'Running …' : 'The test is running …');
  const over = recording.leftOut ? ` (${recording.leftOut} more marks are not shown)` : '';
  if (model.outcomes) return element('p', {class: 'verdict'}, model.outcomes[side] + over);
  if (!recording.failure) return element('p', {class: 'verdict passes'}, `The test passes here.${over}`);
  return element('p', {class: 'verdict fails'}, `The test fails here${over}: ${plain(recording.failure)}`);
}

/* What a test said, in one line: its label is a part of the sentence. */
const plain = failure => failure.replace(/\s*\n\s*/g, ' ')
  .replace(/^\[(.*?)\] Expecting value to be (true|false) but was (true|false)/, '$1: it should be $2, and is $3')
  .replace(/^\[(.*?)\] /, '$1: ');

/* The two marks of a row, opened. */
export function bytes(model, row, isHex) {
  const marks = [0, 1].map(side => markOf(model, side, row));
  return sidesOf(model).map(side => [marks[side], side]).map(([mark, side]) => element('div', {},
    element('h3', {}, mark ? `${model.names[side][0]}: ${from(mark)} → ${to(mark)}, ${time(mark.time)}` + (mark.kind === 'data' ? `, ${size(mark)}` : '') : model.names[side][0]),
    opened(mark, marks[1 - side], isHex)));
}

function opened(mark, other, isHex) {
  if (!mark) return element('p', {class: 'none'}, 'Nothing happens here on this side.');
  if (mark.kind !== 'data') return element('p', {}, `The ${from(mark)} ${summary(mark)}.`);
  const more = mark.leftOut ? element('p', {class: 'none'}, `${mark.leftOut} more bytes are not kept.`) : '';
  if (isHex) return element('div', {}, element('pre', {class: 'hex', tabindex: 0, role: 'region', 'aria-label': 'Bytes in hexadecimal'}, hex(mark.bytes)), more);
  const others = new Set(other && other.kind === 'data' ? lines(other.bytes).map(normalized) : []);
  const pre = element('pre');
  for (const line of lines(mark.bytes)) {
    const isSame = !other || others.has(normalized(line));
    const text = line.replace(/\r?\n$/, '');
    const end = line.slice(text.length);
    const span = element(isSame ? 'span' : 'mark', {}, shown(text));
    if (end) span.append(element('span', {class: 'control'}, end === '\r\n' ? '\\r\\n' : '\\n'));
    pre.append(span, end ? '\n' : '');
  }
  return element('div', {}, pre, more);
}

/* For those who do not see the picture: four lists for each side. */
export function lists(model) {
  return sidesOf(model).map(side => element('section', {'aria-label': `Lists of ${model.names[side].join(', ')}`}, element('h3', {}, model.names[side].join(', ')),
    ...LANES.flatMap(lane => {
      const marks = model[side ? 'right' : 'left'].marks.filter(mark => mark.lane === lane);
      return [element('h4', {}, `${laneName(lane)} (${marks.length})`),
        marks.length ? element('ol', {}, ...marks.map(mark => element('li', {}, told(mark)))) : element('p', {class: 'none'}, 'Nothing.')];
    })));
}
