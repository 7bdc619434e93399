import { describe, expect, it } from 'vitest';
import {
  BADLY_SET,
  type Choices,
  choicesOf,
  DEFAULTS,
  linkOf,
  readChoices,
  runsOf,
} from './choices.ts';

const OTHER: Choices = {
  text: 'brown',
  preset: 'hybrid',
  steps: 90,
  optimizer: 'muon',
  rate: 0.002,
  decay: BADLY_SET,
  placement: 'columns',
  seed: 7,
  backend: 'webgl',
  threads: 2,
};

describe('a link', () => {
  it('says only what differs from the defaults', () => {
    expect(linkOf(DEFAULTS)).toBe('');
    expect(linkOf({ ...DEFAULTS, decay: 8 })).toBe('decay=8');
  });

  it('leads back to all choices', () => {
    expect(readChoices(new URLSearchParams(linkOf(OTHER)))).toEqual({ choices: OTHER, wrong: [] });
  });

  it('trains another model for as long as suits it', () => {
    const { choices } = readChoices(new URLSearchParams('preset=small'));
    expect(choices.steps).toBe(1200);
    expect(linkOf(choices)).toBe('preset=small');
  });

  it.each([
    'preset=huge',
    'preset=__proto__',
    'steps=1e9',
    'steps=20.5',
    'decay=-1',
    'decay=',
    'decay=NaN',
    'rate=Infinity',
    'seed=0x',
    'text=<b>',
  ])('that asks for what there is not leaves the usual choice and says so: %s', (link) => {
    const { choices, wrong } = readChoices(new URLSearchParams(link));
    expect(choices).toEqual(DEFAULTS);
    expect(wrong).toEqual([link.split('=')[0]]);
  });
});

describe('runs', () => {
  it('differ in their multipliers alone', () => {
    const [plain, having, ...others] = runsOf(OTHER, 'wasm');
    expect(others).toEqual([]);
    expect(plain?.multipliers).toBe(false);
    expect(having).toEqual({
      ...plain,
      multipliers: true,
      name: having?.name,
      group: having?.group,
    });
  });

  it('lead back to their choices', () => {
    const { backend, threads } = OTHER;
    expect(choicesOf(runsOf(OTHER, 'webgl'), 'brown', { backend, threads })).toEqual(OTHER);
    expect(
      choicesOf(runsOf(DEFAULTS, 'wasm'), 'moby-dick', { backend: 'auto', threads: 0 }),
    ).toEqual(DEFAULTS);
  });
});
