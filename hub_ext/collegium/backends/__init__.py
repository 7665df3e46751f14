"""Where work really runs. Backends act and report; they decide nothing and remember nothing that our database holds."""
