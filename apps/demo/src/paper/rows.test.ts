import { describe, expect, it } from 'vitest';
import type { DepthSettings } from './depth.ts';
import * as depth from './depth.ts';
import { idOf, readSettings } from './experiment.ts';
import { madeUp } from './made-up.ts';
import { judge, plans } from './rows.ts';

const settings = readSettings<DepthSettings>('rows', false);

/** Norms around 1, half of them above and half below, by so much that their relative deviation is about that. */
const verdictOf = (deviation: Record<'without' | 'vectors', number>, bySeed = 0) =>
  judge(
    madeUp(plans(settings), ({ multipliers, seed }) => {
      const own = multipliers === 'no multipliers' ? deviation.without : deviation.vectors;
      const apart = own + bySeed * (seed - 2);
      return { rowNorms: Array.from({ length: 100 }, (_, i) => 1 + (i % 2 ? apart : -apart)) };
    }),
    settings,
  );

describe('rows', () => {
  it('is reproduced where norms are much broader with multipliers', () => {
    expect(verdictOf({ without: 0.1, vectors: 0.25 }, 0.001).verdict).toBe('reproduced');
  });

  it('is partly reproduced where they are somewhat broader', () => {
    expect(verdictOf({ without: 0.1, vectors: 0.13 }, 0.001).verdict).toBe('partly');
  });

  it('is not seen where they are hardly broader, or by less than the seeds differ', () => {
    expect(verdictOf({ without: 0.1, vectors: 0.11 }).verdict).toBe('not seen at this size');
    expect(verdictOf({ without: 0.1, vectors: 0.25 }, 0.2).verdict).toBe('not seen at this size');
  });

  it('has the cells of depth where conditions are the same', () => {
    const ids = (own: ReturnType<typeof plans>) =>
      own.map((plan) => idOf({ ...plan, backend: 'wasm', compile: 'off' }));
    const shared = ids(depth.plans(readSettings('depth', false)));
    expect(ids(plans(settings)).filter((id) => shared.includes(id))).toHaveLength(
      settings.seeds.length,
    );
  });
});
