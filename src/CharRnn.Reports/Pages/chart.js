// A line plot in SVG: series of [x, y], hidden by their legend, read by hovering, looked at closer by dragging.

const colours = ['--a', '--b', '--c', '--d', '--e', '--f'].map(name => `var(${name})`);

// Near the largest number, the difference of two values would be infinite: larger values are drawn at the edge.
const limited = value => Math.max(-1e300, Math.min(1e300, value));

// The ends of a scale from one value to another, so far apart that places between them can be told.
function ends(from, to) {
  if (!(from <= to)) return [0, 1]; // nothing is shown
  const size = Math.max(Math.abs(from), Math.abs(to)), room = to - from > size * 1e-9 ? 0 : size * 0.1 || 1;
  return [from - room, to + room];
}

// Round values of a scale: 1, 2 or 5 times a power of ten.
function ticks(from, to, most, log) {
  const marks = [];
  if (log && to / from >= 5) {
    const [first, last] = [Math.floor(Math.log10(from)), Math.ceil(Math.log10(to))];
    for (let power = first; power <= last; power += Math.ceil((last - first) / (2 * most)))
      for (const step of to / from > 1000 ? [1] : [1, 2, 5]) marks.push(step * 10 ** power);
  } else {
    const rough = (to - from) / most || 1, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * ([1, 2, 5].find(s => s * power >= rough) ?? 10);
    for (let i = Math.ceil(from / step); i * step <= to; i++) marks.push(i * step);
  }
  return marks.filter(mark => mark >= from && mark <= to);
}

// At most two points a column of pixels, the lowest and the highest: what a line of more would look like.
function thin(points, columnOf) {
  const kept = [];
  for (let i = 0; i < points.length;) {
    let low = i, high = i, j = i;
    for (; j < points.length && columnOf(points[j][0]) === columnOf(points[i][0]); j++) {
      if (points[j][1] < points[low][1]) low = j;
      if (points[j][1] > points[high][1]) high = j;
    }
    kept.push(points[Math.min(low, high)]);
    if (low !== high) kept.push(points[Math.max(low, high)]);
    i = j;
  }
  return kept;
}

// How a line looks, in the plot and in its legend.
const look = one => ({
  stroke: one.colour, 'stroke-width': one.width ?? 1.6, 'stroke-dasharray': one.dash ?? 'none', opacity: one.faint ? 0.45 : 1 });

// A plot in an element, made once; show() draws it again with new data, and keeps what is hidden or zoomed.
class Chart {
  constructor(holder) {
    Object.assign(this, { hidden: new Set(), closer: null, scale: null, series: [], options: {} });
    this.legend = element(holder, 'div', { class: 'legend' });
    this.box = element(holder, 'div', { class: 'chart' });
    this.tip = element(this.box, 'div', { class: 'tip' });
    this.svg = element(this.box, 'svg', { role: 'img' });
    this.listen();
    new ResizeObserver(() => { if (this.scale && Math.abs((this.box.clientWidth || 0) - this.scale.right - 12) > 1) this.draw(); }).observe(this.box);
  }

  // series: { name, colour, dash: lengths, width, faint, points: [[x, y]], level: y of a line across }
  // options: { height, log, xName, zero: the scale begins there }
  show(series, options) {
    if (options.xName !== this.options.xName) this.closer = null;
    Object.assign(this, { series, options });
    if (this.closer && !this.isSeen(...this.closer)) this.closer = null;
    this.svg.setAttribute('height', options.height);
    this.svg.setAttribute('aria-label', series.map(one => one.name).join(', '));
    this.showLegend();
    this.draw();
  }

  // Whether there is a point of a line between two places.
  isSeen(from, to) {
    return this.series.some(one => one.points?.some(([x]) => x >= from && x <= to));
  }

  // Rebuilt only when it changes, because a button may have the focus.
  showLegend() {
    const shown = JSON.stringify(this.series.map(one => [one.name, look(one)]));
    if (shown === this.legend.shown) return;
    this.legend.shown = shown;
    this.legend.replaceChildren();
    for (const one of this.series) {
      const button = element(this.legend, 'button', { type: 'button', 'aria-pressed': !this.hidden.has(one.name) });
      element(element(button, 'svg', { width: 26, height: 9 }), 'line', { x2: 26, y1: 4.5, y2: 4.5, ...look(one) });
      button.append(one.name);
      button.onclick = () => {
        this.hidden.has(one.name) ? this.hidden.delete(one.name) : this.hidden.add(one.name);
        button.setAttribute('aria-pressed', !this.hidden.has(one.name));
        this.draw();
      };
    }
  }

