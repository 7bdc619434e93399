/**
 * Names a package's pages by the package, not by the path of its source, keeps formulas as they are set, and says the
 * keys of options once.
 */
import { Converter, PageEvent } from 'typedoc';

/** Two spaces set a formula apart in a doc block; in Markdown it takes four. */
const FORMULA = /(?<=\n\n)(?: {2}\S.*(?:\n|$))+/g;
const asCode = (text) => text.replace(FORMULA, (lines) => lines.replace(/^/gm, '  '));

/** The type of an object whose keys are the rows after it. */
const SPELT_OUT = /^(\| `(\w+)\??` \| )\\\{(?:\\\||[^|\n])*\\\}(?= \|.*\n\| `\2\.)/gm;

export function load(app) {
  app.renderer.on(PageEvent.END, (page) => {
    page.contents = page.contents?.replace(SPELT_OUT, '$1object');
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const each of project.children ?? [])
      each.name = each.name.replace(/\/src(\/index)?(?=$|\/)/, '');
    for (const { comment } of Object.values(project.reflections)) {
      for (const part of comment?.summary ?? []) {
        if (part.kind === 'text') part.text = asCode(part.text);
      }
    }
  });
}
