/** The page: what its buttons do to the comparison, and which parts of it are drawn when. */
import { type FinishedRun, trainingReport, VERSION } from '@tfjs-lrm/language-model';
import { Mistake } from '@tfjs-lrm/shared/portable';
import { clearTexts, showRun, showText, verdictOf } from './page/cards.ts';
import { download, zipOf } from './page/download.ts';
import { byId, say } from './page/elements.ts';
import { addressOf, fillForm, formChoices, fromLink, onForm, showChoices } from './page/form.ts';
import { histograms } from './page/histograms.ts';
import { lossChart } from './page/loss-chart.ts';
import { makeNotices } from './page/notices.ts';
import { repaint } from './page/painter.ts';
import { scaleCharts } from './page/scale-charts.ts';
import { type Phase, showPhase, showProgress } from './page/standing.ts';
import {
  BADLY_SET,
  type Choices,
  choicesOf,
  DEFAULTS,
  presetOf,
  runsOf,
  WELL_SET,
} from './session/choices.ts';
import { type Plan, planMachine } from './session/machine.ts';
import { Saver } from './session/saver.ts';
import { type Run, Session, stepsOf } from './session/session.ts';
import { checkSize, checkText, fetchText, TEXTS, type TextName } from './session/text-source.ts';
import { Trainer } from './session/trainer.ts';
import { forget, loadSession, loadText, saveText, sha256 } from './storage/storage.ts';
import type { Memory } from './worker/messages.ts';

const CHARACTERS = 240;

/** A file that was chosen, which has been looked at. */
interface ChosenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A comparison that was kept, with its text where that is a file. */
interface Saved {
  readonly session: Session;
  readonly choices: Choices;
  readonly file: ChosenFile | null;
}

