import { readFileSync } from 'node:fs';
import { CHOICE } from '@tfjs-lrm/language-model';
import { expect, it } from 'vitest';

it('learning rate and decays are those that the sweep in reference/ chose', () => {
  const file = new URL('../reference/choice.json', import.meta.url);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject(CHOICE);
});
