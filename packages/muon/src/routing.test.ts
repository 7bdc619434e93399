import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import {
  assignRoles,
  byRole,
  findOptimizer,
  learningRateOf,
  setRole,
  type TensorOptimizer,
} from '@tfjs-lrm/core';
import { nodeOf } from '@tfjs-lrm/core/kit';
import { withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { Factor, Passing } from '../../../test/optimizers.ts';
import {
  expectClose,
  hostReads,
  noise,
  random,
  step,
  tensorsLeftBy,
  values,
  variable,
} from '../../../test/tensors.ts';
import { muon, orthogonalize } from './index.ts';

type Gradients = readonly (readonly [tf.Variable, readonly number[] | null])[];

/** A variable of each role, by name, shape or setRole, with a gradient. */
function ofEachRole(): Record<string, tf.Variable> {
  const head = variable(noise(random(2), 12), [4, 3], 'kernel');
  setRole(head, 'head');
  return {
    matrix: variable(noise(random(1), 12), [4, 3], 'kernel'),
    head,
    embedding: variable(noise(random(3), 12), [4, 3], 'embeddings'),
    multiplier: variable([1, 1, 1], [3], 'row_multiplier'),
    vector: variable([0, 0, 0], [3], 'bias'),
  };
}

const gradientsOf = (variables: readonly tf.Variable[], t = 0): Gradients =>
  variables.map((v, i) => [v, noise(random(10 + 7 * t + i), v.size)]);

const rateOf = (optimizer: tf.Optimizer, of: tf.Variable): number =>
  values(learningRateOf(optimizer, of))[0]!;

const fallbackOf = (optimizer: TensorOptimizer): TensorOptimizer =>
  nodeOf(optimizer).children.get('fallback') as TensorOptimizer;

let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
  vi.spyOn(console, 'warn').mockImplementation((text: string) => warnings.push(text));
});
afterEach(() => {
  vi.restoreAllMocks();
});

