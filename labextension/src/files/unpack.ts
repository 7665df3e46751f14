/** What is in an archive becomes a folder beside it. */

import type { FilesModel } from './FilesModel';
import { join, nameOf, parentOf } from './paths';
import type { Entry, Task } from './wire';

type Model = Pick<FilesModel, 'client' | 'group' | 'work' | 'list' | 'attempt' | 'settle' | 'say'>;

/** Throws what the service says at once; how it goes on is shown below the list. Resolves when it has begun. */
export async function unpack(model: Model, archive: Entry, name: string): Promise<void> {
  const target = join(parentOf(archive.path), name.trim());
  const task = await model.client.unpackFile(model.group, archive.path, target);
  void watch(model, archive, target, task);
}

async function watch(model: Model, archive: Entry, target: string, task: Task): Promise<void> {
  const { list } = model;
  let now = task;
  await model.attempt(async () => (now = await model.work.follow(task)));
  await model.settle();
  if (now.state !== 'Succeeded') {
    return;
  }
  // The service also says what it left out.
  model.say(now.message || `“${archive.name}” was unpacked to “${nameOf(target)}”.`);
  // Whoever has gone on to something else is left there.
  if ([...list.selection.chosen].every(path => path === archive.path)) {
    list.choose([target]);
  }
}
