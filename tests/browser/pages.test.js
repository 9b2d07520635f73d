// The pages as a person meets them, in a real browser: report.html, the pages of inspect and the dashboard. After `dotnet build` and
// `npm install`, with Chromium installed: npm test. Playwright is at 1.54, which runs on Debian 12's Node 18. CHROMIUM names the browser, PICTURES a folder for pictures of the pages.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const charrnn = fileURLToPath(new URL('../../src/CharRnn.Gpu.Cli/bin/Debug/net10.0/charrnn.dll', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'charrnn-pages-'));
const wide = { width: 1400, height: 1000 };
let browser, dashboard, address;

const run = (...args) => execFileSync('dotnet', [charrnn, ...args], { cwd: folder, encoding: 'utf8' });

// A dashboard, and the address that it prints.
async function serve(port) {
  const server = spawn('dotnet', [charrnn, 'dashboard', 'runs', '--port', port, '--device', 'cpu'], { cwd: folder });
  return [server, await new Promise((resolve, reject) => {
    server.stdout.once('data', line => resolve(String(line).trim()));
    server.once('exit', code => reject(new Error(`the dashboard ended with ${code}`)));
  })];
}

// A page with nothing wrong: no error in its script, none on its console, and nothing asked of any other place.
async function open(what, size = wide) {
  const page = await browser.newPage({ viewport: size }), wrong = [];
  page.on('pageerror', error => wrong.push(error.message));
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) wrong.push(message.text()); });
  const own = what.split(/[?#]/)[0];
  page.on('request', request => { if (!request.url().startsWith(own) && !request.url().startsWith('data:')) wrong.push(request.url()); });
  await page.goto(what);
  return { page, async close() { await page.close(); assert.deepEqual(wrong, []); } };
}

// Playwright's own would evaluate a text in the page, which the dashboard's policy forbids.
async function until(page, isTrue) {
  for (const started = Date.now(); !await page.evaluate(isTrue); await page.waitForTimeout(50))
    assert.ok(Date.now() - started < 30_000, `waited too long for ${isTrue}`);
}

async function picture(page, name) {
  if (process.env.PICTURES) await page.screenshot({ path: join(process.env.PICTURES, `${name}.png`), fullPage: true });
}

before(async () => {
  const text = Array.from({ length: 400 }, (_, i) => `"Line ${i % 7}," said the ${['cat', 'dog', 'bird'][i % 3]} <b>&amp;</b>.\n`).join('');
  writeFileSync(join(folder, 'text.txt'), text);
  for (const [name, size] of [['first', '32'], ['second', '48']])
    run('train', 'text.txt', '--out', `runs/${name}`, '--preset', 'classic', '--hidden-size', size, '--iterations', '600', '--log-every', '20',
      '--eval-every', '100', '--sample-every', '100', '--learning-rate', '0.05', '--device', 'cpu', '--quiet');
  run('report', 'runs/first', 'runs/second', '--out', 'both.html');
  const rows = Array.from({ length: 60 }, (_, i) => `${i % 10},${i % 7},${(i % 10) * (i % 7) / 4},${i % 10 > i % 7 ? 'yes' : 'no'}\n`).join('');
  writeFileSync(join(folder, 'table.csv'), `a,b,product,larger\n${rows}`);
  for (const [name, label, layers] of [['quantity', 'product', 'none'], ['classes', 'larger', '8,4']])
    run('mlp', 'train', 'table.csv', '--label', label, '--layers', layers, '--activation', 'tanh', '--optimizer', 'sgd', '--batch-size', '0', '--val-fraction', '0.2', '--patience', '0', '--epochs', '200', '--out', name, '--device', 'cpu', '--quiet');
  run('train', 'table.csv', '--out', 'other', '--preset', 'classic', '--iterations', '100', '--device', 'cpu', '--quiet');
  run('report', 'runs/first', 'runs/second', 'other', '--out', 'three.html');
  run('report', 'runs/first', 'quantity', '--out', 'mixed.html');
  for (const name of ['quantity', 'classes']) run('mlp', 'inspect', name, 'table.csv', '--out', `${name}.html`, '--device', 'cpu', '--quiet');
  run('inspect', 'runs/first', 'text.txt', '--out', 'inspect.html', '--device', 'cpu');
  run('train', 'text.txt', '--out', 'deep', '--cell', 'lstm', '--layers', '2', '--hidden-size', '16', '--iterations', '100',
    '--sample-every', '0', '--device', 'cpu', '--quiet');
  run('inspect', 'deep', 'text.txt', '--out', 'deep.html', '--device', 'cpu');
  [dashboard, address] = await serve('0');
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});

after(async () => {
  await browser?.close();
  dashboard?.kill();
  rmSync(folder, { recursive: true, force: true });
});

const file = name => pathToFileURL(join(folder, name)).href;
const levels = '#loss .chart line[stroke-dasharray]';
const attributes = (locator, name) => locator.evaluateAll((all, name) => all.map(one => one.getAttribute(name)), name);
const curves = (page, id) => page.locator(`#${id} svg path`).evaluateAll(paths => paths.map(path => path.getAttribute('d')));

test('a report draws its curves, figures, samples and options', async () => {
  const { page, close } = await open(file('runs/first/report.html'));
  assert.equal((await curves(page, 'loss')).length, 3);
  assert.equal(await page.locator(levels).count(), 3);
  assert.match(await page.textContent('#figures'), /600iterations/);
  assert.equal(await page.locator('.sample').count(), 6);
  assert.match(await page.textContent('#configuration'), /hidden-size32/);
  await picture(page, 'report');
  await close();
});

test('a report changes its axes, hides a curve, looks closer and tells values', async () => {
  const { page, close } = await open(file('runs/first/report.html'));
  const [whole] = await curves(page, 'loss');
  for (const [id, value] of [['over', 'seconds'], ['unit', '1.4426950408889634']]) {
    const before = await page.textContent('#loss .chart svg');
    await page.selectOption(`#${id}`, value);
    assert.notEqual(await page.textContent('#loss .chart svg'), before);
  }
  await page.check('#log');
  assert.notEqual((await curves(page, 'loss'))[0], whole);
  await page.click('#loss .legend button >> nth=0');
  assert.equal((await curves(page, 'loss')).length, 2);

  await page.selectOption('#over', 'iteration'); // reports lie evenly over these
  const box = await page.locator('#loss .chart svg').boundingBox(), marks = await page.textContent('#loss .chart svg');
  await page.mouse.move(box.x + 300, box.y + 100);
  assert.match(await page.textContent('#loss .tip'), /iterations.*smoothed/);
  await page.mouse.down();
  await page.mouse.move(box.x + 600, box.y + 100);
  await page.mouse.up();
  assert.notEqual(await page.textContent('#loss .chart svg'), marks);
  await page.locator('#loss .chart svg').dblclick();
  assert.equal(await page.textContent('#loss .chart svg'), marks);
  await close();
});

test('two runs stand on one page', async () => {
  const { page, close } = await open(file('both.html'));
  assert.equal((await curves(page, 'loss')).length, 6);
  assert.equal(await page.locator(levels).count(), 3); // one text, one set of baselines
  assert.equal(await page.locator('.samples').count(), 2);
  assert.equal(new Set(await attributes(page.locator(levels), 'stroke')).size, 1);

  // Each line is told from the others, and looks in the legend as it does in the plot.
  const looks = ['stroke', 'stroke-width', 'stroke-dasharray', 'opacity'];
  const lookOf = locator => locator.evaluateAll((all, looks) => all.map(one => looks.map(name => getComputedStyle(one)[name]).join(' ')), looks);
  const plotted = [...await lookOf(page.locator('#loss .chart path')), ...await lookOf(page.locator(levels))];
  assert.deepEqual(await lookOf(page.locator('#loss .legend line')), plotted);
  assert.equal(new Set(plotted).size, 9);
  const [training, , validation] = await page.locator('#loss .chart path').evaluateAll(all => all.map(one => parseFloat(getComputedStyle(one).strokeWidth)));
  assert.ok(validation >= 2 * training, `${validation} is not far from ${training}`);
  await picture(page, 'both');
  await close();
});

test('a baseline that not all runs share has the colour of a run that has it', async () => {
  const { page, close } = await open(file('three.html'));
  const colours = await attributes(page.locator('#loss .chart path'), 'stroke'), [first, other] = [colours[0], colours.at(-1)];
  assert.notEqual(first, other);
  assert.deepEqual(await attributes(page.locator(levels), 'stroke'), [first, first, first, other, other, other]);
  assert.match(await page.textContent('#loss .legend'), /bigram entropy of runs\/first, runs\/second.*bigram entropy of other$/);
  await picture(page, 'three');
  await close();
});

test('a report of a run on a table says what was minimised', async () => {
  for (const [name, layers, loss] of [['quantity', 'no hidden layer', 'squared error'], ['classes', 'layers 8,4, tanh', 'binary cross-entropy']]) {
    const { page, close } = await open(file(`${name}/report.html`));
    assert.ok((await page.textContent('#head')).endsWith(`: ${layers}, ${loss}, CPU`), await page.textContent('#head'));
    const figures = await page.locator('.figure').allTextContents();
    assert.deepEqual(figures.slice(0, 3).map(text => text.replace(/^[\d.]+/, '')), [`loss: ${loss}`, `validation: ${loss}`, `best validation: ${loss}`]);
    assert.match(figures.at(-1), /^9600rows in (?!0 s)\S+ s, 48 an epoch$/);
    assert.equal(await page.locator('#samples').isVisible(), false);
    await picture(page, name);
    await close();
  }
});

test('a run on a text and one on a table stand on one page', async () => {
  const { page, close } = await open(file('mixed.html'));
  assert.equal(await page.locator('.samples').count(), 1);
  assert.doesNotMatch(await page.textContent('#samples'), /quantity|none yet/);
  assert.equal(await page.textContent('#over option >> nth=1'), 'characters or rows');
  assert.match(await page.textContent('.controls'), /texts in nats per character/);

  // The unit is that of the text's losses; the table's keep theirs.
  const tip = async unit => {
    await page.selectOption('#unit', unit);
    const box = await page.locator('#loss .chart svg').boundingBox();
    await page.mouse.move(box.x + 300, box.y + 100);
    const values = (await page.textContent('#loss .tip')).match(/first training ([\d.]+).*quantity training ([\d.]+)/);
    await page.mouse.move(0, 0);
    return values.slice(1).map(Number);
  };
  const [nats, bits] = [await tip('1'), await tip('1.4426950408889634')];
  assert.ok(Math.abs(bits[0] / nats[0] - Math.LOG2E) < 0.01);
  assert.equal(bits[1], nats[1]);
  await picture(page, 'mixed');
  await close();
});

test('a dark and narrow page shows the same', async () => {
  const { page, close } = await open(file('both.html'), { width: 400, height: 800 });
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.equal((await curves(page, 'loss')).length, 6);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 400);
  await picture(page, 'narrow');
  await close();
});

