import type { Scale, ScaleBand } from '@tfjs-lrm/language-model';
import type uPlot from 'uplot';
import type { Run } from '../session/session.ts';
import { make } from './elements.ts';
import { lastOf, lastRatio, type Points } from './last-points.ts';
import { repaint } from './painter.ts';
import { axis, colour, LINES, makePlot, type Plot } from './plot.ts';

const POINTS = 100;

type Bands = Readonly<Record<string, ScaleBand>>;

/** `block1_query` as people say it. */
export const titleOf = (name: string): string =>
  name.replace(/^block(\d+)_/, (_, block) => `block ${Number(block) + 1}, `);

const short = (value: number): string => value.toPrecision(2);

/** The scales of each matrix by step, thinned out to what a small chart can show. */
function scales({ records, settings }: Run): Map<number, Readonly<Record<string, Scale>>> {
  const every = Math.max(1, Math.round(settings.preset.steps / POINTS / 10)) * 10;
  const all = records.flatMap(({ step, scales: of }) =>
    of === undefined || (step + 1) % every !== 0 ? [] : [[step + 1, of] as const],
  );
  return new Map(all);
}

function smallPlot(name: string): Plot {
  const none = { stroke: 'transparent', width: 0, points: { show: false } };
  const figure = make('figure', { class: 'chart' });
  return makePlot(figure, make('b', {}, titleOf(name)), 120, {
    id: `scale ${name}`,
    padding: [6, 14, 0, 0],
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, (most || 1) * 1.1] } },
    axes: [
      axis({ size: 22, space: 60, font: '11px system-ui, sans-serif' }),
      axis({ size: 38, space: 28, font: '11px system-ui, sans-serif' }),
    ],
    bands: [{ series: [1, 2], fill: () => `${colour('band')}40` } as unknown as uPlot.Band],
    series: [
      {},
      { ...none, label: 'most' },
      { ...none, label: 'least' },
      // The band of a large matrix is thinner than a line; what lies under one must still be seen.
      { stroke: () => `${colour('band')}59`, width: 9, spanGaps: true, points: { show: false } },
      ...LINES.map((line) => ({ ...line, spanGaps: true, points: { show: false } })),
    ] as uPlot.Series[],
  });
}

export interface ScaleCharts {
  update(runs: readonly Run[], bands: Bands): void;
  clear(): void;
}

/** A small chart for each matrix: its scale without and with multipliers, and the band of noise and decay. */
export function scaleCharts(place: HTMLElement): ScaleCharts {
  const plots = new Map<string, Plot>();
  const draw = (name: string, runs: readonly Run[], band: ScaleBand | undefined): void => {
    const [plain, having] = runs.map(scales) as [
      ReturnType<typeof scales>,
      ReturnType<typeof scales>,
    ];
    const x = [...new Set([...plain.keys(), ...having.keys()])].sort((a, b) => a - b);
    const line = (of: typeof plain): Points =>
      x.map((step) => of.get(step)?.[name]?.effective ?? null);
    const limit = (of: readonly number[] | undefined): (number | null)[] =>
      x.map((step) => of?.[step / (band?.every ?? 1)] ?? null);
    let plot = plots.get(name);
    if (plot === undefined) {
      plot = smallPlot(name);
      plots.set(name, plot);
      place.append(plot.figure);
    }
    const [without, withThem] = [line(plain), line(having)];
    const [a, b] = [lastOf(without), lastOf(withThem)];
    const ratio = lastRatio(withThem, without);
    const [low, high] = [limit(band?.low), limit(band?.high)];
    plot.caption.replaceChildren(
      make('b', {}, titleOf(name)),
      ...(ratio === null ? [] : [make('span', { class: 'faint' }, `× ${ratio.toFixed(2)}`)]),
    );
    plot.update(
      [
        x,
        high,
        low,
        low.map((least, i) => least && (least + (high[i] as number)) / 2),
        without,
        withThem,
      ] as uPlot.AlignedData,
      `${titleOf(name)}: ${a ? short(a) : 'nothing yet'} without multipliers, ${b ? short(b) : 'nothing yet'} with.`,
    );
  };
  return {
    update(runs, bands) {
      const names = new Set(
        runs.flatMap(({ records }) =>
          Object.keys(records.findLast((record) => record.scales)?.scales ?? {}),
        ),
      );
      for (const name of names) repaint(`scale ${name}`, () => draw(name, runs, bands[name]));
    },
    clear() {
      plots.clear();
      place.replaceChildren();
    },
  };
}
