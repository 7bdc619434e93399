/** The experiments as a table for the terminal and as one page: claim, verdict, drawings with their spread, settings. */
import {
  type Chart,
  columns,
  escaped,
  type Line,
  lineChart,
  lineDrawing,
  page,
  type Section,
} from '@tfjs-lrm/shared';
import { curve } from './curves.ts';
import type { Outcome, Settings, Verdict } from './experiment.ts';
import type { Experiment, Quantity } from './index.ts';

/** An experiment with its results. */
export interface Finished {
  readonly experiment: Experiment;
  readonly settings: Settings;
  readonly outcomes: readonly Outcome[];
  readonly verdict: Verdict;
  readonly isQuick: boolean;
}

/** One line an experiment. */
export const verdictTable = (finished: readonly Finished[]): string =>
  columns(
    [
      ['experiment', 'verdict', 'runs'],
      ...finished.map(({ experiment, verdict, outcomes, isQuick }) => [
        experiment.name,
        `${verdict.verdict}${isQuick ? ' (quick: too short to count)' : ''}`,
        String(outcomes.length),
      ]),
    ],
    (column) => column > 1,
  );

/** The chart of a quantity, and its lines. */
function chartOf(
  { experiment, settings, outcomes }: Finished,
  { quantity, label, title }: Quantity,
): [Chart, Line[]] {
  const seeds = settings.seeds.length;
  const chart = {
    title,
    description: `Means over ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}; the band is the sample standard deviation.`,
    x: {
      label: 'S, as a multiple of √(η/λ) of the other matrices',
      log: true,
      ticks: settings.factors,
      format: (factor: number) => (factor < 1 ? `1/${Math.round(1 / factor)}` : String(factor)),
    },
    y: { label, log: quantity !== 'loss' },
  };
  const lines = experiment.lines.map((name) => ({
    name,
    points: curve(outcomes, name, quantity).map((point) => ({
      x: point.factor,
      y: point.mean,
      spread: point.spread,
    })),
  }));
  return [chart, lines];
}

/** The first chart of an experiment, its loss, as one SVG file. */
export const lossDrawing = (finished: Finished): string =>
  lineDrawing(...chartOf(finished, finished.experiment.charts[0] as Quantity));

function section(finished: Finished): Section {
  const { experiment, settings, verdict, isQuick, outcomes } = finished;
  const { backend } = (outcomes[0] as Outcome).cell;
  const command = `npm run demo -- paper ${experiment.name}${isQuick ? ' --quick' : ''}`;
  return {
    heading: experiment.title,
    body: `<p>${escaped(experiment.claim)}</p>
<p><strong>${verdict.verdict}</strong>${isQuick ? ' (a quick run, too short and with too few seeds to count)' : ''}: ${escaped(verdict.because)}</p>
<div class="charts">${experiment.charts.map((quantity) => lineChart(...chartOf(finished, quantity))).join('\n')}</div>
<details><summary>Settings, fixed before the first run; ${backend}</summary><p>${escaped(settings.chosen)}</p><pre><code>${escaped(JSON.stringify(settings, null, 2))}</code></pre></details>
<p><code>${command}</code></p>`,
  };
}

/** paper.html. */
export const paperReport = (finished: readonly Finished[]): string =>
  page(
    'The paper’s effects at the size of a demo',
    '<p>Effects that arXiv 2601.04890 describes, looked for in character-level language models of a few thousand parameters on Moby Dick. Rules and settings were written before the first run; what was not reproduced is said as plainly as what was.</p>',
    finished.map(section),
  );