test('a report draws whatever its numbers are', async () => {
  const line = JSON.parse(readFileSync(join(folder, 'runs/first/metrics.jsonl'), 'utf8').split('\n')[0]);
  const most = 1.7976931348623157e308, none = { loss: null, smooth_loss_per_char: null, val_loss: null, characters_per_second: null, learning_rate: null };
  cpSync(join(folder, 'runs/first'), join(folder, 'odd'), { recursive: true });
  for (const [name, change] of Object.entries({
    largest: i => ({ loss: i % 2 ? 1e308 : -1e308, smooth_loss_per_char: i % 2 ? most : -most, val_loss: 1e308, characters_per_second: most }),
    smallest: i => ({ loss: i % 2 ? 1e-308 : -1e-308, smooth_loss_per_char: i % 2 ? 5e-324 : -5e-324, val_loss: 0, characters_per_second: 5e-324 }),
    large: i => ({ loss: i % 2 ? most : 1, smooth_loss_per_char: i % 2 ? most : 1e-308, val_loss: 1e308 }),
    small: i => ({ loss: i % 2 ? 1e-308 : 5e-324, smooth_loss_per_char: 1e-308, val_loss: 5e-324 }),
    equal: () => ({ loss: 2.5, smooth_loss_per_char: 2.5, val_loss: 2.5, characters_per_second: 1000, seconds: 1 }),
    neighbours: i => ({ loss: i % 2 ? 1e16 : 1e16 + 2, smooth_loss_per_char: 1e16, val_loss: null, characters_per_second: -5, iteration: 9e18 + i * 2000, seconds: 1e308 }),
    single: i => i ? null : { val_loss: 3 },
    none: () => none,
  })) {
    const lines = Array.from({ length: 30 }, (_, i) => change(i)).map((change, i) => change && { ...line, iteration: 20 * i, seconds: i, val_loss: null, ...change }).filter(Boolean);
    writeFileSync(join(folder, 'odd/metrics.jsonl'), lines.map(one => JSON.stringify(one) + '\n').join(''));
    run('report', 'odd', '--out', `${name}.html`);
    const { page, close } = await open(file(`${name}.html`));
    for (const log of [false, true]) {
      await page.setChecked('#log', log);
      const paths = await curves(page, 'loss'), marks = await page.locator('svg text').count();
      assert.equal(paths.length, name === 'none' ? 0 : 3);
      assert.ok(name === 'none' || /^M/.test(paths[0]), `${name} has no curve`);
      assert.doesNotMatch(await page.innerHTML('body > div'), /NaN|undefined/);
      for (const svg of await page.locator('svg').evaluateAll(all => all.map(one => one.innerHTML))) assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
      for (const path of paths) for (const [, y] of path.matchAll(/ (-?[\d.]+)/g)) assert.ok(y >= 0 && y <= 380, `${name}: ${path}`);
      assert.ok(marks < 120, `${name} has ${marks} marks`);
    }
    await close();
  }
});

