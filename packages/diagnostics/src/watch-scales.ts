import * as tf from '@tensorflow/tfjs-core';
import { CustomCallback, type LayersModel } from '@tensorflow/tfjs-layers';
import { asTensorOptimizer, ratesOf, roleOf } from '@tfjs-lrm/core';
import {
  checkLayers,
  checkOptions,
  type Member,
  nameOfClass,
  nodeOf,
  numberRule,
  pathTo,
  type Station,
  variableOf,
} from '@tfjs-lrm/core/kit';
import { type Held, hold, type Means, type Measured, measure, release } from './measure.ts';
import { type Recipe, ratesAt, recipeOf, recipeOn } from './recipe.ts';
import {
  checkRecord,
  type ScalePoint,
  type ScaleRecord,
  type WatchedVariable,
} from './scale-record.ts';

/** @inline */
interface WatchOptions {
  /** Steps between two points of the record. */
  readonly every?: number | undefined;
  /** The record of the run so far, which goes on. */
  readonly resume?: ScaleRecord | undefined;
}

/** The options with their defaults. */
interface Watching {
  readonly every: number;
  readonly resume: ScaleRecord | null;
}

/** A variable of the model with what trains it. */
interface Subject {
  readonly name: string;
  readonly variable: tf.Variable;
  points: ScalePoint[];
  recipe: Recipe | null;
  /** The weight before the step that is next. */
  before: Held | null;
}

/** A point of the record of which sums may still be on the device. */
interface Pending {
  readonly sums: tf.Tensor | null;
  readonly finish: (sums: ArrayLike<number>) => void;
}

/** Whether tensors are on the host, so that reading one neither waits for a device nor copies from it. */
function areOnHost(): boolean {
  const backend = tf.backend() as { readonly isUsingGpuDevice?: boolean };
  return (
    ['cpu', 'wasm', 'tensorflow'].includes(tf.getBackend()) && backend.isUsingGpuDevice !== true
  );
}

/** A callback that keeps the scales of a model over a run. */
export class ScaleWatch extends CustomCallback {
  readonly #optimizer: tf.Optimizer;
  readonly #every: number;
  readonly #subjects: readonly Subject[];
  #pending: Pending[] = [];
  #reading: Promise<void> = Promise.resolve();
  #last: number;
  #isHolding = false;

