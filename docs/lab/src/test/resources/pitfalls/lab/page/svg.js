/* The picture as one file, for slides and pages. It has no times but long waits, so that it is the same in each run. */
import {sidesOf} from './picture.js';
import {goesRight, isClientSide, isRest, shown, summary} from './marks.js';

const WIDTH = 960, SIDE = 468, TOP = 92, ROW = 34, LETTER = 6.7, FOLDED_MS = 750;
const STYLE = `text{font:13px system-ui,sans-serif;fill:#23262b}.card{fill:#fff;stroke:#d9d6cf}.life{stroke:#d9d6cf}
.mono{font:12px ui-monospace,Menlo,Consolas,monospace}.dim{fill:#5d626b}.right{stroke:#2456a6;fill:#2456a6}.left{stroke:#7a4b00;fill:#7a4b00}
.broken{stroke:#a8221a;fill:#a8221a}text.right,text.left,text.broken{stroke:none}.differs{fill:#fff1b8}.first{fill:none;stroke:#a8221a;stroke-width:2}.after .first{stroke:#0b5f47}
.bad{fill:#a8221a}.good{fill:#0b5f47}.page{fill:#fbfaf7}
@media(prefers-color-scheme:dark){text{fill:#e8e6e1}.card{fill:#1f2227;stroke:#3a3f48}.life{stroke:#3a3f48}.dim{fill:#a3a9b3}.right{stroke:#8ab4f8;fill:#8ab4f8}
.left{stroke:#f2c078;fill:#f2c078}.broken{stroke:#ff9b92;fill:#ff9b92}.differs{fill:#4a4223}.first{stroke:#ff9b92}.after .first{stroke:#6fd3ae}.bad{fill:#ff9b92}.good{fill:#6fd3ae}.page{fill:#17191d}}`;
const DASHES = {connect: '2 3', fin: '7 4', rst: '9 3', refused: '9 3', timeout: '3 5'};

const escaped = text => text.replace(/[&<>"]/g, c => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[c]);
const text = (x, y, kind, content) => `<text x="${x}" y="${y}" class="${kind}" text-anchor="middle">${escaped(content)}</text>`;
const cut = (content, width) => content.length * LETTER <= width ? content : content.slice(0, Math.floor(width / LETTER) - 1) + '…';

export function svg(scene, model) {
  const rows = lines(model);
  const height = TOP + rows.length * ROW + 44;
  const sides = sidesOf(model).map(side => panel(model, rows, side, height)).join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title">
<title id="title">${escaped(`${scene.title}: ${sidesOf(model).map(side => model.names[side].join(', ')).join(', beside ')}`)}</title>
<style>${STYLE}</style>
<rect class="page" width="${WIDTH}" height="${height}"/>
<text x="8" y="24" style="font-size:16px;font-weight:600">${escaped(scene.title)}</text>
${sides}
</svg>
`;
}

/* The rows, and the long waits between them. */
function lines(model) {
  const last = [0, 0];
  return model.rows.flatMap((row, k) => {
    const marks = [0, 1].map(side => row[side] < 0 ? null : model[side ? 'right' : 'left'].marks[row[side]]);
    const waits = marks.map((mark, side) => {
      const waited = mark ? mark.time - last[side] : 0;
      if (mark) last[side] = Math.max(last[side], mark.time);
      return waited > FOLDED_MS ? Math.round(waited / 1000) || 1 : 0;
    });
    const here = {marks, differs: row[2], isFirst: k === model.first};
    return waits[0] || waits[1] ? [{waits}, here] : [here];
  });
}

function panel(model, rows, side, height) {
  const x = side && model.names[0] ? WIDTH - SIDE - 8 : 8;
  const at = [0.16, 0.5, 0.84].map(part => x + SIDE * part);
  const recording = model[side ? 'right' : 'left'];
  const bottom = height - 40;
  return `<g class="${side ? 'after' : 'before'}">
<rect class="card" x="${x}" y="36" width="${SIDE}" height="${height - 44}" rx="12"/>
<text x="${x + 14}" y="58" class="${side ? 'good' : 'bad'}" style="font-weight:600">${escaped(model.names[side].join(', '))}</text>
${at.map((center, i) => text(center, 80, 'dim', ['client', 'proxy', 'upstream'][i]) + `<path class="life" d="M${center} 88V${bottom}"/>`).join('\n')}
${rows.map((row, k) => row.waits ? fold(row, k, side, x) : arrow(row, k, side, at)).join('\n')}
<text x="${x + 14}" y="${height - 20}" class="${model.outcomes ? 'dim' : recording.failure ? 'bad' : 'good'}">${verdict(model, recording, side)}</text>
</g>`;
}

const verdict = (model, recording, side) => model.outcomes ? escaped(cut(model.outcomes[side], SIDE - 28))
  : recording.failure ? '✘ the test fails' : '✔ the test passes';

const fold = (row, k, side, x) => row.waits[side] ? text(x + SIDE / 2, TOP + k * ROW + 21, 'dim', `· · · ${row.waits[side]} s of nothing · · ·`) : '';

function arrow(row, k, side, at) {
  const mark = row.marks[side];
  if (!mark) return '';
  const y = TOP + k * ROW;
  const [a, b] = isClientSide(mark) ? [at[0], at[1]] : [at[1], at[2]];
  const isRight = goesRight(mark);
  const kind = ['rst', 'refused', 'timeout'].includes(mark.kind) ? 'broken' : isRight ? 'right' : 'left';
  const tip = isRight ? `M${b} ${y + 26}l-7 -4v8z` : `M${a} ${y + 26}l7 -4v8z`;
  const connection = mark.connection > 1 ? `#${mark.connection} ` : '';
  const box = shape => `<rect class="${shape}" x="${a + 2}" y="${y + 3}" width="${b - a - 4}" height="${ROW - 4}" rx="5"/>`;
  return (row.differs ? box('differs') : '')
    + text((a + b) / 2, y + 18, `${kind}${mark.kind === 'data' ? ' mono' : ''}${isRest(mark) ? ' rest' : ''}`, cut(connection + shown(summary(mark)), b - a - 14))
    + `<path class="${kind}" d="M${a + 3} ${y + 26}H${b - 3}" stroke-width="2"${DASHES[mark.kind] ? ` stroke-dasharray="${DASHES[mark.kind]}"` : ''}/>`
    + `<path class="${kind}" d="${tip}"/>` + (row.isFirst ? box('first') : '');
}
