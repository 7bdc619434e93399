/** Where training stands, in words, and how far it is. */
import { type Session, stepsOf } from '../session/session.ts';
import { byId, say } from './elements.ts';

export type Phase =
  | 'idle'
  | 'starting'
  | 'training'
  | 'pausing'
  | 'paused'
  | 'finished'
  | 'stopped';

interface Words {
  /** On the button. */
  readonly go: string;
  readonly standing: string;
}

const WORDS: Readonly<Record<Phase, Words>> = {
  idle: {
    go: 'Train both',
    standing: 'Nothing has been trained yet. The first numbers come within seconds.',
  },
  starting: { go: 'Starting …', standing: 'The models are being built.' },
  training: { go: 'Pause', standing: 'Both are training.' },
  pausing: { go: 'Pausing …', standing: 'Both take the step that they are in, and are saved.' },
  paused: { go: 'Go on', standing: 'Paused. Everything so far is kept.' },
  finished: { go: 'Train again', standing: 'Both have finished.' },
  stopped: { go: 'Go on', standing: 'Training has stopped.' },
};

export function showPhase(phase: Phase): void {
  const go = byId<HTMLButtonElement>('go');
  say(go, WORDS[phase].go);
  go.disabled = phase === 'starting' || phase === 'pausing';
  say(byId('phase'), WORDS[phase].standing);
  document.body.dataset['phase'] = phase;
}

/** Fills the bar as far as both runs are on average. */
export function showProgress(session: Session | null): void {
  if (session === null) return;
  const steps = session.settings.runs[0]?.preset.steps ?? 1;
  const done = session.runs.reduce((sum, run) => sum + stepsOf(run), 0) / session.runs.length;
  byId<HTMLProgressElement>('bar').value = done / steps;
}
