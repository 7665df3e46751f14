import * as React from 'react';

import type { PreviewOut } from '../api';
import { ApiError, messageOf } from '../client';
import { serverErrors } from '../errors';
import type { FormModel } from '../widgets/FormModel';
import { dueText, toRecurrence } from './draft';

/** Ask when the typing pauses, not for every letter. */
const PAUSE = 350;

/** The next due times as the service computes them, while one types. */
export function Preview({ model }: { model: FormModel }): JSX.Element {
  const { schedule } = model.draft;
  const [found, setFound] = React.useState<PreviewOut | null>(null);
  const [problem, setProblem] = React.useState('');
  const { recurrence } = toRecurrence(schedule);
  const once = schedule.rhythm === 'once';
  const asked =
    recurrence &&
    JSON.stringify({
      recurrence,
      start_at: once ? null : schedule.start || null,
      end_at: once ? null : schedule.end || null
    });
  React.useEffect(() => {
    const { client } = model.session;
    if (!asked || !client) {
      return;
    }
    let gone = false;
    const timer = setTimeout(() => {
      client.previewSchedule(model.group, JSON.parse(asked)).then(
        answer => {
          if (!gone) {
            setFound(answer);
            setProblem('');
          }
        },
        error => {
          if (!gone) {
            setFound(null);
            const at = error instanceof ApiError ? serverErrors(error.message, error.details) : {};
            // What speaks of a field stands there; the rest stands here.
            if (Object.keys(at).length > 0) {
              model.errors = { ...model.errors, ...at };
              model.changed.emit();
            }
            setProblem(messageOf(error));
          }
        }
      );
    }, PAUSE);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [asked, model]);
  return (
    <div className="clg-preview" aria-live="polite" data-testid="collegium-preview">
      <h4>Next due times</h4>
      {!asked ? (
        <p className="clg-hint">Shown as soon as it is clear when.</p>
      ) : problem ? (
        <p className="clg-error">{problem}</p>
      ) : !found ? (
        <p className="clg-hint">Loading …</p>
      ) : (
        <>
          <p className="clg-hint">{found.description}</p>
          {found.items.length === 0 ? (
            <p className="clg-choice-wait">It is never due.</p>
          ) : (
            <ol className="clg-due">
              {found.items.map(due => (
                <li key={due.at} title={due.at}>
                  {dueText(due)}
                  {due.note && <span className="clg-hint"> – {due.note}</span>}
                </li>
              ))}
            </ol>
          )}
        </>
      )}
    </div>
  );
}
