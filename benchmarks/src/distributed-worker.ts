/**
 * A worker of `npm run bench:distributed`, in a process that the launcher starts; worker 0 prints what it has measured as a
 * line of JSON.
 */
import * as tf from '@tensorflow/tfjs-core';
import { connect, type Workers, withAllReduce } from '@tfjs-lrm/distributed';
import { enableTraining } from '@tfjs-lrm/kernels';
import {
  CHOICE,
  DEFAULT_RECIPE,
  languageModel,
  minimizer,
  optimizerOf,
  PRESETS,
  type PresetName,
  scheduleOf,
} from '@tfjs-lrm/language-model';
import { compile } from '@tfjs-lrm/native';
import { cpuMs } from '@tfjs-lrm/shared';
import { FORMS, type Form, type Message, type Steps } from './distributed-cost.ts';
import { summarize } from './statistics.ts';

const VOCABULARY = 64;

function timed(body: () => void): { wall: number; cpu: number } {
  const [began, cpu] = [performance.now(), cpuMs()];
  body();
  return { wall: performance.now() - began, cpu: cpuMs() - cpu };
}

/** A step of the language model on this worker's part of the batch, in turn with and without the others. */
function measureSteps(workers: Workers, name: PresetName, rounds: number, steps: number): Steps {
  const preset = PRESETS[name];
  const rows = preset.batch / workers.size;
  const recipe = { ...DEFAULT_RECIPE, learningRate: CHOICE.learningRate, decay: 0.1 };
  const forms = workers.size === 1 ? (['alone'] as const) : FORMS;
  const [x, y] = [0, 1].map((seed) =>
    tf.randomUniform([rows, preset.context], 0, VOCABULARY, 'int32', 2 * workers.rank + seed),
  ) as [tf.Tensor, tf.Tensor];
  let [parameters, variables] = [0, 0];
  const made = forms.map((form) => {
    const model = languageModel(preset, VOCABULARY, true, 1);
    parameters = model.countParams();
    variables = model.trainableWeights.length;
    const inner = optimizerOf(recipe, scheduleOf(1000, recipe));
    const bufferSize = form === 'one buffer' ? 64 : 1e-6;
    const optimizer = form === 'alone' ? inner : withAllReduce(inner, { bufferSize });
    return { form, step: compile(minimizer(model, optimizer)) };
  });
  const times = new Map<Form, { wall: number[]; cpu: number[] }>();
  for (let round = -1; round < rounds; round++) {
    for (const { form, step } of made) {
      for (let i = 0; i < (round < 0 ? 3 : steps); i++) {
        const { wall, cpu } = timed(() => step(x, y).dispose());
        const known = times.get(form) ?? { wall: [], cpu: [] };
        times.set(form, known);
        if (round < 0) continue; // Being recorded.
        known.wall.push(wall);
        known.cpu.push(cpu);
      }
      // So that all are in the same form at the same time, also in the one that needs no others.
      workers.barrier();
    }
  }
  const medians = (kind: 'wall' | 'cpu') =>
    Object.fromEntries([...times].map(([form, each]) => [form, summarize(each[kind]).median]));
  return { parameters, variables, wall: medians('wall'), cpu: medians('cpu') };
}

/** All-reduces of tensors of growing size: the quickest of each, which other programs disturb least. */
function measureMessages(workers: Workers, rounds: number): Message[] {
  return [1e3, 1e4, 1e5, 3e5, 1e6, 3e6, 1e7].map((bytes) => {
    const tensor = tf.ones([bytes / 4]);
    const times = Array.from({ length: rounds + 2 }, () =>
      timed(() => workers.allReduce(tensor, 'sum').dispose()),
    );
    tensor.dispose();
    return { bytes, ms: summarize(times.slice(2).map(({ wall }) => wall)).min };
  });
}

async function main([what, rounds, steps]: readonly string[]): Promise<void> {
  const workers = await connect();
  enableTraining();
  const result =
    what === 'messages'
      ? measureMessages(workers, Number(rounds))
      : measureSteps(workers, what as PresetName, Number(rounds), Number(steps));
  if (workers.rank === 0) console.log(JSON.stringify(result));
  workers.disconnect();
}

await main(process.argv.slice(2));
