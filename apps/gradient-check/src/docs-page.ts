/** The page of the documentation that a full run writes: docs/gradients.md. */

import { BACKENDS, type Backend } from './backends.ts';
import { type Fault, summarize } from './fault.ts';
import { groupBy } from './group-by.ts';
import type { Growth } from './growth.ts';
import { TOLERANCE } from './judge.ts';
import { readKnown } from './known.ts';
import { ratioSection } from './ratios/table.ts';
import {
  faultsByOperation,
  optionsOf,
  type Results,
  summarizeTogether,
  titleOf,
} from './results.ts';
import { isAbout, STATEMENTS } from './stated.ts';

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function tableOf({ cases, judgements }: Results): string[] {
  const backends = BACKENDS.filter((backend) => judgements.has(backend));
  const faults = (mode: 'stock' | 'ours'): Map<Backend, Map<string, Fault[]>> =>
    new Map(
      backends.map((backend) => [
        backend,
        faultsByOperation(cases, judgements.get(backend)![mode] ?? []),
      ]),
    );
  const [stock, ours] = [faults('stock'), faults('ours')];
  const counts = groupBy(cases, titleOf);
  const rows = [...counts].map(([title, { length }]) => {
    const of = (all: typeof stock, backend: Backend): Fault[] => all.get(backend)!.get(title) ?? [];
    const together = new Map(backends.map((backend) => [backend, of(ours, backend)]));
    const cells = backends.map((backend) => summarize(of(stock, backend)));
    return row([`\`${title}\``, String(length), ...cells, summarizeTogether(together)]);
  });
  const head = ['operation or layer', 'cases', ...backends, 'with `enableTraining()`'];
  return [row(head), row(head.map(() => '---')), ...rows];
}

const growthRows = (growth: readonly Growth[]): string[] =>
  growth.map(({ name, along, of, counts }) =>
    row([`\`${name}\``, `\`${along}\``, `${of} ${counts.join(' → ')}`]),
  );

function growthTable({ growth: { stock = [], ours = [] } }: Results): string[] {
  const head = [
    row(['case', 'what grows', 'the gradient at 2, 4 and 8 times the size']),
    row(['---', '---', '---']),
  ];
  const end =
    ours.length === 0
      ? ['With `enableTraining()` there is none.']
      : ['With `enableTraining()` there remain:', '', ...head, ...growthRows(ours)];
  return [...head, ...growthRows(stock), '', ...end];
}

/** The faults of the same cases as functions of TensorFlow. */
function compiledSection({ cases, judgements }: Results): string[] {
  const { compiled = [] } = judgements.get('tensorflow') ?? {};
  const faults = [...faultsByOperation(cases, compiled)].filter(([, each]) => each.length > 0);
  return [
    `Every case on tensorflow once more, its result, its gradient and its second order each [compiled](/packages/native) into one function, with`,
    `\`enableTraining()\`: ${compiled.length} cases, and these are not right, for the reasons below:`,
    '',
    ...faults.map(([title, each]) => `- \`${title}\`: ${summarize(each)}`),
  ];
}

function statements({ cases }: Results): string[] {
  const known = Object.entries(readKnown());
  return [
    ...STATEMENTS.map((statement) => {
      const names = cases.flatMap(({ name }) => (isAbout(statement, name) ? [`\`${name}\``] : []));
      const where = statement.backends === undefined ? '' : ` on ${statement.backends.join(', ')}`;
      return `- ${names.join(', ')}${where}: ${statement.reason}`;
    }),
    ...(known.length === 0 ? [] : ['', 'And what is not mended yet:', '']),
    ...known.map(([name, backends]) => `- \`${name}\` on ${backends.join(', ')}`),
  ];
}

/** One line an operation; the tests compare it with the cases. */
export const listOfCases = (cases: Results['cases']): string[] =>
  [...groupBy(cases, titleOf)].map(
    ([title, alike]) => `- \`${title}\`: ${alike.map(optionsOf).join(' · ')}`,
  );

export function docsPage(results: Results, versions: Readonly<Record<string, string>>): string {
  const { cases } = results;
  const made = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${[
    '<!-- Written by `npm run check:gradients -- --write-page`. -->',
    '# Gradients of TensorFlow.js, judged',
    '',
    `${cases.length} cases of every differentiable operation of tfjs-core, every layer, loss and regularizer of tfjs-layers: what stock`,
    'tfjs does with each on five backends, and what it does after `enableTraining()` of [@tfjs-lrm/kernels](/packages/kernels).',
    '',
    'The numbers they are judged by come from an implementation of our own in Python, in float64, checked against central differences;',
    "where TensorFlow and PyTorch differ, they are those of TensorFlow. Judged are the result, its gradient, and the gradient of that gradient's",
    `squared norm, which a gradient penalty needs. Right is what is off by less than ${TOLERANCE} of the largest number that there should be.`,
    '',
    `${made.join(', ')}. webgl and webgpu ran in Chromium on SwiftShader, without the kernels in plain JavaScript that tfjs takes for small tensors.`,
    '',
    '```sh',
    'npm run check:gradients                              # all of it, 20 minutes',
    'npm run check:gradients -- --backend wasm --only avgPool',
    '```',
    '',
    '## Stock tfjs, and what enableTraining() makes of it',
    '',
    '- `right`: result, gradient and second order.',
    '- `result off`, `gradient off`, `2nd order off ≤ 0.5 ×3`: three cases are wrong, silently, by up to so much of the largest number; ∞ is a wrong shape, or not a number.',
    '- `refused`: tfjs throws, already in the forward pass. `no gradient`, `no 2nd order`: it throws there.',
    '',
    ...tableOf(results),
    '',
    '## Compiled',
    '',
    ...compiledSection(results),
    '',
    '## What enableTraining() leaves as it is',
    '',
    ...statements(results),
    '',
    '## Gradients that are slow',
    '',
    'Their number of kernels grows with a size while that of the forward pass does not, or their work does, over that of the forward pass: elements',
    'that kernels read and write, and multiplications of products of matrices.',
    '',
    ...growthTable(results),
    '',
    '## Gradients and their forward passes',
    '',
    ...ratioSection(),
    '',
    '## The cases',
    '',
    ...listOfCases(cases),
  ].join('\n')}\n`;
}
