/** What the repository shows of the results: two pictures and a table in its README, and a page with every number. */
import { existsSync, readFileSync } from 'node:fs';
import { writeDurably } from '@tfjs-lrm/checkpoint/node';
import { Mistake, withMarked } from '@tfjs-lrm/shared';
import { conditions, type Finished, marked, picture, statements } from './report.ts';

const README = 'README.md';
const PAGE = 'docs/guides/paper.md';
/** The experiments whose pictures the README shows. */
const PICTURES = ['scale', 'robust'];

/** Text in Markdown, in a table too; names between backticks stay code. */
const plain = (text: string): string => text.replaceAll(/[|<>*_[\]\\]/g, (sign) => `\\${sign}`);

/** One row an experiment. */
const table = (finished: readonly Finished[]): string =>
  [
    '| experiment | what the paper claims | verdict |',
    '|---|---|---|',
    ...finished.map(
      ({ experiment, verdict }) =>
        `| [\`${experiment.name}\`](${PAGE}#${experiment.name}) | ${plain(experiment.claim)} | ${marked(verdict)} |`,
    ),
  ].join('\n');

/**
 * A README whose table is that of these results.
 *
 * @throws Mistake where it has no place for one
 */
export const withVerdicts = (readme: string, finished: readonly Finished[]): string =>
  withMarked(readme, { file: README, name: 'demo paper --publish', content: table(finished) });

/** The page with all verdicts and their numbers. */
export const verdictPage = (finished: readonly Finished[]): string =>
  `# The paper's effects, looked for at the size of a demo

What [arXiv 2601.04890](https://arxiv.org/abs/2601.04890) claims, and what character-level language models of some ten thousand parameters
show of it. Settings, seeds and the rule for each verdict are in \`apps/demo/src/paper\` and were
committed before the first full run. \`npm run demo -- paper\` repeats everything and draws it; this page is written by
\`npm run demo -- paper --publish\`.

${finished
  .map(
    (each) => `## ${each.experiment.name}

${each.experiment.title}. The paper: ${plain(each.experiment.claim)}

**${marked(each.verdict)}**

${statements(each.verdict)
  .map((statement) => `- ${plain(statement)}`)
  .join('\n')}

${plain(each.settings.chosen)} ${conditions(each).replace(/^./, (first) => first.toUpperCase())}.
`,
  )
  .join('\n')}`;

/**
 * Writes pictures, table and page into the checkout that the command runs in.
 *
 * @returns the files
 * @throws Mistake, before anything is written, outside of a checkout
 */
export function publish(finished: readonly Finished[]): string[] {
  if (!existsSync(README) || !existsSync('docs/guides'))
    throw new Mistake('--publish writes into the repository: run it in its root.');
  const files = new Map([
    [README, withVerdicts(readFileSync(README, 'utf8'), finished)],
    [PAGE, verdictPage(finished)],
  ]);
  for (const each of finished) {
    const drawn = PICTURES.includes(each.experiment.name) ? picture(each) : null;
    if (drawn !== null) files.set(`docs/paper-${each.experiment.name}.svg`, drawn);
  }
  for (const [file, text] of files) writeDurably(file, [Buffer.from(text)]);
  return [...files.keys()];
}
