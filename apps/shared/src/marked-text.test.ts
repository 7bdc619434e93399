import { expect, it } from 'vitest';
import { Mistake, withMarked } from './index.ts';

const PAGE = 'before\n<!-- npm run it -->\nold\n<!-- /npm run it -->\nafter\n';
const marked = { file: 'README.md', name: 'npm run it', content: '| a |' };

it('replaces what is between the markers and nothing else, and a second time changes nothing', () => {
  const written = withMarked(PAGE, marked);
  expect(written).toBe('before\n<!-- npm run it -->\n\n| a |\n\n<!-- /npm run it -->\nafter\n');
  expect(withMarked(written, marked)).toBe(written);
});

it.each([
  ['without markers', 'text'],
  ['without an end', '<!-- npm run it -->'],
  ['with the end first', '<!-- /npm run it --><!-- npm run it -->'],
])('refuses a text %s', (_, text) => {
  expect(() => withMarked(text, marked)).toThrow(
    new Mistake(
      'README.md must have a line "<!-- npm run it -->" and, below it, "<!-- /npm run it -->". Put them where the text belongs that is written there.',
    ),
  );
});
