import type { Multipliers } from '@tfjs-lrm/language-model';
import uPlot from 'uplot';
import { binned } from './binned.ts';
import { make } from './elements.ts';
import { axis, colour, makePlot, type Plot } from './plot.ts';

const KINDS = ['row', 'column'] as const;

export interface Histograms {
  update(multipliers: Multipliers): void;
}

/** How the row and the column multipliers are distributed. */
export function histograms(place: HTMLElement): Histograms {
  const plots = KINDS.map((kind): Plot => {
    const figure = make('figure', { class: 'chart' });
    place.append(figure);
    const caption =
      kind === 'row' ? 'Rows, r: factors of the outputs' : 'Columns, c: factors of the inputs';
    return makePlot(figure, make('b', {}, caption), 190, {
      id: `histogram ${kind}`,
      padding: [8, 14, 0, 0],
      scales: { x: { time: false } },
      axes: [axis({ size: 28 }), axis({ size: 44 })],
      series: [
        {},
        {
          stroke: () => colour('with'),
          fill: () => colour('with'),
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars?.({ size: [0.9, 100] }),
        } as uPlot.Series,
      ],
    });
  });
  return {
    update(multipliers) {
      for (const [i, kind] of KINDS.entries()) {
        const values = multipliers[kind];
        const { middles, counts } = binned(values);
        const [low, high] = [Math.min(...values), Math.max(...values)];
        const words =
          values.length === 0
            ? `There are no ${kind} multipliers.`
            : `Histogram of ${values.length} ${kind} multipliers, from ${low.toFixed(2)} to ${high.toFixed(2)}.`;
        plots[i]?.update([middles, counts], words);
      }
    },
  };
}
