/** The token of an invitation: it comes in the fragment, which no server sees, and outlives the login in this tab. */

const KEY = 'collegium:invitation';

/** The token of this visit, or empty. It is taken out of the address, where others could read it. */
export function takeToken(
  place: Pick<Location, 'hash' | 'pathname' | 'search'> = window.location,
  history: Pick<History, 'replaceState'> = window.history,
  store: Pick<Storage, 'getItem' | 'setItem'> | null = storage()
): string {
  const given = place.hash.replace(/^#/, '');
  if (given) {
    history.replaceState(null, '', place.pathname + place.search);
    try {
      store?.setItem(KEY, given);
    } catch {
      // Without it the link must be opened once more after the login.
    }
    return given;
  }
  return store?.getItem(KEY) ?? '';
}

/** It was used, or is of no use. */
export function dropToken(store: Pick<Storage, 'removeItem'> | null = storage()): void {
  store?.removeItem(KEY);
}

function storage(): Storage | null {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

/** Why an invitation cannot be used, in words for somebody who sees Collegium for the first time. */
export const CLOSED: Record<string, { title: string; text: string }> = {
  'used up': {
    title: 'This invitation is used up',
    text: 'It was made for a certain number of people, and all of them have joined.'
  },
  expired: { title: 'This invitation has expired', text: 'It was valid for a limited time only.' },
  revoked: { title: 'This invitation was revoked', text: 'Whoever made it has taken it back.' },
  unknown: {
    title: 'This is not an invitation',
    text: 'The link is not complete, or was never one of ours. Open it exactly as it was sent to you.'
  },
  none: {
    title: 'No invitation',
    text: 'Open the link that was sent to you; what makes it an invitation is behind the “#”.'
  }
};
