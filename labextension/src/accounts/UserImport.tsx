import * as React from 'react';

import type { ImportOut } from '../api';
import type { Client } from '../client';
import { useAction } from './load';
import { Badge, Problem, Table } from './parts';

const EXAMPLE =
  'username,email,first_name,last_name,enabled,groups\nada,ada@example.org,Ada,Lovelace,yes,physics:member;chemistry:viewer\n';
const TONES: Record<string, 'good' | 'bad' | 'warn'> = { create: 'good', update: 'good', refused: 'bad' };

/** A table of people: first what would happen, line by line, then that very table for real. */
export function UserImport({ client }: { client: Client }): JSX.Element {
  const [text, setText] = React.useState('');
  const [report, setReport] = React.useState<{ of: string; dry: boolean; report: ImportOut } | null>(null);
  const [mail, setMail] = React.useState(false);
  const action = useAction();
  const run = (dry: boolean) =>
    void action.run(async () =>
      setReport({ of: text, dry, report: await client.importUsers(text, dry, mail) })
    );
  const read = async (file: File | undefined) => file && setText(await file.text());
  // What was tried is what is done: a change in between needs another look.
  const tried = report?.dry === true && report.of === text;
  const rows = report?.of === text ? report.report.rows : null;
  const refused = rows?.filter(row => row.action === 'refused').length ?? 0;
  return (
    <div className="clg-form">
      <p className="clg-hint">
        CSV with a heading line. Groups are written as group:role, separated by semicolons. Nobody loses an
        account or a role by an import, and nothing is changed before you have seen what would happen.
      </p>
      <label className="clg-check">
        <span>File</span>
        <input
          type="file"
          accept=".csv,text/csv"
          data-testid="collegium-import-file"
          onChange={event => void read(event.target.files?.[0])}
        />
      </label>
      <textarea
        className="clg-input clg-code"
        aria-label="CSV"
        data-testid="collegium-import-text"
        rows={10}
        spellCheck={false}
        placeholder={EXAMPLE}
        value={text}
        onChange={event => setText(event.target.value)}
      />
      <label className="clg-check">
        <input type="checkbox" checked={mail} onChange={event => setMail(event.target.checked)} />
        Send new people a mail with a link to choose a password
      </label>
      <Problem of={action.problem} />
      <div className="clg-actions">
        <button
          type="button"
          className="clg-button clg-primary"
          disabled={action.busy || !text.trim()}
          data-testid="collegium-import-try"
          onClick={() => run(true)}
        >
          Show what would happen
        </button>
        <button
          type="button"
          className="clg-button"
          disabled={action.busy || !tried || refused === rows?.length}
          data-testid="collegium-import-run"
          onClick={() => run(false)}
        >
          Import
        </button>
      </div>
      {rows && (
        <>
          <p role="status">
            {report?.dry ? 'This would happen' : 'Done'}: {summary(report!.report.counts)}.
            {report?.dry && refused > 0 && ' What is refused is left out; the rest can be imported.'}
          </p>
          <Table label="Import" testid="collegium-import-rows" columns={['Line', 'User', 'What', 'Why']}>
            {rows.map(row => (
              <tr key={row.line}>
                <td>{row.line}</td>
                <td>{row.username}</td>
                <td>
                  <Badge word={row.action} tone={TONES[row.action]} />
                </td>
                <td>{row.message}</td>
              </tr>
            ))}
          </Table>
        </>
      )}
    </div>
  );
}

function summary(counts: Record<string, number>): string {
  return (
    Object.entries(counts)
      .map(([action, count]) => `${count} ${action}`)
      .join(', ') || 'nothing'
  );
}
