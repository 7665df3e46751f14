import * as React from 'react';

import type { NameQuestion } from './FilesModel';
import { Modal } from './Modal';
import { nameOf } from './paths';
import type { Choice } from './uploads/item';

/** There is something of this name: what now? */
export function NameDialog({ question }: { question: NameQuestion }): JSX.Element {
  const [all, setAll] = React.useState(false);
  const answer = (choice: Choice | null) => question.answer(choice, all);
  return (
    <Modal
      title={`“${question.name}” is there already`}
      testid="collegium-name-dialog"
      onClose={() => answer(null)}
    >
      <p>
        {question.folder ? `“${nameOf(question.folder)}”` : 'The top folder'} holds something of this name.
        Replacing it puts what is there now into the trash.
      </p>
      {question.more && (
        <label className="clg-check">
          <input type="checkbox" checked={all} onChange={event => setAll(event.target.checked)} />
          The same for the others
        </label>
      )}
      <div className="clg-actions">
        <button
          type="button"
          className="clg-button clg-primary"
          autoFocus
          onClick={() => answer('keep-both')}
        >
          Keep both
        </button>
        <button type="button" className="clg-button clg-danger" onClick={() => answer('replace')}>
          Replace
        </button>
        <button type="button" className="clg-button" onClick={() => answer('skip')}>
          Skip
        </button>
        <button type="button" className="clg-button" onClick={() => answer(null)}>
          Cancel
        </button>
      </div>
    </Modal>
  );
}