onCpu(() => {
  test('matrices get Muon, every other role gets exactly what adam gives it', () => {
    const [found, alone] = [ofEachRole(), ofEachRole()];
    const optimizer = muon({ learningRate: 0.1 });
    const [other, whole] = [adam({ learningRate: 0.1 }), muon({ learningRate: 0.1 })];
    for (let t = 0; t < 3; t++) {
      step(optimizer, gradientsOf(Object.values(found), t));
      const gradients = gradientsOf(Object.values(alone), t);
      step(whole, gradients.slice(0, 1));
      step(other, gradients.slice(1));
    }
    expect(Object.values(found).map(values)).toEqual(Object.values(alone).map(values));
    expect([...optimizer.slots(found['matrix']!).keys()]).toEqual(['momentum']);
    for (const role of ['head', 'embedding', 'multiplier', 'vector']) {
      expect(optimizer.slots(found[role]!).size).toBe(0);
      expect([...fallbackOf(optimizer).slots(found[role]!).keys()]).toEqual(['m', 'v']);
    }
  });

  test('what Muon takes is selected by role, name, variable, predicate and lists', () => {
    const roles = ofEachRole();
    const { matrix, head, embedding } = roles as Record<string, tf.Variable>;
    const taken = (select: NonNullable<Parameters<typeof muon>[0]>['select']): string[] => {
      const optimizer = muon({ select });
      step(optimizer, gradientsOf(Object.values(roles)));
      return Object.keys(roles).filter((role) => optimizer.slots(roles[role]!).has('momentum'));
    };
    expect(taken(undefined)).toEqual(['matrix']);
    expect(taken(['matrix', 'head'])).toEqual(['matrix', 'head']);
    expect(taken({ name: head!.name })).toEqual(['head']);
    expect(taken(embedding!)).toEqual(['embedding']);
    expect(taken((v) => v === matrix || v === head)).toEqual(['matrix', 'head']);
    expect(taken([])).toEqual([]);
  });

  test('a variable that is no matrix is refused by name, and nothing is changed', () => {
    const { matrix, vector } = ofEachRole() as Record<string, tf.Variable>;
    const before = values(matrix!);
    const optimizer = muon({ select: ['matrix', 'vector'] });
    const action = (): void => step(optimizer, gradientsOf([matrix!, vector!]));
    expect(action).toThrow(
      `muon: it takes matrices, variables of rank 2 or more. "select" gives it "${vector!.name}" [3]. Narrow "select", or try setRole(variable, 'vector').`,
    );
    expect(values(matrix!)).toEqual(before);
    setRole(vector!, 'matrix');
    expect(() => step(muon(), gradientsOf([vector!]))).toThrow('rank 2 or more');
    // Also where the variable has no gradient in this step.
    expect(() => step(muon(), [[vector!, null]])).toThrow('rank 2 or more');
  });

  test('what is refused is refused before the decay around it acts and before the step counts', () => {
    const [matrix, flat] = [variable([1, 2, 3, 4], [2, 2], 'kernel'), variable([1, 2], [2], 'w')];
    const optimizer = withWeightDecay(muon({ select: ['matrix', 'vector'] }), {
      decay: { matrix: 1, vector: 1 },
    });
    expect(() => step(optimizer, gradientsOf([matrix, flat]))).toThrow('takes matrices');
    expect(values(matrix)).toEqual([1, 2, 3, 4]);
    expect(values(flat)).toEqual([1, 2]);
    expect(optimizer.iterations).toBe(0);
    optimizer.dispose();
    tf.dispose([matrix, flat]);
  });

  test('without a gradient a matrix and its momentum stay, and the next step goes on from them', () => {
    const [now, later] = [variable([1, 2, 3, 4], [2, 2]), variable([1, 2, 3, 4], [2, 2])];
    const optimizer = muon({ learningRate: 0.1 });
    const gradient = [1, 2, 3, 5];
    step(optimizer, [
      [now, gradient],
      [later, null],
    ]);
    expect(values(later)).toEqual([1, 2, 3, 4]);
    expect(optimizer.slots(later).size).toBe(0);
    step(optimizer, [
      [now, null],
      [later, gradient],
    ]);
    expect(values(later)).toEqual(values(now));
    optimizer.applyGradients({ [now.name]: tf.tensor(gradient, [2, 2]) });
    step(optimizer, [[later, gradient]]);
    expect(values(later)).toEqual(values(now));
  });

  test('a gradient of zero changes no bit, and a rate of 0 changes the momentum alone', () => {
    const kernel = variable(noise(random(1), 12), [4, 3]);
    const before = values(kernel);
    step(muon(), [[kernel, new Array(12).fill(0)]]);
    expect(values(kernel)).toEqual(before);
    const still = muon({ learningRate: 0, momentum: 0.5 });
    step(still, [[kernel, new Array(12).fill(2)]]);
    expect(values(kernel)).toEqual(before);
    expect(values(still.slots(kernel).get('momentum')!)).toEqual(new Array(12).fill(1));
  });

  test('gradients from 1e-30 to 1e30 make the same steps', () => {
    const after = (by: number): number[] => {
      const kernel = variable(noise(random(1), 12), [4, 3]);
      const optimizer = muon({ learningRate: 0.1 });
      for (let t = 0; t < 3; t++) step(optimizer, [[kernel, noise(random(20 + t), 12, by)]]);
      return values(kernel);
    };
    for (const by of [1e-30, 1e-12, 1e12, 1e30]) expectClose(after(by), after(1), 1e-4);
  });

  test('the step is the learning rate times the scale times the orthogonalised direction', () => {
    const gradient = noise(random(5), 12);
    const direction = tf.tidy(() => values(orthogonalize(tf.tensor(gradient, [4, 3]))));
    for (const [scale, factor] of [
      ['match-rms-adamw', 0.4],
      ['original', 1],
      ['rms-to-rms', Math.sqrt(3 / 4)],
      ['none', 1],
    ] as const) {
      const kernel = variable(new Array(12).fill(0), [4, 3]);
      step(muon({ learningRate: 0.5, scale }), [[kernel, gradient]]);
      expectClose(
        values(kernel),
        direction.map((x) => -0.5 * factor * x),
        1e-5,
        1,
      );
    }
  });

  test("the default fallback follows Muon's base rate, a given one keeps its own; both get the factor", () => {
    const { matrix, vector } = ofEachRole() as Record<string, tf.Variable>;
    const rates = (optimizer: tf.Optimizer): number[] => {
      step(optimizer, gradientsOf([matrix!, vector!]));
      return [rateOf(optimizer, matrix!), rateOf(optimizer, vector!)];
    };
    const close = (...expected: number[]) => expected.map((rate) => expect.closeTo(rate, 7));
    const plain = muon({ learningRate: 0.25 });
    expect(rates(plain)).toEqual(close(0.25, 0.25));
    plain.learningRate = 0.5;
    expect(rates(plain)).toEqual(close(0.5, 0.5));
    plain.setLearningRate(0.125);
    expect(rates(plain)).toEqual(close(0.125, 0.125));
    expect(rates(muon())).toEqual(close(1e-3, 1e-3));

    const given = muon({ learningRate: 0.25, fallback: adam({ learningRate: 0.01 }) });
    expect(rates(given)).toEqual(close(0.25, 0.01));
    given.learningRate = 0.5;
    expect(rates(given)).toEqual(close(0.5, 0.01));

    for (const [make, other] of [
      [() => muon({ learningRate: 0.25 }), 0.25],
      [() => muon({ learningRate: 0.25, fallback: adam({ learningRate: 0.01 }) }), 0.01],
      [() => muon({ learningRate: 0.25, fallback: tf.train.sgd(0.01) }), 0.01],
      [() => muon({ learningRate: 0.25, fallback: new Factor(adam(), 10) }), 0.01],
    ] as const) {
      const scheduled = withSchedule(new Passing(make()), (t) => 1 / (t + 1));
      expect(rates(scheduled)).toEqual(close(0.25, other));
      expect(rates(scheduled)).toEqual(close(0.125, other / 2));
      scheduled.learningRate = 1;
      expect(rates(scheduled)[0]).toBeCloseTo(1 / 3, 6);
    }
  });

  test('decay around Muon takes the rate without the scale, of the optimizer that each variable has', () => {
    const { matrix, head } = ofEachRole() as Record<string, tf.Variable>;
    const before = [values(matrix!), values(head!)];
    const optimizer = withWeightDecay(
      muon({ learningRate: 0.5, fallback: adam({ learningRate: 0.25 }) }),
      { decay: 0.4 },
    );
    step(optimizer, [
      [matrix!, new Array(12).fill(0)],
      [head!, new Array(12).fill(0)],
    ]);
    expectClose(
      values(matrix!),
      before[0]!.map((w) => 0.8 * w),
      1e-6,
    );
    expectClose(
      values(head!),
      before[1]!.map((w) => 0.9 * w),
      1e-6,
    );
  });

  test('inside byRole the fallback never acts and holds nothing', async () => {
    const roles = ofEachRole();
    // This one would make state of its own in a step, also in one without variables.
    const fallback = withClipping(adam(), { globalNorm: 1 });
    const inner = muon({ learningRate: 0.1, fallback });
    const optimizer = byRole({ matrix: new Passing(inner), default: adam({ learningRate: 0.1 }) });
    const alone = ofEachRole();
    const single = muon({ learningRate: 0.1 });
    for (let t = 0; t < 2; t++) {
      step(optimizer, gradientsOf(Object.values(roles), t));
      step(single, gradientsOf(Object.values(alone), t));
    }
    expect(Object.values(roles).map(values)).toEqual(Object.values(alone).map(values));
    expect(nodeOf(fallbackOf(inner)).store.owners()).toEqual([]);
    expect(nodeOf(inner).store.owners()).toEqual([roles['matrix']]);
    const names = (await optimizer.getWeights()).map(({ name }) => name);
    expect(names.filter((name) => name.includes('fallback') && !name.endsWith('/iter'))).toEqual(
      [],
    );
  });

  test('a Muon whose group in byRole it would not take is an error that names the variables', () => {
    const roles = ofEachRole();
    const { vector, head } = roles as Record<string, tf.Variable>;
    const before = Object.values(roles).map(values);
    for (const [role, target, wrap] of [
      ['vector', vector, (o: tf.Optimizer) => o],
      ['head', head, (o: tf.Optimizer) => new Passing(new Factor(o, 2))],
      ['head', head, (o: tf.Optimizer) => byRole({ default: o })],
    ] as const) {
      const optimizer = new Passing(byRole({ [role]: wrap(muon()), default: muon() }));
      expect(() => step(optimizer, gradientsOf(Object.values(roles)))).toThrow(
        `byRole: the optimizer of role '${role}' (muon) leaves "${target!.name}" [${target!.shape.join(', ')}] to another optimizer. Give '${role}' the optimizer that should train them, or give this one options that make it take them.`,
      );
      expect(Object.values(roles).map(values)).toEqual(before);
    }
    // What its select takes is fine, and as the default it has its fallback.
    step(
      byRole({ head: muon({ select: 'head' }), default: muon() }),
      gradientsOf(Object.values(roles)),
    );
  });

  test('it is found through adapters, and is an optimizer of tfjs', () => {
    const inner = muon({ fallback: tf.train.adam(0.1) });
    const stack = new Passing(new Factor(inner, 1));
    expect(findOptimizer(stack, 'LrmMuon')).toBe(inner);
    expect(findOptimizer(stack, 'Adam')?.getClassName()).toBe('Adam');
    expect(inner instanceof tf.Optimizer).toBe(true);
    expect(adam() instanceof (inner.constructor as never)).toBe(false);
    const shared = adam();
    muon({ fallback: shared });
    expect(() => muon({ fallback: shared })).toThrow(
      'LrmMuon: LrmAdam is already inside LrmMuon. Give each its own optimizer.',
    );
  });

  test('a step leaves no tensor behind, waits for nothing, and dispose frees everything', async () => {
    const roles = Object.values(ofEachRole());
    const conv = variable(noise(random(4), 36), [3, 3, 2, 2]);
    const all = [...roles, conv];
    const data = gradientsOf(all).map(([v, g]) => ({
      name: v.name,
      tensor: tf.tensor([...g!], v.shape),
    }));
    const left = await tensorsLeftBy(async () => {
      const optimizer = muon({
        fallback: tf.train.adam(0.1),
        split: (v) => (v === conv ? { axis: 3, sizes: [1, 1] } : null),
      });
      optimizer.applyGradients(data);
      expect(await tensorsLeftBy(() => optimizer.applyGradients(data))).toBe(0);
      expect(hostReads(() => optimizer.applyGradients(data))).toBe(0);
      const saved = await optimizer.getWeights();
      expect(await tensorsLeftBy(() => optimizer.getWeights())).toBe(0);
      await optimizer.setWeights(saved);
      optimizer.applyGradients(data);
      optimizer.dispose();
      expect(() => optimizer.applyGradients(data)).toThrow('this optimizer was disposed');
    });
    expect(left).toBe(0);
    expect(await tensorsLeftBy(() => muon().dispose())).toBe(0);
    tf.dispose(data.map(({ tensor }) => tensor));
  });

  test.each([
    ['decoder/logits/kernel', [8, 9], 'named like an output layer'],
    ['lm_head/kernel', [8, 9], 'named like an output layer'],
    ['lmHead/kernel', [8, 9], 'named like an output layer'],
    ['image_classifier/kernel', [8, 9], 'named like an output layer'],
    ['logits_2/kernel', [8, 9], 'named like an output layer'],
    ['output/kernel', [8, 9], 'named like an output layer'],
    ['head/kernel_1', [8, 9], 'named like an output layer'],
    ['token_embedding/weights', [8, 9], 'named like an embedding'],
    ['wte/kernel', [8, 9], 'named like an embedding'],
    ['model/tokenEmbedding', [8, 9], 'named like an embedding'],
    ['dense/kernel', [9, 1], 'one column, a vector in effect'],
    ['dense/kernel', [1, 9], 'one row, a vector in effect'],
    ['dense/kernel', [3, 387], '387 to 3, as long as a vocabulary'],
  ])('a matrix %s %j looks misplaced: %s', (name, shape, why) => {
    const target = variable(new Array(tf.util.sizeFromShape(shape)).fill(1), shape, name);
    const optimizer = muon();
    for (let t = 0; t < 2; t++) step(optimizer, gradientsOf([target], t));
    expect(warnings).toEqual([
      `muon: it is for hidden matrices, which these do not look like: "${target.name}" [${shape.join(', ')}] (${why}). Call assignRoles(model), or setRole(variable, 'head') or 'embedding', to leave them to the fallback; setRole(variable, 'matrix') says that they are meant.`,
    ]);
  });

  test('hidden matrices of all kinds raise no warning, nor does a role that was set', () => {
    for (const [name, shape] of [
      ['dense_Dense1/kernel', [8, 9]],
      ['conv2d_transpose_Conv2DTranspose1/kernel', [2, 2, 3, 3]],
      ['attention/head_1/kernel', [8, 9]],
      ['attention/output_projection/kernel', [8, 9]],
      ['ffn/dense_output/kernel', [8, 9]],
      ['embedding_projection/kernel', [8, 9]],
      ['overhead/kernel', [8, 9]],
      ['conv2d_Conv2D1/kernel', [3, 3, 1, 4]],
      ['dense/kernel', [3, 384]],
    ] as const) {
      const target = variable(
        new Array(tf.util.sizeFromShape([...shape])).fill(1),
        [...shape],
        name,
      );
      step(muon(), gradientsOf([target]));
    }
    const meant = variable(new Array(12).fill(1), [12, 1], 'logits/kernel');
    setRole(meant, 'matrix');
    step(muon(), gradientsOf([meant]));
    const transposed = variable(new Array(16).fill(1), [2, 2, 2, 2], 'Conv2DTranspose1/kernel');
    step(muon({ view: () => ({ in: [0, 1, 3], out: [2] }) }), gradientsOf([transposed]));
    expect(warnings).toEqual([]);
  });

  test('it warns once, of all variables of a step together, and not after assignRoles', () => {
    const names = ['logits/kernel', 'wte/kernel'];
    const targets = names.map((name) => variable(new Array(12).fill(1), [3, 4], name));
    const optimizer = muon();
    for (let t = 0; t < 3; t++) step(optimizer, gradientsOf(targets, t));
    step(optimizer, gradientsOf([variable(new Array(12).fill(1), [3, 4], 'head/kernel')]));
    expect(warnings.length).toBe(1);
    for (const target of targets) expect(warnings[0]).toContain(target.name);

    const model = layers.sequential({
      layers: [
        layers.layers.dense({ units: 4, inputShape: [3] }),
        layers.layers.dense({ name: 'logits', units: 2 }),
      ],
    });
    assignRoles(model);
    const kernels = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    step(muon(), gradientsOf(kernels));
    expect(warnings.length).toBe(1);
    model.dispose();
  });
});
