// Annotations over time: a dashed line where a query has a result, and a tinted span where results
// are neighbours, in the colour that the dashboard gives them.

/** The spans of all annotations of a dashboard: `{ from, to, colour }`, in milliseconds. */
export async function askForMarks(annotations, prometheus, theme) {
  const asked = annotations.filter((annotation) => annotation.enable).map(async ({ expr, step, iconColor }) => {
    const milliseconds = parseInt(step, 10) * 1000;
    const curves = await prometheus.curves(prometheus.fill(expr, milliseconds), milliseconds);
    const colour = theme.visualization.getColorByName(iconColor);
    return curves.flatMap(({ values }) => spans(values, milliseconds).map((span) => ({ ...span, colour })));
  });
  return (await Promise.all(asked)).flat();
}

function spans(values, step) {
  const found = [];
  for (const [seconds] of values) {
    const at = seconds * 1000;
    const last = found.at(-1);
    if (last && at - last.to <= step) last.to = at;
    else found.push({ from: at, to: at });
  }
  return found;
}

/** Draws them into a plot, each time it is drawn. */
export function addMarks(builder, marks) {
  if (builder.hasMarks) return;
  builder.hasMarks = true;
  builder.addHook('draw', (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { from, to, colour } of marks) drawMark(plot, from, to, colour);
    ctx.restore();
  });
}

function drawMark({ ctx, bbox, valToPos }, from, to, colour) {
  const [begin, end] = [from, to].map((moment) => Math.round(valToPos(moment, 'x', true)));
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = window.devicePixelRatio;
  ctx.setLineDash([5, 5]);
  for (const x of new Set([begin, end])) {
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.globalAlpha = 0.08;
  ctx.fillRect(begin, bbox.top, end - begin, bbox.height);
  ctx.globalAlpha = 1;
}
