/** The experiments as a table for the terminal and as one page: claim, verdict, drawings with their spread, settings. */
import {
  columns,
  escaped,
  heatMap,
  heatMapDrawing,
  histogram,
  htmlTable,
  intervalChart,
  intervalDrawing,
  lineChart,
  lineDrawing,
  page,
  type Section,
} from '@tfjs-lrm/shared';
import type { Drawing } from './drawings.ts';
import type { Experiment, Outcome, Settings, Verdict } from './experiment.ts';

/** An experiment with its results. */
export interface Finished {
  readonly experiment: Experiment;
  readonly settings: Settings;
  readonly outcomes: readonly Outcome[];
  readonly verdict: Verdict;
  readonly isQuick: boolean;
}

const QUICK = 'quick: too short and with too few seeds to count';

/** One line an experiment. */
export const verdictTable = (finished: readonly Finished[]): string =>
  columns(
    [
      ['experiment', 'verdict', 'runs'],
      ...finished.map(({ experiment, verdict, outcomes, isQuick }) => [
        experiment.name,
        `${verdict.verdict}${isQuick ? ` (${QUICK})` : ''}`,
        String(outcomes.length),
      ]),
    ],
    (column) => column > 1,
  );

/** A drawing as HTML. */
function inPage(drawing: Drawing): string {
  switch (drawing.kind) {
    case 'curves':
      return lineChart(drawing.chart, drawing.lines);
    case 'histogram':
      return histogram(drawing.chart, drawing.samples);
    case 'heat map':
      return heatMap(drawing.map);
    case 'intervals':
      return intervalChart(drawing.chart);
    case 'table':
      return `<div class="wide">${htmlTable(drawing.rows, drawing.caption)}</div>`;
  }
}

/** The first drawing of an experiment as one SVG file; null where it is of a kind that only pages have. */
export function picture({ experiment, outcomes, settings }: Finished): string | null {
  const [drawing] = experiment.drawings(outcomes, settings);
  if (drawing?.kind === 'curves') return lineDrawing(drawing.chart, drawing.lines);
  if (drawing?.kind === 'heat map') return heatMapDrawing(drawing.map);
  if (drawing?.kind === 'intervals') return intervalDrawing(drawing.chart);
  return null;
}

function section(finished: Finished): Section {
  const { experiment, settings, verdict, isQuick, outcomes } = finished;
  const { backend } = (outcomes[0] as Outcome).cell;
  const command = `npm run demo -- paper ${experiment.name}${isQuick ? ' --quick' : ''}`;
  return {
    heading: experiment.title,
    body: `<p>${escaped(experiment.claim)}</p>
<p><strong>${verdict.verdict}</strong>${isQuick ? ` (${QUICK})` : ''}: ${escaped(verdict.because)}</p>
<div class="charts">${experiment.drawings(outcomes, settings).map(inPage).join('\n')}</div>
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
