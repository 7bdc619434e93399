/** Draws what has changed, one part a frame, so that the page never stutters. */
const waiting = new Map<string, () => void>();
let isScheduled = false;

function paint(): void {
  isScheduled = false;
  const [next] = waiting;
  if (next === undefined) return;
  const [name, draw] = next;
  waiting.delete(name);
  draw();
  schedule();
}

function schedule(): void {
  if (isScheduled || waiting.size === 0) return;
  isScheduled = true;
  requestAnimationFrame(paint);
}

/** Draws a part in one of the next frames; an earlier wish for the same part is dropped. */
export function repaint(part: string, draw: () => void): void {
  waiting.set(part, draw);
  schedule();
}
