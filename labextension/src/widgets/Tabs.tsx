import * as React from 'react';

export interface Tab<T extends string> {
  id: T;
  title: string;
}

/** A row of tabs: the arrow keys go from one to the next. The panel has the id `<id>-panel`. */
export function Tabs<T extends string>(props: {
  id: string;
  label: string;
  tabs: readonly Tab<T>[];
  chosen: T;
  testid: string;
  onTab: (tab: T) => void;
}): JSX.Element {
  const { id, tabs, chosen, onTab } = props;
  const buttons = React.useRef(new Map<T, HTMLButtonElement | null>());
  const onKey = (event: React.KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step) {
      const at = tabs.findIndex(tab => tab.id === chosen);
      const next = tabs[(at + step + tabs.length) % tabs.length].id;
      onTab(next);
      buttons.current.get(next)?.focus();
      event.preventDefault();
    }
  };
  return (
    <div className="clg-tabs" role="tablist" aria-label={props.label} onKeyDown={onKey}>
      {tabs.map(tab => (
        <button
          key={tab.id}
          ref={node => {
            buttons.current.set(tab.id, node);
          }}
          type="button"
          role="tab"
          id={tabId(id, tab.id)}
          aria-selected={tab.id === chosen}
          aria-controls={`${id}-panel`}
          tabIndex={tab.id === chosen ? 0 : -1}
          className="clg-tab"
          data-testid={`${props.testid}-${tab.id}`}
          onClick={() => onTab(tab.id)}
        >
          {tab.title}
        </button>
      ))}
    </div>
  );
}

/** What a panel is labelled by. */
export function tabId(id: string, tab: string): string {
  return `${id}-tab-${tab}`;
}
