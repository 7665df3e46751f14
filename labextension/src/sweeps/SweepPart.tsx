import * as React from 'react';

import type { SweepIn } from '../api';
import { toJob } from '../draft';
import type { FormModel } from '../widgets/FormModel';
import { toSweep } from './axis';
import { SweepFields } from './SweepFields';
import { SweepPreview } from './SweepPreview';

/** The part of the job's form that makes a sweep of it. */
export function SweepPart({ id, model }: { id: string; model: FormModel }): JSX.Element {
  const { draft, errors } = model;
  const names = [...draft.parameters.map(p => p.name), ...draft.added.map(row => row.name)].filter(Boolean);
  const { client } = model.session;
  return (
    <fieldset className="clg-parameters clg-sweep-fields" data-testid="collegium-sweep-fields">
      <legend>Sweep</legend>
      <p className="clg-hint">
        The job runs once for each point. A command finds a parameter in <code>PARAM_name</code>, a notebook
        in its parameters cell; what does not vary stays as it is set above.
      </p>
      <SweepFields
        id={`${id}-sweep`}
        draft={draft.sweep}
        errors={errors}
        names={names}
        onChange={sweep => model.setSweep(sweep)}
      />
      {client && <SweepPreview client={client} group={model.group} sweep={forPreview(model)} />}
    </fieldset>
  );
}

/** What is asked for so far; null while the sweep's own fields are not filled in. */
function forPreview(model: FormModel): SweepIn | null {
  const { draft } = model;
  const { job } = toJob(draft, model.specs);
  const { sweep, errors } = toSweep(draft.sweep, job);
  if (Object.keys(errors).length > 0 || !sweep.job.instance_type || !sweep.job.image) {
    return null;
  }
  // The points do not hang on these, so nobody has to fill them in first.
  const command = sweep.job.notebook || sweep.job.command?.trim() ? {} : { command: 'true' };
  return { ...sweep, name: sweep.name || 'sweep', job: { ...sweep.job, ...command } };
}
