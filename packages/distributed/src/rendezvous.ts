/**
 * How the workers meet before TensorFlow starts, so that what is wrong is said at once and on all of them:
 *
 *     worker 1 … n−1 ──hello: index, addresses, facts──▶ worker 0, at its own port
 *                    ◀──missing: [2, 3]────────────────   whenever one has come
 *                    ◀──go, or what is wrong───────────   then all leave their ports to TensorFlow
 */
import { createServer, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { addressOf, type Cluster } from './cluster.ts';
import { connectTo, isPortTaken, type Line, linesOf, say } from './lines.ts';

/** What must be the same on all workers, by what it is called. */
export type Facts = Readonly<Record<string, string>>;

interface Hello {
  readonly index: number;
  readonly workers: readonly string[];
  readonly facts: Facts;
  /** Where the worker runs, for messages. */
  readonly place: string;
  /** Why the worker cannot start. */
  readonly problem?: string;
}

type Answer =
  | { readonly missing: readonly number[] }
  | { readonly go: true }
  | { readonly problem: string };

const RETRY = 200;

const list = (indices: readonly number[], workers: readonly string[]): string =>
  indices.map((i) => `worker ${i} (${workers[i]})`).join(', ');

const late = (missing: readonly number[], workers: readonly string[], seconds: number): string =>
  `all workers must start within ${seconds} s. Missing: ${list(missing, workers)}. Try to look at their logs, or a longer startTimeout.`;

/**
 * Returns once all workers have come and agree.
 *
 * @param seconds how long to wait for the others
 * @throws Error, on every worker, that says who is missing or which workers contradict each other
 */
export async function rendezvous(cluster: Cluster, facts: Facts, seconds: number): Promise<void> {
  const { workers, index } = cluster;
  const place = `${hostname()}, process ${process.pid}`;
  const hello: Hello = { index, workers, facts, place };
  const deadline = Date.now() + seconds * 1000;
  const server = createServer();
  try {
    if (!(await isPortTaken(server, addressOf(workers[index] as string).port))) {
      if (index === 0) return await lead(server, hello, seconds, deadline);
      // The port is only kept; nobody is to wait at it.
      server.on('connection', (socket) => socket.destroy());
      return await follow(hello, seconds, deadline);
    }
    const problem = `worker ${index} must have its port to itself. Received ${workers[index]}, which another program uses at ${place}: perhaps a second worker ${index}, or one of an earlier run.`;
    // The worker that waits for this one gives up now rather than at its deadline.
    await follow({ ...hello, problem }, 2, Date.now() + 2000).catch(() => {});
    throw new Error(`connect: ${problem}`);
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
}

/** What contradicts the others about one of them; null where all agree. */
function conflict(
  mine: Hello,
  theirs: Hello,
  known: ReadonlyMap<number, { hello: Hello }>,
): string | null {
  if (theirs.problem !== undefined) return theirs.problem;
  const other = theirs.index === 0 ? mine : known.get(theirs.index)?.hello;
  if (other !== undefined) {
    return `every worker must have an index of its own. Received ${theirs.index} from two: ${other.place}; ${theirs.place}.`;
  }
  if (String(mine.workers) !== String(theirs.workers)) {
    return `all workers must have the same list of addresses. Received ${mine.workers} on worker 0, and ${theirs.workers} on worker ${theirs.index}.`;
  }
  for (const [name, value] of Object.entries(mine.facts)) {
    if (theirs.facts[name] === value) continue;
    return `${name} must be the same on all workers. Received ${value} on worker 0, and ${theirs.facts[name] ?? 'none'} on worker ${theirs.index} (${theirs.place}).`;
  }
  return null;
}

function helloIn(line: Line): Hello | null {
  const { index, workers, facts, place } = (line ?? {}) as Partial<Hello>;
  const isHello =
    Number.isInteger(index) &&
    Array.isArray(workers) &&
    typeof place === 'string' &&
    typeof facts === 'object';
  return isHello ? (line as unknown as Hello) : null;
}

/** Worker 0: waits for all others, and says to all how it ends. */
function lead(server: Server, mine: Hello, seconds: number, deadline: number): Promise<void> {
  const { workers } = mine;
  const known = new Map<number, { hello: Hello; socket: Socket }>();
  const open = new Set<Socket>();
  const missing = (): number[] => workers.map((_, i) => i).filter((i) => i !== 0 && !known.has(i));
  const toAll = (answer: Answer): void => {
    for (const { socket } of known.values()) say(socket, answer);
  };
  return new Promise<void>((resolve, reject) => {
    const end = (problem: string | null): void => {
      clearTimeout(timer);
      toAll(problem === null ? { go: true } : { problem });
      for (const socket of open) socket.destroySoon();
      if (problem === null) resolve();
      else reject(new Error(`connect: ${problem}`));
    };
    const timer = setTimeout(() => end(late(missing(), workers, seconds)), deadline - Date.now());
    server.on('connection', (socket) => {
      open.add(socket);
      socket.on('close', () => {
        open.delete(socket);
        // One that ended may come again.
        for (const [index, worker] of known) if (worker.socket === socket) known.delete(index);
      });
      linesOf(socket, (line) => {
        const hello = helloIn(line);
        // Not one of ours: a check of health, or a scan.
        if (hello === null) return void socket.destroy();
        const problem = conflict(mine, hello, known);
        if (problem !== null) {
          say(socket, { problem });
          return end(problem);
        }
        known.set(hello.index, { hello, socket });
        if (missing().length === 0) return end(null);
        toAll({ missing: missing() });
      });
    });
    if (workers.length === 1) end(null);
  });
}

/** Every other worker: says hello to worker 0 until it answers, and waits for what it says. */
async function follow(mine: Hello, seconds: number, deadline: number): Promise<void> {
  const { workers } = mine;
  const { host, port } = addressOf(workers[0] as string);
  let missing: readonly number[] = [0];
  let reason = '';
  for (let wait = 0; Date.now() + wait < deadline; wait = RETRY) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const socket = await connectTo(host, port, deadline - Date.now()).catch((error: Error) => {
      reason = ` (${error.message})`;
      return null;
    });
    if (socket === null) continue;
    reason = '';
    const answer = new Promise<Answer | null>((resolve) => {
      linesOf(socket, (line) => {
        if (line !== null && 'missing' in line) missing = line['missing'] as readonly number[];
        else if (line !== null && ('go' in line || 'problem' in line)) resolve(line as Answer);
        else
          resolve({
            problem: `worker 0 must be at ${workers[0]}. Received an answer of another program, or of a run that has started already.`,
          });
      });
      socket.on('close', () => resolve(null));
      // A little later than worker 0, which knows more.
      setTimeout(resolve, deadline - Date.now() + 1000, null).unref();
    });
    say(socket, mine);
    const last = await answer;
    socket.destroy();
    if (last !== null && 'problem' in last) throw new Error(`connect: ${last.problem}`);
    if (last !== null) return;
  }
  throw new Error(`connect: ${late(missing, workers, seconds)}${reason}`);
}
