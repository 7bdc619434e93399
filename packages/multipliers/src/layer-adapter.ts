import type * as tf from '@tensorflow/tfjs-core';
import { InputSpec, type LayerVariable, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { allOrNothing, guardedBuild } from '@tfjs-lrm/core/kit';
import { internals, layerToConfig, takesStates } from './internals.ts';

export type Shape = Parameters<layers.Layer['build']>[0];
export type Inputs = Parameters<layers.Layer['call']>[0];
export type Kwargs = Parameters<layers.Layer['call']>[1];

type Applied = Parameters<layers.Layer['apply']>[0];
type ApplyKwargs = Parameters<layers.Layer['apply']>[1];

/**
 * A layer around another one that takes its place: same name, shapes, masks, losses and weights, plus weights of its
 * own. It does the work of the Wrapper of tfjs-layers, which is not exported, and covers what that leaves out.
 */
export abstract class LayerAdapter extends layers.Layer {
  readonly layer: layers.Layer;
  #own: readonly LayerVariable[] = [];
  // For states that are inputs of the graph, while the layer is being applied to them.
  #stateSpec: readonly InputSpec[] = [];

  constructor(layer: layers.Layer, name: string | undefined) {
    super({ name: name ?? layer.name, trainable: layer.trainable });
    this.layer = layer;
    this.activityRegularizer = layer.activityRegularizer;
    // A Sequential reads these from its first layer.
    if (layer.batchInputShape != null) this.batchInputShape = layer.batchInputShape;
    if (layer.dtype != null) this.dtype = layer.dtype;
    this.#mirror();
  }

  // Properties that tfjs reads directly; a layer may set them while it is built.
  #mirror(): void {
    this.supportsMasking = this.layer.supportsMasking;
    const { inputSpec } = this.layer;
    this.inputSpec = this.#stateSpec.length > 0 ? [...inputSpec, ...this.#stateSpec] : inputSpec;
  }

  /** Adds the adapter's own weights, once the layer inside is built. */
  protected abstract addOwnWeights(): readonly LayerVariable[];

  override build(inputShape: Shape): void {
    const inner = internals(this.layer);
    if (inner._refCount === 0) {
      throw new Error(
        `withMultipliers: layer "${this.layer.name}" was disposed of. Wrap one that is in use.`,
      );
    }
    allOrNothing(() => {
      if (!this.layer.built) {
        guardedBuild('withMultipliers', this.layer, inputShape);
        this.layer.built = true;
        if (inner.initialWeights !== null) this.layer.setWeights(inner.initialWeights);
      }
      this.#own = this.addOwnWeights();
    });
    // Freezing a whole model writes to this list directly, bypassing all getters.
    this._trainableWeights.push(...this.layer.trainableWeights);
    // This wrapper is one user of the layer; a plain model may be another one.
    inner._refCount = (inner._refCount ?? 0) + 1;
    this.#mirror();
    this.built = true;
  }

  // As RNN.apply does: symbolic states are inputs of the graph, and concrete ones an argument of call.
  override apply(inputs: Applied, kwargs?: ApplyKwargs): ReturnType<layers.Layer['apply']> {
    if (!takesStates(this.layer)) return super.apply(inputs, kwargs);
    const [input, ...rest] = [inputs].flat() as [tf.Tensor, ...tf.Tensor[]];
    const initial = rest.length > 0 ? rest : (kwargs?.['initialState'] as tf.Tensor[] | undefined);
    if (initial == null) return super.apply(input, kwargs);
    const states = [initial].flat();
    const withStates = Object.assign(kwargs ?? {}, { initialState: states });
    if (!((states[0] as unknown) instanceof SymbolicTensor)) return super.apply(input, withStates);
    this.#stateSpec = states.map(({ shape }) => new InputSpec({ shape }));
    this.#mirror();
    try {
      return super.apply([input, ...states], withStates);
    } finally {
      this.#stateSpec = [];
      this.#mirror();
    }
  }

  override computeOutputShape(inputShape: Shape): ReturnType<layers.Layer['computeOutputShape']> {
    return this.layer.computeOutputShape(inputShape);
  }

  override computeMask(inputs: Inputs, mask?: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    return this.layer.computeMask(inputs, mask);
  }

  protected override warnOnIncompatibleInputShape(
    inputShape: Parameters<layers.Layer['warnOnIncompatibleInputShape']>[0],
  ): void {
    internals(this.layer).warnOnIncompatibleInputShape(inputShape);
  }

  // Its own weights come after the trainable weights of the layer inside, so freezing moves no value in getWeights.
  #all(): LayerVariable[] {
    const fixed = new Set(internals(this.layer)._nonTrainableWeights);
    const inner = this.layer.weights;
    const before = inner.filter((weight) => !fixed.has(weight));
    const after = inner.filter((weight) => fixed.has(weight));
    return [...before, ...this.#own, ...after];
  }

  override get trainableWeights(): LayerVariable[] {
    if (!this.trainable) return [];
    const trainable = this.#own.filter(({ trainable }) => trainable);
    const trained = new Set([...this.layer.trainableWeights, ...trainable]);
    return this.#all().filter((weight) => trained.has(weight));
  }

  override get nonTrainableWeights(): LayerVariable[] {
    const trained = new Set(this.trainableWeights);
    return this.#all().filter((weight) => !trained.has(weight));
  }

  override get trainable(): boolean {
    return this.trainable_;
  }

  override set trainable(value: boolean) {
    for (const weight of this.#own) weight.trainable = value;
    this.layer.trainable = value;
    this.trainable_ = value;
  }

  override get losses(): layers.Layer['losses'] {
    return this.layer.losses;
  }

  override get updates(): tf.Tensor[] {
    return this.layer.updates;
  }

  override get stateful(): boolean {
    return this.layer.stateful;
  }

  override resetStates(): void {
    this.layer.resetStates();
  }

  override setFastWeightInitDuringBuild(value: boolean): void {
    super.setFastWeightInitDuringBuild(value);
    this.layer.setFastWeightInitDuringBuild(value);
  }

  protected override disposeWeights(): number {
    for (const weight of this.#own) weight.dispose();
    const gone = internals(this.layer)._refCount === 0;
    return this.#own.length + (gone ? 0 : this.layer.dispose().numDisposedVariables);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), layer: layerToConfig(this.layer) };
  }
}
