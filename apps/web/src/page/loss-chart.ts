import { mean } from '@tfjs-lrm/language-model';
import type uPlot from 'uplot';
import type { Run } from '../session/session.ts';
import { make } from './elements.ts';
import { axis, LINES, makePlot } from './plot.ts';

const POINTS = 120;
/** Nats above the first loss on unseen text that are still drawn. */
const HEADROOM = 0.4;

/** Mean training loss of every stretch of steps, by the number of its last one. */
function smoothed({ records }: Run, every: number): Map<number, number> {
  const means = new Map<number, number>();
  for (let end = every; end <= records.length; end += every)
    means.set(end, mean(records.slice(end - every, end).map(({ loss }) => loss)));
  return means;
}

const validated = ({ records }: Run): Map<number, number> =>
  new Map(
    records.flatMap(({ step, validationLoss }) =>
      validationLoss === undefined ? [] : [[step + 1, validationLoss] as const],
    ),
  );

export interface LossChart {
  update(runs: readonly Run[]): void;
}

/** Training and validation loss of both runs. */
export function lossChart(figure: HTMLElement): LossChart {
  const fine = LINES.map((line) => ({ ...line, width: 1, alpha: 0.75 }));
  const bold = LINES.map((line) => ({
    ...line,
    width: 3,
    spanGaps: true,
    points: { show: true, size: 6, fill: line.stroke, stroke: line.stroke },
  }));
  let top = Number.POSITIVE_INFINITY;
  const plot = makePlot(figure, 'Nats a character, over the steps of training', 320, {
    id: 'loss',
    padding: [8, 16, 0, 0],
    scales: { x: { time: false }, y: { range: (_, least, most) => [least, Math.min(most, top)] } },
    axes: [axis({ size: 28 }), axis({ size: 44 })],
    series: [
      {},
      ...fine.map((line) => ({ ...line, spanGaps: true, points: { show: false } })),
      ...bold,
    ] as uPlot.Series[],
  });
  const table = make('details', { class: 'numbers-table' }, make('summary', {}, 'As a table'));
  figure.append(table);
  let latest: readonly Run[] = [];
  const fill = (): void => {
    table.querySelector('.scroll')?.remove();
    if (!table.open) return;
    const [plain, having] = latest.map(validated) as [Map<number, number>, Map<number, number>];
    const steps = [...new Set([...plain.keys(), ...having.keys()])].sort((a, b) => a - b);
    const row = (kind: 'th' | 'td', cells: readonly string[]): HTMLElement =>
      make('tr', {}, ...cells.map((cell, i) => make(i === 0 ? 'th' : kind, {}, cell)));
    const rows = steps.map((step) =>
      row('td', [
        String(step),
        ...[plain, having].map((losses) => losses.get(step)?.toFixed(3) ?? '–'),
      ]),
    );
    const head = make('thead', {}, row('th', ['step', 'without multipliers', 'with']));
    const caption = make('caption', {}, 'Loss on unseen text, nats a character');
    table.append(
      make(
        'div',
        { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Losses' },
        make('table', {}, caption, head, make('tbody', {}, ...rows)),
      ),
    );
  };
  table.addEventListener('toggle', fill);
  return {
    update(runs) {
      latest = runs;
      const steps = runs[0]?.settings.preset.steps ?? 0;
      const every = Math.max(1, Math.round(steps / POINTS));
      const series = [...runs.map((run) => smoothed(run, every)), ...runs.map(validated)];
      const x = [...new Set(series.flatMap((line) => [...line.keys()]))].sort((a, b) => a - b);
      const data = [x, ...series.map((line) => x.map((step) => line.get(step) ?? null))];
      const losses = series.slice(2).flatMap((line) => [...line.values()]);
      // The first steps fall far; what the models differ in comes later.
      top = losses.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...losses) + HEADROOM;
      const words = runs
        .map(({ settings, validationLoss }) => {
          const which = settings.multipliers ? 'with multipliers' : 'without multipliers';
          return `${which} ${validationLoss?.toFixed(3) ?? 'not yet measured'}`;
        })
        .join(', ');
      plot.update(data as uPlot.AlignedData, `Line chart of the losses. On unseen text: ${words}.`);
      if (table.open) fill();
    },
  };
}
