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

function head(runs, several) {
  at('head').replaceChildren();
  at('figures').replaceChildren();
  element(at('head'), 'h1', {}, runs.length === 1 ? runs[0].name : `${runs.length} runs`);
  for (const run of runs) {
    const c = run.configuration;
    const what = isTable(run)
      ? `${c.input}, ${c.label}: layers ${c.layers}, ${c.activation}, ${c.loss}, ${c['device-name']}`
      : `${c.corpus ?? ''}, ${layersOf(c)}, ${c['batch-size']} ${c['batch-size'] === '1' ? 'stream' : 'streams'} of `
        + `${c['seq-length']} characters a step, ${c['device-name'] ?? ''}`;
    element(at('head'), 'p', { class: 'dim' }, `${several ? `${run.name}: ` : ''}${what}`);
  }
  if (runs.length !== 1) return;
  const run = runs[0], best = run.validation.reduce((least, value) => value !== null && (least === null || value < least) ? value : least, null);
  const nats = (value, what) => value !== null && figure(
    `${value.toFixed(4)}`, isTable(run) ? `${what}: ${run.configuration.loss}` : `${what}: nats per character, ${(value * Math.LOG2E).toFixed(4)} bits`);
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
    figure(readable(last(run.characters)), `${isTable(run) ? 'rows' : 'characters'} in ${clock(last(run.seconds))}`);
  }
}

function draw(runs, several) {
  const over = at('over').value, factor = +at('unit').value, xName = at('over').selectedOptions[0].text;
  const named = (run, what) => several ? `${run.name} ${what}` : what;
  const loss = [], speed = [], rate = [];
  runs.forEach((run, i) => {
    const colour = colours[several ? (run.colour ?? i) % colours.length : 0];
    loss.push({ name: named(run, 'training'), colour, points: pairs(run, over, 'loss', factor) });
    const dim = several ? colour : 'var(--dim)';
    if (run.smooth.length) loss.push({ name: named(run, 'smoothed'), colour: dim, faint: true, width: 1, points: pairs(run, over, 'smooth', factor) });
    loss.push({ name: named(run, 'validation'), colour: several ? colour : 'var(--b)', width: 2.4, points: pairs(run, over, 'validation', factor) });
    speed.push({ name: named(run, isTable(run) ? 'rows/s' : 'characters/s'), colour, points: pairs(run, over, 'speed') });
    rate.push({ name: named(run, 'rate'), colour, points: pairs(run, over, 'rate') });
  });
  // Runs on one text share its baselines.
  const texts = [...new Set(runs.map(run => JSON.stringify(run.baselines)))];
  for (const text of texts) {
    const whose = texts.length > 1 ? ` of ${runs.filter(run => JSON.stringify(run.baselines) === text).map(run => run.name).join(', ')}` : '';
    JSON.parse(text).forEach((b, i) => loss.push({ name: b.name + whose, colour: colours[2 + i], dash: true, level: b.nats * factor }));
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
  const several = runs.length > 1, onlyTables = runs.length > 0 && runs.every(isTable);
  at('unit').parentElement.hidden = onlyTables;
  at('samples').hidden = at('samples').previousElementSibling.hidden = onlyTables;
  at('over').querySelector('[value=characters]').text = onlyTables ? 'rows' : 'characters';
  for (const part of [head, draw, samples, configuration]) part(runs, several);
  for (const id of ['over', 'unit', 'log']) at(id).onchange = () => draw(runs, several);
}

if (data.length) report(data);