test('inspect shows which columns of a table matter, and where answers are wrong', async () => {
  const { page, close } = await open(file('classes.html'));
  assert.match(await page.textContent('#facts'), /predicts/);
  const widths = (await attributes(page.locator('#columns rect'), 'width')).map(Number);
  assert.ok(widths.length > 0 && widths[0] === 100 && widths.every((width, i) => i === 0 || width <= widths[i - 1]));
  const counts = await page.locator('.matrix td').allTextContents();
  assert.equal(counts.length, (await page.locator('.matrix th[scope=row]').count()) ** 2);
  assert.equal(counts.reduce((sum, count) => sum + Number(count), 0), 60);
  await picture(page, 'table');
  await close();

  const quantity = await open(file('quantity.html'));
  assert.equal(await quantity.page.locator('.scatter circle').count(), 60);
  await quantity.close();
});

test('inspect colours a text and shows what may follow', async () => {
  const { page, close } = await open(file('inspect.html'));
  const text = readFileSync(join(folder, 'text.txt'), 'utf8');
  assert.ok((await page.textContent('#text')).startsWith('"Line'));
  assert.equal(await page.locator('#of').isVisible(), false); // there is one state to choose from
  assert.match(await page.textContent('#facts'), /^32 hidden units over \d+ characters/);
  const colour = () => page.locator('#text span').nth(30).evaluate(span => span.style.background || span.style.backgroundColor);
  const before = await colour();
  await page.selectOption('#order', { index: 2 });
  await page.click('.units button >> nth=0');
  assert.notEqual(await colour(), before);
  await page.locator('#text span').nth(30).hover();
  assert.match(await page.textContent('#tip'), /nats.*next: /);
  await page.selectOption('#view', 'surprisal');
  await picture(page, 'surprisal');
  await page.selectOption('#view', 'best');
  assert.ok(await page.locator('.cell').count() > text.length / 2);
  await picture(page, 'inspect');
  await close();
});

