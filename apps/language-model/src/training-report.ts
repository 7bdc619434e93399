/** report.html of a comparison: what its charts, tables and texts show. */
import { noiseBand } from '@tfjs-lrm/diagnostics';
import {
  type Chart,
  escaped,
  histogram,
  htmlTable,
  type Line,
  lineChart,
  lineDrawing,
  page,
  type Section,
  type Style,
} from '@tfjs-lrm/shared/portable';
import type { Settings } from './checkpoint.ts';
import {
  bySeeds,
  type FinishedRun,
  type LoggedRun,
  matrixShapes,
  meanScale,
  verdict,
} from './results.ts';
import { scaleRecordOf } from './scale-record.ts';
import { mean, meanAndSpread, spread } from './statistics.ts';
import type { RunResult } from './training/finish.ts';
import type { StepRecord } from './training/losses.ts';

/** Runs that differ in their seeds alone. */
interface Group<R extends LoggedRun = FinishedRun> {
  readonly name: string;
  readonly runs: readonly R[];
  /** Without multipliers dashed, with them solid; a colour for each optimizer and decay. */
  readonly style: Style;
}

const POINTS = 70;

function groupsOf<R extends LoggedRun>(runs: readonly R[]): Group<R>[] {
  const pairs: string[] = [];
  return [...bySeeds(runs)].map(([name, members], index) => {
    const { optimizer, decay, multipliers } = (members[0] as R).settings;
    const pair = `${optimizer} ${decay}`;
    if (!pairs.includes(pair)) pairs.push(pair);
    const hue = pairs.indexOf(pair);
    return { name, runs: members, style: { hue, dash: multipliers ? 0 : 1, marker: index } };
  });
}

/** A quantity over the steps that have it, as mean and spread over the seeds. */
function line<R extends LoggedRun>(
  group: Group<R>,
  value: (record: StepRecord, run: R) => number | undefined,
): Line {
  const bySteps = new Map<number, number[]>();
  for (const run of group.runs)
    for (const record of run.records) {
      const point = value(record, run);
      if (point === undefined) continue;
      const values = bySteps.get(record.step + 1) ?? [];
      values.push(point);
      bySteps.set(record.step + 1, values);
    }
  const points = [...bySteps].map(([x, values]) => ({
    x,
    y: mean(values),
    ...(values.length > 1 ? { spread: spread(values) } : {}),
  }));
  return { name: group.name, points, style: group.style };
}

/** The mean loss of each stretch of steps, at its last step. */
function smoothed(run: FinishedRun, every: number): Map<number, number> {
  const { records } = run;
  const means = new Map<number, number>();
  for (let end = every; end <= records.length; end += every)
    means.set(
      (records[end - 1] as StepRecord).step,
      mean(records.slice(end - every, end).map(({ loss }) => loss)),
    );
  return means;
}

/** Root mean square over all entries of all matrices. */
function overall(
  record: StepRecord,
  { matrices }: RunResult,
  key: 'stored' | 'effective',
): number | undefined {
  if (record.scales === undefined) return undefined;
  let [sum, size] = [0, 0];
  for (const { name, shape } of matrices) {
    const entries = shape.reduce((product, n) => product * n, 1);
    sum += entries * (record.scales[name]?.[key] ?? 0) ** 2;
    size += entries;
  }
  return Math.sqrt(sum / size);
}

const LOSS_AXES = { x: { label: 'training steps' }, y: { label: 'loss, nats a character' } };

const VALIDATION: Chart = {
  title: 'Validation loss',
  description:
    'Mean cross-entropy on text that was not trained on; lower is better. The last point is over five times as much text as the others.',
  ...LOSS_AXES,
};

const validationLines = (groups: readonly Group<LoggedRun>[]): Line[] =>
  groups.map((group) => line(group, ({ validationLoss }) => validationLoss));

