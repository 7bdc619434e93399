import { describe, expect, it } from 'vitest';
import { readSettings } from './experiment.ts';
import { madeUp } from './made-up.ts';
import { verdictPage, withVerdicts } from './publish.ts';
import type { Finished } from './report.ts';
import * as rows from './rows.ts';

const settings = readSettings<Parameters<typeof rows.judge>[1]>('rows', false);
const outcomes = madeUp(rows.plans(settings), ({ multipliers }) => ({
  rowNorms: multipliers === 'no multipliers' ? [1, 1.1] : [0.5, 1.5],
}));
const finished: Finished[] = [
  {
    ...{ experiment: rows, settings, outcomes, isQuick: false },
    verdict: { verdict: 'partly', because: 'one is 2 | 3; the other is <b>.' },
  },
];

const README =
  'before\n<!-- demo paper --publish -->\nold\n<!-- /demo paper --publish -->\nafter\n';

describe('publishing', () => {
  it('replaces the table and nothing else, and a second time changes nothing', () => {
    const readme = withVerdicts(README, finished);
    expect(readme).toMatch(/^before\n/);
    expect(readme).toMatch(/\nafter\n$/);
    expect(readme).not.toContain('old');
    expect(readme).toContain('| [`rows`](docs/guides/paper.md#rows) |');
    expect(readme).toContain('| ◐ partly |');
    expect(withVerdicts(readme, finished)).toBe(readme);
  });

  it('refuses a README without a place for it', () => {
    expect(() => withVerdicts('# A README\n', finished)).toThrow('README.md must have a line');
  });

  it('has every statement on its page, safe in Markdown', () => {
    const page = verdictPage(finished);
    expect(page).toContain('- One is 2 \\| 3.\n- The other is \\<b\\>.\n');
    expect(page).toContain('## rows');
    expect(page).toContain('6 runs, 3 seeds, on wasm.');
    expect(page).toContain('The cells are those of `depth`,');
  });
});
