import * as React from 'react';

import type { DatasetProps } from './DatasetView';
import { Grants } from './Grants';
import { onlyRead } from './sources';

/** Which groups have it, and how. */
export function AccessTab({ actions, client, group, dataset, reload }: DatasetProps): JSX.Element {
  const { name } = dataset;
  if (!dataset.mine || !dataset.grants) {
    return (
      <p data-testid="collegium-grant-own">
        This group may {dataset.access === 'ro' ? 'only read it' : 'read and write it'}. It belongs to{' '}
        {dataset.owner ? `group ${dataset.owner}` : 'the platform'}, whose admins grant it.
      </p>
    );
  }
  const denied = actions.session.denied('dataset.grant');
  const fixed =
    dataset.managed_by === 'file' ? 'The catalog file declares it, so its grants are changed there.' : '';
  const groups = actions.session.context?.groups.map(g => g.name) ?? [];
  return (
    <>
      <p className="clg-hint">
        The group itself reads and writes it. Others have what is granted here: they see it among their
        datasets, and their servers and jobs find it when they start.
      </p>
      {(denied || fixed) && <p className="clg-notice">{fixed || denied}</p>}
      <Grants
        grants={dataset.grants}
        groups={groups.filter(other => other !== group)}
        readOnly={fixed || denied}
        onlyRead={onlyRead(dataset.kind)}
        actions={actions}
        put={(other, access) => client.grantDataset(group, name, other, access)}
        revoke={other => client.revokeDataset(group, name, other)}
        onChanged={reload}
      />
    </>
  );
}