/** The validation losses of finished runs, as one SVG file. */
export const lossFigure = (runs: readonly LoggedRun[]): string =>
  lineDrawing(VALIDATION, validationLines(groupsOf(runs)));

function lossCharts(groups: readonly Group[], steps: number): string[] {
  const every = Math.max(1, Math.round(steps / POINTS));
  const means = new Map(
    groups.flatMap(({ runs }) => runs.map((run) => [run, smoothed(run, every)])),
  );
  return [
    lineChart(VALIDATION, validationLines(groups)),
    lineChart(
      {
        title: 'Training loss',
        description: `Mean cross-entropy on the batches that were trained on${every > 1 ? `, over every ${every} steps` : ''}.`,
        ...LOSS_AXES,
      },
      groups.map((group) => line(group, ({ step }, run) => means.get(run)?.get(step))),
    ),
  ];
}

const normCharts = (groups: readonly Group[]): string[] =>
  (['effective', 'stored'] as const).map((key) =>
    lineChart(
      {
        title:
          key === 'effective'
            ? 'Norm of the weights as they act'
            : 'Norm of the weights as they are stored',
        description:
          key === 'effective'
            ? 'Root mean square of all entries of all matrices r·W·c: without multipliers weight decay sets it, with them it is learned.'
            : 'Root mean square of all entries of all matrices W, before the multipliers r and c; without multipliers the same as the other chart.',
        x: { label: 'training steps' },
        y: { label: 'root mean square of a weight' },
      },
      groups.map((group) => line(group, (record, { result }) => overall(record, result, key))),
    ),
  );

/** A chart for each matrix: its scale in the first run of each group without multipliers, and what noise alone predicts. */
function bandCharts(groups: readonly Group[]): string[] {
  const lines = new Map<string, Line[]>();
  for (const { name, runs, style } of groups.filter(({ runs }) => !runs[0]?.settings.multipliers))
    for (const variable of scaleRecordOf(runs[0] as FinishedRun)?.variables ?? []) {
      const band = noiseBand(variable);
      if (band === null) continue;
      const of = (values: (i: number) => { y: number; spread?: number }) =>
        variable.points.map(({ step }, i) => ({ x: step, ...values(i) }));
      lines.set(variable.name, [
        ...(lines.get(variable.name) ?? []),
        {
          name,
          style: { ...style, dash: 0 },
          points: of((i) => ({ y: variable.points[i]?.rms as number })),
        },
        {
          name: `${name}, noise alone`,
          style: { ...style, dash: 1 },
          points: of((i) => ({
            y: band.rms[i] as number,
            spread: ((band.high[i] as number) - (band.low[i] as number)) / 2,
          })),
        },
      ]);
    }
  return [...lines].map(([name, own]) =>
    lineChart(
      {
        title: `Scale of ${name.split('/')[0]}`,
        description:
          'Root mean square of the matrix without multipliers; dashed, what gradient noise and decay alone would make of its start, with two standard deviations on either side.',
        x: { label: 'training steps' },
        y: { label: 'root mean square of a weight' },
      },
      own,
    ),
  );
}

/** The charts of the matrices, closed: there are many. */
function bandSection(groups: readonly Group[]): string {
  const charts = bandCharts(groups);
  return charts.length === 0
    ? ''
    : `<details><summary>Each matrix over time, beside what noise and decay alone would do</summary><div class="charts">\n${charts.join('\n')}\n</div></details>`;
}

function multiplierCharts(groups: readonly Group[]): string[] {
  const having = groups.filter(({ runs }) => runs[0]?.settings.multipliers);
  if (having.length === 0) return [];
  return (['row', 'column'] as const).map((kind) =>
    histogram(
      {
        title: kind === 'row' ? 'Row multipliers r at the end' : 'Column multipliers c at the end',
        description: `The factors of the ${kind === 'row' ? 'outputs' : 'inputs'} of all matrices; all began at 1.`,
        x: { label: `${kind} multiplier, a factor without unit` },
        y: { label: 'share of the multipliers, %' },
      },
      having.map(({ name, runs, style }) => ({
        name,
        values: runs.flatMap(({ result }) => result.multipliers[kind]),
        style: { ...style, dash: style.hue },
      })),
    ),
  );
}

