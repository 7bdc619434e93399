/** Names a package's pages by the package, not by the path of its source. */
import { Converter } from 'typedoc';

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const each of project.children ?? [])
      each.name = each.name.replace(/\/src(\/index)?$/, '');
  });
}
