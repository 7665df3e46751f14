/** Moving and copying, one after the other; a name that is taken is asked about. */

import type { FilesModel } from './FilesModel';
import { join, misplaced, nameOf, numbered } from './paths';
import { exists } from './uploads/open';
import type { Choice } from './uploads/item';

type Model = Pick<FilesModel, 'client' | 'group' | 'work' | 'list' | 'ask'>;

/** `did` is called for each that is through; throws at the first that fails. */
export async function transfer(
  model: Model,
  verb: 'move' | 'copy',
  sources: readonly string[],
  folder: string,
  did: () => void
): Promise<void> {
  const { client, group } = model;
  const wrong = verb === 'move' ? misplaced(sources, folder) : '';
  if (wrong) {
    throw new Error(wrong);
  }
  let always: Choice | null = null;
  for (const [index, source] of sources.entries()) {
    let target = join(folder, nameOf(source));
    let choice: Choice | null = null;
    if (await exists(client, group, target)) {
      // A copy beside what it is of gets a number without asking.
      choice = target === source ? 'keep-both' : always;
      if (!choice) {
        const answer = await model.ask(target, index < sources.length - 1);
        if (!answer.choice) {
          return;
        }
        choice = answer.choice;
        always = answer.all ? choice : null;
      }
    }
    if (choice === 'skip') {
      continue;
    }
    if (choice === 'keep-both') {
      target = await freeName(model, target);
    }
    const call = verb === 'move' ? client.moveFile : client.copyFile;
    await model.work.follow(await call(group, source, target, choice === 'replace'));
    if (verb === 'move') {
      model.list.forget([source]);
    }
    did();
  }
}

async function freeName({ client, group }: Model, path: string): Promise<string> {
  let name = path;
  for (let n = 2; await exists(client, group, name); n++) {
    name = numbered(path, n);
  }
  return name;
}
