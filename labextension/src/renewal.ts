/** A page's token ends before some uploads do. The page itself has the next one, for whoever is still logged in. */

import type { HubPage } from './client';

/** The settings that JupyterHub's pages and ours carry, read from a page's text. */
export function settingsIn(html: string): Record<string, unknown> {
  const found = /<script[^>]*id="jupyter-config-data"[^>]*>([\s\S]*?)<\/script>/.exec(html);
  try {
    return found ? (JSON.parse(found[1]) as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The present page's newest token; empty if the visitor is no longer logged in, or is somebody else now. */
export async function renewedToken(page: HubPage): Promise<string> {
  // With cookies, unlike every other request: they are what says that the login still holds.
  const response = await fetch(window.location.href.split('#')[0], {
    credentials: 'same-origin',
    cache: 'no-store'
  });
  const settings = response.ok ? settingsIn(await response.text()) : {};
  return settings.hubUser === page.user && typeof settings.token === 'string' ? settings.token : '';
}