export class App {
  #phase: Phase = 'idle';
  #choices: Choices = DEFAULTS;
  #session: Session | null = null;
  #trainer: Trainer | null = null;
  #file: ChosenFile | null = null;
  #text: Uint8Array | null = null;
  readonly #memory: (Memory | null)[] = [null, null];
  readonly #loss = lossChart(byId('loss-chart'));
  readonly #scales = scaleCharts(byId('scales'));
  readonly #histograms = histograms(byId('histograms'));
  readonly #notices = makeNotices(byId('notices'));
  readonly #saver = new Saver({
    failed: (reason) =>
      this.#notices.show('storage', `${reason} Training goes on, but closing this tab loses it.`),
    saved: () => this.#notices.hide('storage'),
    tookOver: () => void this.#takeOver(),
  });

  /** Reads the link and what was kept, and makes the page answer. */
  async open(): Promise<void> {
    this.#listen();
    const link = this.#followLink();
    await this.#saver.open();
    const saved = await this.#loadSaved(link.choices);
    if (saved === null) return this.#show('idle');
    if (link.isEmpty || JSON.stringify(saved.choices) === JSON.stringify(link.choices))
      return this.#restore(saved);
    this.#show('idle');
    this.#notices.show('saved', 'A comparison with other settings than this link’s is kept here.', {
      label: 'Go on with it',
      act: () => this.#restore(saved),
    });
  }

  /** Sets what the link asks for, and says what of it there is not. */
  #followLink(): ReturnType<typeof fromLink> {
    const link = fromLink();
    this.#choose(link.choices);
    if (link.wrong.length === 0) this.#notices.hide('link');
    else
      this.#notices.show(
        'link',
        `The link asks for a ${link.wrong.join(' and a ')} that there is not; the usual one is set instead.`,
      );
    return link;
  }

  /** The comparison that is kept here, with the choices that lead to it. */
  async #loadSaved(asked: Choices): Promise<Saved | null> {
    try {
      const session = await loadSession();
      if (session === null) return null;
      const bytes = await loadText();
      const { file, sha256: digest } = session.settings.text;
      const isFile = bytes !== null && (await sha256(bytes)) === digest;
      const text: TextName = isFile ? 'file' : file === null ? 'moby-dick' : 'brown';
      return {
        session,
        file: isFile ? { name: file ?? '', bytes } : null,
        choices: choicesOf(session.settings.runs, text, asked),
      };
    } catch (error) {
      this.#saver.report(error);
      return null;
    }
  }

  /** Another tab saved until now: what it saved last is shown, unless this one trains something itself. */
  async #takeOver(): Promise<void> {
    if (this.#trainer !== null || this.#phase === 'starting') {
      if (this.#choices.text === 'file' && this.#text !== null) await saveText(this.#text);
      return this.#saver.save(this.#session);
    }
    const saved = await this.#loadSaved(this.#choices);
    if (saved !== null && this.#trainer === null) this.#restore(saved);
    this.#notices.hide('storage');
  }

  #restore({ session, choices, file }: Saved): void {
    this.#file = file ?? this.#file;
    this.#choose(choices);
    this.#session = session;
    this.#text = null;
    this.#show(this.#rest());
    this.#draw();
  }

  #listen(): void {
    const on = (id: string, act: () => unknown): void =>
      byId(id).addEventListener('click', () => {
        void this.#attempt(act);
      });
    on('go', () => this.#go());
    on('over', () => this.#begin());
    on('wrong', () => {
      const isWrong = this.#choices.decay >= BADLY_SET;
      this.#choose({ ...this.#choices, decay: isWrong ? WELL_SET : BADLY_SET });
      return this.#begin();
    });
    on('link', async () => {
      const address = new URL(addressOf(this.#choices), location.href).href;
      await navigator.clipboard.writeText(address).catch(() => undefined);
      say(byId('link'), 'Copied: it is this page’s address now');
    });
    on('forget', () => this.#forget());
    on('metrics', () => {
      const lines = this.#session?.metrics() ?? '';
      download('metrics.ndjson', [lines], 'application/x-ndjson');
    });
    on('report', () => this.#report());
    for (const run of [0, 1]) on(`model-${run}`, () => this.#takeModel(run));
    byId('ask').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#attempt(() => this.#write());
    });
    onForm((choices) => this.#choose(choices));
    byId<HTMLInputElement>('file').addEventListener('change', ({ target }) => {
      const [file] = (target as HTMLInputElement).files ?? [];
      if (file !== undefined) void this.#attempt(() => this.#take(file));
    });
    addEventListener('hashchange', () => this.#followLink());
    addEventListener('dragover', (event) => {
      event.preventDefault();
      document.body.classList.add('dropping');
    });
    for (const name of ['dragleave', 'drop'] as const)
      addEventListener(name, () => document.body.classList.remove('dropping'));
    addEventListener('drop', (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer?.files ?? [];
      if (file !== undefined) void this.#attempt(() => this.#take(file));
    });
  }

  /** Does something, and tells what went wrong with it. */
  async #attempt(act: () => unknown): Promise<void> {
    this.#notices.hide('failed');
    try {
      await act();
    } catch (error) {
      const { message } = error as Error;
      this.#notices.show('failed', error instanceof Mistake ? message : `That failed: ${message}`);
      if (this.#phase === 'starting') this.#show(this.#rest());
    }
  }

  /** Where the comparison stands while nothing trains. */
  #rest(): Phase {
    if (this.#session === null) return 'idle';
    return this.#session.isFinished ? 'finished' : 'paused';
  }

  /** Takes choices into the form, the link and the buttons. */
  #choose(choices: Choices): void {
    this.#choices = choices;
    fillForm(choices);
    showChoices(choices);
    history.replaceState(null, '', addressOf(choices));
    const wrong = byId('wrong');
    const isWrong = choices.decay >= BADLY_SET;
    say(wrong, isWrong ? 'Set the decay well again' : 'Set the decay wrongly');
    this.#offer();
  }

  /** Whether the form differs from what is being trained. */
  #isChanged(): boolean {
    if (this.#session === null) return false;
    const { text, runs } = this.#session.settings;
    const wanted = runsOf(this.#choices, runs[0]?.backend ?? '');
    return (
      this.#textName(this.#choices) !== text.file || JSON.stringify(wanted) !== JSON.stringify(runs)
    );
  }

  /** As a comparison names its text: null for Moby Dick. */
  #textName({ text }: Choices): string | null {
    if (text === 'moby-dick') return null;
    return text === 'file' ? (this.#file?.name ?? '') : TEXTS[text];
  }

  /** Looks at a file, and takes it as the text to learn. */
  async #take(file: File): Promise<void> {
    checkSize(file.name, file.size);
    const bytes = new Uint8Array(await file.arrayBuffer());
    checkText(file.name, bytes, presetOf(this.#choices).context);
    this.#file = { name: file.name, bytes };
    say(
      byId('file-name'),
      `${file.name}, ${bytes.length.toLocaleString('en')} bytes, read here and uploaded nowhere.`,
    );
    this.#choose({ ...this.#choices, text: 'file' });
    byId<HTMLDetailsElement>('settings').open = true;
  }

  async #readText(): Promise<Uint8Array> {
    const { text } = this.#choices;
    if (text !== 'file') return fetchText(text);
    if (this.#file !== null) return this.#file.bytes;
    byId<HTMLDetailsElement>('settings').open = true;
    throw new Mistake('Choose a file first, in the settings, or drop one on this page.');
  }

  #go(): unknown {
    switch (this.#phase) {
      case 'idle':
      case 'finished':
        return this.#begin();
      case 'training':
        this.#show('pausing');
        return this.#pause(true);
      case 'paused':
      case 'stopped':
        return this.#continue();
      default:
        return undefined;
    }
  }

  #pause(isPaused: boolean): void {
    if (this.#trainer !== null) this.#trainer.isPaused = isPaused;
  }

  /** Starts a comparison anew. */
  async #begin(): Promise<void> {
    const choices = formChoices();
    if (choices === null) return;
    this.#trainer?.close();
    this.#trainer = null;
    this.#show('starting');
    const [text, plan] = await Promise.all([this.#readText(), planMachine(choices)]);
    const session = new Session({
      version: VERSION,
      text: { file: this.#textName(choices), sha256: await sha256(text) },
      checkpointEvery: 50,
      runs: runsOf(choices, plan.backend),
    });
    this.#text = text;
    this.#session = session;
    this.#scales.clear();
    clearTexts();
    this.#memory.fill(null);
    await this.#saver.begin(async () => {
      if (choices.text === 'file') await saveText(text);
    });
    this.#train(plan, false);
    this.#draw();
  }

  /** Goes on after a pause, in this page or in one that was closed, and starts workers that are gone. */
  async #continue(): Promise<void> {
    if (this.#trainer !== null) {
      for (const run of [0, 1]) this.#trainer.revive(run);
      this.#pause(false);
      this.#show('training');
      return;
    }
    await this.#load(false);
  }

  /** Starts the workers of a comparison that was loaded. */
  async #load(isPaused: boolean): Promise<void> {
    const session = this.#session as Session;
    this.#show('starting');
    const text = await this.#readText();
    if ((await sha256(text)) !== session.settings.text.sha256)
      throw new Mistake(
        'The text is not the one that training began with. Choose that file again, or start over.',
      );
    this.#text = text;
    const backend = session.settings.runs[0]?.backend as Choices['backend'];
    this.#train(await planMachine({ ...this.#choices, backend }), isPaused);
  }

  #train(plan: Plan, isPaused: boolean): void {
    const session = this.#session as Session;
    say(byId('machine'), `Computes on ${plan.backend}: ${plan.why}.`);
    session.isTraining = !isPaused;
    const paused = new Set<number>();
    this.#trainer = new Trainer(session, this.#text as Uint8Array, plan, isPaused, {
      machine: (_, { isSimd, backend, threads, reason }) => {
        if (backend === 'wasm')
          say(
            byId('machine'),
            `Computes on wasm ${isSimd ? 'with SIMD' : 'without SIMD, which this browser lacks'}: ${plan.why}.${
              threads < plan.threads ? ` There is only ${threads}: ${reason}.` : ''
            }`,
          );
        if (this.#phase === 'starting' && !isPaused) this.#show('training');
      },
      progress: (run, memory, hasState) => {
        this.#memory[run] = memory;
        paused.delete(run);
        if (hasState) void this.#saver.save(session);
        if (session.runs[run]?.records.at(-1)?.validationLoss !== undefined) this.#ask(run);
        this.#draw();
      },
      paused: (run) => {
        paused.add(run);
        const isAll = session.runs.every(({ result }, i) => paused.has(i) || result !== null);
        if (isAll && this.#phase !== 'finished') {
          session.isTraining = false;
          this.#show('paused');
        }
      },
      result: (run) => {
        this.#ask(run);
        if (session.isFinished) {
          session.isTraining = false;
          this.#show('finished');
        }
        void this.#saver.save(session);
        this.#draw();
      },
      written: (run, text) => showText(run, this.#prompt(), text),
      stopped: (run, why, canGoOn) => {
        const which = run === 0 ? 'without' : 'with';
        const step = session.runs[run]?.state?.step ?? 0;
        this.#notices.show(
          `stopped ${run}`,
          canGoOn
            ? `The worker of the model ${which} multipliers stopped: ${why}. Nothing is lost up to step ${step}.`
            : `The model ${which} multipliers: ${why}. Try a lower learning rate, and start over.`,
          canGoOn
            ? {
                label: `Go on from step ${step}`,
                act: () => void this.#attempt(() => this.#continue()),
              }
            : undefined,
        );
        session.isTraining = false;
        this.#pause(true);
        this.#show('stopped');
        this.#draw();
      },
    });
  }

  #prompt(): string {
    return byId<HTMLInputElement>('prompt').value;
  }

  /** Asks a model to go on from the prompt. */
  #ask(run: number): void {
    this.#trainer?.write(run, this.#prompt(), CHARACTERS);
  }

  async #write(): Promise<void> {
    if (this.#session === null) throw new Mistake('Train both first: they know nothing yet.');
    if (this.#trainer === null) await this.#load(!this.#session.isFinished);
    for (const run of [0, 1]) this.#ask(run);
  }

  async #takeModel(run: number): Promise<void> {
    if (this.#trainer === null) await this.#load(!this.#session?.isFinished);
    const files = await (this.#trainer as Trainer).fold(run);
    const name = `${run === 0 ? 'without' : 'with'}-multipliers-step-${stepsOf(this.#session?.runs[run] as Run)}`;
    download(`${name}.zip`, [zipOf(files)], 'application/zip');
  }

  #report(): void {
    const { settings, runs } = this.#session as Session;
    const html = trainingReport(settings, runs as unknown as FinishedRun[]);
    download('report.html', [html], 'text/html');
  }

  async #forget(): Promise<void> {
    await forget();
    say(byId('kept'), 'Deleted. What is trained now is kept again.');
  }

  #show(phase: Phase): void {
    this.#phase = phase;
    showPhase(phase);
    this.#offer();
    showProgress(this.#session);
  }

  /** Which buttons there are. */
  #offer(): void {
    const session = this.#session;
    const isStarting = this.#phase === 'starting';
    const allow = (id: string, isAllowed: boolean | undefined): void => {
      byId<HTMLButtonElement>(id).disabled = isStarting || !isAllowed;
    };
    byId('over').hidden = session === null || this.#phase === 'finished';
    byId('later').hidden = !this.#isChanged();
    for (const id of ['over', 'wrong', 'write']) allow(id, true);
    const hasSteps = session?.runs.every(
      ({ state, records }) => state !== null || records.length > 0,
    );
    for (const id of ['model-0', 'model-1', 'metrics']) allow(id, hasSteps);
    allow('report', session?.isFinished);
    byId('report-why').hidden = session?.isFinished === true;
  }

  /** Draws everything that changes with the steps. */
  #draw(): void {
    const session = this.#session;
    if (session === null) return;
    const { runs } = session;
    repaint('cards', () => {
      for (const [i, run] of runs.entries()) showRun(i, run, this.#memory[i] ?? null);
      say(byId('verdict'), verdictOf(runs));
      showProgress(session);
      this.#offer();
    });
    repaint('loss', () => this.#loss.update(runs));
    const multipliers = runs[1]?.multipliers;
    if (multipliers) repaint('multipliers', () => this.#histograms.update(multipliers));
    this.#scales.update(runs, session.bands);
  }
}
