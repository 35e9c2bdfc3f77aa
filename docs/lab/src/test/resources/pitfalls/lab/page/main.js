/* The page: which scene, what of it is shown, and what the keys do. */
import {byId, element} from './dom.js';
import {benchOf, drawBench, linkOf} from './bench.js';
import {bytes, lists, markOf, sides, sidesOf} from './picture.js';
import {play} from './player.js';
import {svg} from './svg.js';
import {time} from './marks.js';

const ROW_MS = 500;
let scenes = [];
let scene = null;
let model = null;
let state = {shown: 0, chosen: 0, tab: 1, hex: false};
let timer = 0;
let running = null;

const narrow = matchMedia('(max-width: 1000px)');

/* ---- which scene ---- */

/* A test of an exercise, as the workshop program links it: what you have beside what is wanted. */
function attemptOf(id) {
  const [, step, test] = id.match(/^mine\/([1-7])\/(\w+)$/) ?? [];
  const like = scenes.find(each => each.step === Number(step));
  return like && {...like, id, test, row: '', title: test.replaceAll('_', ' '), headline: false, mine: true,
    question: 'Your exercise is on the left, as the file is now. Save it and run it again.',
    names: [['your exercise', 'what you have'], [`step ${step}`, 'what is wanted']]};
}

/* What a reader has put together: see bench.js. */
function sceneOfBench(bench) {
  return {bench, id: 'bench', test: 'bench', row: '', title: 'Break it yourself', stepTitle: 'The bench',
    question: 'Put together an upstream and a client, and choose the proxy between them. You cannot set what the chosen step does not have yet.'};
}

const namesOfBench = ({step}) => [step > 1 ? [`step ${step - 1}`, 'the step before'] : null, [`step ${step}`, 'the step that you chose']];

function sceneOfFragment() {
  const id = decodeURIComponent(location.hash.slice(1));
  const bench = benchOf(id);
  if (bench) return sceneOfBench(bench);
  const attempt = attemptOf(id);
  if (attempt) return attempt;
  return scenes.find(each => each.id === id) ?? scenes.find(each => each.test === id) ?? scenes[0];
}

function drawMenu() {
  const steps = [...new Set(scenes.map(each => each.step))];
  byId('scenes').replaceChildren(element('ul', {}, element('li', {},
    element('a', {href: '#bench', 'aria-current': scene.bench ? 'page' : null}, 'Break it yourself'))), ...steps.flatMap(step => [
    element('h2', {}, scenes.find(each => each.step === step).stepTitle),
    element('ul', {}, ...scenes.filter(each => each.step === step).map(each => element('li', {},
      element('a', {href: `#${encodeURIComponent(each.id)}`, class: each.headline ? 'headline' : '', title: each.headline ? 'A headline of its step' : null,
        'aria-current': each === scene ? 'page' : null}, each.title))))]));
}

async function show(next) {
  scene = next;
  model = null;
  stop();
  document.title = `${scene.title} – the lab`;
  byId('step').textContent = scene.stepTitle + (scene.bench ? '' : scene.mine ? ' · your exercise' : scene.headline ? ' · headline' : ' · fine print');
  byId('title').textContent = scene.title;
  byId('question').textContent = scene.question;
  byId('bench').hidden = !scene.bench;
  byId('bench').replaceChildren();
  drawMenu();
  drawAbout();
  if (scene.bench) await drawBench(scene.bench, run);
  await run();
}

/* ---- running it ---- */