  /** @internal */
  constructor(model: LayersModel, optimizer: tf.Optimizer, { every, resume }: Watching) {
    super({});
    this.#optimizer = optimizer;
    this.#every = every;
    const now = this.#optimizer.iterations;
    const weights = model.trainableWeights;
    const known = resume === null ? [] : recordOf(resume, weights);
    this.#subjects = weights.map((weight, i) => ({
      name: weight.originalName,
      variable: variableOf(weight),
      // A run that goes on from an earlier checkpoint forgets what came after it.
      points: (known[i]?.points ?? []).filter(({ step }) => step <= now),
      recipe: null,
      before: null,
    }));
    const points = this.#subjects[0]?.points ?? [];
    this.#last = points.at(-1)?.step ?? now;
    if (points.length === 0) this.#take();
    else this.#holdIfDue();
  }

  /**
   * Call this after each step of a loop of your own; `fit` does so itself. Between points of the record it costs nothing
   * but a look at the step.
   */
  record(): void {
    const since = this.#since;
    if (since >= this.#every) this.#take();
    else if (since === this.#every - 1) this.#hold();
    else this.#drop();
  }

  /**
   * What was seen so far, as plain data: for `diagnose`, to save beside a checkpoint, and for the option `resume`. Waits
   * for what is still on the device.
   */
  async read(): Promise<ScaleRecord> {
    this.#settle(0);
    await this.#reading;
    return {
      every: this.#every,
      variables: this.#subjects.map(({ name, variable, points, recipe }) => ({
        name,
        shape: [...variable.shape],
        role: roleOf(variable),
        isFreed: this.#isFreed(name, variable),
        recipe: recipe ?? recipeOf(this.#optimizer, variable),
        points: [...points],
      })),
    };
  }

  /** Frees what the watch holds on the device; the record can still be read. */
  dispose(): void {
    this.#settle(0);
    this.#drop();
  }

  /** Called by `fit` at the start: what the end of the last one freed is held again where the next step needs it. */
  override async onTrainBegin(logs?: Parameters<CustomCallback['onTrainBegin']>[0]): Promise<void> {
    this.#holdIfDue();
    await super.onTrainBegin(logs);
  }

  /** Called by `fit` after each batch: records. */
  override async onBatchEnd(
    batch: number,
    logs?: Parameters<CustomCallback['onBatchEnd']>[1],
  ): Promise<void> {
    this.record();
    await super.onBatchEnd(batch, logs);
  }

  /** Called by `fit` at the end: frees what the watch holds on the device, and waits for the last reading. */
  override async onTrainEnd(): Promise<void> {
    this.dispose();
    await this.#reading;
  }

  /** What is trained in the place of a variable, and by what. */
  #end(variable: tf.Variable): Station {
    return pathTo(this.#optimizer, variable).at(-1) as Station;
  }

  #isFreed(name: string, variable: tf.Variable): boolean {
    const isFactor = (other: string): boolean =>
      other.startsWith(`${name}/`) && other.endsWith('_multiplier');
    return (
      this.#end(variable).variable !== variable ||
      this.#subjects.some((other) => isFactor(other.name))
    );
  }

  /** Steps since the last point. */
  get #since(): number {
    return this.#optimizer.iterations - this.#last;
  }

  /** Holds the weights where the next step ends at a point, which measures the update of that step. */
  #holdIfDue(): void {
    if (this.#since === this.#every - 1) this.#hold();
  }

  #hold(): void {
    this.#isHolding = true;
    const onHost = areOnHost();
    for (const subject of this.#subjects)
      subject.before ??= hold(this.#end(subject.variable).variable, onHost);
  }

  #drop(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    for (const subject of this.#subjects) {
      if (subject.before !== null) release(subject.before);
      subject.before = null;
    }
  }

  #take(): void {
    const step = this.#optimizer.iterations;
    const parts = this.#subjects.map((subject) => {
      const path = pathTo(this.#optimizer, subject.variable);
      const { optimizer, variable } = path.at(-1) as Station;
      const recipe = recipeOn(path);
      subject.recipe = recipe;
      const { rate, share } =
        recipe === null
          ? { rate: nodeOf(optimizer).effectiveRate() * ratesOf(variable).learningRate, share: 0 }
          : ratesAt(recipe, recipe.factor ?? 1);
      const before = step - this.#last === this.#every ? subject.before : null;
      const measured: Measured = {
        weight: variable,
        before: before && { weight: before, kept: 1 - share },
        moments: recipe === null ? null : momentsOf(optimizer, variable),
      };
      return {
        subject,
        recipe,
        rate,
        share,
        moves: (nodeOf(optimizer).wrapped ?? optimizer).iterations,
        measured,
      };
    });
    const { sums, means } = measure(
      parts.map(({ measured }) => measured),
      areOnHost(),
    );
    this.#drop();
    this.#last = step;
    this.#holdIfDue();
    this.#pending.push({
      sums,
      finish(values) {
        const all = means(values);
        parts.forEach(({ subject, recipe, rate, share, moves, measured }, i) => {
          const own = all[i] as Means;
          const { update, outward } = updateOf(measured, own, rate);
          const { noise, signal } = gradientOf(recipe, measured, own, moves);
          const rms = Math.sqrt(own.weight);
          subject.points.push({ step, moves, rms, rate, share, update, outward, noise, signal });
        });
      },
    });
    // The one before was computed long ago, so that reading it does not wait.
    this.#settle(1);
  }

  /** Reads all but the latest sums. */
  #settle(left: number): void {
    while (this.#pending.length > left) {
      const { sums, finish } = this.#pending.shift() as Pending;
      if (sums === null || areOnHost()) {
        finish(sums?.dataSync() ?? []);
        sums?.dispose();
        continue;
      }
      this.#reading = Promise.all([sums.data(), this.#reading]).then(([values]) => {
        finish(values);
        sums.dispose();
      });
    }
  }
}

/**
 * The variables of a record for each weight, by name; by their order where the layers of a model that was built again have
 * other names.
 */
function recordOf(
  { variables }: ScaleRecord,
  weights: LayersModel['trainableWeights'],
): readonly WatchedVariable[] {
  const byName = weights.map(({ originalName }) =>
    variables.find(({ name }) => name === originalName),
  );
  const known = byName.every((each) => each === undefined) ? variables : byName;
  const strangers = weights.filter(({ shape }, i) => String(shape) !== String(known[i]?.shape));
  if (strangers.length === 0 && known.length === weights.length) return known as WatchedVariable[];
  throw new Error(
    `watchScales: "resume" must be the record of this model. Received none of ${(strangers[0] ?? weights[0])?.originalName}. Leave it out to begin a new record.`,
  );
}

