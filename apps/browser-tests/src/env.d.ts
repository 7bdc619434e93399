/// <reference types="vite/client" />

declare module 'virtual:guide' {
  import type { LayersModel, Tensor } from '@tensorflow/tfjs';

  export function example(): Promise<{ model: LayersModel; x: Tensor; y: Tensor }>;
}