test('inspect shows every state of every layer', async () => {
  const { page, close } = await open(file('deep.html'));
  const marked = '.units button[aria-pressed=true]', value = locator => locator.evaluate(one => one.value);
  const background = () => page.locator('#text span').nth(30).evaluate(span => span.style.background);
  assert.match(await page.textContent('#facts'), /^2 lstm layers of 16 units over \d+ characters/);
  assert.deepEqual(await page.locator('#of option').allTextContents(), [
    'h1: hidden state, layer 1 of 2', 'h2: hidden state, layer 2 of 2',
    'c1: tanh of the cell state, layer 1 of 2', 'c2: tanh of the cell state, layer 2 of 2',
  ]);
  assert.equal(await page.locator('.units button').count(), 16);
  // Neither of the two looks like an error.
  assert.equal(...await page.locator('#of, #order').evaluateAll(all => all.map(one => getComputedStyle(one).color)));

  // The same unit of each state, and what is said of it, is another.
  await page.fill('#unit', '3');
  const seen = new Set(), said = new Set();
  for (const [place, symbol] of ['h1', 'h2', 'c1', 'c2'].entries()) {
    await page.selectOption('#of', String(place));
    assert.equal(await page.textContent(marked), '3');
    seen.add(await background());
    await page.locator('#text span').nth(30).hover();
    said.add((await page.textContent('#tip')).match(new RegExp(`unit 3 of ${symbol}: (-?[\\d.]+)next`))[1]);
    await page.mouse.move(0, 0);
  }
  assert.equal(seen.size, 4);
  assert.equal(said.size, 4);

  // A search looks through all of them, and shows the unit that it found.
  for (const order of ['spread', 'inside quotes']) {
    await page.selectOption('#order', order);
    const found = await page.locator('.units button').allTextContents();
    assert.equal(found.length, 4 * 16);
    assert.equal(new Set(found.map(text => text.split(' ')[0])).size, 4 * 16);
    const sizes = found.map(text => Math.abs(+text.split(' ')[1]));
    assert.deepEqual(sizes, [...sizes].sort((a, b) => b - a));
    assert.equal(await page.textContent(marked), found[0]);
  }
  await page.click('.units button:has-text("c1:")');
  assert.match(await page.textContent(marked), new RegExp(`^c1:${await value(page.locator('#unit'))} `));
  assert.equal(await value(page.locator('#of')), '2');
  await picture(page, 'states');
  await close();
});

