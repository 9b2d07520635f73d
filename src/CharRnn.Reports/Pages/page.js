'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const at = id => document.getElementById(id);

function element(parent, name, attributes = {}, text = null) {
  const isSvg = parent instanceof SVGElement || name === 'svg';
  const made = isSvg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

function readable(value) {
  const size = Math.abs(value);
  if (size < 1e15) for (const [least, unit] of [[1e9, ' G'], [1e6, ' M'], [1e4, ' k']])
    if (size >= least) return +(value / (unit === ' k' ? 1e3 : least)).toPrecision(4) + unit;
  return String(+value.toPrecision(4));
}

