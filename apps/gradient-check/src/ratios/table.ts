/** The ratios on the page of the documentation. */
import { groupBy } from '../group-by.ts';
import { readRatios } from './command.ts';
import { BACKENDS_MEASURED } from './sizes.ts';
import { FACTOR, reasonForSlow } from './slow.ts';

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** What is above the factor, reason by reason, and a table of all. */
export function ratioSection(): string[] {
  const ratios = Object.entries(readRatios());
  const slow = BACKENDS_MEASURED.flatMap((backend) =>
    ratios.flatMap(([name, of]) => {
      const reason = reasonForSlow(name, backend);
      if ((of[backend] ?? 0) <= FACTOR || reason === undefined) return [];
      return [{ what: `\`${name}\` on ${backend}, ${of[backend]}`, reason }];
    }),
  );
  const reasons = groupBy(slow, ({ reason }) => reason);
  const missing = BACKENDS_MEASURED.filter((backend) =>
    ratios.every(([, of]) => of[backend] === undefined),
  );
  return [
    `CPU time of each gradient over that of its forward pass, at sizes at which kernels dominate. Of those measured, none takes more than ${FACTOR} times`,
    `as long but these${missing.length === 0 ? '' : `; ${missing.join(' and ')} not measured yet`}:`,
    '',
    ...[...reasons].map(
      ([reason, alike]) => `- ${alike.map(({ what }) => what).join('; ')}: ${reason}`,
    ),
    '',
    '`npm run check:gradients -- --ratios` measures them, and fails on one that is above and has no reason. What computes nothing, as a reshape, is',
    'compared with a sum of what its gradient has to write. Empty is what a backend lacks.',
    '',
    row(['gradient', ...BACKENDS_MEASURED]),
    row(['---', ...BACKENDS_MEASURED.map(() => '---:')]),
    ...ratios.map(([name, of]) =>
      row([`\`${name}\``, ...BACKENDS_MEASURED.map((backend) => String(of[backend] ?? ''))]),
    ),
  ];
}
