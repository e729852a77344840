// A histogram of times on a logarithmic axis, in SVG, with marks at some of them.
// The bars are those of the server: four for each doubling of a time.

const SVG = 'http://www.w3.org/2000/svg';
const BARS_PER_DOUBLING = 4;
/** The axis, in microseconds. */
const FIRST = 32;
const LAST = 8388608;

const first = Math.log2(FIRST) * BARS_PER_DOUBLING;
const last = Math.log2(LAST) * BARS_PER_DOUBLING;
const width = 100 / (last - first);
const acrossOfBar = (bar) => Math.min(100 - width, Math.max(0, (bar - first) * width));

/**
 * Where a time stands, in percent of the axis.
 *
 * @param {number} micros
 */
export function across(micros) {
  const bar = Math.log2(Math.max(1, micros)) * BARS_PER_DOUBLING;
  return Math.min(100, Math.max(0, (bar - first) * width));
}

/**
 * Prepares an empty <svg> for drawing.
 *
 * @param {SVGSVGElement} svg
 * @returns {(bars: Array<[number, number]>) => void} Draws the number of each bar.
 */
export function createHistogram(svg) {
  svg.setAttribute('viewBox', '0 0 100 100');
  svg.setAttribute('preserveAspectRatio', 'none');
  const path = svg.appendChild(document.createElementNS(SVG, 'path'));
  path.setAttribute('class', 'bars');
  return (bars) => {
    const highest = Math.max(1, ...bars.map(([, count]) => count));
    path.setAttribute('d', bars.map(([bar, count]) => {
      const left = acrossOfBar(bar);
      // What is there at all is to be seen.
      const top = 100 - Math.max(1, (98 * count) / highest);
      return `M${left.toFixed(2)} 100V${top.toFixed(2)}h${(width * 0.86).toFixed(2)}V100Z`;
    }).join(''));
  };
}
