/** A worker whose only other one never comes, and when deadlines abort its collectives: prints it as JSON. */
import * as tf from '@tensorflow/tfjs-core';
import { localCluster } from '@tfjs-lrm/distributed/local';
import { compile } from '@tfjs-lrm/native';
import { nodeBackend } from '@tfjs-lrm/native/kit';
import { clusterOf } from '../dist/cluster.js';
import { serverDef } from '../dist/server-def.js';

const backend = nodeBackend('deadlines');
const [config] = await localCluster(2);
const definition = serverDef(clusterOf(config));
backend.binding.startCollectives(definition);

const { TF_ATTR_FLOAT, TF_ATTR_INT, TF_ATTR_STRING, TF_ATTR_TYPE, TF_FLOAT } = backend.binding;
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const run = (operation, tensor, ...attributes) => {
  const ids = backend.getInputTensorIds([tensor]);
  const all = [...attributes, { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT }];
  return backend.createOutputTensor(backend.binding.executeOp(operation, all, ids, 1)[0]);
};
const deadline = (call, seconds, tensor = tf.ones([2])) =>
  run(
    'LrmDeadline',
    tensor,
    { name: 'call', type: TF_ATTR_STRING, value: call },
    { name: 'seconds', type: TF_ATTR_FLOAT, value: seconds },
  );
const collective = (tensor) =>
  run(
    'CollectiveReduce',
    tensor,
    ...['group_size', 'group_key', 'instance_key'].map((name) => {
      return { name, type: TF_ATTR_INT, value: 2 };
    }),
    { name: 'merge_op', type: TF_ATTR_STRING, value: 'Add' },
    { name: 'final_op', type: TF_ATTR_STRING, value: 'Id' },
    { name: 'subdiv_offsets', type: TF_ATTR_INT, value: [0] },
  );

const told = {};
const note = (name, call) => {
  try {
    told[name] = call();
  } catch (error) {
    told[name] = error.message;
  }
};
const PASSED = 0.3;

// None of these must abort anything: the first error would be that of "early".
deadline('early', PASSED);
deadline('early', 0);
await sleep(2 * PASSED);

deadline('early', PASSED);
deadline('other', 60);
deadline('early', 0);
await sleep(2 * PASSED);

deadline('early', PASSED);
deadline('early', 60);
await sleep(2 * PASSED);

deadline('early', PASSED);
note('failed', () => run('NoSuchOperation', tf.ones([1])));
await sleep(2 * PASSED);

const step = compile((x) => deadline('early', 0, tf.add(deadline('early', PASSED, x), 1)));
told.function = [0, 1, 2, 3].map((i) => [...step(tf.tensor1d([i, 2])).dataSync()]);
await sleep(2 * PASSED);

const start = Date.now();
note('passed', () => collective(deadline('first', PASSED)));
told.seconds = (Date.now() - start) / 1000;
note('later', () => collective(deadline('second', PASSED)));
note('twice', () => backend.binding.startCollectives(definition));
console.log(JSON.stringify(told));
