import * as React from 'react';

import type { DatasetSummary } from '../api';
import { toggled, withVersion, type ChosenDataset } from '../datasets/chosen';
import { AccessBadge, HealthBadge } from '../datasets/parts';
import { hasVersions } from '../datasets/sources';
import { errorAt } from '../errors';
import type { FormModel } from './FormModel';

/** Which datasets the job finds, and which of their versions. */
export function DatasetFields({ id, model }: { id: string; model: FormModel }): JSX.Element | null {
  const { draft, datasets: known, errors } = model;
  const { datasets: chosen } = draft;
  const error = errorAt(errors, 'datasets', true);
  if (!known || (known.length === 0 && chosen === null)) {
    return error ? <p className="clg-error">{error}</p> : null;
  }
  const set = (datasets: ChosenDataset[] | null) => {
    model.clearError('datasets');
    model.set({ datasets });
  };
  // What was asked for once may be gone by now; it stays to be taken out.
  const gone = (chosen ?? []).filter(c => !known.some(d => d.name === c.name));
  return (
    <fieldset className="clg-inline" data-testid="collegium-form-datasets">
      <legend>Datasets</legend>
      <label>
        <input
          type="radio"
          name={`${id}-datasets`}
          checked={chosen === null}
          data-testid="collegium-datasets-all"
          onChange={() => set(null)}
        />
        all of the group, as they are when it starts
      </label>
      <label>
        <input
          type="radio"
          name={`${id}-datasets`}
          checked={chosen !== null}
          data-testid="collegium-datasets-some"
          onChange={() => chosen ?? set([])}
        />
        only these
      </label>
      {chosen && (
        <div className="clg-dataset-choices">
          {known.map(dataset => (
            <Choice
              key={dataset.name}
              dataset={dataset}
              model={model}
              choice={chosen.find(c => c.name === dataset.name)}
              onToggle={() => set(toggled(chosen, dataset.name))}
              onVersion={version => set(withVersion(chosen, dataset.name, version))}
            />
          ))}
          {gone.map(({ name }) => (
            <div key={name} className="clg-dataset-choice">
              <span className="clg-check">
                <input
                  type="checkbox"
                  aria-label={`Dataset ${name}`}
                  checked
                  onChange={() => set(toggled(chosen, name))}
                />
                {name}
              </span>
              <span className="clg-error">The group does not have it any more.</span>
            </div>
          ))}
          {chosen.length === 0 && <p className="clg-hint">None: the job finds no dataset.</p>}
        </div>
      )}
      {error && <p className="clg-error">{error}</p>}
    </fieldset>
  );
}

function Choice(props: {
  dataset: DatasetSummary;
  model: FormModel;
  choice: ChosenDataset | undefined;
  onToggle: () => void;
  onVersion: (version: string) => void;
}): JSX.Element {
  const { dataset, choice } = props;
  const { name, health } = dataset;
  return (
    <div className="clg-dataset-choice">
      <label className="clg-check">
        <input
          type="checkbox"
          checked={!!choice}
          data-testid={`collegium-use-${name}`}
          onChange={props.onToggle}
        />
        <span>
          {dataset.display_name || name}
          {dataset.display_name && dataset.display_name !== name && <code className="clg-hint"> {name}</code>}
        </span>
        <AccessBadge access={dataset.access} />
        {(health.state === 'missing' || health.state === 'broken') && <HealthBadge health={health} />}
      </label>
      {choice && hasVersions(dataset.kind) && (dataset.latest_version !== null || choice.version) && (
        <VersionSelect {...props} value={choice.version} />
      )}
    </div>
  );
}

/** The numbers are asked for when somebody wants to choose one. */
function VersionSelect(props: {
  dataset: DatasetSummary;
  model: FormModel;
  value: string;
  onVersion: (version: string) => void;
}): JSX.Element {
  const { dataset, model, value } = props;
  const [numbers, setNumbers] = React.useState<{ number: number; note: string }[] | null>(null);
  const { client } = model.session;
  React.useEffect(() => {
    let gone = false;
    // Without the list the newest can still be chosen.
    client?.datasetVersions(model.group, dataset.name).then(
      page => !gone && setNumbers(page.items.filter(v => v.state === 'Ready')),
      () => undefined
    );
    return () => {
      gone = true;
    };
  }, [client, model.group, dataset.name]);
  const latest = dataset.latest_version;
  const known = numbers ?? (latest === null ? [] : [{ number: latest, note: '' }]);
  const listed = known.some(v => String(v.number) === value);
  return (
    <select
      className="clg-select"
      aria-label={`Version of ${dataset.name}`}
      data-testid={`collegium-use-version-${dataset.name}`}
      value={value}
      onChange={e => props.onVersion(e.target.value)}
    >
      {dataset.kind !== 'git' && <option value="">as it is when the job starts</option>}
      {dataset.kind === 'git' && value === '' && <option value="">its newest version</option>}
      <option value="latest">the newest version when it is submitted</option>
      {value && value !== 'latest' && !listed && <option value={value}>@{value}</option>}
      {known.map(v => (
        <option key={v.number} value={v.number}>
          @{v.number}
          {v.note && ` – ${v.note.slice(0, 50)}`}
        </option>
      ))}
    </select>
  );
}
