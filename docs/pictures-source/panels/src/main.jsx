// Draws one committed dashboard with what a Prometheus says, at the places that its JSON gives.
//
// The address says which: ?dashboard=overview&prometheus=http://…&from=…&to=…&scrape=5000, moments in
// milliseconds since 1970. The body's data-state is then "drawn", or "failed" with data-problem.

import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import '@fontsource/roboto-mono/400.css';
import 'uplot/dist/uPlot.min.css';
import './main.css';

import { ThemeContext, createTheme, dateTimeForTimeZone } from '@grafana/data';
import { GlobalStyles, Icon } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { TIME_ZONE } from './fields.js';
import { askForMarks } from './marks.js';
import { Panel, askForPanel } from './panels.jsx';
import { Prometheus } from './prometheus.js';

const COLUMNS = 24;
const CELL_HEIGHT = 30;
const GAP = 8;
const MARGIN = 16;

async function draw(parameters) {
  const dashboard = await (await fetch(`/dashboards/${parameters.get('dashboard')}.json`)).json();
  const [from, to] = ['from', 'to'].map((name) => dateTimeForTimeZone(TIME_ZONE, Number(parameters.get(name))));
  const range = { from, to, raw: { from, to } };
  const scrapeInterval = Number(parameters.get('scrape'));
  const prometheus = new Prometheus(parameters.get('prometheus'), dashboard.templating.list, range, scrapeInterval);
  const theme = createTheme({ colors: { mode: 'dark' } });
  await Promise.all(['400 12px Inter', '500 14px Inter', '400 12px "Roboto Mono"'].map((font) => document.fonts.load(font)));

  const marks = await askForMarks(dashboard.annotations.list, prometheus, theme);
  const placed = await Promise.all(dashboard.panels.map(async (panel) => {
    const place = placeOf(panel.gridPos);
    const frames = panel.type === 'row' ? [] : await askForPanel(panel, prometheus, place.width, theme);
    return { panel, place, frames };
  }));
  createRoot(document.getElementById('dashboard')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Head dashboard={dashboard} prometheus={prometheus} range={range} />
      <div className="grid" style={{ height: Math.max(...placed.map(({ place }) => place.top + place.height)) }}>
        {placed.map(({ panel, place, frames }) => (
          <div key={panel.id} className="placed" style={place}>
            {panel.type === 'row'
              ? <Row row={panel} />
              : <Panel panel={panel} title={prometheus.fill(panel.title, scrapeInterval)} frames={frames} marks={marks}
                       range={range} theme={theme} width={place.width} height={place.height} />}
          </div>
        ))}
      </div>
    </ThemeContext.Provider>,
  );
}

function placeOf({ x, y, w, h }) {
  const column = (document.documentElement.clientWidth - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS;
  return {
    left: x * (column + GAP), top: y * (CELL_HEIGHT + GAP),
    width: w * column + (w - 1) * GAP, height: h * CELL_HEIGHT + (h - 1) * GAP,
  };
}

function Head({ dashboard, prometheus, range }) {
  const time = (moment) => moment.format('YYYY-MM-DD HH:mm:ss');
  return (
    <header>
      <h1>{dashboard.title}</h1>
      <p className="time"><Icon name="clock-nine" /> {time(range.from)} to {time(range.to)} UTC</p>
      <ul>
        {dashboard.templating.list.map(({ name, label }) => (
          <li key={name}><span>{label}</span><span>{prometheus.variables.get(name).text}</span></li>
        ))}
      </ul>
    </header>
  );
}

function Row({ row }) {
  return (
    <div className="row">
      <Icon name={row.collapsed ? 'angle-right' : 'angle-down'} /> {row.title}
      {row.collapsed && <span className="count">({row.panels.length} panels)</span>}
    </div>
  );
}

const said = document.body.dataset;
const fail = (error) => Object.assign(said, { state: 'failed', problem: String(error?.stack ?? error) });
window.addEventListener('error', ({ error, message }) => fail(error ?? message));
window.addEventListener('unhandledrejection', ({ reason }) => fail(reason));
draw(new URLSearchParams(location.search)).then(() => {
  // Two frames: the first lays the panels out, the second has their plots.
  requestAnimationFrame(() => requestAnimationFrame(() => { if (said.state === 'drawing') said.state = 'drawn'; }));
}, fail);
