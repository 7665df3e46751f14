"""Who somebody is, and which groups they are in: authenticators for JupyterHub."""
