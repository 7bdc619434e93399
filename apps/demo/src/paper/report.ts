/** The experiments as a table for the terminal and as one page: claim, verdict, drawings with their spread, settings. */
import { drawTable } from '@tfjs-lrm/core/kit';
import {
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

/** Text in HTML, names between backticks as code. */
const withCode = (text: string): string =>
  escaped(text).replaceAll(/`([^`]*)`/g, '<code>$1</code>');

const QUICK = 'quick: too short and with too few seeds to count';

/** Shapes beside the words, so that a glance down a list suffices, also without colour. */
const MARKS = { reproduced: '●', partly: '◐', 'not seen at this size': '○' } as const;

export const marked = ({ verdict }: Verdict): string => `${MARKS[verdict]} ${verdict}`;

/** The statements that a verdict follows from, one by one. */
export const statements = ({ because }: Verdict): string[] =>
  because
    .replace(/\.$/, '')
    .split('; ')
    .map((each) => `${each.charAt(0).toUpperCase()}${each.slice(1)}.`);

/** One line an experiment. */
export const verdictTable = (finished: readonly Finished[]): string =>
  drawTable(
    [
      ['experiment', 'verdict', 'runs'],
      ...finished.map(({ experiment, verdict, outcomes, isQuick }) => [
        experiment.name,
        `${verdict.verdict}${isQuick ? ` (${QUICK})` : ''}`,
        String(outcomes.length),
      ]),
    ],
    { right: 2 },
  );

/** A drawing as HTML. */
function inPage(drawing: Drawing): string {
  switch (drawing.kind) {
    case 'curves':
      return lineChart(drawing.chart, drawing.lines);
    case 'histogram':
      return histogram(drawing.chart, drawing.samples);
    case 'heat map':
      return `<div class="wide">${heatMap(drawing.map)}</div>`;
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

/** How an experiment was run: seeds, runs, backend. */
export function conditions({ settings, outcomes }: Finished): string {
  const { backend, compile } = (outcomes[0] as Outcome).cell;
  const seeds = settings.seeds.length;
  return `${outcomes.length} runs, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}, on ${backend}${compile === 'off' ? '' : ', compiled'}`;
}

function section(finished: Finished): Section {
  const { experiment, settings, verdict, isQuick, outcomes } = finished;
  const command = `npm run demo -- paper ${experiment.name}${isQuick ? ' --quick' : ''}`;
  const list = statements(verdict).map((each) => `<li>${escaped(each)}</li>`);
  return {
    heading: experiment.title,
    id: experiment.name,
    body: `<p><em>The paper:</em> ${escaped(experiment.claim)}</p>
<p><span class="verdict">${marked(verdict)}</span>${isQuick ? ` (${QUICK})` : ''}</p>
<ul>${list.join('\n')}</ul>
<div class="charts">${experiment.drawings(outcomes, settings).map(inPage).join('\n')}</div>
<details><summary>Settings, fixed before the first run; ${conditions(finished)}</summary><p>${withCode(settings.chosen)}</p><pre><code>${escaped(JSON.stringify(settings, null, 2))}</code></pre></details>
<p><code>${command}</code></p>`,
  };
}

/** All verdicts, with links to their sections. */
const overview = (finished: readonly Finished[]): string =>
  `<ul class="overview">
${finished
  .map(
    ({ experiment, verdict }) =>
      `<li><a href="#${experiment.name}">${experiment.name}</a><span class="verdict">${marked(verdict)}</span><span>${escaped(experiment.claim)}</span></li>`,
  )
  .join('\n')}
</ul>`;

/** paper.html. */
export const paperReport = (finished: readonly Finished[]): string =>
  page(
    'The paper’s effects at the size of a demo',
    `<p>Effects that <a href="https://arxiv.org/abs/2601.04890">arXiv 2601.04890</a> describes for models of half a billion parameters, looked for in character-level language models of some ten thousand on Moby Dick. Settings, seeds and the rules for verdicts were written before the first full run; what was not reproduced is said as plainly as what was.</p>
${finished.some(({ isQuick }) => isQuick) ? `<p><strong>This is the quick version: too short and with too few seeds to count.</strong></p>\n` : ''}${overview(finished)}`,
    finished.map(section),
  );
