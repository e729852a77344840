// A heatmap of a histogram's buckets. Grafana publishes its plots and axes, but not this panel: the
// cells are drawn here, in the colours and on the scale that the dashboard asks for.

import { getValueFormat, formattedValueToString } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder } from '@grafana/ui';
import * as schemes from 'd3-scale-chromatic';
import { TIME_ZONE } from './fields.js';

const LEGEND_HEIGHT = 26;
const AXIS_LABELS_APART = 18;

export function Heatmap({ panel, frames, range, theme, width, height }) {
  const buckets = bucketsOf(frames);
  if (!buckets.length) return <div className="empty">No data</div>;
  const colours = coloursOf(panel.options.color, buckets, theme);
  const plotHeight = height - LEGEND_HEIGHT;
  const builder = plotOf(panel.options, buckets, colours, range, theme, plotHeight);
  const moments = buckets[0].moments;
  return (
    <div>
      <UPlotChart config={builder} data={[moments, moments.map(() => null)]} width={width} height={plotHeight} />
      <Scale colours={colours} />
    </div>
  );
}

/** Buckets from the lowest bound to the highest, each with what is in it alone: Prometheus adds them up. */
function bucketsOf(frames) {
  const ordered = frames
    .filter((frame) => frame.fields[1].labels.le)
    .map(({ fields: [time, value] }) => ({
      bound: Number(value.labels.le.replace('+Inf', 'Infinity')), moments: time.values, upTo: value.values,
    }))
    .sort((one, other) => one.bound - other.bound);
  return ordered.map(({ bound, moments, upTo }, place) => {
    const below = place === 0 ? new Map() : new Map(ordered[place - 1].moments.map((at, i) => [at, ordered[place - 1].upTo[i]]));
    return { bound, moments, counts: upTo.map((count, i) => count - (below.get(moments[i]) ?? 0)) };
  });
}

/** Colours from the least to the most, dark where there is little on a dark ground. */
function coloursOf({ scheme, exponent, steps }, buckets, theme) {
  const scale = schemes[`interpolate${scheme}`];
  const counts = buckets.flatMap((bucket) => bucket.counts).filter((count) => count > 1e-9);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const at = (share) => {
    const stepped = Math.round(share * (steps - 1)) / (steps - 1);
    return scale(theme.isDark ? 1 - stepped : stepped);
  };
  const of = (count) => at(most > least ? ((count - least) / (most - least)) ** exponent : 1);
  return { least, most, at, of };
}

function plotOf(options, buckets, colours, range, theme, height) {
  const builder = new UPlotConfigBuilder(TIME_ZONE);
  builder.addScale({
    scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right,
    range: () => [range.from.valueOf(), range.to.valueOf()],
  });
  builder.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone: TIME_ZONE, theme, grid: { show: false } });
  builder.addScale({
    scaleKey: 'y', orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up, range: () => [0, buckets.length],
  });
  const every = Math.ceil(buckets.length / Math.max(1, Math.floor(height / AXIS_LABELS_APART)));
  const labelled = buckets.map((_, place) => place + 1).filter((edge) => edge % every === 0);
  builder.addAxis({
    scaleKey: 'y', placement: AxisPlacement.Left, theme, grid: { show: false }, splits: labelled,
    values: labelled.map((edge) => boundText(buckets[edge - 1].bound, options.yAxis.unit)),
  });
  builder.addSeries({ scaleKey: 'y', pathBuilder: () => null, pointsBuilder: () => null, theme, show: true });
  builder.addHook('draw', (plot) => drawCells(plot, buckets, colours, options));
  builder.setPrepData((frames) => frames);
  return builder;
}

function boundText(bound, unit) {
  return Number.isFinite(bound) ? formattedValueToString(getValueFormat(unit)(bound)) : '∞';
}

function drawCells({ ctx, bbox, valToPos }, buckets, colours, { cellGap, filterValues }) {
  const gap = cellGap * window.devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  buckets.forEach(({ moments, counts }, place) => {
    const [top, bottom] = [place + 1, place].map((edge) => Math.round(valToPos(edge, 'y', true)));
    const step = moments[1] - moments[0];
    counts.forEach((count, i) => {
      if (!(count > filterValues.le)) return;
      const [begin, end] = [moments[i] - step, moments[i]].map((at) => Math.round(valToPos(at, 'x', true)));
      ctx.fillStyle = colours.of(count);
      ctx.fillRect(begin, top, Math.max(1, end - begin - gap), bottom - top - gap);
    });
  });
  ctx.restore();
}

function Scale({ colours: { least, most, at } }) {
  const stops = [0, 0.25, 0.5, 0.75, 1].map((share) => at(share));
  const text = (count) => formattedValueToString(getValueFormat('short')(count, count < 10 ? 1 : 0));
  return (
    <div className="scale">
      <span>{text(least)}</span>
      <span className="colours" style={{ background: `linear-gradient(to right, ${stops.join(', ')})` }} />
      <span>{text(most)}</span>
    </div>
  );
}
