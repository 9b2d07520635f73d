
// Runs as they go, and a box to write with their models, from the server that sent this page.
const [shortPause, longPause] = [2000, 15000]; // ms
let listed = [], chosen = chosenInAddress(), tag = '', round = 0, timer = 0;

function chosenInAddress() {
  return new Set(new URLSearchParams(location.hash.slice(1)).getAll('run'));
}

function ago(seconds) {
  for (const [size, unit] of [[86400, 'days'], [3600, 'h'], [60, 'min']]) if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit} ago`;
  return `${Math.max(0, Math.floor(seconds))} s ago`;
}

function showRuns() {
  const focused = document.activeElement?.value, before = at('model').value;
  at('runs').replaceChildren();
  listed.forEach((run, i) => {
    const label = element(at('runs'), 'label', { class: 'run' }), box = element(label, 'input', { type: 'checkbox', value: run.name });
    box.checked = chosen.has(run.name);
    if (chosen.size > 1) box.style.accentColor = colours[i % colours.length];
    box.onchange = () => {
      box.checked ? chosen.add(run.name) : chosen.delete(run.name);
      history.replaceState(null, '', '#' + new URLSearchParams([...chosen].map(name => ['run', name])));
      refresh();
    };
    const text = element(label, 'span', {}, run.name);
    element(text, 'span', { class: 'dim' }, run.training ? ' training' : '').classList.toggle('live', run.training);
    element(text, 'br');
    element(text, 'span', { class: 'dim' }, `changed ${ago(run.age)}`);
    if (box.value === focused && focused !== '') box.focus();
  });
  if (!listed.length) element(at('runs'), 'p', { class: 'dim' }, 'none yet; charrnn train makes one');
  const names = listed.map(run => run.name);
  if ([...at('model').options].map(option => option.value).join('\n') === names.join('\n')) return;
  at('model').replaceChildren();
  for (const name of names) element(at('model'), 'option', { value: name }, name);
  at('model').value = names.includes(before) ? before : names.find(name => chosen.has(name)) ?? names[0] ?? '';
}

async function get(address, options = {}) {
  const response = await fetch(address, options);
  if (!response.ok && response.status !== 304) throw new Error(await response.text());
  return response;
}

async function refresh() {
  clearTimeout(timer);
  const mine = ++round, started = performance.now();
  try {
    listed = await (await get('runs')).json();
    if (mine !== round) return;
    if (!chosen.size && listed.length) chosen.add(listed.reduce((a, b) => b.age < a.age ? b : a).name);
    showRuns();
    const names = listed.map(run => run.name).filter(name => chosen.has(name));
    const response = await get('report?' + new URLSearchParams(names.map(name => ['run', name])), { headers: { 'If-None-Match': tag } });
    const runs = response.status === 304 ? null : await response.json();
    if (mine !== round) return;
    if (runs) {
      tag = response.headers.get('ETag');
      runs.forEach((run, i) => { run.colour = listed.findIndex(one => one.name === names[i]); });
      report(runs);
      document.title = names.length === 1 ? names[0] : `${names.length} runs`;
    }
    at('state').textContent = '';
  } catch (e) {
    at('state').textContent = e instanceof TypeError ? 'the dashboard does not answer; is it still running?' : e.message;
  }
  // Whoever only looks must not slow down whoever trains.
  if (mine === round) timer = setTimeout(() => { if (!document.hidden) refresh(); }, Math.min(longPause, Math.max(shortPause, 20 * (performance.now() - started))));
}

let writing = null;
at('write').onsubmit = async event => {
  event.preventDefault();
  if (writing) { writing.abort(); return; }
  writing = new AbortController();
  at('go').textContent = 'Stop';
  at('written').replaceChildren();
  at('drawn').textContent = '';
  const asked = new URLSearchParams({ run: at('model').value, best: at('best').checked });
  for (const id of ['prime', 'length', 'temperature', 'topK', 'topP', 'seed']) if (at(id).value !== '') asked.set(id, at(id).value);
  try {
    const response = await get('sample?' + asked, { signal: writing.signal });
    element(at('written'), 'b', {}, at('prime').value);
    at('drawn').textContent = `seed ${response.headers.get('X-Seed')}`;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) at('written').append(piece.value);
  } catch (e) {
    if (e.name !== 'AbortError') at('drawn').textContent = e instanceof TypeError ? 'the dashboard broke off; is it still running?' : e.message;
  }
  writing = null;
  at('go').textContent = 'Write';
};

document.onvisibilitychange = () => { if (!document.hidden) refresh(); };
window.onhashchange = () => { chosen = chosenInAddress(); refresh(); };
refresh();
