import { expect, test } from 'vitest';
import { addressOf, checkCluster, clusterOf } from './cluster.ts';

const config = (cluster: unknown, task: unknown): string => JSON.stringify({ cluster, task });
const two = { worker: ['a:1', 'b:2'] };

test('TF_CONFIG describes the workers, or none', () => {
  expect(clusterOf(config(two, { type: 'worker', index: 1 }))).toEqual({
    workers: ['a:1', 'b:2'],
    index: 1,
  });
  // Kubernetes hands its index over as a text.
  expect(clusterOf(config(two, { type: 'worker', index: '1' }))?.index).toBe(1);
  expect(clusterOf(undefined)).toBeNull();
  expect(clusterOf(' ')).toBeNull();
});

test.each([
  ['{', 'TF_CONFIG: it must be JSON. Received "{"'],
  ['{}', 'the workers must be a list of addresses. Received undefined'],
  [config({ ...two, ps: ['c:3'] }, { index: 0 }), 'all tasks must be workers'],
  [
    config(two, { type: 'chief', index: 0 }),
    'all tasks must be workers; worker 0 leads. Received "chief"',
  ],
  [config(two, { type: 'worker' }), 'its place in the list of 2, from 0. Received NaN'],
  [config(two, { type: 'worker', index: 2 }), 'from 0. Received 2'],
  [config({ worker: ['a:1', 'a:1'] }, { index: 0 }), 'Received "a:1" for workers 0 and 1'],
  [config({ worker: ['a', 'b:1'] }, { index: 0 }), 'worker 0 must be host:port. Received "a"'],
  [config({ worker: ['a:0'] }, { index: 0 }), 'must be host:port. Received "a:0"'],
])('refuses %s', (text, message) => {
  expect(() => clusterOf(text)).toThrow(message);
});

test('an address may be of IPv6', () => {
  expect(addressOf('[::1]:22')).toEqual({ host: '::1', port: 22 });
  expect(() => checkCluster('connect', ['[::1]:22'], 0)).not.toThrow();
});