  draw() {
    const { svg, closer, options: { height, log, zero } } = this;
    svg.replaceChildren();
    const shown = this.series.filter(one => !this.hidden.has(one.name)), lines = shown.filter(one => one.points);
    const width = this.box.clientWidth || 800, left = 56, right = width - 12, top = 10, bottom = height - 24;
    const xs = lines.flatMap(one => one.points.length ? [one.points[0][0], one.points.at(-1)[0]] : []);
    if (!xs.length) { element(svg, 'text', { x: left, y: height / 2 }, 'nothing yet'); this.scale = null; return; }
    const [x0, x1] = closer ?? ends(limited(Math.min(...xs)), limited(Math.max(...xs)));
    let y0 = Infinity, y1 = -Infinity;
    for (const one of lines)
      for (const [x, y] of one.points) if (x >= x0 && x <= x1) { if (y < y0) y0 = y; if (y > y1) y1 = y; }
    for (const one of shown) if (one.level !== undefined && !closer) { y0 = Math.min(y0, one.level); y1 = Math.max(y1, one.level); }
    const useLog = log && y0 >= 1e-300; // the least whose ends are over 0, too
    if (zero && !useLog) y0 = Math.min(y0, 0);
    [y0, y1] = ends(limited(y0), limited(y1));
    const room = useLog ? 1 : (y1 - y0) * 0.04;
    if (!zero) y0 -= useLog ? 0 : room;
    y1 += useLog ? 0 : room;
    const map = useLog ? y => Math.log(limited(y)) : limited;
    const px = x => left + (limited(x) - x0) / (x1 - x0) * (right - left), py = y => bottom - (map(y) - map(y0)) / (map(y1) - map(y0)) * (bottom - top);
    for (const mark of ticks(y0, y1, 6, useLog)) {
      element(svg, 'line', { class: 'grid', x1: left, x2: right, y1: py(mark), y2: py(mark) });
      element(svg, 'text', { x: left - 6, y: py(mark) + 4, 'text-anchor': 'end' }, readable(mark));
    }
    for (const mark of ticks(x0, x1, Math.max(2, width / 110), false))
      element(svg, 'text', { x: px(mark), y: height - 6, 'text-anchor': px(mark) > right - 16 ? 'end' : 'middle' }, readable(mark));
    for (const one of shown.filter(one => one.level !== undefined && one.level >= y0 && one.level <= y1)) {
      element(svg, 'line', { x1: left, x2: right, y1: py(one.level), y2: py(one.level), ...look(one) });
    }
    for (const one of lines) {
      // A point beyond each edge, so that a line goes on where the plot ends.
      const from = Math.max(0, one.points.findIndex(p => p[0] >= x0) - 1), after = one.points.findIndex(p => p[0] > x1);
      const inside = one.points.slice(from, after < 0 ? undefined : after + 1);
      const points = inside.length > 2 * (right - left) ? thin(inside, x => Math.round(px(x))) : inside;
      const path = points.map(([x, y], i) => `${i ? 'L' : 'M'}${px(x).toFixed(1)} ${(useLog && y <= 0 ? bottom : py(y)).toFixed(1)}`).join('');
      element(svg, 'path', { d: path, ...look(one) });
      const dot = { r: 1 + (one.width ?? 1.6), fill: one.colour, opacity: one.faint ? 0.45 : 1 };
      if (points.length < 40) for (const [x, y] of points) element(svg, 'circle', { cx: px(x), cy: py(y), ...dot });
    }
    this.scale = { x0, x1, left, right, lines };
  }

  listen() {
    const { svg, tip } = this;
    const xOf = event => {
      const { x0, x1, left, right } = this.scale;
      return x0 + (event.clientX - svg.getBoundingClientRect().left - left) / (right - left) * (x1 - x0);
    };
    let dragFrom = null;
    svg.onpointerdown = event => { if (this.scale) dragFrom = xOf(event); };
    svg.onpointerup = event => {
      if (dragFrom === null || !this.scale) return;
      const to = xOf(event), [a, b] = [Math.min(dragFrom, to), Math.max(dragFrom, to)];
      dragFrom = null;
      if (b - a <= (this.scale.x1 - this.scale.x0) / 50 || !this.isSeen(a, b)) return;
      this.closer = [a, b];
      this.draw();
    };
    svg.ondblclick = () => { this.closer = null; this.draw(); };
    svg.onpointerleave = () => { tip.style.visibility = 'hidden'; };
    svg.onpointermove = event => {
      if (!this.scale) return;
      const at = xOf(event), rows = [];
      let x = null;
      for (const one of this.scale.lines) {
        let low = 0, high = one.points.length - 1;
        while (low < high) { const middle = (low + high) >> 1; if (one.points[middle][0] < at) low = middle + 1; else high = middle; }
        if (low > 0 && at - one.points[low - 1][0] < one.points[low][0] - at) low--;
        if (one.points.length) { rows.push([one, one.points[low]]); x ??= one.points[low][0]; }
      }
      tip.replaceChildren();
      element(tip, 'div', {}, `${readable(x ?? at)} ${this.options.xName}`);
      for (const [one, [, y]] of rows) element(tip, 'div', { style: `color:${one.colour}` }, `${one.name} ${readable(y)}`);
      const [place, width] = [event.clientX - svg.getBoundingClientRect().left, this.box.clientWidth];
      tip.style.left = place < width / 2 ? `${place + 14}px` : '';
      tip.style.right = place < width / 2 ? '' : `${width - place + 14}px`;
      tip.style.top = '14px';
      tip.style.visibility = 'visible';
    };
  }
}

const chart = (holder, series, options) => (holder.chart ??= new Chart(holder)).show(series, options);
