import { type Band, type Moment, momentsOf, type Rates, spreadOf } from './brownian-band.ts';
import { checkWatched, type ScalePoint, type WatchedVariable } from './scale-record.ts';
import { simulateBrownian } from './simulate-brownian.ts';
import { updateNoise } from './update-noise.ts';

/** The rates of each move between the points of a record, which has them at its points: straight lines in between. */
function ratesOf(points: readonly ScalePoint[]): Rates {
  let next = 1;
  return (move) => {
    const at = (points[0] as ScalePoint).moves + move + 1;
    while (next < points.length - 1 && (points[next] as ScalePoint).moves < at) next++;
    while (next > 1 && (points[next - 1] as ScalePoint).moves >= at) next--;
    const [from, to] = [points[next - 1] as ScalePoint, points[next] as ScalePoint];
    const part = (at - from.moves) / Math.max(1, to.moves - from.moves);
    const between = (key: 'rate' | 'share'): number => from[key] + (to[key] - from[key]) * part;
    return { rate: between('rate'), share: between('share') };
  };
}

/**
 * What noise and decay alone would have made of a watched variable from its start, with the rates and decays that acted:
 * a band with one value for each point of the record.
 *
 * @param variable of what `watch.read()` returned
 * @throws TypeError for something else
 * @returns null for a variable whose optimizer has no recipe, and for a record of fewer than two points
 * @example
 * const watch = watchScales(model, optimizer);
 * await model.fit(x, y, { epochs: 100, verbose: 0, callbacks: watch });
 * const { variables } = await watch.read();
 * noiseBand(variables[0])?.rms; // beside variables[0].points.map(({ rms }) => rms)
 */
export function noiseBand(variable: WatchedVariable): Band | null {
  checkWatched('noiseBand', variable);
  const { recipe, points, shape } = variable;
  const [first, last] = [points[0], points.at(-1)];
  if (recipe === null || first === undefined || last === undefined || first === last) return null;
  const rates = ratesOf(points);
  const steps = last.moves - first.moves;
  const entries = shape.reduce((product, length) => product * length, 1);
  const start = first.rms;
  let left = 1;
  const moments: Moment[] = [{ square: start ** 2, kept: 1 }];
  if (recipe.cautious) {
    const factor = (move: number): number => rates(move).rate / recipe.learningRate;
    const walk = simulateBrownian(shape, factor, recipe, { steps, start });
    for (let move = 0; move < steps; move++) {
      left *= 1 - rates(move).share / 2;
      moments.push({ square: (walk[move + 1] as number) ** 2, kept: left });
    }
  } else moments.push(...momentsOf(updateNoise(recipe.rule), rates, steps, start));
  const spreads = points.map(({ moves }) =>
    spreadOf(moments[moves - first.moves] as Moment, start, entries),
  );
  return {
    rms: Float64Array.from(spreads, ({ rms }) => rms),
    low: Float64Array.from(spreads, ({ low }) => low),
    high: Float64Array.from(spreads, ({ high }) => high),
  };
}
