// Shows which columns of a table matter to a network, and where its answers are wrong, as TablePage.cs describes it.
at('name').textContent = data.name;
at('facts').textContent = `${data.rows.toLocaleString('en')} rows of ${data.table}; predicts ${data.label}`;
for (const [name, value] of data.figures) {
  const figure = element(at('figures'), 'div', { class: 'figure' });
  element(figure, 'b', {}, value);
  element(figure, 'span', {}, name);
}

at('loss').textContent = `${data.loss} when the values of a column are shuffled among the rows: the mean over the shufflings ± its deviation`;
const largest = Math.max(Number.MIN_VALUE, ...data.means.map(mean => mean ?? 0));
data.columns.forEach((name, i) => {
  const mean = data.means[i], row = element(at('columns'), 'tr');
  element(row, 'td', {}, name);
  const bar = element(element(row, 'td', { class: 'bars' }), 'svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  element(bar, 'rect', { width: 100 * Math.max(0, mean ?? 0) / largest, height: 10 });
  element(row, 'td', { class: 'number' }, mean === null ? '' : `${readable(mean)} ± ${readable(data.deviations[i])}`);
});
if (data.moreColumns > 0) at('more').textContent = `and ${data.moreColumns.toLocaleString('en')} columns that matter less`;

if (data.classes.length > 0) {
  at('answers').hidden = false;
  at('title').textContent = 'Which class is taken for which';
  at('legend').textContent = 'a row for each true class, a column for each predicted one; the colour is the share of the row';
  const table = element(at('matrix'), 'table', { class: 'matrix' }), head = element(table, 'tr');
  for (const name of ['', ...data.classes]) element(head, 'th', { scope: 'col' }, name);
  data.confusion.forEach((counts, y) => {
    const row = element(table, 'tr'), sum = Math.max(1, counts.reduce((a, b) => a + b, 0));
    element(row, 'th', { scope: 'row' }, data.classes[y]);
    counts.forEach((count, predicted) => {
      const cell = element(row, 'td', {}, count);
      const share = Math.round(60 * count / sum);
      if (count > 0) cell.style.background = `color-mix(in srgb, var(${y === predicted ? '--c' : '--d'}) ${share}%, var(--back))`;
      cell.title = `${count} of ${sum} rows of ${data.classes[y]} taken for ${data.classes[predicted]}`;
    });
  });
} else if (data.classCount > 0) {
  at('answers').hidden = false;
  at('title').textContent = `${data.classCount.toLocaleString('en')} classes are too many to show which is taken for which`;
} else if (data.truths.length > 0) {
  at('answers').hidden = false;
  at('title').textContent = 'Answers beside what is true';
  at('legend').textContent = `a dot for each of ${data.truths.length.toLocaleString('en')} rows: ${data.label} to the right, the answer up; on the line they are equal`;
  const values = [...data.truths, ...data.answers].filter(value => value !== null);
  const least = Math.min(...values), span = Math.max(...values) - least || 1, place = value => 400 * (value - least) / span;
  const plot = element(at('matrix'), 'svg', { viewBox: '-60 -10 480 440', class: 'scatter', role: 'img', 'aria-label': 'answers beside what is true' });
  element(plot, 'line', { x1: 0, y1: 400, x2: 400, y2: 0 });
  data.truths.forEach((truth, i) => {
    if (truth !== null && data.answers[i] !== null) element(plot, 'circle', { cx: place(truth), cy: 400 - place(data.answers[i]), r: 3 });
  });
  for (const value of [least, least + span / 2, least + span]) {
    element(plot, 'text', { x: place(value), y: 424, 'text-anchor': 'middle' }, readable(value));
    element(plot, 'text', { x: -8, y: 404 - place(value), 'text-anchor': 'end' }, readable(value));
  }
}
