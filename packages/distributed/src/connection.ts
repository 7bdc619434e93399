/** The connection of this process with the other workers: there is one, because TensorFlow has one server a process. */
import type { NodeBackend } from '@tfjs-lrm/native/kit';
import type { Exchange, Span } from './collectives.ts';

/** The other workers. */
export interface Peers {
  readonly backend: NodeBackend;
  readonly exchange: Exchange;
  /** Ends the part of the connection that this package has made. */
  leave(): void;
}

export interface Connection extends Span {
  readonly rank: number;
  /** Null where this process is the only worker. */
  readonly peers: Peers | null;
  /** How many examples the current batch of this worker has. */
  examples: number;
}

let current: Connection | null = null;

export function connection(where: string): Connection {
  if (current !== null) return current;
  throw new Error(
    `${where}: this process must be connected with the other workers. Received a call before connect(), or after disconnect(). Try await connect() at the start of the script.`,
  );
}

export const isConnected = (): boolean => current !== null;

export function setConnection(next: Connection | null): void {
  current = next;
}
