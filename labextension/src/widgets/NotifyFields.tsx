import * as React from 'react';

import type { JobEnd, NotifyDraft } from '../draft';
import { errorAt } from '../errors';
import { Icon } from '../icon';
import type { FormModel } from './FormModel';

const ENDS: [JobEnd, string][] = [
  ['done', 'any end'],
  ['succeeded', 'success'],
  ['failed', 'failure'],
  ['cancelled', 'being cancelled']
];

/** Whom to tell about which ends. */
export function NotifyFields({ id, model }: { id: string; model: FormModel }): JSX.Element {
  const { notify } = model.draft;
  const names = ['me', ...(model.channels ?? []).map(c => c.name)];
  const free = names.filter(name => !notify.some(n => n.channel === name));
  const change = (index: number, part: Partial<NotifyDraft>) =>
    model.set({ notify: notify.map((n, i) => (i === index ? { ...n, ...part } : n)) });
  const toggle = (index: number, end: JobEnd, on: boolean) => {
    const before = notify[index].on;
    const others = end === 'done' ? [] : before.filter(e => e !== 'done' && e !== end);
    change(index, { on: on ? [...others, end] : before.filter(e => e !== end) });
  };
  const error = errorAt(model.errors, 'notify', true);
  return (
    <fieldset className="clg-parameters" data-testid="collegium-notify">
      <legend>Tell</legend>
      {notify.map((entry, index) => (
        <div key={entry.channel} className="clg-notify-row">
          <select
            className="clg-select"
            aria-label={`Whom to tell ${index + 1}`}
            value={entry.channel}
            onChange={e => change(index, { channel: e.target.value })}
          >
            {[entry.channel, ...free].map(name => (
              <option key={name} value={name}>
                {name === 'me' ? 'me' : `channel ${name}`}
              </option>
            ))}
          </select>
          <span className="clg-hint">of</span>
          {ENDS.map(([end, label]) => (
            <label key={end} className="clg-check">
              <input
                type="checkbox"
                checked={entry.on.includes(end)}
                onChange={e => toggle(index, end, e.target.checked)}
              />
              {label}
            </label>
          ))}
          <button
            type="button"
            className="clg-icon-button"
            aria-label={`Do not tell ${entry.channel}`}
            onClick={() => model.set({ notify: notify.filter((_, i) => i !== index) })}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
      {free.length > 0 && (
        <button
          type="button"
          id={`${id}-notify`}
          className="clg-button clg-small"
          data-testid="collegium-notify-add"
          onClick={() => model.set({ notify: [...notify, { channel: free[0], on: ['done'] }] })}
        >
          <Icon name="add" />
          {notify.length === 0 ? 'Tell me when it ends' : 'Tell somebody else'}
        </button>
      )}
      {error && <p className="clg-error">{error}</p>}
    </fieldset>
  );
}
