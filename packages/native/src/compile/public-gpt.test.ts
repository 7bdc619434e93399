import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { expect, it } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { loadArtifacts, savedArtifacts } from '../../../../test/models.ts';
import { gptBatch, PublicGpt, publicGptNetwork } from '../../../../test/public-gpt.ts';
import { expectClose, values } from '../../../../test/tensors.ts';
import { onTensorFlow } from '../../test/training.ts';
import { compile } from './compile.ts';

type NamedTensors = Awaited<ReturnType<tf.Optimizer['getWeights']>>;

function isAModelOfTfjs(): void {
  it('a public GPT trains in its own loop, and writes on', async () => {
    const model = new PublicGpt();
    model.compile();
    const batches = Array.from({ length: 30 }, (_, i) => gptBatch(i));
    const dataset = {
      iterator: async () => {
        const rest = [...batches];
        return { next: async () => ({ value: rest.shift(), done: rest.length === 0 }) };
      },
    };
    const { history } = await model.fitDataset(dataset as never, { epochs: 1 });
    const losses = history['loss'] as number[];
    expect(losses.at(-1)).toBeLessThan(0.8 * (losses[0] as number));
    expect(await model.generate([1, 2, 3], 2)).toHaveLength(5);
    tf.dispose(batches.map(({ xs, ys }) => [xs, ys]));
    model.dispose();
  });

  it('a public GPT is saved and loaded by tfjs with equal outputs', async () => {
    const model = publicGptNetwork();
    const loaded = await loadArtifacts(await savedArtifacts(model));
    const { xs, ys } = gptBatch(1);
    const [before, after] = [model, loaded].map((each) => values(each.predict(xs) as tf.Tensor));
    expect(after).toEqual(before);
    tf.dispose([xs, ys]);
    model.dispose();
    loaded.dispose();
  });
}

onCpu(isAModelOfTfjs);
onTensorFlow(() => {
  isAModelOfTfjs();

  it.each([
    ['as it is', (model: PublicGpt) => model.compile()],
    ['with sgd', (model: PublicGpt) => model.setOptimizer(tf.train.sgd(0.2))],
    ['with adam', (model: PublicGpt) => model.setOptimizer(adam({ learningRate: 0.01 }))],
    ['with muon', (model: PublicGpt) => model.setOptimizer(muon({ learningRate: 0.02 }))],
  ])(
    'thirty compiled steps of a public GPT are those taken operation by operation, %s',
    (_, prepare) => {
      const run = (isCompiled: boolean): number[] => {
        const model = new PublicGpt();
        prepare(model);
        const step = (xs: tf.Tensor, ys: tf.Tensor): tf.Scalar => model.step({ xs, ys });
        const compiled = isCompiled ? compile(step) : null;
        const losses = Array.from({ length: 30 }, (_, i) => {
          const { xs, ys } = gptBatch(i);
          const loss = (compiled ?? step)(xs, ys);
          const [value] = values(loss);
          tf.dispose([xs, ys, loss]);
          return value as number;
        });
        if (compiled !== null) expect(compiled.traces).toBe(1);
        compiled?.dispose();
        // Softmax does not see the biases of the keys: their gradients are rounding, which adam makes as large as any.
        const weights = model.weights
          .filter(({ originalName }) => !originalName.endsWith('c_attn/bias'))
          .flatMap((weight) => values(weight.read()));
        model.dispose();
        return [...losses, ...weights];
      };
      const [eager, compiled] = [run(false), run(true)] as const;
      expect(eager[29]).toBeLessThan(0.8 * (eager[0] as number));
      const differences = compiled.map((value, i) => Math.abs(value - (eager[i] as number)));
      expect(Math.max(...differences)).toBeLessThan(1e-5);
    },
  );

  it('a public GPT takes multipliers, trains with muon compiled, is saved in the middle and goes on, and folds', async () => {
    const kernels = { kernels: ['cAttnKernel', 'cProjKernel'] };
    const multiply = (): LayersModel =>
      addMultipliers(publicGptNetwork(), {
        placement: (layer) => {
          if (layer.getClassName() === 'PublicAttention') return kernels;
          return ['Dense', 'Embedding'].includes(layer.getClassName()) ? {} : null;
        },
      });
    const train = (
      network: LayersModel,
      from: number,
      to: number,
      isCompiled = true,
      state?: NamedTensors,
    ) => {
      const model = new PublicGpt({}, network);
      const optimizer = muon({ learningRate: 0.02 });
      model.setOptimizer(optimizer);
      const step = (xs: tf.Tensor, ys: tf.Tensor): tf.Scalar => model.step({ xs, ys });
      return {
        model,
        optimizer,
        async run() {
          if (state !== undefined) await optimizer.setWeights(state);
          const compiled = isCompiled ? compile(step) : null;
          const losses: number[] = [];
          for (let at = from; at < to; at++) {
            const { xs, ys } = gptBatch(at);
            const loss = (compiled ?? step)(xs, ys);
            losses.push(...values(loss));
            tf.dispose([xs, ys, loss]);
          }
          if (compiled !== null) expect(compiled.traces).toBe(1);
          compiled?.dispose();
          return losses;
        },
      };
    };
    const whole = train(multiply(), 0, 20);
    const losses = await whole.run();
    expect(losses[19]).toBeLessThan(0.8 * (losses[0] as number));

    for (const isCompiled of [false, true]) {
      const network = multiply();
      const half = train(network, 0, 10, isCompiled);
      const first = await half.run();
      // The plain network: tfjs cannot save the optimizer of a model that overrides compile.
      const loaded = await loadArtifacts(await savedArtifacts(network));
      const state = await half.optimizer.getWeights();
      const second = await train(loaded, 10, 20, isCompiled, state).run();
      // Its first two steps run operation by operation where the other run's are recorded: other roundings.
      expectClose([...first, ...second], losses, 1e-5);
      if (isCompiled) continue;
      const eager = train(multiply(), 0, 20, false);
      expect([...first, ...second]).toEqual(await eager.run());
      expect(loaded.getWeights().map(values)).toEqual(eager.model.getWeights().map(values));
    }

    const folded = foldMultipliers(whole.model);
    const again = await loadArtifacts(await savedArtifacts(folded));
    const plain = new PublicGpt();
    plain.setWeights(folded.getWeights());
    const { xs, ys } = gptBatch(3);
    const [trained, ofFolded, ofAgain, ofPlain] = [whole.model, folded, again, plain].map((each) =>
      values(each.predict(xs) as tf.Tensor),
    ) as [number[], number[], number[], number[]];
    expect(ofAgain).toEqual(ofFolded);
    expect(ofPlain).toEqual(ofFolded);
    expect(
      Math.max(...trained.map((logit, i) => Math.abs(logit - (ofFolded[i] as number)))),
    ).toBeLessThan(1e-5);
    expect(await plain.generate([1, 2, 3], 6)).toEqual(await whole.model.generate([1, 2, 3], 6));
    tf.dispose([xs, ys]);
  });
});