test('the dashboard follows a run and compares several', async () => {
  const { page, close } = await open(address);
  assert.equal(page.url().split('#')[0], new URL('/', address).href); // the token is out of sight
  await page.waitForSelector('#loss path');
  await page.check('#runs input[value=first]');
  await page.check('#runs input[value=second]');
  await until(page, () => document.querySelectorAll('#loss path').length === 6);
  assert.match(page.url(), /#run=\w+&run=\w+$/);
  await page.uncheck('#runs input[value=second]');
  await until(page, () => document.querySelectorAll('#loss path').length === 3);

  // Who types, copies or looks closer is not disturbed by what comes.
  await page.fill('#prime', 'first');
  await page.focus('#prime');
  const box = await page.locator('#loss .chart svg').boundingBox();
  await page.mouse.move(box.x + 300, box.y + 100);
  await page.mouse.down();
  await page.mouse.move(box.x + 600, box.y + 100);
  await page.mouse.up();
  const closer = await page.textContent('#loss .chart svg');
  await page.locator('.sample pre').last().selectText();
  await page.focus('#loss .legend button >> nth=1');
  const metrics = join(folder, 'runs/first/metrics.jsonl'), last = readFileSync(metrics, 'utf8').trimEnd().split('\n').at(-1);
  appendFileSync(metrics, last.replace('"iteration":600', '"iteration":12345') + '\n');
  await until(page, () => document.getElementById('figures').textContent.includes('12,345'));
  assert.equal(await page.textContent('#loss .chart svg'), closer);
  assert.ok((await page.evaluate(() => getSelection().toString())).length > 50);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'smoothed');
  await page.locator('#loss .chart svg').dblclick();
  await picture(page, 'dashboard');
  await page.reload();
  await until(page, () => document.querySelectorAll('#loss path').length === 3 && document.title === 'first');
  await close();
});

test('the dashboard shows what it can of runs that are damaged or gone', async () => {
  const whole = join(folder, 'runs/whole'), other = join(folder, 'runs/damaged');
  cpSync(join(folder, 'runs/second'), whole, { recursive: true });
  cpSync(join(folder, 'runs/second'), other, { recursive: true });
  const { page, close } = await open(`${address}#run=whole&run=damaged`);
  await until(page, () => document.querySelectorAll('#loss path').length === 6);
  const [a, b] = await page.locator('#runs input:checked').evaluateAll(boxes => boxes.map(box => getComputedStyle(box).accentColor));
  assert.notEqual(a, b);

  appendFileSync(join(other, 'metrics.jsonl'), 'garbage\n');
  await until(page, () => document.getElementById('state').textContent.includes('is not a report') && document.querySelectorAll('#loss path').length === 3);

  // Looked at closer where nothing is after a start anew.
  const box = await page.locator('#loss .chart svg').boundingBox(), metrics = join(whole, 'metrics.jsonl');
  await page.mouse.move(box.x + 500, box.y + 100);
  await page.mouse.down();
  await page.mouse.move(box.x + 700, box.y + 100);
  await page.mouse.up();
  writeFileSync(metrics, readFileSync(metrics, 'utf8').split('\n').slice(0, 3).join('\n') + '\n');
  await until(page, () => document.getElementById('figures').textContent.includes('60iterations'));
  assert.ok((await curves(page, 'loss')).every(path => !path.includes('NaN')));

  rmSync(whole, { recursive: true });
  rmSync(other, { recursive: true });
  await until(page, () => document.getElementById('state').textContent.includes('whole: is no longer here') && document.querySelectorAll('#loss path').length === 3);
  await close();
});

