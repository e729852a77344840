// What a panel asks of Prometheus, as Grafana asks it: the dashboard's variables and the ranges of
// rates are put in, and each curve of the answer becomes a data frame.

import { FieldType, rangeUtil } from '@grafana/data';

export class Prometheus {
  /** `range` is Grafana's, `scrapeInterval` in milliseconds what its data source is told. */
  constructor(address, variables, range, scrapeInterval) {
    Object.assign(this, { address, range, scrapeInterval });
    this.variables = new Map(variables.map((variable) => [variable.name, chosen(variable)]));
  }

  /** A text with its variables put in: `$name`, `${name}` for the value, `${name:text}` for what is read. */
  fill(text, step) {
    const seconds = (milliseconds) => `${Math.round(milliseconds / 1000)}s`;
    const rateInterval = Math.max(step + this.scrapeInterval, 4 * this.scrapeInterval);
    const builtIn = { __interval: seconds(step), __rate_interval: seconds(rateInterval) };
    return text.replace(/\$\{(\w+)(?::(\w+))?\}|\$(\w+)/g, (whole, braced, format, plain) => {
      const name = braced ?? plain;
      if (name in builtIn) return builtIn[name];
      const variable = this.variables.get(name);
      if (!variable) throw new Error(`${whole} is no variable of the dashboard`);
      return format === 'text' ? variable.text : variable.value;
    });
  }

  /** The frames of a query, one a curve, with about one point for each pixel of the panel. */
  async ask(target, width) {
    const { intervalMs } = rangeUtil.calculateInterval(this.range, width, `${this.scrapeInterval / 1000}s`);
    const expression = this.fill(target.expr, intervalMs);
    const curves = await (target.instant ? this.now(expression) : this.curves(expression, intervalMs));
    return curves.map(({ metric, values }) => ({
      refId: target.refId,
      length: values.length,
      fields: [
        { name: 'Time', type: FieldType.time, config: { interval: intervalMs }, values: values.map(([at]) => at * 1000) },
        {
          name: 'Value',
          type: FieldType.number,
          labels: metric,
          config: { displayNameFromDS: this.legend(target.legendFormat, metric, intervalMs) },
          values: values.map(([, value]) => number(value)),
        },
      ],
    }));
  }

  /** The curves of an expression as Prometheus gives them; an error or a warning ends the drawing. */
  async curves(expression, step) {
    const aligned = (moment) => Math.floor(moment.valueOf() / step) * step / 1000;
    const [start, end] = [aligned(this.range.from), aligned(this.range.to)];
    return this.post('query_range', { query: expression, start, end, step: step / 1000 });
  }

  /** The same with one value each, at the end of the range. */
  async now(expression) {
    const found = await this.post('query', { query: expression, time: this.range.to.valueOf() / 1000 });
    return found.map(({ metric, value }) => ({ metric, values: [value] }));
  }

  async post(what, form) {
    const response = await fetch(`${this.address}/api/v1/${what}`, { method: 'POST', body: new URLSearchParams(form) });
    const answer = await response.json();
    if (answer.status !== 'success' || answer.warnings) {
      throw new Error(`${form.query}: ${answer.error ?? answer.warnings}`);
    }
    return answer.data.result;
  }

  legend(format, metric, step) {
    if (format === '__auto') {
      const { __name__: name = '', ...labels } = metric;
      const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      return pairs.length ? `${name}{${pairs.join(', ')}}` : name || 'Value';
    }
    const filled = format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? '');
    return this.fill(filled, step);
  }
}

/** What a variable stands for when a dashboard is opened: its committed choice. */
function chosen({ type, current, allValue }) {
  if (type === 'datasource') return { text: 'Prometheus', value: 'prometheus' };
  return { text: current.text, value: current.value === '$__all' ? allValue : current.value };
}

/** Prometheus writes numbers as text; what is not a number is drawn as a gap. */
function number(text) {
  if (text === '+Inf') return Infinity;
  const value = Number(text);
  return Number.isNaN(value) ? null : value;
}
