/** What tfjs-node has beside the backend: images, saved models, summaries, files. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { isLinked } from './linked.ts';

interface Node {
  encodePng(image: tf.Tensor3D): Promise<Uint8Array>;
  encodeJpeg(image: tf.Tensor3D): Promise<Uint8Array>;
  decodeImage(bytes: Uint8Array): tf.Tensor;
  loadSavedModel(path: string): Promise<{ predict(x: tf.Tensor): tf.Tensor; dispose(): void }>;
  getMetaGraphsFromSavedModel(path: string): Promise<{ tags: string[] }[]>;
  summaryFileWriter(folder: string): {
    scalar(name: string, value: number, step: number): void;
    histogram(name: string, data: tf.Tensor, step: number): void;
    flush(): void;
  };
}
const require = createRequire(import.meta.url);

describe.runIf(isLinked())('tf.node', { timeout: 300_000 }, () => {
  let node: Node;
  let folder: string;
  beforeAll(async () => {
    await useBackend('tensorflow');
    node = (require('@tensorflow/tfjs-node') as { node: Node }).node;
    folder = mkdtempSync(join(tmpdir(), 'features '));
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('encodes and decodes images: PNG exactly, JPEG nearly, GIF and BMP', async () => {
    const pixels = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30];
    const image = tf.tensor3d(pixels, [2, 2, 3], 'int32');
    expect(Array.from(node.decodeImage(await node.encodePng(image)).dataSync())).toEqual(pixels);
    const grey = tf.fill([8, 8, 3], 100, 'int32') as tf.Tensor3D;
    const found = node.decodeImage(await node.encodeJpeg(grey)).dataSync();
    for (const value of found) expect(Math.abs(value - 100)).toBeLessThanOrEqual(2);
    const gif = Buffer.from('R0lGODdhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs=', 'base64');
    expect(node.decodeImage(gif).shape).toEqual([1, 1, 1, 3]);
    expect(Array.from(node.decodeImage(gif).dataSync())).toEqual([255, 0, 0]);
    // One pixel: 54 bytes of header, then blue, green, red and a byte of padding.
    const bmp = Buffer.alloc(58);
    bmp.write('BM');
    for (const [at, value] of [
      [2, 58],
      [10, 54],
      [14, 40],
      [18, 1],
      [22, 1],
      [34, 4],
    ] as const)
      bmp.writeUInt32LE(value, at);
    bmp.writeUInt16LE(1, 26);
    bmp.writeUInt16LE(24, 28);
    bmp.set([3, 2, 1], 54);
    expect(Array.from(node.decodeImage(bmp).dataSync())).toEqual([1, 2, 3]);
  });

  it('runs a saved model', async () => {
    const path = join(folder, 'saved');
    mkdirSync(path);
    writeFileSync(join(path, 'saved_model.pb'), timesThree());
    expect(await node.getMetaGraphsFromSavedModel(path)).toMatchObject([{ tags: ['serve'] }]);
    const model = await node.loadSavedModel(path);
    expect(Array.from(model.predict(tf.tensor1d([1, 2])).dataSync())).toEqual([3, 6]);
    model.dispose();
  });

  it('writes summaries, a histogram of equal values among them', () => {
    const path = join(folder, 'summaries');
    const writer = node.summaryFileWriter(path);
    writer.scalar('loss', 0.5, 1);
    writer.histogram('constant', tf.ones([10]), 1);
    writer.histogram('range', tf.linspace(0, 1, 10), 1);
    writer.flush();
    const [file] = readdirSync(path);
    const text = readFileSync(join(path, file as string), 'latin1');
    for (const name of ['loss', 'constant', 'range']) expect(text).toContain(name);
  });
});

/** A SavedModel without variables: y = 3 x, for vectors. */
function timesThree(): Uint8Array {
  const pb = require('@tensorflow/tfjs-node/dist/proto/api_pb');
  const { TF_FLOAT: float } = (tf.backend() as unknown as { binding: { TF_FLOAT: number } })
    .binding;
  const attribute = (set: (value: ReturnType<typeof make>) => void) => {
    const value = make('AttrValue');
    set(value);
    return value;
  };
  // biome-ignore lint/suspicious/noExplicitAny: protocol buffers without types
  const make = (name: string): any => new pb[name]();
  const type = attribute((value) => value.setType(float));
  const operation = (name: string, op: string, inputs: string[], attributes: object) => {
    const result = make('NodeDef');
    result.setName(name);
    result.setOp(op);
    result.setInputList(inputs);
    for (const [key, value] of Object.entries(attributes)) result.getAttrMap().set(key, value);
    return result;
  };
  const three = make('Tensor');
  three.setDtype(float);
  three.setTensorShape(make('TensorShape'));
  three.setFloatValList([3]);
  const graph = make('GraphDef');
  graph.setNodeList([
    operation('x', 'Placeholder', [], { dtype: type }),
    operation('three', 'Const', [], {
      dtype: type,
      value: attribute((value) => value.setTensor(three)),
    }),
    operation('y', 'Mul', ['x', 'three'], { T: type }),
  ]);
  const tensorInfo = (name: string) => {
    const result = make('TensorInfo');
    result.setName(name);
    result.setDtype(float);
    const shape = make('TensorShape');
    const dim = new pb.TensorShape.Dim();
    dim.setSize(-1);
    shape.addDim(dim);
    result.setTensorShape(shape);
    return result;
  };
  const signature = make('SignatureDef');
  signature.getInputsMap().set('x', tensorInfo('x:0'));
  signature.getOutputsMap().set('y', tensorInfo('y:0'));
  signature.setMethodName('tensorflow/serving/predict');
  const meta = make('MetaGraphDef');
  const metaInfo = new pb.MetaGraphDef.MetaInfoDef();
  metaInfo.addTags('serve');
  meta.setMetaInfoDef(metaInfo);
  meta.setGraphDef(graph);
  meta.getSignatureDefMap().set('serving_default', signature);
  const saved = make('SavedModel');
  saved.setSavedModelSchemaVersion(1);
  saved.addMetaGraphs(meta);
  return saved.serializeBinary();
}
