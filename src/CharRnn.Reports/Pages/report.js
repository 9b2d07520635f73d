// Shows runs, as ReportPage.cs describes them; again, when there is more of them.

function last(values) {
  for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null) return values[i];
  return null;
}

function pairs(run, over, key, factor = 1) {
  const points = [];
  run[key].forEach((value, i) => { if (value !== null && run[over][i] !== null) points.push([run[over][i], value * factor]); });
  return points;
}

function clock(seconds) {
  if (seconds < 9.5) return `${+seconds.toPrecision(2)} s`;
  const whole = Math.round(seconds), two = n => String(n).padStart(2, '0');
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

// A feed-forward network's run: it reads rows of a table, not characters.
// Runs of earlier programs do not name their kind.
const isTable = run => (run.configuration.kind ?? ('label' in run.configuration ? 'table' : 'text')) === 'table';

// Runs of earlier programs have one layer of the vanilla cell.
const layersOf = c => (c.cell ?? 'rnn') === 'rnn' && (c.layers ?? '1') === '1'
  ? `${c['hidden-size']} hidden units`
  : `${c.layers} ${c.cell} ${c.layers === '1' ? 'layer' : 'layers'} of ${c['hidden-size']} units`
    + (Number(c.dropout) > 0 ? `, dropout ${c.dropout}` : '');

// What a run on a table minimised; its option may say auto, and runs of earlier programs say no more.
const minimised = c => (c.minimised ?? (c.loss === 'auto' ? '' : c.loss ?? '')).replace(/^(binary|squared)-/, '$1 ');

const networkOf = c => [c.layers === 'none' ? 'no hidden layer' : `layers ${c.layers}, ${c.activation}`, minimised(c), c['device-name']]
  .filter(Boolean).join(', ');

function head(runs, several) {
  at('head').replaceChildren();
  at('figures').replaceChildren();
  element(at('head'), 'h1', {}, runs.length === 1 ? runs[0].name : `${runs.length} runs`);
  for (const run of runs) {
    const c = run.configuration;
    const what = isTable(run)
      ? `${c.input}, ${c.label}: ${networkOf(c)}`
      : `${c.corpus ?? ''}, ${layersOf(c)}, ${c['batch-size']} ${c['batch-size'] === '1' ? 'stream' : 'streams'} of `
        + `${c['seq-length']} characters a step, ${c['device-name'] ?? ''}`;
    element(at('head'), 'p', { class: 'dim' }, `${several ? `${run.name}: ` : ''}${what}`);
  }
  if (runs.length !== 1) return;
  const run = runs[0], best = run.validation.reduce((least, value) => value !== null && (least === null || value < least) ? value : least, null);
  const nats = (value, what) => value !== null && figure(
    `${value.toFixed(4)}`, isTable(run)
      ? [what, minimised(run.configuration)].filter(Boolean).join(': ')
      : `${what}: nats per character, ${(value * Math.LOG2E).toFixed(4)} bits`);
  function figure(value, what) {
    const box = element(at('figures'), 'div', { class: 'figure' });
    element(box, 'b', {}, value);
    element(box, 'span', {}, what);
  }
  nats(last(run.loss), isTable(run) ? 'loss' : 'training');
  nats(last(run.smooth), 'smoothed');
  nats(last(run.validation), 'validation');
  nats(best, 'best validation');
  if (run.iteration.length) {
    figure(last(run.iteration).toLocaleString('en'), `iterations, epoch ${last(run.epoch)}`);
    const whole = isTable(run) && run.configuration.rows ? `, ${Number(run.configuration.rows).toLocaleString('en')} an epoch` : '';
    figure(readable(last(run.characters)), `${isTable(run) ? 'rows' : 'characters'} in ${clock(last(run.seconds))}${whole}`);
  }
}

// Of baselines, by their place in a run.
const dashes = ['2 4', '10 6', '6 4'];

function draw(runs, several) {
  const over = at('over').value, unit = +at('unit').value, xName = at('over').selectedOptions[0].text;
  const named = (run, what) => several ? `${run.name} ${what}` : what;
  const loss = [], speed = [], rate = [], levels = new Map();
  runs.forEach((run, i) => {
    const colour = colours[several ? (run.colour ?? i) % colours.length : 0], factor = isTable(run) ? 1 : unit;
    loss.push({ name: named(run, 'training'), colour, width: several ? 1.2 : 1.6, points: pairs(run, over, 'loss', factor) });
    const dim = several ? colour : 'var(--dim)';
    if (run.smooth.length) loss.push({ name: named(run, 'smoothed'), colour: dim, faint: true, width: 1, points: pairs(run, over, 'smooth', factor) });
    loss.push({
      name: named(run, 'validation'), colour: several ? colour : 'var(--b)', width: several ? 3.2 : 2.4,
      points: pairs(run, over, 'validation', factor) });
    speed.push({ name: named(run, isTable(run) ? 'rows/s' : 'characters/s'), colour, points: pairs(run, over, 'speed') });
    rate.push({ name: named(run, 'rate'), colour, points: pairs(run, over, 'rate') });
    // A baseline that runs share is drawn once: grey if all of them do, else in the colour of the first.
    run.baselines.forEach(({ name, nats }, place) => {
      const key = `${name} ${nats}`;
      if (!levels.has(key)) levels.set(key, { name, place, of: [], colour, level: nats * factor });
      levels.get(key).of.push(run.name);
    });
  });
  for (const { name, place, of, colour, level } of levels.values()) {
    const isOfAll = of.length === runs.length;
    loss.push({
      name: isOfAll ? name : `${name} of ${of.join(', ')}`, colour: !several ? colours[2 + place] : isOfAll ? 'var(--dim)' : colour,
      dash: dashes[place], level,
    });
  }
  chart(at('loss'), loss, { height: 380, log: at('log').checked, xName });
  chart(at('speed'), speed, { height: 180, xName, zero: true });
  chart(at('rate'), rate, { height: 180, xName, zero: true });
}

// A row of cards for each run; those that are there stay as they are, who reads or copies them is not disturbed.
function samples(runs, several) {
  const rows = new Map([...at('samples').querySelectorAll('.samples')].map(row => [row.dataset.run, row])), order = [];
  for (const run of runs) {
    let row = rows.get(run.name);
    if (!row) {
      row = element(at('samples'), 'div', { class: 'samples', tabindex: 0, 'data-run': run.name });
      element(row, 'p', { class: 'dim' }, 'none yet');
    }
    const atEnd = row.scrollLeft + row.clientWidth >= row.scrollWidth - 4, cards = new Map([...row.querySelectorAll('.sample')].map(card => [card.dataset.text, card]));
    const wanted = run.samples.map(sample => {
      const text = `${sample.iteration} ${sample.text}`, there = cards.get(text);
      if (there) return there;
      const card = element(row, 'div', { class: 'sample', 'data-text': text });
      element(card, 'span', { class: 'dim' }, `iteration ${sample.iteration.toLocaleString('en')}`);
      element(card, 'pre', {}, sample.text);
      return card;
    });
    for (const card of [...row.children]) if (wanted.length && !wanted.includes(card)) card.remove();
    if (atEnd) row.scrollLeft = row.scrollWidth; // the last is the one to see
    order.push(row);
  }
  for (const child of [...at('samples').children]) if (!order.includes(child)) child.remove();
  if (several) order.forEach((row, i) => row.before(element(at('samples'), 'p', { class: 'dim' }, runs[i].name)));
}

function configuration(runs, several) {
  const holder = at('configuration'), shown = JSON.stringify(runs.map(run => [run.name, run.configuration]));
  if (holder.shown === shown) return;
  holder.shown = shown;
  holder.replaceChildren();
  const table = element(holder, 'table'), names = [...new Set(runs.flatMap(run => Object.keys(run.configuration)))];
  if (several) {
    const row = element(table, 'tr');
    for (const title of ['', ...runs.map(run => run.name)]) element(row, 'th', {}, title);
  }
  for (const name of names) {
    const row = element(table, 'tr');
    for (const text of [name, ...runs.map(run => run.configuration[name] ?? '')]) element(row, 'td', {}, text);
  }
}

function report(runs) {
  const several = runs.length > 1, texts = runs.filter(run => !isTable(run)), onlyTables = runs.length > 0 && !texts.length;
  at('unit').parentElement.hidden = onlyTables;
  at('samples').hidden = at('samples').previousElementSibling.hidden = onlyTables;
  const isMixed = texts.length > 0 && texts.length < runs.length; // a table's loss has no such unit
  at('unit').previousSibling.data = isMixed ? 'texts in ' : 'in ';
  at('over').querySelector('[value=characters]').text = onlyTables ? 'rows' : isMixed ? 'characters or rows' : 'characters';
  for (const part of [head, draw, configuration]) part(runs, several);
  samples(texts, several);
  for (const id of ['over', 'unit', 'log']) at(id).onchange = () => draw(runs, several);
}

if (data.length) report(data);
