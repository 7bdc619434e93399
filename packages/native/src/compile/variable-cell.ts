/**
 * Variables whose values compiled steps replace in the addon, where tfjs does not see it: hundreds of values change in each
 * step, and hardly any of them is read before the next one.
 *
 * Whoever remembers a variable's value knows by its `dataId` that it is another. `dataId` therefore becomes an accessor,
 * which gives a replaced value its new identity when somebody asks: `assign`, `dispose`, kernels and readers all do.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { engine, type NodeBackend } from './internals.ts';

/** The value of a variable. */
export interface Cell {
  /** The identity under which tfjs knows the value. */
  dataId: object;
  /** The backend in which another value has taken the place of the one that this identity was made for. */
  replacedIn: NodeBackend | null;
}

// Another copy of this package in the same thread may have been first.
const CELL: unique symbol = Symbol.for('tfjs-lrm/variable-cell');

interface WithCell {
  [CELL]: Cell;
}

/** One for all variables, so that the engine of JavaScript sees one kind of object. */
const ACCESSOR: PropertyDescriptor & ThisType<WithCell> = {
  configurable: true,
  enumerable: true,
  get() {
    renew(this[CELL]);
    return this[CELL].dataId;
  },
  set(dataId: object) {
    this[CELL].dataId = dataId;
    this[CELL].replacedIn = null;
  },
};

/** The cell of a variable, which has one from the first call on. */
export function cellOf(variable: tf.Variable): Cell {
  const { [CELL]: known } = variable as Partial<WithCell>;
  if (known !== undefined) return known;
  const cell: Cell = { dataId: variable.dataId, replacedIn: null };
  Object.defineProperty(variable, CELL, { value: cell });
  Object.defineProperty(variable, 'dataId', ACCESSOR);
  return cell;
}

/** Has tfjs know a replaced value by a new identity. */
function renew(cell: Cell): void {
  const { dataId: former, replacedIn: backend } = cell;
  if (backend === null) return;
  const { tensorInfo } = engine().state;
  const [info, stored] = [tensorInfo.get(former), backend.tensorMap.get(former)];
  tensorInfo.delete(former);
  backend.tensorMap.delete(former);
  cell.dataId = {};
  cell.replacedIn = null;
  tensorInfo.set(cell.dataId, info as object);
  backend.tensorMap.set(cell.dataId, stored);
}

/**
 * The addon's number of a value, whose place another value may take; -1 where something else has the same value, or where
 * the addon does not have it yet.
 */
export function replaceable(backend: NodeBackend, { dataId }: Cell): number {
  const { id, refCount } = backend.tensorMap.get(dataId);
  return refCount === 1 ? id : -1;
}
