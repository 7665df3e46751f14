import * as React from 'react';

import { Problem } from '../accounts/parts';
import type { FileTaskOut } from '../api';
import type { Client } from '../client';
import { counted } from '../files/kinds';
import { shareOf, Work } from '../files/work';
import { bytes } from '../format';
import { useSignal } from '../hooks';

/** Files on their way into the dataset. */
export function Copying(props: {
  client: Client;
  group: string;
  id: string;
  onDone: () => void;
}): JSX.Element | null {
  const { client, group, id } = props;
  const [work] = React.useState(() => new Work(client, group));
  const [problem, setProblem] = React.useState<unknown>(null);
  useSignal(work.changed);
  const done = React.useRef(props.onDone);
  done.current = props.onDone;
  React.useEffect(() => {
    let gone = false;
    client
      .fileTask(group, id)
      .then(task => work.follow(task))
      .then(
        () => !gone && done.current(),
        error => !gone && setProblem(error)
      );
    return () => {
      gone = true;
      work.dispose();
    };
  }, [client, group, id, work]);
  const task = work.running[0];
  return (
    <>
      <Problem of={problem} />
      {task && <Progress task={task} />}
    </>
  );
}

function Progress({ task }: { task: FileTaskOut }): JSX.Element {
  const share = shareOf(task);
  const text = task.total
    ? `${task.done.files} of ${counted(task.total.files, 'file')}, ${bytes(task.done.bytes)} of ${bytes(task.total.bytes)}`
    : `${counted(task.done.files, 'file')}, ${bytes(task.done.bytes)}`;
  return (
    <div className="clg-copying" role="status" data-testid="collegium-dataset-copying">
      <span>Copying: {text}</span>
      {/* Without a value it moves to and fro: how much there is, is not known yet. */}
      <progress value={share ?? undefined} max={1} aria-label="Copied" />
    </div>
  );
}
