/** The runs as a table for the terminal and as a page with drawings. */
import { mean, meanAndSpread, spread } from '@tfjs-lrm/language-model';
import { columns, htmlTable, lineChart, page } from '@tfjs-lrm/shared';
import { CURES, type Measure, overflow, type Run, type Settings } from './experiment.ts';

function overflowText(runs: readonly Run[]): string {
  const overflows = runs.map(overflow);
  if (overflows.every((each) => each === null)) return 'not at this pace';
  return overflows
    .map((each) =>
      each === null ? 'no' : `${each.step}${each.extrapolated ? ' (extrapolated)' : ''}`,
    )
    .join(', ');
}

const ofCure = (runs: readonly Run[], cure: string): Run[] =>
  runs.filter((run) => run.cure === cure);

/** A head and one row a cure, at the end of training. */
export function rows(runs: readonly Run[]): string[][] {
  const lines = CURES.map((cure) => {
    const own = ofCure(runs, cure);
    const end = (of: (last: Measure) => number, digits: number): string =>
      meanAndSpread(
        own.map(({ measures }) => of(measures.at(-1) as Measure)),
        digits,
      );
    return [
      cure,
      meanAndSpread(
        own.map(({ loss }) => loss),
        3,
      ),
      end(({ drift }) => drift, 3),
      end(({ multiplier }) => multiplier, 2),
      end(({ activation }) => activation, 1),
      overflowText(own),
    ];
  });
  return [
    [
      'cure',
      'validation loss, nats',
      'drift, nats',
      'largest |log multiplier|, nats',
      'largest activation',
      'half precision overflows at step',
    ],
    ...lines,
  ];
}

/** One line a cure, for the terminal. */
export const table = (runs: readonly Run[]): string => columns(rows(runs));

const CHARTS: readonly (readonly [
  keyof Measure,
  title: string,
  label: string,
  description: string,
])[] = [
  [
    'drift',
    'Drift along the symmetries',
    'distance from balance, nats',
    'Root mean square over all symmetries of the logarithm by which their two sides differ. 0 is balance.',
  ],
  [
    'multiplier',
    'The multiplier farthest from 1',
    '|log multiplier|, nats',
    'The largest absolute logarithm of a multiplier in the model.',
  ],
  [
    'activation',
    'Activations on the residual stream',
    'largest magnitude',
    'The largest magnitude after the last block, on one batch of the validation text.',
  ],
];

/** The whole report: figures, the table, the settings. */
export function report(runs: readonly Run[], settings: Settings, backend: string): string {
  const charts = CHARTS.map(([key, title, label, description]) =>
    lineChart(
      { title, description, x: { label: 'step' }, y: { label } },
      CURES.map((cure) => ({
        name: cure,
        points: (ofCure(runs, cure)[0]?.measures ?? []).map(({ step }, i) => {
          const values = ofCure(runs, cure).map(({ measures }) => measures[i]?.[key] as number);
          return { x: step, y: mean(values), spread: values.length > 1 ? spread(values) : 0 };
        }),
      })),
    ),
  );
  const { preset, seeds } = settings;
  return page(
    'Drift along symmetries, and three cures',
    `<p>A language model of width ${preset.width} and ${preset.blocks} blocks with row and column multipliers, ${preset.steps} steps, ${backend}; means over ${seeds.length} seeds, the band is the sample standard deviation. After fig. 4 of arXiv 2601.04890, at a much smaller scale.</p>`,
    [
      { heading: 'What drifts', body: `<div class="charts">${charts.join('\n')}</div>` },
      {
        heading: 'At the end',
        body: `${htmlTable(rows(runs), 'Mean ± sample standard deviation over the seeds. Steps of overflow that lie beyond the run are extrapolated from its second half, one for each seed.')}`,
      },
      { heading: 'Settings', body: `<pre>${JSON.stringify(settings, null, 2)}</pre>` },
    ],
  );
}