test('the dashboard writes with a model, character by character, and stops', async () => {
  const { page, close } = await open(address);
  await page.waitForSelector('#model option', { state: 'attached' });
  await page.selectOption('#model', 'second');
  for (const [id, value] of [['prime', '"Line'], ['length', '300'], ['seed', '7'], ['temperature', '0.5']]) await page.fill(`#${id}`, value);
  await page.click('#go');
  await until(page, () => document.getElementById('go').textContent === 'Write');
  const written = await page.textContent('#written');
  assert.equal(written.length, 5 + 300);
  assert.equal(written, run('sample', 'runs/second', '--prime', '"Line', '--length', '300', '--seed', '7', '--temperature', '0.5', '--device', 'cpu').replaceAll('\r', ''));
  assert.equal(await page.textContent('#drawn'), 'seed 7');
  await picture(page, 'written');

  await page.fill('#length', '100000');
  await page.click('#go');
  await until(page, () => document.getElementById('written').textContent.length > 100);
  const pieces = await page.locator('#written').evaluate(pre => pre.childNodes.length);
  await page.click('#go');
  await until(page, () => document.getElementById('go').textContent === 'Write');
  assert.ok(pieces > 1 || (await page.textContent('#written')).length < 100_005);
  await close();
});

test('the dashboard tells who holds no token, and after a start anew what to do', async () => {
  const origin = new URL('/', address).href, line = /is asked for without this dashboard's token, which is new at each start; open the address that charrnn dashboard printed$/;
  const stranger = await browser.newPage();
  await stranger.goto(origin);
  assert.match(await stranger.textContent('body'), line);
  await stranger.close();

  // A second tab, a bookmark and the address again need nothing else while it runs.
  let [server, printed] = await serve('0');
  const context = await browser.newContext(), page = await context.newPage(), other = await context.newPage();
  await page.goto(printed);
  for (const what of [new URL('/', printed).href, printed, new URL('/#run=second', printed).href]) {
    await other.goto(what);
    await other.waitForSelector('#loss path');
  }

  // A page that stays open over a restart says why it stands still, and goes on when the new address is opened beside it.
  const ended = new Promise(resolve => server.once('exit', resolve));
  server.kill();
  await ended;
  [server, printed] = await serve(new URL(printed).port);
  await until(page, () => document.getElementById('state').textContent.endsWith('open the address that charrnn dashboard printed'));
  await page.click('#go');
  await until(page, () => document.getElementById('drawn').textContent.endsWith('open the address that charrnn dashboard printed'));
  await other.goto(printed);
  await other.waitForSelector('#loss path');
  await page.bringToFront();
  await until(page, () => document.getElementById('state').textContent === '');
  await context.close();
  server.kill();
});

test('texts of a run are only texts', async () => {
  const name = `{{data}}<img src=x onerror=alert(1)>&amp;"'`, evil = join(folder, 'runs', name);
  cpSync(join(folder, 'runs/first'), evil, { recursive: true });
  const configuration = JSON.parse(readFileSync(join(evil, 'config.json'), 'utf8'));
  writeFileSync(join(evil, 'config.json'), JSON.stringify({ ...configuration, '<b>key</b>': '<script>alert(2)</script>', corpus: '<img src=y>' }));
  appendFileSync(join(evil, 'samples.txt'), '=== iteration 601 ===\n</script><script>alert(3)</script>\n\n');
  run('report', `runs/${name}`, '--out', 'evil.html');
  for (const what of [file('evil.html'), `${address}#${new URLSearchParams({ run: name })}`]) {
    const { page, close } = await open(what);
    await page.waitForSelector('#loss path');
    assert.ok((await page.title()).endsWith(name), await page.title());
    assert.equal(await page.locator('img, td b, .sample script').count(), 0);
    assert.match(await page.textContent('#configuration'), /<b>key<\/b><script>alert\(2\)<\/script>/);
    assert.match(await page.textContent('#samples'), /<\/script><script>alert\(3\)<\/script>/);
    await close();
  }
  rmSync(evil, { recursive: true });
});
