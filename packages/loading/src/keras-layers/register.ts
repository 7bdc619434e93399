/** Registers the layers and activations of Keras that tfjs lacks. */
import * as tf from '@tensorflow/tfjs-core';
import { activations } from './activations.ts';
import { KerasCausalConv1D } from './causal-conv1d.ts';
import { KerasGRU, KerasGRUCell } from './gru-cell.ts';
import { MultiHeadAttention } from './multi-head-attention.ts';
import {
  GroupNormalization,
  Normalization,
  RMSNormalization,
  UnitNormalization,
} from './normalizations.ts';
import { recurrentOnPadding } from './on-padding.ts';
import {
  Cropping1D,
  KerasGlobalAveragePooling,
  KerasGlobalMaxPooling,
  KerasMaskedAveragePooling1D,
  Subtract,
  ZeroPadding1D,
} from './shapes.ts';

const CLASSES = [
  Cropping1D,
  GroupNormalization,
  KerasCausalConv1D,
  KerasGRU,
  KerasGRUCell,
  KerasGlobalAveragePooling,
  KerasGlobalMaxPooling,
  KerasMaskedAveragePooling1D,
  MultiHeadAttention,
  Normalization,
  RMSNormalization,
  Subtract,
  UnitNormalization,
  ZeroPadding1D,
] as const;

/** Registers each class, unless one of its name is registered, such as a layer of the user's own. */
export function registerKerasLayers(): void {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  for (const cls of [...CLASSES, ...recurrentOnPadding, ...activations]) {
    if (Object.hasOwn(classNameMap, cls.className)) continue;
    tf.serialization.registerClass(
      cls as unknown as tf.serialization.SerializableConstructor<tf.serialization.Serializable>,
    );
  }
}
