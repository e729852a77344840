// A line chart in SVG. SVG takes its colours from the style sheet, so it follows
// the theme and the pixel density of the screen without any code. The box is
// 100 x 100 and stretched to its place; strokes keep their width (see .chart).

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Prepares an empty <svg class="chart"> or <svg class="spark"> for drawing.
 *
 * @param {SVGSVGElement} svg
 * @param {object} [options]
 * @param {number} [options.gridLines] Horizontal lines between top and bottom.
 * @param {boolean} [options.area] Fill what is under the line.
 * @returns {(points: Array<[number, number]>, box: Box) => void} Draws the line, once a frame.
 *
 * @typedef {object} Box The values at the edges, and what interrupts the line.
 * @property {[number, number]} x
 * @property {[number, number]} y
 * @property {number} [gap] Points further apart than this in x are not joined.
 */
export function createLineChart(svg, { gridLines = 0, area = false } = {}) {
  svg.setAttribute('viewBox', '0 0 100 100');
  svg.setAttribute('preserveAspectRatio', 'none');
  for (let i = 1; i <= gridLines; i += 1) {
    const y = (100 * i) / (gridLines + 1);
    add(svg, 'path', 'grid').setAttribute('d', `M0 ${y}H100`);
  }
  const under = area ? add(svg, 'path', 'area') : null;
  const line = add(svg, 'path', 'line');
  let waiting = null;

  function paint() {
    const { points, box } = waiting;
    waiting = null;
    const runs = joined(points, box);
    line.setAttribute('d', runs.map((run) => `M${run.join('L')}`).join(''));
    under?.setAttribute('d', runs.map((run) => {
      const first = run[0].split(' ')[0];
      const last = run.at(-1).split(' ')[0];
      return `M${first} 100L${run.join('L')}L${last} 100Z`;
    }).join(''));
  }

  return (points, box) => {
    if (!waiting) requestAnimationFrame(paint);
    waiting = { points, box };
  };
}

/** Splits points into uninterrupted runs of "x y" in the chart's own units. */
function joined(points, { x: [left, right], y: [bottom, top], gap = Infinity }) {
  const runs = [];
  let before = -Infinity;
  for (const [x, y] of points) {
    const across = (100 * (x - left)) / (right - left);
    const down = 100 - (100 * (y - bottom)) / (top - bottom);
    const at = `${across.toFixed(2)} ${Math.min(100, Math.max(0, down)).toFixed(2)}`;
    if (x - before > gap || runs.length === 0) runs.push([]);
    runs.at(-1).push(at);
    before = x;
  }
  // A point alone is a line to itself, which is drawn as a dot.
  for (const run of runs) if (run.length === 1) run.push(run[0]);
  return runs;
}

function add(parent, name, className) {
  const element = document.createElementNS(SVG, name);
  element.setAttribute('class', className);
  return parent.appendChild(element);
}
