
// Runs as they go, and a box to write with their models, from the server that sent this page.
const [shortPause, longPause] = [2000, 15000]; // ms
let listed = [], shown = [], wrong = [], drawn = '', chosen = chosenInAddress(), tag = '', whole = false, round = 0, timer = 0;
const colourOf = new Map();

function chosenInAddress() {
  return new Set(new URLSearchParams(location.hash.slice(1)).getAll('run'));
}

function ago(seconds) {
  for (const [size, unit] of [[86400, 'days'], [3600, 'h'], [60, 'min']]) if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit} ago`;
  return `${Math.max(0, Math.floor(seconds))} s ago`;
}

// A colour for each chosen run, for as long as it is chosen.
function colourChosen() {
  for (const name of [...colourOf.keys()]) if (!chosen.has(name)) colourOf.delete(name);
  for (const name of chosen) {
    let colour = 0;
    while ([...colourOf.values()].includes(colour)) colour++;
    if (!colourOf.has(name)) colourOf.set(name, colour);
  }
}

function choose() {
  for (const box of at('runs').querySelectorAll('input')) box.checked ? chosen.add(box.value) : chosen.delete(box.value);
  for (const name of [...chosen]) if (!listed.some(run => run.name === name)) chosen.delete(name);
  history.replaceState(null, '', '#' + new URLSearchParams([...chosen].map(name => ['run', name])));
  refresh();
}

// The list is rebuilt only when a name comes or goes, because a box may have the focus.
function showRuns() {
  const names = listed.map(run => run.name), before = at('model').value;
  if (JSON.stringify(names) !== at('runs').shown) {
    at('runs').shown = JSON.stringify(names);
    at('runs').replaceChildren();
    at('model').replaceChildren();
    for (const name of names) {
      const label = element(at('runs'), 'label', { class: 'run' });
      element(label, 'input', { type: 'checkbox', value: name }).onchange = choose;
      const text = element(label, 'span', {}, name);
      element(text, 'span', { class: 'live' });
      element(text, 'br');
      element(text, 'span', { class: 'dim' });
      element(at('model'), 'option', { value: name }, name);
    }
    if (!names.length) element(at('runs'), 'p', { class: 'dim' }, 'none yet; charrnn train makes one');
    at('model').value = names.includes(before) ? before : names.find(name => chosen.has(name)) ?? names[0] ?? '';
  }
  colourChosen();
  listed.forEach((run, i) => {
    const label = at('runs').children[i], box = label.querySelector('input');
    box.checked = chosen.has(run.name);
    box.style.accentColor = chosen.size > 1 && box.checked ? colours[colourOf.get(run.name) % colours.length] : '';
    label.querySelector('.live').textContent = run.training ? ' training' : '';
    label.querySelector('.dim').textContent = `changed ${ago(run.age)}`;
  });
}

async function get(address, options = {}) {
  const response = await fetch(address, options);
  if (!response.ok && response.status !== 304) throw new Error(await response.text() || `the dashboard answers ${response.status} ${response.statusText}`);
  return response;
}

async function refresh() {
  clearTimeout(timer);
  const mine = ++round, started = performance.now();
  try {
    listed = await (await get('runs')).json();
    if (mine !== round) return;
    const gone = [...chosen].filter(name => !listed.some(run => run.name === name));
    if (gone.length === chosen.size && listed.length) chosen.add(listed.reduce((a, b) => b.age < a.age ? b : a).name);
    showRuns();
    const names = listed.map(run => run.name).filter(name => chosen.has(name));
    const response = await get('report?' + new URLSearchParams(names.map(name => ['run', name])), { headers: whole ? { 'If-None-Match': tag } : {} });
    if (mine !== round) return;
    if (response.status !== 304) {
      const runs = await response.json();
      if (mine !== round) return;
      wrong = runs.filter(run => run.error).map(run => run.error);
      tag = response.headers.get('ETag');
      whole = !wrong.length; // what was wrong may pass, though no file changes
      shown = runs.filter(run => !run.error);
    }
    for (const run of shown) run.colour = colourOf.get(run.name);
    const look = JSON.stringify([tag, shown.map(run => run.colour)]);
    if (look !== drawn) report(shown);
    drawn = look;
    document.title = names.length === 1 ? names[0] : `${names.length} runs`;
    at('state').textContent = [...wrong, ...gone.map(name => `${name}: is no longer here`)].join('; ');
  } catch (e) {
    at('state').textContent = e instanceof TypeError ? 'the dashboard does not answer; is it still running?' : e.message;
  }
  // Looking at runs must not slow down training.
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
  for (const id of ['prime', 'length', 'temperature', 'topK', 'topP', 'stop', 'seed']) if (at(id).value !== '') asked.set(id, at(id).value);
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
