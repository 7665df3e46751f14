import * as React from 'react';

import { useAction, useLoad, usePages } from '../accounts/load';
import { Badge, Confirmed, Listed, More, Problem, Table, Time } from '../accounts/parts';
import type { FilesModel } from './FilesModel';
import { AUDIENCE } from './ShareDialog';
import type { Share } from './wire';

/** The group's links: where they lead, how long, how often they were opened. */
export function SharesView({ model }: { model: FilesModel }): JSX.Element {
  const { client, group } = model;
  const pages = usePages(`shares/${group}`, cursor => client.shares(group, cursor));
  const settings = useLoad(`share-settings/${group}`, () => client.shares(group));
  const revoke = useAction();
  const allowed = settings.value?.allowed;
  return (
    <section aria-label="Links" data-testid="collegium-shares">
      <p className="clg-hint">
        A link opens one file or folder, for a time.{' '}
        {allowed && `It opens for ${AUDIENCE[allowed] ?? allowed}.`} The link itself is shown once, when it is
        made.
      </p>
      {settings.value?.problem && <p className="clg-notice">{settings.value.problem}</p>}
      <Problem of={revoke.problem} />
      <Listed
        items={pages.items}
        problem={pages.problem}
        retry={pages.reload}
        empty="No link yet. Choose a file or folder, then Share."
      >
        <Table label="Links" columns={['What', 'Opens for', 'Until', 'Opened', 'By', '']}>
          {pages.items?.map(share => (
            <tr key={share.id} data-share={share.id}>
              <td>
                <span className="clg-path">{share.path}</span>
                {share.note && <div className="clg-hint">{share.note}</div>}
              </td>
              <td>
                {share.public ? 'everybody' : 'after login'}
                {share.has_password && ', with password'}
                <State share={share} />
              </td>
              <td>
                <Time at={share.expires_at} />
              </td>
              <td>{share.opened === 0 ? 'never' : `${share.opened}×`}</td>
              <td>
                {share.created_by}
                <div className="clg-hint">
                  <Time at={share.created_at} />
                </div>
              </td>
              <td className="clg-cell-actions">
                {!share.revoked_at && (
                  <Confirmed
                    label="Revoke"
                    className="clg-link"
                    testid="collegium-share-revoke"
                    of={share.path}
                    question={`Revoke the link to ${share.path}? From now on it opens nothing.`}
                    danger
                    disabled={revoke.busy}
                    onConfirm={() =>
                      void revoke.run(() => client.revokeShare(group, share.id)).then(pages.reload)
                    }
                  />
                )}
              </td>
            </tr>
          ))}
        </Table>
        <More more={pages.more} busy={pages.busy} />
      </Listed>
    </section>
  );
}

function State({ share }: { share: Share }): JSX.Element | null {
  if (share.revoked_at) {
    return (
      <div>
        <Badge word="revoked" />
      </div>
    );
  }
  return share.problem ? <div className="clg-error">{share.problem}</div> : null;
}
