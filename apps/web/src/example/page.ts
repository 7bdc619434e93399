/** Shows the README's example, and runs it in a worker when asked. */
import '@fontsource-variable/source-serif-4/wght.css';
import '../style.css';
import source from 'virtual:readme-source';
import { byId, say } from '../page/elements.ts';
import type { Said } from './worker.ts';

const run = byId<HTMLButtonElement>('run');
const output = byId('output');
byId('code').textContent = source;

run.addEventListener('click', () => {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  run.disabled = true;
  output.textContent = '';
  say(byId('said'), 'It runs, for about 20 seconds.');
  const end = (text: string): void => {
    worker.terminate();
    run.disabled = false;
    say(byId('said'), text);
  };
  worker.onmessage = ({ data }: MessageEvent<Said>) => {
    if ('line' in data) output.append(`${data.line}\n`);
    else end(data.error === null ? 'Done.' : `It failed: ${data.error}`);
  };
  worker.onerror = ({ message }) => end(`It failed: ${message}`);
});