function resultTable(groups: readonly Group[]): string {
  const rows = groups.map(({ name, runs }) => {
    const losses = runs.map(({ result }) => result.validationLoss);
    const { parameters, foldedParameters } = (runs[0] as FinishedRun).result;
    const off = Math.max(...runs.map(({ result }) => result.foldedDifference));
    return [
      name,
      meanAndSpread(losses, 3),
      Math.exp(mean(losses)).toFixed(2),
      parameters.toLocaleString('en'),
      foldedParameters.toLocaleString('en'),
      off.toPrecision(2),
      mean(runs.map(({ result }) => result.msPerStep)).toFixed(0),
    ];
  });
  return htmlTable(
    [
      [
        'run',
        'validation loss, nats a character',
        'perplexity',
        'parameters',
        'after folding',
        'largest difference of outputs',
        'ms a step',
      ],
      ...rows,
    ],
    'Results at the end of training; mean ± sample standard deviation where there are several seeds',
  );
}

function scaleTable(groups: readonly Group[]): string {
  const rows = [...matrixShapes(groups.flatMap(({ runs }) => runs))].map(([name, shape]) => [
    `${name} ${shape}`,
    ...groups.map(({ runs }) => {
      const effective = meanScale(runs, name, 'effective');
      return runs[0]?.settings.multipliers && effective !== '–'
        ? `${meanScale(runs, name, 'stored')} → ${effective}`
        : effective;
    }),
  ]);
  return htmlTable(
    [['matrix', ...groups.map(({ name }) => name)], ...rows],
    'Root mean square of each matrix at the end: W as stored → r·W·c as it acts',
  );
}

const texts = (runs: readonly FinishedRun[]): string =>
  runs
    .map(
      ({ settings, result }) =>
        `<h3>${escaped(settings.name)}</h3>\n<pre dir="auto">${escaped(result.sample)}</pre>`,
    )
    .join('\n');

/** The page itself, complete in one file. */
export function trainingReport(settings: Settings, runs: readonly FinishedRun[]): string {
  const groups = groupsOf(runs);
  const { text } = settings;
  const { preset, backend, compile } = (runs[0] as FinishedRun).settings;
  const charts = [
    ...lossCharts(groups, preset.steps),
    ...normCharts(groups),
    ...multiplierCharts(groups),
  ];
  const introduction = `<p>A character-level language model of width ${preset.width} with ${preset.blocks} blocks learned <bdi>${escaped(text.file ?? 'Moby Dick')}</bdi> for ${preset.steps} steps of ${preset.batch} × ${preset.context} characters, on ${escaped(backend)}${compile === 'off' ? '' : `, compiled (${compile})`}.</p>
${verdict(runs)
  .split('\n')
  .filter(Boolean)
  .map((said) => `<p>${escaped(said)}</p>`)
  .join('\n')}`;
  const sections: Section[] = [
    { heading: 'Results', body: resultTable(groups) },
    { heading: 'Charts', body: `<div class="charts">\n${charts.join('\n')}\n</div>` },
    { heading: 'Scale of each matrix', body: `${scaleTable(groups)}\n${bandSection(groups)}` },
    {
      heading: 'What the models write',
      body: `<p class="faint">After the first ${preset.context} characters of the validation text, at temperature 0.7.</p>\n${texts(runs)}`,
    },
    {
      heading: 'Settings',
      body: `<details><summary>Every setting of every run</summary><pre><code>${escaped(JSON.stringify(settings, null, 2))}</code></pre></details>`,
    },
  ];
  return page('Language models with and without learnable multipliers', introduction, sections);
}
