import * as React from 'react';

import type { FilesModel } from './FilesModel';
import { OWN_DRAG } from './FileRow';
import { crumbs, misplaced, within } from './paths';

/** The way from the top to where one is; what is dragged can be dropped on every step. */
export function Crumbs(props: {
  model: FilesModel;
  top: string;
  /** Where the way begins, if not at the top. */
  root?: { path: string; title: string };
  path: string;
  onGo: (path: string) => void;
}): JSX.Element {
  const { model, path, onGo, root } = props;
  const [over, setOver] = React.useState<string | null>(null);
  const steps = crumbs(path, props.top)
    .filter(step => !root || within(step.path, root.path))
    .map(step => (step.path === root?.path ? { ...step, name: root.title } : step));
  return (
    <nav className="clg-crumbs" aria-label="Folders" data-testid="collegium-crumbs">
      <ol>
        {steps.map((step, index) => {
          const last = index === steps.length - 1;
          const accepts = (event: React.DragEvent) =>
            event.dataTransfer.types.includes(OWN_DRAG) &&
            step.path !== '.datasets' &&
            !misplaced(model.dragged, step.path);
          return (
            <li key={step.path}>
              <button
                type="button"
                className={`clg-crumb${over === step.path ? ' clg-drop-here' : ''}`}
                aria-current={last ? 'page' : undefined}
                onClick={() => onGo(step.path)}
                onDragOver={event => {
                  if (accepts(event)) {
                    event.preventDefault();
                    setOver(step.path);
                  }
                }}
                onDragLeave={() => setOver(null)}
                onDrop={event => {
                  setOver(null);
                  if (accepts(event)) {
                    event.preventDefault();
                    event.stopPropagation();
                    void model.transfer(event.ctrlKey ? 'copy' : 'move', model.dragged, step.path);
                  }
                }}
              >
                {step.name}
              </button>
              {!last && <span aria-hidden="true">/</span>}
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
