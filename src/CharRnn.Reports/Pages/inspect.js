const n = data.tokens.length, units = data.units, single = data.states.length === 1;
const mostButtons = 1000; // of a search through all states; more would make the page slow
const values = data.states.map(state => Int8Array.from(atob(state.values), c => c.charCodeAt(0)));
const chars = data.tokens.map(token => data.characters[token]);
const activation = (i, state, unit) => values[state][i * units + unit] / 127;

function visible(c) {
  return c === '\n' ? '↵' : c === '\t' ? '⇥' : c === ' ' ? '␣' : /^[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]$/.test(c) ? '·' : c;
}

// Properties of each character that a unit may follow.
const features = (() => {
  const made = { 'inside quotes': [], 'place in the line': [], 'indentation': [], 'after a space or line end': [], 'capital letters': [], 'inside brackets': [] };
  let quoted = 0, place = 0, indent = 0, indenting = true, depth = 0;
  for (let i = 0; i < n; i++) {
    const c = chars[i];
    if (c === '"') quoted = 1 - quoted;
    if ('([{'.includes(c)) depth++;
    if (')]}'.includes(c)) depth = Math.max(0, depth - 1);
    if (c === '\n') { place = 0; indent = 0; indenting = true; } else { if (indenting && (c === ' ' || c === '\t')) indent++; else indenting = false; place++; }
    made['inside quotes'].push(quoted);
    made['place in the line'].push(place);
    made['indentation'].push(indent);
    made['after a space or line end'].push(/\s/.test(c) ? 1 : 0);
    made['capital letters'].push(c.toLowerCase() !== c ? 1 : 0);
    made['inside brackets'].push(depth);
  }
  return made;
})();

function spread(state, unit) {
  let sum = 0, squares = 0;
  for (let i = 0; i < n; i++) { const a = activation(i, state, unit); sum += a; squares += a * a; }
  return Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2));
}

function correlation(state, unit, feature) {
  let a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  for (let i = 0; i < n; i++) {
    const x = activation(i, state, unit), y = feature[i];
    a += x; b += y; aa += x * x; bb += y * y; ab += x * y;
  }
  const part = Math.sqrt((aa / n - (a / n) ** 2) * (bb / n - (b / n) ** 2));
  return part > 1e-9 ? (ab / n - a / n * (b / n)) / part : 0;
}

// -1 is blue, 1 is red, 0 has no colour.
const colour = value => value >= 0 ? `rgba(220,38,38,${Math.min(1, value) * 0.75})` : `rgba(37,99,235,${Math.min(1, -value) * 0.75})`;
const heat = nats => `rgba(217,119,6,${Math.min(1, nats / 6) * 0.85})`;

let spans = [];
function layOut() {
  const text = at('text'), columns = at('view').value === 'best';
  text.replaceChildren();
  text.classList.toggle('columns', columns);
  spans = chars.map((c, i) => {
    if (!columns) {
      const span = element(text, 'span', {}, c === '\n' ? '↵\n' : c === ' ' || c === '\t' ? c : visible(c));
      span.dataset.i = i;
      return span;
    }
    const cell = element(text, 'span', { class: 'cell' });
    cell.dataset.i = i;
    element(cell, 'b', {}, visible(c)).style.background = heat(data.surprisal[i]);
    for (let k = 0; k < data.best; k++) {
      const percent = data.bestPercent[i * data.best + k];
      element(cell, 'span', {}, visible(data.characters[data.bestTokens[i * data.best + k]])).style.background = `rgba(5,150,105,${percent / 110})`;
    }
    if (c === '\n') element(text, 'span', { class: 'break' });
    return cell;
  });
}

function paint() {
  const view = at('view').value, state = +at('of').value, unit = Math.min(units - 1, Math.max(0, Math.round(+at('unit').value || 0)));
  at('unit').value = unit;
  at('legend').textContent = view === 'unit' ? 'blue is -1, red is 1' : view === 'surprisal' ? 'the darker, the less expected (6 nats and more)' : 'under each character the likeliest to follow it, green by probability; its own colour is its surprisal';
  if (view === 'unit') spans.forEach((span, i) => { span.style.background = colour(activation(i, state, unit)); });
  if (view === 'surprisal') spans.forEach((span, i) => { span.style.background = heat(data.surprisal[i]); });
  for (const button of at('units').children)
    button.setAttribute('aria-pressed', +button.dataset.state === state && +button.dataset.unit === unit);
}

function orderUnits() {
  const by = at('order').value, numbers = [...Array(units).keys()];
  const measure = by === 'number' ? null : by === 'spread' ? spread : (state, unit) => correlation(state, unit, features[by]);
  const all = measure
    ? data.states.flatMap((_, state) => numbers.map(unit => ({ state, unit, value: measure(state, unit) })))
      .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    : numbers.map(unit => ({ state: +at('of').value, unit }));
  at('units').replaceChildren();
  for (const { state, unit, value } of all.slice(0, Math.max(units, mostButtons))) {
    const name = single || !measure ? unit : `${data.states[state].symbol}:${unit}`;
    const button = element(at('units'), 'button', { type: 'button' }, measure ? `${name} ${value.toFixed(2)}` : String(name));
    button.dataset.state = state;
    button.dataset.unit = unit;
    button.onclick = () => { at('view').value === 'unit' || (at('view').value = 'unit', layOut()); choose(state, unit); };
  }
  if (measure) choose(all[0].state, all[0].unit); else paint();
}

function choose(state, unit) {
  at('of').value = state;
  at('unit').value = unit;
  paint();
}

at('text').onpointermove = event => {
  const target = event.target.closest('[data-i]'), tip = at('tip');
  if (!target) { tip.style.visibility = 'hidden'; return; }
  const i = +target.dataset.i, state = +at('of').value, unit = +at('unit').value;
  tip.replaceChildren();
  const surprisal = i ? `${data.surprisal[i].toFixed(2)} nats` : 'the first', of = single ? '' : ` of ${data.states[state].symbol}`;
  element(tip, 'div', {}, `${visible(chars[i])}  ${surprisal}; unit ${unit}${of}: ${activation(i, state, unit).toFixed(2)}`);
  element(tip, 'div', { class: 'dim' }, 'next: ' + [...Array(data.best).keys()].map(k => `${visible(data.characters[data.bestTokens[i * data.best + k]])} ${data.bestPercent[i * data.best + k]} %`).join('  '));
  const box = at('text').getBoundingClientRect();
  tip.style.left = `${Math.min(event.clientX - box.left + 12, box.width - 320)}px`;
  tip.style.top = `${event.clientY - box.top + 18}px`;
  tip.style.visibility = 'visible';
};
at('text').onpointerleave = () => { at('tip').style.visibility = 'hidden'; };

at('name').textContent = data.name;
const bits = (data.mean * Math.LOG2E).toFixed(4);
at('facts').textContent = `${data.layers} over ${n} characters; mean surprisal ${data.mean.toFixed(4)} nats, ${bits} bits per character`;
at('unit').max = units - 1;
at('which').hidden = single;
data.states.forEach((state, place) => element(at('of'), 'option', { value: place }, `${state.symbol}: ${state.name}`));
for (const name of Object.keys(features)) element(at('order'), 'option', { value: name }, `how they follow: ${name}`);
at('view').onchange = () => { layOut(); paint(); };
at('order').onchange = orderUnits;
at('unit').onchange = paint;
at('of').onchange = () => { if (at('order').value === 'number') orderUnits(); else paint(); };
layOut();
orderUnits();
