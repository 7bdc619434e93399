/** What the demo and the benchmarks share: reading a command line, telling what went wrong, drawing charts. */

export type { Axis } from './chart/axis-scale.ts';
export { type Chart, defaultStyle, type Style } from './chart/figure.ts';
export { type HeatCell, type HeatMap, heatMap, heatMapDrawing } from './chart/heat-map.ts';
export { histogram, type Sample } from './chart/histogram.ts';
export { escaped, htmlTable } from './chart/html.ts';
export {
  type Interval,
  type IntervalChart,
  intervalChart,
  intervalDrawing,
} from './chart/interval-chart.ts';
export { type Line, lineChart, lineDrawing } from './chart/line-chart.ts';
export { page, type Section } from './chart/page.ts';
export { type Panel, panelDrawing } from './chart/panels.ts';
export { runCommand } from './command-line.ts';
export { cpuMs } from './cpu-time.ts';
export {
  describeFlags,
  type Flags,
  number,
  numbers,
  oneOf,
  path,
  present,
  readArguments,
  readFlags,
  someOf,
  unknownName,
  whole,
} from './flags.ts';
export { withMarked } from './marked-text.ts';
export { Failure, Mistake } from './mistake.ts';
