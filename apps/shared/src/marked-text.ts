import { Mistake } from './mistake.ts';

/**
 * A Markdown text with other content between its markers `<!-- name -->` and `<!-- /name -->`.
 *
 * @param file what the text is called in the message
 * @throws Mistake where the text lacks the markers
 */
export function withMarked(
  text: string,
  {
    file,
    name,
    content,
  }: { readonly file: string; readonly name: string; readonly content: string },
): string {
  const [first, last] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [begin, end] = [text.indexOf(first), text.indexOf(last)];
  if (begin < 0 || end < begin)
    throw new Mistake(
      `${file} must have a line "${first}" and, below it, "${last}". Put them where the text belongs that is written there.`,
    );
  return `${text.slice(0, begin + first.length)}\n\n${content}\n\n${text.slice(end)}`;
}
