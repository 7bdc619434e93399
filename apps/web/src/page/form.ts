/** The form of settings, and the link that holds them. */

import { PRESETS, type PresetName } from '@tfjs-lrm/language-model';
import { BADLY_SET, type Choices, linkOf, readChoices } from '../session/choices.ts';
import { TEXTS } from '../session/text-source.ts';
import { byId, say } from './elements.ts';

const form = byId<HTMLFormElement>('form');
const field = (name: string): HTMLInputElement =>
  form.elements.namedItem(name) as unknown as HTMLInputElement;

/** The choices of the form; null where a field is wrong, which the browser then points at. */
export function formChoices(): Choices | null {
  if (!form.checkValidity()) {
    // A browser points at nothing that is folded away.
    byId<HTMLDetailsElement>('settings').open = true;
    form.reportValidity();
    return null;
  }
  const values = new FormData(form) as unknown as Iterable<[string, string]>;
  const { choices, wrong } = readChoices(new URLSearchParams([...values]));
  return wrong.length === 0 ? choices : null;
}

/** Puts choices into the form. */
export function fillForm(choices: Choices): void {
  for (const [name, value] of Object.entries(choices)) field(name).value = String(value);
  showChoices(choices);
}

/** Shows choices in a line, and what depends on them. */
export function showChoices(choices: Choices): void {
  const { text, preset, steps, optimizer, decay, rate, seed } = choices;
  const parts = [
    TEXTS[text],
    preset,
    `${steps} steps`,
    optimizer === 'muon' ? 'Muon' : 'AdamW',
    decay >= BADLY_SET ? `decay ${decay}, far too strong` : `decay ${decay}`,
    `rate ${rate}`,
    `seed ${seed}`,
  ];
  say(byId('summary'), parts.join(' · '));
  byId('file-label').hidden = text !== 'file';
}

/** Calls back when a field has changed and all fields are right. */
export function onForm(changed: (choices: Choices) => void): void {
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('change', ({ target }) => {
    // Another model is trained for as long as suits it.
    const { name, value } = target as HTMLInputElement;
    if (name === 'preset') field('steps').value = String(PRESETS[value as PresetName].steps);
    if (name === undefined || name === '') return;
    const choices = formChoices();
    if (choices !== null) changed(choices);
  });
}

export const fromLink = (): ReturnType<typeof readChoices> & { isEmpty: boolean } => {
  const values = new URLSearchParams(location.hash.slice(1));
  return { ...readChoices(values), isEmpty: values.size === 0 };
};

/** The page's address with the choices in it. */
export function addressOf(choices: Choices): string {
  const link = linkOf(choices);
  return `${location.pathname}${location.search}${link === '' ? '' : `#${link}`}`;
}
