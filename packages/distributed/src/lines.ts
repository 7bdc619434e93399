/** Messages between processes: JSON, one a line, over TCP. */
import { once } from 'node:events';
import { createConnection, type Server, type Socket } from 'node:net';

/** A message; null for what is none. */
export type Line = Readonly<Record<string, unknown>> | null;

const LONGEST = 1 << 22;

export function say(socket: Socket, message: object): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

function parsed(text: string): Line {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Line) : null;
  } catch {
    return null;
  }
}

/** Calls `onLine` with every message. What comes and is none is one null. */
export function linesOf(socket: Socket, onLine: (line: Line) => void): void {
  let rest = '';
  socket.on('error', () => {}); // 'close' follows
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) onLine(parsed(line));
    if (rest !== '' && (!rest.startsWith('{') || rest.length > LONGEST)) {
      rest = '';
      onLine(null);
    }
  });
}

/** @throws Error where nobody answers within so many milliseconds */
export async function connectTo(host: string, port: number, timeout: number): Promise<Socket> {
  const socket = createConnection({ host, port });
  const timer = setTimeout(
    () => socket.destroy(new Error(`no answer from ${host}:${port}`)),
    Math.max(timeout, 1),
  );
  try {
    await once(socket, 'connect');
    return socket;
  } finally {
    clearTimeout(timer);
  }
}

/** Makes a server listen on a port of this machine, as TensorFlow will; true where another program does. */
export async function isPortTaken(server: Server, port: number): Promise<boolean> {
  server.listen({ port, host: '0.0.0.0' });
  try {
    await once(server, 'listening');
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return true;
    throw new Error(
      `connect: the port ${port} must be free. Received: ${(error as Error).message}.`,
    );
  }
}
