/* What a mark says: in the picture, in lists, and byte for byte. */
const ENDS = {
  clientToProxy: ['client', 'proxy'], proxyToServer: ['proxy', 'upstream'],
  serverToProxy: ['upstream', 'proxy'], proxyToClient: ['proxy', 'client'],
};
export const LANES = Object.keys(ENDS);
export const from = mark => ENDS[mark.lane][0];
export const to = mark => ENDS[mark.lane][1];
export const laneName = lane => ENDS[lane].join(' to ');
export const isClientSide = mark => mark.lane === 'clientToProxy' || mark.lane === 'proxyToClient';
export const goesRight = mark => mark.lane === 'clientToProxy' || mark.lane === 'proxyToServer';

const WORDS = {connect: 'connects', refused: 'refuses (RST)', fin: 'ends (FIN)', rst: 'resets (RST)', timeout: 'gives up waiting'};

const SHORT = 12;

export const time = ms => ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

/* One line that tells what it is. */
export function summary(mark) {
  if (mark.kind !== 'data') return WORDS[mark.kind];
  const bytes = mark.bytes.replace(/^\r\n/, '');
  const start = bytes.split('\r\n', 1)[0];
  if (/^HTTP\/\d\.\d \d/.test(start)) return start.replace(/^HTTP\/\d\.\d /, '');
  if (/ HTTP\/\d\.\d$/.test(start)) return start.replace(/ HTTP\/1\.1$/, '');
  const chunk = bytes.match(/^([0-9a-fA-F]+)\r\n([^]*)$/);
  if (chunk && parseInt(chunk[1], 16) === 0) return chunk[2].length > 2 ? `last chunk, ${shown(chunk[2].trim())}` : 'last chunk';
  if (chunk) return `chunk: ${shown(chunk[2].replace(/\r\n$/, ''))}`;
  return shown(mark.bytes) || '…';
}

/* The same for a row, with what came behind a head in the same piece. */
export function label(mark) {
  const rest = mark.kind === 'data' && !isRest(mark) ? mark.bytes.slice(mark.bytes.indexOf('\r\n\r\n') + 4) : '';
  if (!rest) return summary(mark);
  const said = summary({kind: 'data', bytes: rest}).replace(/^chunk: /, '');
  return `${summary(mark)} + ${said.length <= SHORT ? said : `${rest.length + mark.leftOut} bytes`}`;
}

/* Whether it is the rest of a message, or a part of a body: where these are cut depends on the machine. */
export const isRest = mark => mark.kind === 'data' && !/^HTTP\/\d\.\d \d|^[^\r\n]* HTTP\/\d\.\d\r\n/.test(mark.bytes);

/* The same for those who do not see the picture. */
export function told(mark) {
  const connection = mark.connection > 1 ? `, connection ${mark.connection}` : '';
  const length = mark.kind === 'data' ? `, ${size(mark)}` : '';
  return `${time(mark.time)}, ${from(mark)} to ${to(mark)}${connection}: ${summary(mark)}${length}`;
}

export function size(mark) {
  const bytes = mark.bytes.length + mark.leftOut;
  return `${bytes} byte${bytes === 1 ? '' : 's'}` + (mark.pieces > 1 ? ` in ${mark.pieces} pieces` : '');
}

const ESCAPES = {'\r': '\\r', '\n': '\\n', '\t': '\\t'};

/* Control characters, and bytes that are no ASCII, are shown as Java and C write them. */
export function shown(text) {
  return text.replace(/[\x00-\x1f\x7f-\xff]/g, c => ESCAPES[c] ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/* Lines, each with its end. */
export const lines = text => text.match(/[^\n]*\n|[^\n]+$/g) || [];

/* What is another one in each run does not count as a difference. */
export const normalized = text => text.replace(/^(Date: ).*/gim, '$1*')
  .replace(/(127\.0\.0\.1|localhost|\[::1\]):\d{2,5}/g, '$1:*').replace(/^((?:Via|CDN-Loop): (?:\S+ )?)[^\r\n,]+/gim, '$1*');

export function hex(text) {
  const rows = [];
  for (let at = 0; at < text.length; at += 16) {
    const row = [...text.slice(at, at + 16)];
    const codes = row.map(c => c.charCodeAt(0).toString(16).padStart(2, '0'));
    rows.push(`${at.toString(16).padStart(4, '0')}  ${codes.slice(0, 8).join(' ').padEnd(23)}  ${codes.slice(8).join(' ').padEnd(23)}  ${row.map(c => /[\x20-\x7e]/.test(c) ? c : '·').join('')}`);
  }
  return rows.join('\n');
}
