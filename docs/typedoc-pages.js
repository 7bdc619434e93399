/** Names a package's pages by the package, not by the path of its source, and keeps formulas as they are set. */
import { Converter } from 'typedoc';

/** Two spaces set a formula apart in a doc block; in Markdown it takes four. */
const FORMULA = /(?<=\n\n)(?: {2}\S.*(?:\n|$))+/g;
const asCode = (text) => text.replace(FORMULA, (lines) => lines.replace(/^/gm, '  '));

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const each of project.children ?? [])
      each.name = each.name.replace(/\/src(\/index)?$/, '');
    for (const { comment } of Object.values(project.reflections)) {
      for (const part of comment?.summary ?? []) {
        if (part.kind === 'text') part.text = asCode(part.text);
      }
    }
  });
}
