"""From PrimeHub's realm and custom resources to ``catalog.yaml``."""
