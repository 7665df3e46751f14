import * as React from 'react';

import { useAction, usePages } from '../accounts/load';
import { Badge, Listed, More, Problem, Table } from '../accounts/parts';
import type { VolumeOut } from '../api';
import { ApiError, type Client } from '../client';
import { errorAt, serverErrors, type FieldErrors } from '../errors';
import { Modal } from '../files/Modal';
import { bytes } from '../format';
import { Field } from '../widgets/Field';
import { badSize, fillText, fullness, VOLUME_KINDS } from './sizes';

/** What there is of storage: whose it is, how full, and making it larger. */
export function Volumes({ client }: { client: Client }): JSX.Element {
  const page = usePages('volumes', cursor => client.volumes(cursor));
  const [asked, ask] = React.useState<VolumeOut | null>(null);
  const [said, say] = React.useState('');
  return (
    <>
      <p className="clg-hint">
        Homes, what the groups’ shared files and datasets lie on, and claims of datasets. A volume can become
        larger where its storage allows it, and never smaller.
      </p>
      <p role="status" className="clg-hint">
        {said}
      </p>
      <Listed items={page.items} problem={page.problem} retry={page.reload} empty="There is no volume yet.">
        <Table
          label="Volumes"
          testid="collegium-volumes"
          columns={['Volume', 'Group', 'User', 'Used', 'State', '']}
        >
          {page.items?.map(volume => (
            <Row
              key={`${volume.group}/${volume.kind}/${volume.name}`}
              volume={volume}
              onResize={() => {
                say('');
                ask(volume);
              }}
            />
          ))}
        </Table>
        <More more={page.more} busy={page.busy} />
      </Listed>
      {asked && (
        <Resize
          client={client}
          volume={asked}
          onClose={size => {
            ask(null);
            if (size) {
              say(`${asked.name} is being made larger, to ${size}.`);
              page.reload();
            }
          }}
        />
      )}
    </>
  );
}

function Row({ volume, onResize }: { volume: VolumeOut; onResize: () => void }): JSX.Element {
  const share = fullness(volume);
  const level = share === null ? '' : share >= 1 ? 'full' : share >= 0.9 ? 'high' : 'normal';
  return (
    <tr data-testid="collegium-volume-row" data-volume={volume.name} data-kind={volume.kind}>
      <td>
        {VOLUME_KINDS[volume.kind]}
        <div className="clg-hint clg-path">{volume.name}</div>
      </td>
      <td>{volume.group ?? <span className="clg-hint">all groups</span>}</td>
      <td>{volume.user ?? <span className="clg-hint">–</span>}</td>
      <td className="clg-volume-used">
        {fillText(volume)}
        {share !== null && (
          <div
            className="clg-meter"
            role="meter"
            aria-label={`Used of ${volume.name}`}
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.round(share * 100)}
          >
            <div className={`clg-meter-fill clg-meter-${level}`} style={{ width: `${share * 100}%` }} />
          </div>
        )}
      </td>
      <td>
        <Badge word={volume.state} tone={volume.message ? 'warn' : undefined} />
        {volume.message && <div className="clg-hint">{volume.message}</div>}
      </td>
      <td className="clg-cell-actions">
        {volume.resizable && (
          <button
            type="button"
            className="clg-link"
            aria-label={`Make ${volume.name} larger`}
            data-testid="collegium-volume-resize"
            onClick={onResize}
          >
            Resize
          </button>
        )}
      </td>
    </tr>
  );
}

function Resize(props: {
  client: Client;
  volume: VolumeOut;
  onClose: (size: string | null) => void;
}): JSX.Element {
  const { client, volume, onClose } = props;
  const [size, setSize] = React.useState('');
  const [own, setOwn] = React.useState<FieldErrors>({});
  const save = useAction();
  const told =
    save.problem instanceof ApiError ? serverErrors(save.problem.message, save.problem.details) : {};
  const error = errorAt({ ...told, ...own }, 'size');
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const wrong = badSize(size, volume.capacity);
    setOwn(wrong ? { size: wrong } : {});
    const { group, name } = volume;
    if (!wrong && (await save.run(() => client.resizeVolume({ group, name, size: size.trim() })))) {
      onClose(size.trim());
    }
  };
  return (
    <Modal title={`Make ${volume.name} larger`} testid="collegium-resize" onClose={() => onClose(null)}>
      <form className="clg-form clg-dialog-form" noValidate onSubmit={event => void submit(event)}>
        <Field
          id="clg-resize-size"
          title="New size"
          required
          description={`It has ${volume.capacity === null ? 'an unknown size' : bytes(volume.capacity)}. What uses it may have to start again to see the room.`}
          error={error}
        >
          {aria => (
            <input
              {...aria}
              className="clg-input"
              autoFocus
              autoComplete="off"
              placeholder="20Gi"
              data-testid="collegium-resize-size"
              value={size}
              onChange={e => {
                setOwn({});
                setSize(e.target.value);
              }}
            />
          )}
        </Field>
        {!error && <Problem of={save.problem} />}
        <div className="clg-actions">
          <button
            type="submit"
            className="clg-button clg-primary"
            data-testid="collegium-resize-go"
            disabled={save.busy}
          >
            Make it larger
          </button>
          <button type="button" className="clg-button" onClick={() => onClose(null)}>
            Cancel
          </button>
        </div>
      </form>
    </Modal>
  );
}
