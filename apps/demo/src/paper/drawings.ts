/** What an experiment gives the report to draw: data, with the words around it. */
import type { Chart, HeatMap, IntervalChart, Line, Sample } from '@tfjs-lrm/shared';

export type Drawing =
  | { readonly kind: 'curves'; readonly chart: Chart; readonly lines: readonly Line[] }
  | { readonly kind: 'histogram'; readonly chart: Chart; readonly samples: readonly Sample[] }
  | { readonly kind: 'heat map'; readonly map: HeatMap }
  | { readonly kind: 'intervals'; readonly chart: IntervalChart }
  /** The first row is the head, the first column names the rows. */
  | {
      readonly kind: 'table';
      readonly caption: string;
      readonly rows: readonly (readonly string[])[];
    };
