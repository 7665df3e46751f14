"""The catalog: what an operator declares in ``catalog.yaml``, checked, compared and put into the database."""
