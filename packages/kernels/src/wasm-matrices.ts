import type { WasmBackend } from './wasm-backend.ts';

/** Row-major float32 matrices, identified by their address in the wasm heap and multiplied in place there. */
export interface Matrices {
  /** Space for this many floats, to be given to `free`. */
  allocate(floats: number): number;
  free(address: number): void;
  /** target[i] = source[i]ᵀ for each of `count` matrices source[i][rows, columns], one after the other. */
  transpose(source: number, target: number, count: number, rows: number, columns: number): void;
  /** Packs right[inner, columns] for `multiply` with left matrices of `rows` rows, until `unpack`. */
  pack(right: number, rows: number, inner: number, columns: number): void;
  /** out[rows, columns] = left[rows, inner] · right, with the packed right. */
  multiply(left: number, out: number): void;
  unpack(): void;
}

/** Bytes of a float32, and of the integers in a shape. */
export const BYTES = 4;
const FLOAT32 = 1; // tfjs' CppDType.float32

const matricesByBackend = new WeakMap<WasmBackend, Matrices>();

export function matricesOf(backend: WasmBackend): Matrices {
  let matrices = matricesByBackend.get(backend);
  if (matrices === undefined) {
    matrices = connect(backend);
    matricesByBackend.set(backend, matrices);
  }
  return matrices;
}

/**
 * tfjs' C++ side knows tensors by number. Registering a number for an address inside an existing tensor
 * makes a view: a matrix of a batch becomes an operand without the copy that slicing would cost. And since
 * XNNPACK's packed operands are cached by the number of the right operand, a view of our own, disposed after
 * use, frees them at once and can never meet the packed form that another shape of the same buffer left.
 */
function connect(backend: WasmBackend): Matrices {
  const { wasm } = backend;
  const { registerTensor, disposeData } = wasm.tfjs;
  const product = wasm.cwrap('BatchMatMul', null, new Array(9).fill('number'));
  const permute = wasm.cwrap('Transpose', null, new Array(7).fill('number'));

  // Taken from the backend's own counter: no tensor will have these numbers.
  const LEFT = backend.dataIdNextNumber;
  const [RIGHT, OUT, SOURCE, TARGET] = [LEFT + 1, LEFT + 2, LEFT + 3, LEFT + 4];
  backend.dataIdNextNumber += 5;

  // C++ reads shapes through pointers.
  const productShapes = allocate(wasm, 6);
  const permuteShapes = allocate(wasm, 6);
  const write = (address: number, values: readonly number[]): void =>
    new Int32Array(wasm.HEAPU8.buffer, address, values.length).set(values);

  let leftSize = 0;
  let outSize = 0;

  return {
    allocate: (floats) => allocate(wasm, floats),
    free(address) {
      wasm._free(address);
    },
    transpose(source, target, count, rows, columns) {
      const size = rows * columns;
      // tfjs' transpose writes down the columns of the target. Where they are a multiple of 2 KiB apart they fall into
      // a few cache sets and evict one another: at 1024 × 1024, 8 ns per element instead of 1.
      if (rows % 512 === 0) {
        const heap = new Float32Array(wasm.HEAPU8.buffer);
        for (let start = 0; start < count * size; start += size) {
          transposeInBlocks(heap, source / BYTES + start, target / BYTES + start, rows, columns);
        }
        return;
      }
      write(permuteShapes, [count, rows, columns, 0, 2, 1]);
      registerTensor(SOURCE, count * size, source);
      registerTensor(TARGET, count * size, target);
      permute(SOURCE, permuteShapes, 3, FLOAT32, TARGET, permuteShapes + 3 * BYTES, 3);
      disposeData(SOURCE);
      disposeData(TARGET);
    },
    pack(right, rows, inner, columns) {
      write(productShapes, [1, rows, inner, 1, inner, columns]);
      leftSize = rows * inner;
      outSize = rows * columns;
      disposeData(RIGHT);
      registerTensor(RIGHT, inner * columns, right);
    },
    multiply(left, out) {
      registerTensor(LEFT, leftSize, left);
      registerTensor(OUT, outSize, out);
      product(LEFT, productShapes, 3, RIGHT, productShapes + 3 * BYTES, 3, 0, 0, OUT);
      disposeData(LEFT);
      disposeData(OUT);
    },
    unpack() {
      disposeData(RIGHT);
    },
  };
}

/** The address of new space for this many numbers of 4 bytes. */
function allocate(wasm: WasmBackend['wasm'], count: number): number {
  const address = wasm._malloc(Math.max(count, 1) * BYTES) >>> 0; // addresses above 2 GiB come back negative
  if (address !== 0) return address;
  throw new Error(
    `kernels/batchMatMul: the wasm heap must have room for ${count} more floats. Received no memory. Try smaller batches, or dispose tensors.`,
  );
}

/** Transposes blocks of 8 × 8, which fit the eight ways of a cache set. `rows` is a multiple of 8. */
function transposeInBlocks(
  heap: Float32Array,
  source: number,
  target: number,
  rows: number,
  columns: number,
): void {
  for (let row = 0; row < rows; row += 8) {
    for (let left = 0; left < columns; left += 8) {
      const end = Math.min(left + 8, columns);
      for (let column = left; column < end; column++) {
        let from = source + row * columns + column;
        let to = target + column * rows + row;
        for (let i = 0; i < 8; i++) {
          heap[to++] = heap[from]!;
          from += columns;
        }
      }
    }
  }
}