async function run() {
  running?.abort();
  const mine = running = new AbortController();
  stop();
  const names = scene.bench ? namesOfBench(scene.bench) : scene.names;
  const live = {left: {marks: []}, right: {marks: []}, rows: [], first: -1, names, outcomes: scene.bench && [], isRunning: true};
  if (scene.bench) history.replaceState(null, '', linkOf(scene.bench));
  byId('status').textContent = scene.bench ? 'Running …' : 'The test is running on both proxies …';
  document.body.dataset.state = 'running';
  try {
    const end = await play(scene.bench ? 'bench' : `play/${scene.id}`, scene.bench ? JSON.stringify(scene.bench) : null, mark => {
      if (mine !== running) return;
      const side = mark.side ? 'right' : 'left';
      const begin = live[side].marks[0]?.began ?? mark.time;
      live[side].marks.push({...mark, began: begin, time: mark.time - begin});
      live.rows.push(mark.side ? [-1, live.right.marks.length - 1, false] : [live.left.marks.length - 1, -1, false]);
      model = live;
      draw({shown: live.rows.length, chosen: -1});
    }, mine.signal);
    if (mine !== running) return;
    model = {...end, names};
    if (!names[0]) model = {...model, first: -1, rows: model.rows.map(row => [row[0], row[1], false])};
    drawAbout(end);
    byId('status').textContent = !names[0] ? 'There is no step before step 1.' : model.first < 0 ? 'Both recordings are equal.'
      : scene.bench ? 'The frame marks the first difference.'
      : `The frame marks the first difference. The test “${scene.title}” fails on the left and passes on the right.`;
    if (scene.mine && !model.left.failure) byId('status').textContent = 'Your exercise passes this test.';
    draw({shown: model.rows.length, chosen: Math.max(0, model.first)});
    byId('svg').href = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg(scene, model))}`;
    byId('svg').download = `${scene.test}.svg`;
    document.body.dataset.state = 'ready';
  } catch (problem) {
    if (mine !== running) return;
    byId('status').textContent = problem.message;
    document.body.dataset.state = 'broken';
  }
}

/* ---- what is shown ---- */

function draw(change) {
  const focused = document.activeElement?.dataset?.row;
  Object.assign(state, change);
  byId('sides').replaceChildren(...sides(model, state, row => draw({chosen: row})));
  if (focused != null) document.querySelector(`.side.shown [data-row="${focused}"], [data-row="${focused}"]`)?.focus({preventScroll: true});
  byId('tabs').replaceChildren(...sidesOf(model).map(side => element('button', {'aria-pressed': String(state.tab === side), onclick: () => draw({tab: side})}, model.names[side][0])));
  byId('at').max = Math.max(1, model.rows.length);
  byId('at').value = state.shown;
  byId('time').textContent = time(shownUntil());
  const row = model.rows[state.chosen];
  byId('bytes').replaceChildren(...(row ? bytes(model, row, state.hex) : [element('p', {class: 'none'}, 'Choose a mark to open its bytes.')]));
  byId('hex').setAttribute('aria-pressed', String(state.hex));
  byId('lists').replaceChildren(...lists(model));
}

function shownUntil() {
  const times = model.rows.slice(0, state.shown).flatMap(row => [0, 1].map(side => markOf(model, side, row)?.time ?? 0));
  return Math.max(0, ...times);
}

function drawAbout(end) {
  const java = end?.java;
  byId('about').hidden = Boolean(scene.mine || scene.bench && !java);
  if (scene.bench) return byId('about').replaceChildren(
    element('h2', {}, 'Take it with you'),
    element('p', {class: 'actions'}, copier('link', 'Copy the link', () => location.href), copier('java', 'Copy the test in Java', () => java)),
    element('details', {}, element('summary', {}, 'The test in Java'),
      element('p', {}, 'It says what step ', String(scene.bench.step), ' has done just now. Save it in that step as ', element('code', {}, `src/test/java/pitfalls/step0${scene.bench.step}/BenchTest.java`), '.'),
      element('pre', {id: 'java-text', tabindex: 0, role: 'region', 'aria-label': 'The test in Java'}, java)));
  byId('about').replaceChildren(
    element('h2', {}, 'Where this comes from'),
    element('p', {}, 'What you see is the test ', element('code', {}, scene.test), scene.row ? `, row “${scene.row}”,` : '', ' of ', element('code', {}, scene.contract), ', played on the real proxies. Run it:'),
    element('pre', {}, scene.command),
    ...(end?.command ? [element('p', {}, 'Send what its client sends to a proxy of your own, on port 8080:'), element('pre', {id: 'command'}, end.command)] : []),
    element('p', {}, 'Read about it: ', element('code', {}, scene.place)),
    element('p', {}, 'What the test looks at is in the sentence under each picture: on the left it fails, on the right it passes.'));
}

function copier(name, label, text) {
  return element('button', {id: `copy-${name}`, onclick: async () => {
    try {
      await navigator.clipboard.writeText(text());
      byId('status').textContent = 'Copied.';
    } catch {
      byId('status').textContent = 'The browser does not let the page copy. The link is in the address bar, and the test is below.';
    }
  }}, label);
}

/* ---- the time axis ---- */

function go(shown) {
  if (!model || document.body.dataset.state !== 'ready') return;
  const bounded = Math.max(1, Math.min(model.rows.length, shown));
  draw({shown: bounded, chosen: bounded - 1});
}

function stop() {
  clearInterval(timer);
  timer = 0;
  byId('play').textContent = '▶ play';
}

function toggle() {
  if (timer) return stop();
  if (document.body.dataset.state !== 'ready') return;
  if (state.shown >= model.rows.length) go(1);
  timer = setInterval(() => state.shown >= model.rows.length ? stop() : go(state.shown + 1), ROW_MS);
  byId('play').textContent = '■ stop';
}

function another(by) {
  location.hash = encodeURIComponent(scenes[(scenes.indexOf(scene) + by + scenes.length) % scenes.length].id);
}

/* ---- what the reader does ---- */

byId('back').onclick = () => { stop(); go(state.shown - 1); };
byId('next').onclick = () => { stop(); go(state.shown + 1); };
byId('play').onclick = toggle;
byId('again').onclick = run;
byId('hex').onclick = () => draw({hex: !state.hex});
byId('at').oninput = event => { stop(); go(Number(event.target.value)); };

addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select')) return;
  const does = {
    ArrowLeft: () => byId('back').click(), ArrowRight: () => byId('next').click(),
    Home: () => { stop(); go(1); }, End: () => { stop(); go(model.rows.length); },
    h: () => byId('hex').click(), r: run, n: () => another(1), p: () => another(-1),
  };
  if (event.key === ' ' && !event.target.closest('button, a, summary')) does[' '] = toggle;
  if (!does[event.key]) return;
  event.preventDefault();
  does[event.key]();
});

addEventListener('hashchange', () => { if (location.hash !== '#stage') { if (narrow.matches) byId('menu').open = false; show(sceneOfFragment()); } });
narrow.onchange = () => byId('menu').open = !narrow.matches;
byId('menu').open = !narrow.matches;
scenes = await (await fetch('scenes.json')).json();
await show(sceneOfFragment());
