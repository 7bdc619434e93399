/** What the page has to say besides numbers: what went wrong, and what can be done about it. */
import { make } from './elements.ts';

export interface Action {
  readonly label: string;
  readonly act: () => void;
}

/** A list of notices, at most one of each kind. */
export function makeNotices(place: HTMLElement): {
  show(kind: string, text: string, action?: Action): void;
  hide(kind: string): void;
} {
  const shown = new Map<string, HTMLElement>();
  const hide = (kind: string): void => {
    shown.get(kind)?.remove();
    shown.delete(kind);
  };
  return {
    hide,
    show(kind, text, action) {
      hide(kind);
      const notice = make('div', { class: 'notice', role: 'alert' }, make('p', {}, text));
      if (action !== undefined) {
        const button = make('button', { type: 'button' }, action.label);
        button.addEventListener('click', () => {
          hide(kind);
          action.act();
        });
        notice.append(button);
      }
      shown.set(kind, notice);
      place.append(notice);
    },
  };
}
