// A panel's field configuration applied to its frames: unit, colour, limits and look, first the
// defaults and then the overrides whose matcher fits. Grafana does this in its core, which is not
// published; matchers, display processors and colours are its own.

import { FieldType, fieldMatchers, getDisplayProcessor } from '@grafana/data';
import { cloneDeep, set } from 'lodash';

export const TIME_ZONE = 'utc';

export function withFieldConfig(frames, { defaults, overrides }, theme) {
  const rules = overrides.map(({ matcher, properties }) => (
    { matches: fieldMatchers.get(matcher.id).get(matcher.options), properties }
  ));
  let seriesIndex = 0;
  for (const frame of frames) {
    for (const field of frame.fields) {
      if (field.type === FieldType.number) {
        field.config = { ...prepared(defaults), ...field.config };
        field.state = { seriesIndex };
        seriesIndex += 1;
        for (const { matches, properties } of rules) {
          if (matches(field, frame, frames)) {
            for (const { id, value } of properties) set(field.config, id, cloneDeep(value));
          }
        }
      }
      field.display = getDisplayProcessor({ field, theme, timeZone: TIME_ZONE });
    }
  }
  return frames;
}

/** JSON has no infinity and writes what is left out as null. */
export function prepared(defaults) {
  const config = cloneDeep(defaults);
  for (const limit of ['min', 'max']) if (config[limit] === null) delete config[limit];
  for (const step of config.thresholds?.steps ?? []) step.value ??= -Infinity;
  return config;
}
