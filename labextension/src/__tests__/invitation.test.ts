import { describe, expect, it, vi } from 'vitest';

import { dropToken, takeToken } from '../portal/invitation';

function visit(hash: string, store = new Map<string, string>()) {
  const history = { replaceState: vi.fn() };
  const storage = {
    getItem: (key: string) => store.get(key) ?? null,
    setItem: (key: string, value: string) => void store.set(key, value),
    removeItem: (key: string) => void store.delete(key)
  };
  const token = takeToken({ hash, pathname: '/invitation', search: '' }, history, storage);
  return { token, history, storage, store };
}

describe('takeToken', () => {
  it('takes the token out of the address and keeps it for after the login', () => {
    const first = visit('#cinv_secret');
    expect(first.token).toBe('cinv_secret');
    expect(first.history.replaceState).toHaveBeenCalledWith(null, '', '/invitation');
    const back = visit('', first.store);
    expect(back.token).toBe('cinv_secret');
    expect(back.history.replaceState).not.toHaveBeenCalled();
  });

  it('prefers a new link to an old one, and forgets both', () => {
    const { store } = visit('#old');
    const { token, storage } = visit('#new', store);
    expect(token).toBe('new');
    dropToken(storage);
    expect(visit('', store).token).toBe('');
  });

  it('works without a store', () => {
    const history = { replaceState: vi.fn() };
    expect(takeToken({ hash: '#t', pathname: '/', search: '' }, history, null)).toBe('t');
    expect(takeToken({ hash: '', pathname: '/', search: '' }, history, null)).toBe('');
  });
});
