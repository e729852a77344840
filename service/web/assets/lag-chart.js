// How far a reader is behind, over a run: a line, the time in which it is slow,
// the limit of its policy, and a mark for each gap notice and each closed stream.

import { createLineChart } from './line-chart.js';

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {SVGSVGElement} svg
 * @param {number} top How many events behind the upper edge is.
 */
export function createLagChart(svg, top) {
  const add = (name, className) => {
    const made = document.createElementNS(SVG, name);
    made.setAttribute('class', className);
    return svg.appendChild(made);
  };
  const slow = add('rect', 'slow');
  slow.setAttribute('height', '100');
  const limit = add('path', 'limit');
  const gaps = add('path', 'gap');
  const ends = add('path', 'end');
  const draw = createLineChart(svg, { area: true });
  let points = [];
  let slowTimes = [];
  let marks = { gap: [], end: [] };

  return {
    clear() {
      points = [];
      slowTimes = [];
      marks = { gap: [], end: [] };
      draw([], { x: [0, 1], y: [0, top] });
      for (const path of [gaps, ends, limit]) path.setAttribute('d', '');
      slow.setAttribute('width', '0');
    },
    /** A point more, and what happened since the one before. */
    add({ seconds, secondsMax, lag, lagMax, isSlow, gap, end }) {
      const x = (at) => ((100 * at) / secondsMax).toFixed(2);
      points.push([seconds, lag]);
      if (isSlow) slowTimes.push(seconds);
      if (gap) marks.gap.push(seconds);
      if (end) marks.end.push(seconds);
      const lines = (times) => times.map((at) => `M${x(at)} 0V100`).join('');
      gaps.setAttribute('d', lines(marks.gap));
      ends.setAttribute('d', lines(marks.end));
      if (lagMax) limit.setAttribute('d', `M0 ${(100 - (100 * lagMax) / top).toFixed(2)}H100`);
      if (slowTimes.length > 0) {
        slow.setAttribute('x', x(slowTimes[0]));
        slow.setAttribute('width', x(slowTimes.at(-1) - slowTimes[0]));
      }
      draw(points, { x: [0, secondsMax], y: [0, top] });
    },
  };
}
