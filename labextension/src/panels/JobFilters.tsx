import * as React from 'react';

import type { TagOut } from '../api';
import type { JobList } from '../joblist';
import type { Session } from '../session';

type Choices = [string, string][];

const STATES: Choices = [
  ['', 'Any state'],
  ['Pending,Preparing,Running', 'Not ended'],
  ['Pending', 'Pending'],
  ['Running', 'Running'],
  ['Succeeded', 'Succeeded'],
  ['Failed', 'Failed'],
  ['Cancelled', 'Cancelled']
];
const KINDS: Choices = [
  ['', 'Any kind'],
  ['command', 'Commands'],
  ['notebook', 'Notebooks']
];
const SORTS: Choices = [
  ['-created', 'Newest first'],
  ['created', 'Oldest first'],
  ['-started', 'Last started'],
  ['-finished', 'Last ended'],
  ['name', 'By name'],
  ['state', 'By state'],
  ['user', 'By user'],
  ['-priority', 'By priority']
];

/** Filters and order; the service does both, over all jobs. */
export function JobFilters({ session, jobs }: { session: Session; jobs: JobList }): JSX.Element {
  const { filters } = jobs;
  const [text, setText] = React.useState(filters.text);
  const [tags, setTags] = React.useState<TagOut[]>([]);
  React.useEffect(() => setText(filters.text), [filters.text]);
  React.useEffect(() => {
    if (text === filters.text) {
      return;
    }
    // Ask when the typing pauses, not for every letter.
    const timer = setTimeout(() => jobs.setFilters({ text }), 300);
    return () => clearTimeout(timer);
  }, [jobs, text, filters.text]);
  const loadTags = async () => {
    try {
      const { client, group } = session.require();
      setTags((await client.tags(group)).items);
    } catch {
      // The list of tags only helps; the filter works without.
    }
  };
  const me = session.user;
  const others = Object.keys(session.usage?.by_member ?? {}).filter(user => user !== me);
  const users: Choices = [['', 'Everybody’s'], [me, 'Mine'], ...others.map(u => [u, u] as [string, string])];
  const named: Choices = tags.map(t => [t.tag, `${t.tag} (${t.jobs})`]);
  if (filters.tag && !tags.some(t => t.tag === filters.tag)) {
    named.unshift([filters.tag, filters.tag]);
  }
  const choose = (
    name: 'user' | 'state' | 'kind' | 'tag' | 'sort',
    label: string,
    choices: Choices,
    onFocus?: () => void
  ) => (
    <select
      className="clg-select"
      aria-label={label}
      data-testid={`collegium-filter-${name}`}
      value={filters[name]}
      onFocus={onFocus}
      onChange={event => jobs.setFilters({ [name]: event.target.value })}
    >
      {choices.map(([value, title]) => (
        <option key={value} value={value}>
          {title}
        </option>
      ))}
    </select>
  );
  return (
    <div className="clg-filters" role="search" aria-label="Filter jobs">
      {choose('user', 'Whose jobs', users)}
      {choose('state', 'State', STATES)}
      {choose('kind', 'Kind', KINDS)}
      {choose('tag', 'Tag', [['', 'Any tag'], ...named], () => void loadTags())}
      <input
        type="search"
        className="clg-input"
        aria-label="Search jobs by name"
        placeholder="Search by name"
        maxLength={120}
        data-testid="collegium-filter-text"
        value={text}
        onChange={event => setText(event.target.value)}
      />
      {choose('sort', 'Order', SORTS)}
    </div>
  );
}
