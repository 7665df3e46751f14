/** The service's own pages: the portal, and what a link of an invitation opens. */

import * as React from 'react';
import { createRoot } from 'react-dom/client';

import { PageConfig } from '@jupyterlab/coreutils';

import { Client, readHubPage } from '../client';
import { App } from './App';
import { InvitationPage } from './InvitationPage';
import { takeToken } from './invitation';

function start(): void {
  const page = readHubPage();
  const root = document.getElementById('collegium-root');
  if (!page || !root) {
    return;
  }
  const client = new Client(page);
  const which = PageConfig.getOption('collegiumPage');
  createRoot(root).render(
    which === 'portal' ? (
      <App client={client} />
    ) : (
      <InvitationPage client={client} known={which === 'accept'} token={takeToken()} />
    )
  );
}

start();
