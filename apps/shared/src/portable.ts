/** The part of this that needs no Node, for browsers: charts as HTML, and telling what went wrong. */

export type { Chart, Style } from './chart/figure.ts';
export { histogram } from './chart/histogram.ts';
export { escaped, htmlTable } from './chart/html.ts';
export { type Line, lineChart, lineDrawing } from './chart/line-chart.ts';
export { page, type Section } from './chart/page.ts';
export { Failure, Mistake } from './mistake.ts';
