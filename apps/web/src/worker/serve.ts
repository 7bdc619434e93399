/** What a model is asked for between its steps: to go on from a prompt, and to be folded. */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Corpus, continuation } from '@tfjs-lrm/language-model';
import { foldMultipliers } from '@tfjs-lrm/multipliers';
import type { FromWorker, Request } from './messages.ts';
import { modelFiles } from './model-files.ts';

/** Characters between two looks at the messages. */
const BURST = 16;
const WRITING_SEED = 1;

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

/** Lets in the messages that arrived; timers would wait longer in a tab that is hidden. */
export const letMessagesIn = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });

/** Ids of a prompt's characters; those that the text does not have are left out. */
function idsOf(prompt: string, { vocabulary, validation }: Corpus): number[] {
  const ids = [...prompt].map((character) => vocabulary.indexOf(character)).filter((id) => id >= 0);
  return ids.length > 0 ? ids : [validation[0] as number];
}

/**
 * Answers a request.
 *
 * @param isOutdated true when nobody waits for the rest of it any more
 */
export async function serve(
  request: Request,
  model: LayersModel,
  corpus: Corpus,
  context: number,
  send: (message: FromWorker, transfer?: Transferable[]) => void,
  isOutdated: () => boolean,
): Promise<void> {
  if ('fold' in request) {
    const { id } = request.fold;
    const folded = foldMultipliers(model);
    const files = await modelFiles(folded, corpus.vocabulary, context);
    folded.dispose();
    send({ folded: { id, files } });
    return;
  }
  const { id, prompt, characters } = request.write;
  let [text, length] = ['', 0];
  for await (const next of continuation(
    model,
    idsOf(prompt, corpus).slice(-context),
    WRITING_SEED,
  )) {
    text += corpus.vocabulary[next];
    length++;
    if (length === characters || isOutdated()) break;
    if (length % BURST === 0) {
      send({ written: { id, text, isDone: false } });
      await letMessagesIn();
    }
  }
  send({ written: { id, text, isDone: true } });
}
