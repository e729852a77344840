// The panels: each type of the dashboards with the component that Grafana publishes for it. A type
// for which there is none is an empty box that says so.

import { getFieldDisplayValues, getDisplayValueAlignmentFactors } from '@grafana/data';
import { BigValue, PanelChrome, TimeSeries, VizRepeater } from '@grafana/ui';
import { TIME_ZONE, prepared, withFieldConfig } from './fields.js';
import { Heatmap } from './heatmap.jsx';
import { addMarks } from './marks.js';

const TYPES = { timeseries: Graph, stat: Stat, heatmap: Heatmap };

/** Asks the queries of a panel; what comes back is what it draws. */
export async function askForPanel(panel, prometheus, width, theme) {
  const answers = await Promise.all(panel.targets.map((target) => prometheus.ask(target, width)));
  return withFieldConfig(answers.flat(), panel.fieldConfig, theme);
}

export function Panel({ panel, title, ...rest }) {
  const Content = TYPES[panel.type] ?? Unsupported;
  return (
    <PanelChrome title={title} description={panel.description} width={rest.width} height={rest.height}>
      {(width, height) => <Content {...rest} panel={panel} width={width} height={height} />}
    </PanelChrome>
  );
}

function Graph({ panel, frames, marks, range, theme, width, height }) {
  if (!frames.length) return <Empty text="No data" />;
  return (
    <TimeSeries frames={frames} legend={panel.options.legend} timeRange={range} timeZone={TIME_ZONE}
                theme={theme} width={width} height={height}>
      {(builder) => addMarks(builder, marks)}
    </TimeSeries>
  );
}

function Stat({ panel, frames, range, theme, width, height }) {
  const { options } = panel;
  const fieldConfig = { ...panel.fieldConfig, defaults: prepared(panel.fieldConfig.defaults) };
  const values = () => getFieldDisplayValues({
    data: frames, fieldConfig, reduceOptions: options.reduceOptions, replaceVariables: (text) => text,
    sparkline: options.graphMode !== 'none', theme, timeZone: TIME_ZONE,
  });
  const renderValue = ({ value, alignmentFactors, width: each, height: high, count }) => {
    if (value.sparkline) value.sparkline.timeRange = range;
    return <BigValue value={value.display} sparkline={value.sparkline} count={count} theme={theme} width={each} height={high}
                     alignmentFactors={alignmentFactors} colorMode={options.colorMode} graphMode={options.graphMode}
                     justifyMode={options.justifyMode} textMode={options.textMode} wideLayout={options.wideLayout} />;
  };
  return <VizRepeater getValues={values} getAlignmentFactors={getDisplayValueAlignmentFactors} renderValue={renderValue}
                      width={width} height={height} source={frames} renderCounter={0} autoGrid
                      orientation={options.orientation} />;
}

function Unsupported({ panel }) {
  return <Empty text={`Grafana publishes no component for a panel of type “${panel.type}”: it is not drawn here.`} />;
}

function Empty({ text }) {
  return <div className="empty">{text}</div>;
}
