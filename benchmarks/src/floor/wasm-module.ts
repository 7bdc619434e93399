/** A WebAssembly module that does nothing but arithmetic, or nothing but move memory: what an engine can reach at best. */

/** Independent sums of the arithmetic: as many as hide the latency of a multiplication and an addition. */
const SUMS = 12;
/** Floating-point operations of one turn of `multiplyAdd`. */
export const FLOP_A_TURN: number = SUMS * 4 * 2;
const PAGE = 65_536;

export interface WasmPeaks {
  /** Multiplies and adds in registers, this many turns. */
  multiplyAdd(turns: number): void;
  /** c = a + b for so many bytes, a multiple of 64; a, b and c are addresses. */
  add(a: number, b: number, c: number, bytes: number): void;
  readonly memory: WebAssembly.Memory;
}

const leb = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
const list = (items: readonly (readonly number[])[]): number[] => [
  ...leb(items.length),
  ...items.flat(),
];
const text = (value: string): number[] => list([...Buffer.from(value)].map((byte) => [byte]));
const section = (id: number, body: readonly number[]): number[] => [
  id,
  ...leb(body.length),
  ...body,
];

const [I32, V128, NONE] = [0x7f, 0x7b, 0x40];
const simd = (code: number): number[] => [0xfd, ...leb(code)];
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const int = (value: number): number[] => [0x41, ...signedLeb(value)];
const signedLeb = (value: number): number[] =>
  value >= -64 && value < 64
    ? [value & 127]
    : [(value & 127) | 128, ...signedLeb(Math.floor(value / 128))];
/** A vector of four times the same number, which is a power of two. */
const splat = (value: number): number[] => [
  ...[0x43, ...Buffer.from(Float32Array.of(value).buffer)],
  ...simd(0x13),
];
/** Repeats its body, and then counts a local down by `step`, to zero. */
const loop = (counter: number, step: number, body: readonly number[]): number[] => [
  ...[0x03, NONE, ...body],
  ...[...get(counter), ...int(step), 0x6b, 0x22, counter, 0x0d, 0, 0x0b],
];

/** Locals: turns, the sums, a factor, a summand. */
function multiplyAdd(isRelaxed: boolean): number[] {
  const [factor, summand] = [SUMS + 1, SUMS + 2];
  const fused = [...simd(0x105)];
  const separate = [...simd(0xe6), ...get(summand), ...simd(0xe4)];
  const sums = Array.from({ length: SUMS }, (_, i) => i + 1);
  const turn = sums.flatMap((sum) => [
    ...[...get(sum), ...get(factor)],
    ...(isRelaxed ? [...get(summand), ...fused] : separate),
    ...set(sum),
  ]);
  // They are stored in the end, so that nothing is left out as unused.
  const stores = sums.flatMap((sum) => [...int(16 * sum), ...get(sum), ...simd(0x0b), 4, 0]);
  return [
    ...list([[...leb(SUMS + 2), V128]]),
    ...[...splat(0.5), ...set(factor), ...splat(1), ...set(summand)],
    ...loop(0, 1, turn),
    ...[...stores, 0x0b],
  ];
}

/** Locals: three addresses, the bytes to go. */
function add(): number[] {
  const part = (offset: number): number[] => [
    ...get(2),
    ...[...get(0), ...simd(0), 4, ...leb(offset)],
    ...[...get(1), ...simd(0), 4, ...leb(offset)],
    ...[...simd(0xe4), ...simd(0x0b), 4, ...leb(offset)],
  ];
  const advance = [0, 1, 2].flatMap((local) => [...get(local), ...int(64), 0x6a, ...set(local)]);
  return [...list([]), ...loop(3, 64, [...[0, 16, 32, 48].flatMap(part), ...advance]), 0x0b];
}

function moduleBytes(bytes: number, isRelaxed: boolean): Uint8Array<ArrayBuffer> {
  const functions = [multiplyAdd(isRelaxed), add()];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list([1, 4].map((count) => [0x60, ...list(Array(count).fill([I32])), 0]))),
    ...section(3, list([[0], [1]])),
    ...section(5, list([[0, ...leb(Math.ceil(bytes / PAGE))]])),
    ...section(
      7,
      list([
        [...text('multiplyAdd'), 0, 0],
        [...text('add'), 0, 1],
        [...text('memory'), 2, 0],
      ]),
    ),
    ...section(10, list(functions.map((body) => [...leb(body.length), ...body]))),
  ]);
}

/** The module, with so many bytes of memory; its multiplications are fused where the engine has relaxed SIMD. */
export async function wasmPeaks(bytes: number): Promise<WasmPeaks> {
  const isRelaxed = WebAssembly.validate(moduleBytes(bytes, true));
  const { instance } = await WebAssembly.instantiate(moduleBytes(bytes, isRelaxed));
  return instance.exports as unknown as WasmPeaks;
}