/** The moments that an optimizer keeps of a variable's gradients. */
function momentsOf(optimizer: Member, variable: tf.Variable): Measured['moments'] {
  const powers = optimizer.gradientPowers;
  const slots = [...optimizer.slots(variable)];
  const ofPower = (power: number): tf.Tensor | undefined =>
    slots.find(([name]) => powers[name] === power)?.[1];
  const [mean, square] = [ofPower(1), ofPower(2)];
  return mean === undefined || square === undefined ? null : { mean, square };
}

function updateOf(
  { before }: Measured,
  { weight, update, outward }: Means,
  rate: number,
): Pick<ScalePoint, 'update' | 'outward'> {
  if (before === null || rate === 0 || update === 0) return { update: null, outward: null };
  // The weight before the step and after it differ too little to matter in the cosine.
  return { update: Math.sqrt(update) / rate, outward: outward / Math.sqrt(weight * update) };
}

/**
 * A running mean of independent noise keeps (1 − β1) / (1 + β1) of its power, and all of a constant gradient's. Both moments
 * start at zero, and are corrected for that.
 */
function gradientOf(
  recipe: Recipe | null,
  { moments }: Measured,
  { mean, square }: Means,
  moves: number,
): Pick<ScalePoint, 'noise' | 'signal'> {
  const none = { noise: null, signal: null };
  if (moments === null || recipe?.rule.kind !== 'adam' || moves < 2) return none;
  const { beta1, beta2 } = recipe.rule;
  const corrected = mean / (1 - beta1 ** moves) ** 2;
  const power = square / (1 - beta2 ** moves);
  const left =
    (((1 - beta1) / (1 + beta1)) * (1 - beta1 ** (2 * moves))) / (1 - beta1 ** moves) ** 2;
  const noise = Math.min(power, Math.max(0, (power - corrected) / (1 - left)));
  return { noise: Math.sqrt(noise), signal: Math.sqrt(power - noise) };
}

/** An optimizer inside another one does not know of the decay and the schedule around it. */
function checkOutermost(optimizer: tf.Optimizer): void {
  const { owner } = nodeOf(asTensorOptimizer(optimizer));
  if (owner === null) return;
  const [inside, around] = [optimizer, owner].map((each) => nameOfClass(each.getClassName()));
  throw new Error(
    `watchScales: the optimizer must be the outermost one. Received ${inside}, which is inside ${around}. Try watchScales(model, model.optimizer).`,
  );
}

const rules = {
  every: numberRule({ min: 1, integer: true, try: '50' }),
  resume: (value: unknown) => {
    checkRecord('watchScales', value);
    return null;
  },
};

/**
 * A callback that keeps the scale of each variable of a model over a run: its root mean square, the learning rate and
 * decay that acted, its update, and the noise of its gradients from the optimizer's own moments. For `diagnose`.
 *
 * Works in `fit` and `fitDataset`, also on a model that `compileModel` compiled, and in a loop of your own with a call of
 * `record()` after each step. Nothing waits for the device: where weights are on another one than the processor, sums stay
 * there until the next ones are taken. The step before a point holds on to the weights. Inside `reparametrize` it is W that
 * is watched.
 *
 * @param model whose trainable weights are watched
 * @param optimizer what trains them, the outermost one
 * @param options every: steps between two points (50); resume: the record of the run so far, from `read()`, when model and
 *   optimizer go on from a checkpoint
 * @throws TypeError for something that is not a model, an optimizer or a record; RangeError for wrong options; Error for the
 *   record of another model, a model that is frozen, and an optimizer inside another one
 * @example
 * const watch = watchScales(model, optimizer, { every: 50 });
 * await model.fit(x, y, { epochs: 10, callbacks: watch });
 * const record = await watch.read(); // plain data
 */
export function watchScales(
  model: LayersModel,
  optimizer: tf.Optimizer,
  options: WatchOptions = {},
): ScaleWatch {
  checkLayers('watchScales', model, 'watchScales(model, optimizer)');
  checkOutermost(optimizer);
  if (model.trainableWeights.length === 0) {
    throw new Error(
      `watchScales: the model must have trainable weights. Received ${model.weights.length} weights, all of them frozen. Try layer.trainable = true first.`,
    );
  }
  checkOptions('watchScales', options, rules);
  const { resume = null } = options;
  return new ScaleWatch(model, optimizer, { every: options.every ?? resume?.every ?? 50, resume });
}
